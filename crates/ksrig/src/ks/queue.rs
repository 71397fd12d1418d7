//! The queue of a pin with standard transport: its frames, its edges, the clones on it (R6.10 to R6.16).
//!
//! One spin lock guards it all. What is finished under the lock is completed or sent on after the lock
//! is gone, so completion never runs with it held.

use std::{
    cell::UnsafeCell,
    collections::VecDeque,
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use ks_sys::{
    KIRQL, KSPIN_DATAFLOW, KSPIN_FLAG_DISTINCT_TRAILING_EDGE, KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING,
    KSPIN_FLAG_ENFORCE_FIFO, KSPIN_FLAG_GENERATE_MAPPINGS, KSPIN_FLAG_INITIATE_PROCESSING_ON_EVERY_ARRIVAL,
    KSPIN_FLAG_SPLITTER, KSPIN_LOCK, KSRESET,
};

use super::{
    cancel, end_of_stream,
    frame::{Cancel, Finished, Frame, Origin, Request},
    object::Pin,
    pointer::{self, Kind, StreamPointer},
    splitter, stream_irp,
    timeout::Timeouts,
};
use crate::nt::{
    IoSetCancelRoutine, KeAcquireSpinLockRaiseToDpc, KeInitializeSpinLock, KeReleaseSpinLock,
    thread::KeGetCurrentThread, trace, violation,
};

/// What a queue has seen (R4.29).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that arrived.
    pub received: u64,
    /// Frames that were released.
    pub released: u64,
    /// Frames that were cancelled or flushed.
    pub cancelled: u64,
    /// Clones made.
    pub clones: u64,
}

/// A pin's queue; it exists from ACQUIRE to STOP (R4.25, R5.10).
pub struct Queue {
    /// The pin.
    pub pin: &'static Pin,
    /// Whether data flows into the filter here.
    pub input: bool,
    /// Whether offsets count mappings and not bytes.
    pub(super) mapped: bool,
    flags: u32,
    lock: Box<UnsafeCell<KSPIN_LOCK>>,
    /// The thread that runs a cancel callback with the lock held, or 0.
    calling_back: AtomicUsize,
    inner: UnsafeCell<Inner>,
    pub(super) timeouts: Timeouts,
}

// SAFETY: everything inside is under the spin lock or atomic.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

/// What the lock guards.
pub(super) struct Inner {
    pub frames: VecDeque<*mut Frame>,
    last_ordinal: u64,
    pub leading: *mut StreamPointer,
    pub trailing: *mut StreamPointer,
    /// In the order of creation.
    pub clones: Vec<*mut StreamPointer>,
    pub last_serial: u64,
    /// Deleted clones, kept for a while so that a stale pointer is not a new clone at once.
    pub spare: VecDeque<*mut StreamPointer>,
    fifo: VecDeque<*mut Request>,
    finished: Finished,
    pub accepting: bool,
    pub counters: Counters,
}

impl Queue {
    /// The empty queue of a pin. PASSIVE_LEVEL, the pipe locked: the reset state does not change meanwhile.
    pub fn new(pin: &'static Pin) -> Arc<Self> {
        let flags = pin.flags();
        // SAFETY: the public structure lives as long as the pin.
        let (flow, reset) = unsafe { ((*pin.ks()).DataFlow, (*pin.ks()).ResetState) };
        let input = flow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN;
        let queue = Arc::new(Self {
            pin,
            input,
            mapped: flags & KSPIN_FLAG_GENERATE_MAPPINGS != 0,
            flags,
            lock: Box::new(UnsafeCell::new(0)),
            calling_back: AtomicUsize::new(0),
            inner: UnsafeCell::new(Inner {
                frames: VecDeque::with_capacity(32),
                last_ordinal: 0,
                leading: null_mut(),
                trailing: null_mut(),
                clones: Vec::with_capacity(32),
                last_serial: 0,
                spare: VecDeque::new(),
                fifo: VecDeque::new(),
                finished: Finished::new(),
                // R5.15: a reset lasts across changes of state.
                accepting: reset != KSRESET::KSRESET_BEGIN,
                counters: Counters::default(),
            }),
            timeouts: Timeouts::new(),
        });
        // SAFETY: the lock's memory stays where it is.
        unsafe { KeInitializeSpinLock(queue.lock.get()) };
        queue.timeouts.bind(Arc::as_ptr(&queue));
        let leading = pointer::allocate(&queue, Kind::Leading, 0);
        let trailing = if flags & KSPIN_FLAG_DISTINCT_TRAILING_EDGE == 0 {
            null_mut()
        } else {
            pointer::allocate(&queue, Kind::Trailing, 0)
        };
        // SAFETY: nobody else has the queue yet.
        let inner = unsafe { &mut *queue.inner.get() };
        inner.leading = leading;
        inner.trailing = trailing;
        pointer::enter(&queue, leading);
        if !trailing.is_null() {
            pointer::enter(&queue, trailing);
        }
        queue
    }

    /// Takes the lock. IRQL <= DISPATCH_LEVEL; not from within a cancel callback of this queue.
    pub(super) fn lock(&self) -> Guard<'_> {
        // SAFETY: the lock is initialised.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        Guard { held: Held { queue: self }, irql }
    }

    /// Takes the lock for a call of the minidriver. `None`, and a violation, from within a cancel callback: it
    /// runs with the lock held (R6.24) and on Windows would wait for itself.
    pub(super) fn enter(&self, call: &str) -> Option<Guard<'_>> {
        if self.nested() {
            let message = format_args!(
                "{call} from a cancel callback: the queue's spin lock is held, only Delete is allowed"
            );
            violation::report("KsCancelCallback", 0, self.pin.name(), message);
            return None;
        }
        Some(self.lock())
    }

    /// Whether the calling thread is in a cancel callback of this queue, and so holds the lock.
    pub(super) fn nested(&self) -> bool {
        let thread = self.calling_back.load(Ordering::Relaxed);
        thread != 0 && thread == KeGetCurrentThread() as usize
    }

    /// The right to look inside for a thread that is in a cancel callback.
    pub(super) fn held(&self) -> Held<'_> {
        debug_assert!(self.nested());
        Held { queue: self }
    }

    /// Whether the leading edge is on a frame.
    pub fn has_frames(&self) -> bool {
        self.pin.transport().has_frames()
    }

    /// What the queue has seen.
    pub fn counters(&self) -> Counters {
        self.lock().held.inner().counters
    }

    /// Frames in the queue, and how many of them the leading edge has not passed yet.
    pub fn depth(&self) -> (usize, usize) {
        let guard = self.lock();
        let inner = guard.held.inner();
        let ahead = guard.held.ahead().count();
        (inner.frames.len(), ahead)
    }

    /// Accepts requests again, or no more.
    pub fn accept(&self, accepting: bool) {
        self.lock().held.inner().accepting = accepting;
    }

    /// Puts a request at the end. Gives whether processing is triggered (R6.29b), or the request back when the queue
    /// takes none.
    pub fn insert(self: &Arc<Self>, request: *mut Request) -> Result<bool, *mut Request> {
        let guard = self.lock();
        let held = guard.held;
        if !held.inner().accepting {
            return Err(request);
        }
        let idle = !self.has_frames();
        // SAFETY: the request is the caller's until it is in the queue.
        let carried = unsafe { &mut *request };
        carried.queue = Some(Arc::clone(self));
        carried.outstanding = carried.frames.len() as u32;
        let first: *mut Frame = &raw mut carried.frames[0];
        let inner = held.inner();
        for frame in &mut carried.frames {
            inner.last_ordinal += 1;
            inner.counters.received += 1;
            frame.ordinal = inner.last_ordinal;
            frame.references = 1;
            frame.locks = 0;
            frame.in_window = true;
            frame.queued = true;
            inner.frames.push_back(frame);
            if trace::enabled() {
                self.log("arrives", frame);
            }
        }
        if self.flags & KSPIN_FLAG_ENFORCE_FIFO != 0 {
            inner.fifo.push_back(request);
        }
        held.place_at_end(first);
        if matches!(carried.origin, Origin::Client) {
            cancel::arm(held, request);
        }
        let trigger = self.flags & KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING == 0
            && (idle || self.flags & KSPIN_FLAG_INITIATE_PROCESSING_ON_EVERY_ARRIVAL != 0)
            && self.has_frames();
        Ok(trigger)
    }

    /// A frame event for the timeline.
    pub(super) fn log(&self, what: &'static str, frame: *const Frame) {
        // SAFETY: the frame is in the queue or just leaving it.
        let frame = unsafe { &*frame };
        // SAFETY: so is its header.
        let header = unsafe { &*frame.header };
        trace::event_with(
            "frame",
            self.pin.name(),
            what,
            &[("frame", &frame.ordinal), ("used", &header.DataUsed), ("extent", &header.FrameExtent)],
        );
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        for pointer in [inner.leading, inner.trailing].into_iter().filter(|pointer| !pointer.is_null()) {
            pointer::free(pointer);
        }
        for &pointer in inner.spare.iter().chain(&inner.clones) {
            pointer::free(pointer);
        }
    }
}

/// The queue is locked while this lives; afterwards what was finished meanwhile goes on its way.
pub(super) struct Guard<'a> {
    pub held: Held<'a>,
    irql: KIRQL,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut finished = std::mem::replace(&mut self.held.inner().finished, Finished::new());
        // SAFETY: this guard took the lock.
        unsafe { KeReleaseSpinLock(self.held.queue.lock.get(), self.irql) };
        while let Some(request) = finished.pop() {
            if self.held.queue.flags & KSPIN_FLAG_SPLITTER != 0 {
                splitter::copy(self.held.queue.pin, request);
            }
            // SAFETY: a finished request is nobody's but ours.
            unsafe { end_of_stream::passed(self.held.queue.pin, request) };
            // SAFETY: a finished request is nobody's but ours.
            match unsafe { &(*request).origin } {
                Origin::Client => stream_irp::complete(request),
                // SAFETY: a circuit outlives its requests.
                Origin::Circuit(circuit) => unsafe { (**circuit).route(request) },
            }
        }
    }
}

/// The proof that the queue is locked by the calling thread.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    pub queue: &'a Queue,
}

impl<'a> Held<'a> {
    /// What the lock guards. Never kept across a call that comes here again.
    #[allow(clippy::mut_from_ref)]
    pub fn inner(self) -> &'a mut Inner {
        // SAFETY: the lock is held, and callers do not let two of these overlap.
        unsafe { &mut *self.queue.inner.get() }
    }

    /// The minidriver got somewhere.
    pub fn progress(self) {
        self.queue.pin.transport().note_progress();
    }

    /// The first frame behind this place, or null.
    pub fn next_after(self, ordinal: u64) -> *mut Frame {
        let frames = &self.inner().frames;
        // The usual case: there is none behind it, or it is near the front.
        // SAFETY: frames in the queue are alive.
        let index = frames.partition_point(|&frame| unsafe { (*frame).ordinal } <= ordinal);
        frames.get(index).copied().unwrap_or(null_mut())
    }

    /// The frames from the leading edge on.
    pub fn ahead(self) -> impl Iterator<Item = *mut Frame> {
        let inner = self.inner();
        // SAFETY: the edge lives as long as the queue.
        let edge = unsafe { (*inner.leading).frame };
        // SAFETY: the frame that an edge is on is alive.
        let from = if edge.is_null() { u64::MAX } else { unsafe { (*edge).ordinal } };
        // SAFETY: frames in the queue are alive.
        let index = inner.frames.partition_point(move |&frame| unsafe { (*frame).ordinal } < from);
        inner.frames.range(index..).copied()
    }

    /// Puts a pointer on a frame, or on none, and fills its public part (R6.15, R6.16).
    pub fn place(self, pointer: *mut StreamPointer, frame: *mut Frame) {
        // SAFETY: pointers of the queue are alive, and their fields are under its lock.
        unsafe { (*pointer).place(frame, self.queue.input, self.queue.mapped) };
        if pointer == self.inner().leading {
            self.queue.pin.transport().note_frames(!frame.is_null());
        }
    }

    /// Pointers that had run off the end get the frame that arrived (R6.10).
    fn place_at_end(self, first: *mut Frame) {
        let inner = self.inner();
        for edge in [inner.trailing, inner.leading] {
            // SAFETY: edges live as long as the queue.
            if !edge.is_null() && unsafe { (*edge).frame.is_null() } {
                self.place(edge, first);
            }
        }
        for index in 0..self.inner().clones.len() {
            let clone = self.inner().clones[index];
            // SAFETY: clones in the list are alive; so is the frame.
            unsafe {
                if (*clone).frame.is_null() && !(*clone).lost {
                    // ASSUMED: a clone that was advanced past the last frame waits there like an edge.
                    (*first).references += 1;
                    self.place(clone, first);
                }
            }
        }
    }

    /// Gives back one reference; without any left the frame is finished (R6.12).
    pub fn release(self, frame: *mut Frame) {
        // SAFETY: whoever gives back a reference has one, so the frame is alive.
        let released = unsafe { &mut *frame };
        released.references -= 1;
        if released.references > 0 {
            return;
        }
        self.progress();
        self.check_used(released);
        if trace::enabled() {
            self.queue.log("leaves", frame);
        }
        self.unlink(frame);
        self.inner().counters.released += 1;
        let request = released.request;
        // SAFETY: the request lives at least as long as its frames.
        let outstanding = unsafe {
            (*request).outstanding -= 1;
            (*request).outstanding
        };
        if outstanding == 0 {
            self.finish(request);
        }
    }

    /// A frame is finished: its header must not claim more than its buffer has (R6.2). Nobody gets such a header.
    fn check_used(self, frame: &Frame) {
        // SAFETY: the header lives as long as the request that carries it.
        let header = unsafe { &mut *frame.header };
        let extent = frame.extent;
        if header.DataUsed > extent || header.FrameExtent != extent {
            let (used, said) = (header.DataUsed, header.FrameExtent);
            let message = format!(
                "frame {}: DataUsed {used}, FrameExtent {said}, but the buffer has {extent} bytes",
                frame.ordinal
            );
            violation::report("KsDataUsed", 0, self.queue.pin.name(), message);
            header.DataUsed = used.min(extent);
            header.FrameExtent = extent;
        }
    }

    /// Takes a frame out of the list.
    pub fn unlink(self, frame: *mut Frame) {
        // SAFETY: the frame is alive.
        let frame = unsafe { &mut *frame };
        if !frame.queued {
            return;
        }
        frame.queued = false;
        let frames = &mut self.inner().frames;
        // SAFETY: frames in the queue are alive.
        let index = frames.partition_point(|&other| unsafe { (*other).ordinal } < frame.ordinal);
        frames.remove(index);
    }

    /// All frames of a request are finished: it goes when the lock is released, in order if the pin wants that (R6.13).
    fn finish(self, request: *mut Request) {
        // SAFETY: the request is in the queue's hands until it is completed.
        let finished = unsafe { &mut *request };
        finished.finished = true;
        if matches!(finished.origin, Origin::Client) {
            // SAFETY: the IRP is pending in this queue.
            let routine = unsafe { IoSetCancelRoutine(finished.irp, None) };
            if routine.is_none() && !finished.routine_ran {
                // The cancel routine has been called and waits for the lock: it completes the IRP.
                return;
            }
        }
        self.finish_in_order(request);
    }

    /// Completion in the order of arrival, if the pin wants that.
    pub fn finish_in_order(self, request: *mut Request) {
        let inner = self.inner();
        // SAFETY: the request is in the queue's hands until it is completed.
        unsafe { (*request).ready = true };
        if self.queue.flags & KSPIN_FLAG_ENFORCE_FIFO == 0 {
            inner.finished.push(request);
            return;
        }
        // SAFETY: the request is in the queue's hands until it is completed.
        if unsafe { (*request).cancel } == Cancel::Done {
            // ASSUMED: a cancelled request is not held back by an earlier one.
            inner.fifo.retain(|&other| other != request);
            inner.finished.push(request);
        }
        while let Some(&first) = inner.fifo.front() {
            // SAFETY: requests in the list are not completed yet.
            let ready = unsafe { (*first).ready };
            if !ready {
                break;
            }
            inner.fifo.pop_front();
            inner.finished.push(first);
        }
    }

    /// Marks the calling thread as being in a cancel callback while `body` runs.
    pub fn calling_back(self, body: impl FnOnce()) {
        self.queue.calling_back.store(KeGetCurrentThread() as usize, Ordering::Relaxed);
        body();
        self.queue.calling_back.store(0, Ordering::Relaxed);
    }
}
