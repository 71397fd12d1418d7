//! What every pin has for its frames: queue, gate, processing, membership in a pipe.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
};

use ks_sys::{
    KSINTERFACE_STANDARD, KSINTERFACESETID_Standard, KSMEDIUMSETID_Standard, KSPIN_COMMUNICATION,
    KSPIN_DATAFLOW, KSPIN_FLAG_DO_NOT_USE_STANDARD_TRANSPORT, KSPIN_FLAG_USE_STANDARD_TRANSPORT, KSSTATE,
    PFILE_OBJECT, is_equal_guid,
};

use super::{
    circuit::Circuit,
    frame::{Origin, Request},
    injection::Callbacks,
    inputs::FrameInput,
    mutex,
    object::Pin,
    process_pin::Entry,
    processing::Processor,
    queue::Queue,
};
use crate::nt::IoGetCurrentIrpStackLocation;

/// The mutex of a pipe: one change of state at a time.
const PIPE: mutex::Rule = mutex::Rule::private("KsPipe");

/// A pin's part in moving frames.
pub struct Transport {
    queue: RwLock<Option<Arc<Queue>>>,
    processor: Processor,
    /// Whether it holds back a filter-centric filter.
    pub(super) input: FrameInput,
    /// What a filter-centric `Process` sees of it.
    pub(super) process_pin: Entry,
    /// The state the minidriver was brought to and has agreed to: what processing goes by (R5.11).
    reached: AtomicI32,
    /// Whether the leading edge is on a frame: what processing asks without the queue's lock.
    frames: AtomicBool,
    /// Grows whenever the minidriver gets anywhere: what the watch for endless loops looks at.
    progress: AtomicU64,
    circuit: Mutex<Option<Arc<Circuit>>>,
    pub(super) pipe: mutex::Mutex,
    requests: Requests,
    suspended: AtomicBool,
    /// Who is told of frames that went round.
    pub(super) callbacks: Callbacks,
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport {
    /// That of a fresh pin: no queue, gate open.
    pub fn new() -> Self {
        Self {
            queue: RwLock::new(None),
            processor: Processor::new(),
            input: FrameInput::default(),
            process_pin: Entry::default(),
            reached: AtomicI32::new(KSSTATE::KSSTATE_STOP),
            frames: AtomicBool::new(false),
            progress: AtomicU64::new(0),
            circuit: Mutex::new(None),
            pipe: mutex::Mutex::new(PIPE),
            requests: Requests::default(),
            suspended: AtomicBool::new(false),
            callbacks: Callbacks::default(),
        }
    }

    /// Whether a pin without standard transport was taken down because its device sleeps.
    pub(super) fn suspended(&self) -> bool {
        self.suspended.load(Ordering::Relaxed)
    }

    /// Says whether it was.
    pub(super) fn set_suspended(&self, suspended: bool) {
        self.suspended.store(suspended, Ordering::Relaxed);
    }

    /// The queue, which exists from ACQUIRE to STOP.
    pub fn queue(&self) -> Option<Arc<Queue>> {
        self.queue.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets or takes away the queue.
    pub(super) fn set_queue(&self, queue: Option<Arc<Queue>>) -> Option<Arc<Queue>> {
        std::mem::replace(&mut *self.queue.write().unwrap_or_else(PoisonError::into_inner), queue)
    }

    /// Gate, mutex and work item of a pin-centric pin.
    pub(super) fn processor(&self) -> &Processor {
        &self.processor
    }

    /// The state that processing goes by.
    pub fn reached(&self) -> KSSTATE::Type {
        self.reached.load(Ordering::Acquire)
    }

    /// Sets it.
    pub(super) fn reach(&self, state: KSSTATE::Type) {
        self.reached.store(state, Ordering::Release);
    }

    /// Whether the leading edge is on a frame.
    pub fn has_frames(&self) -> bool {
        self.frames.load(Ordering::Acquire)
    }

    /// Says whether it is. The queue is locked.
    pub(super) fn note_frames(&self, frames: bool) {
        if self.frames.swap(frames, Ordering::AcqRel) != frames {
            self.input.turn(frames);
        }
    }

    /// A number that changes when the minidriver gets anywhere.
    pub fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// The minidriver got somewhere. The queue is locked.
    pub(super) fn note_progress(&self) {
        self.progress.store(self.progress() + 1, Ordering::Relaxed);
    }

    /// The circuit it is part of.
    pub fn circuit(&self) -> Option<Arc<Circuit>> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes it part of a circuit, or of none.
    pub(super) fn set_circuit(&self, circuit: Option<Arc<Circuit>>) {
        *self.circuit.lock().unwrap_or_else(PoisonError::into_inner) = circuit;
    }

    /// Requests that can be used again.
    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Whether a client reads from this pin.
    pub fn reads(&self, pin: &Pin) -> bool {
        // SAFETY: the public structure lives as long as the pin.
        unsafe { (*pin.ks()).DataFlow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT }
    }

    /// Whether the pin uses the standard transport (R4.30).
    pub fn is_standard(&self, pin: &Pin) -> bool {
        let flags = pin.flags();
        if flags & KSPIN_FLAG_USE_STANDARD_TRANSPORT != 0 {
            return true;
        }
        if flags & KSPIN_FLAG_DO_NOT_USE_STANDARD_TRANSPORT != 0 {
            return false;
        }
        // SAFETY: the public structure lives as long as the pin.
        let ks = unsafe { &*pin.ks() };
        // SAFETY: both are an identifier (set, id, flags) by another name.
        let (interface, medium) = unsafe {
            let interface = ks.ConnectionInterface.__bindgen_anon_1.__bindgen_anon_1;
            (interface, ks.ConnectionMedium.__bindgen_anon_1.__bindgen_anon_1)
        };
        ks.Communication != KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_NONE
            && is_equal_guid(&interface.Set, &KSINTERFACESETID_Standard)
            && interface.Id == KSINTERFACE_STANDARD::KSINTERFACE_STANDARD_STREAMING as u32
            && is_equal_guid(&medium.Set, &KSMEDIUMSETID_Standard)
    }
}

/// IRP_MJ_CLEANUP on a pin: the requests of this file object that are queued are cancelled. No lock held.
pub fn cleanup(pin: &'static Pin, file: PFILE_OBJECT) {
    let Some(queue) = pin.transport().queue() else { return };
    queue.cancel(|request| {
        matches!(request.origin, Origin::Client)
            // SAFETY: the IRP is pending in the queue, which is locked.
            && unsafe { (*IoGetCurrentIrpStackLocation(request.irp)).FileObject == file }
    });
}

/// Requests of clients that were completed and can be used again: no allocation per frame.
///
/// In boxes: a request does not move while its frames point back at it.
#[derive(Default)]
#[allow(clippy::vec_box)]
pub(super) struct Requests(Mutex<Vec<Box<Request>>>);

#[allow(clippy::vec_box)]
impl Requests {
    fn lock(&self) -> MutexGuard<'_, Vec<Box<Request>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty one.
    pub fn take(&self) -> Box<Request> {
        self.lock().pop().unwrap_or_else(|| Request::new(Origin::Client))
    }

    /// One that is not needed any more.
    pub fn give_back(&self, request: Box<Request>) {
        let mut requests = self.lock();
        if requests.len() < 64 {
            requests.push(request);
        }
    }
}
