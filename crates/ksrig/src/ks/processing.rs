//! Pin-centric processing: when a pin's `Process` is called, and by whom (R6.29 to R6.35).

use std::{
    cell::UnsafeCell,
    mem::zeroed,
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
};

use ks_sys::{
    _EVENT_TYPE::SynchronizationEvent,
    _KWAIT_REASON::Executive,
    _MODE::KernelMode,
    _WORK_QUEUE_TYPE::{CriticalWorkQueue, DelayedWorkQueue, HyperCriticalWorkQueue},
    BOOLEAN, DISPATCH_LEVEL, KEVENT, KSPIN, KSPIN_FLAG_ASYNCHRONOUS_PROCESSING,
    KSPIN_FLAG_CRITICAL_PROCESSING, KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING,
    KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING, KSPIN_FLAG_HYPERCRITICAL_PROCESSING,
    KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY, KSSTATE, LARGE_INTEGER, NTSTATUS, PASSIVE_LEVEL, PVOID,
    STATUS_PENDING, STATUS_SUCCESS, WORK_QUEUE_ITEM,
};

use super::object::Pin as PinObject;
use crate::nt::{
    ExQueueWorkItem, KeDelayExecutionThread, KeGetCurrentIrql, KeInitializeEvent, KeSetEvent,
    KeWaitForSingleObject, bugcheck,
    callback::{self, Callback, CallbackKind, Group},
    trace, violation,
};

const PROCESS: CallbackKind = CallbackKind::new("PinProcess", Group::Pin);
/// So many calls in a row that return SUCCESS and do nothing are an endless loop (R6.32).
const MOST_IDLE_ROUNDS: u32 = 1000;

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
/// Running, and another attempt was made meanwhile (R6.35).
const AGAIN: u8 = 2;

/// A pin's processing.
pub(super) struct Processing {
    phase: AtomicU8,
    work: Arc<Work>,
}

/// The work item of deferred processing. It outlives the pin until it has run.
struct Work {
    item: UnsafeCell<WORK_QUEUE_ITEM>,
    queued: AtomicBool,
    /// Queued or running.
    outstanding: AtomicU32,
    drained: UnsafeCell<KEVENT>,
    pin: UnsafeCell<Option<&'static PinObject>>,
}

// SAFETY: the item is written by whoever set `queued`; the rest is made to be shared.
unsafe impl Send for Work {}
// SAFETY: as above.
unsafe impl Sync for Work {}

impl Processing {
    /// Idle.
    pub fn new() -> Self {
        // SAFETY: all zero is a valid value of both, to be initialised.
        let (item, drained) = unsafe { (zeroed(), zeroed()) };
        let work = Arc::new(Work {
            item: UnsafeCell::new(item),
            queued: AtomicBool::new(false),
            outstanding: AtomicU32::new(0),
            drained: UnsafeCell::new(drained),
            pin: UnsafeCell::new(None),
        });
        // SAFETY: the event stays where it is.
        unsafe { KeInitializeEvent(work.drained.get(), SynchronizationEvent, 0) };
        Self { phase: AtomicU8::new(IDLE), work }
    }

    /// Waits until nobody processes and no work item of the pin is queued or runs. PASSIVE_LEVEL.
    pub fn drain(&self) {
        while self.phase.load(Ordering::Acquire) != IDLE {
            let mut moment = LARGE_INTEGER { QuadPart: -10 };
            // SAFETY: PASSIVE_LEVEL.
            unsafe { KeDelayExecutionThread(KernelMode as i8, 0, &raw mut moment) };
        }
        while self.work.outstanding.load(Ordering::Acquire) > 0 {
            // SAFETY: the event is initialised; no time limit.
            unsafe {
                KeWaitForSingleObject(
                    self.work.drained.get().cast(),
                    Executive,
                    KernelMode as i8,
                    0,
                    null_mut(),
                )
            };
        }
    }
}

/// Frames arrived and processing is due (R6.29b).
pub(super) fn arrival(pin: &'static PinObject) {
    attempt(pin, pin.flags() & KSPIN_FLAG_ASYNCHRONOUS_PROCESSING != 0);
}

/// Processes now if the IRQL allows and nobody wants otherwise, else in a work item (R6.34).
pub(super) fn attempt(pin: &'static PinObject, asynchronous: bool) {
    let flags = pin.flags();
    let highest =
        if flags & KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING != 0 { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
    if asynchronous || u32::from(KeGetCurrentIrql()) > highest {
        // R6.34: what would do nothing now is not remembered.
        if can_process(pin) {
            queue_work(pin);
        }
    } else {
        run(pin);
    }
}

/// The lowest state in which the pin processes.
pub(super) fn minimum(pin: &PinObject) -> KSSTATE::Type {
    if pin.flags() & KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY != 0 {
        KSSTATE::KSSTATE_RUN
    } else {
        KSSTATE::KSSTATE_PAUSE
    }
}

/// Whether state, frames and gate let the pin process; while it does, its gate is closed by that.
fn can_process(pin: &PinObject) -> bool {
    let transport = pin.transport();
    is_ready(pin)
        && (transport.gate().is_open() || transport.processing.phase.load(Ordering::Acquire) != IDLE)
}

/// Whether state and frames let the pin process.
fn is_ready(pin: &PinObject) -> bool {
    let transport = pin.transport();
    if transport.reached() < minimum(pin) {
        return false;
    }
    // ASSUMED: an attempt with nothing at the leading edge does not reach Process, unless the pin says that it
    // needs no frames.
    pin.flags() & KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING != 0 || transport.has_frames()
}

fn queue_work(pin: &'static PinObject) {
    let work = &pin.transport().processing.work;
    if work.queued.swap(true, Ordering::AcqRel) {
        return;
    }
    work.outstanding.fetch_add(1, Ordering::AcqRel);
    let flags = pin.flags();
    let kind = if flags & KSPIN_FLAG_HYPERCRITICAL_PROCESSING != 0 {
        HyperCriticalWorkQueue
    } else if flags & KSPIN_FLAG_CRITICAL_PROCESSING != 0 {
        CriticalWorkQueue
    } else {
        DelayedWorkQueue
    };
    // SAFETY: `queued` makes the item ours; the reference is the routine's.
    unsafe {
        *work.pin.get() = Some(pin);
        let item = work.item.get();
        (*item).List = zeroed();
        (*item).WorkerRoutine = Some(worker);
        (*item).Parameter = Arc::into_raw(Arc::clone(work)).cast_mut().cast();
        ExQueueWorkItem(item, kind);
    }
}

/// The work item's routine. PASSIVE_LEVEL.
unsafe extern "win64" fn worker(work: PVOID) {
    // SAFETY: whoever queued the item gave us a reference.
    let work = unsafe { Arc::from_raw(work.cast::<Work>().cast_const()) };
    // SAFETY: set before the item was queued; the pin waits for us.
    let pin = unsafe { *work.pin.get() };
    work.queued.store(false, Ordering::Release);
    if let Some(pin) = pin {
        run(pin);
    }
    if work.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
        // SAFETY: the event is initialised.
        unsafe { KeSetEvent(work.drained.get(), 0, 0) };
    }
}

/// Calls `Process` as long as there is something to do; one caller at a time (R6.31).
fn run(pin: &'static PinObject) {
    let phase = &pin.transport().processing.phase;
    loop {
        match phase.compare_exchange(IDLE, RUNNING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => break,
            // R6.35: whoever processes tries once more.
            Err(RUNNING) => {
                if phase.compare_exchange(RUNNING, AGAIN, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
    loop {
        rounds(pin);
        if phase.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return;
        }
        phase.store(RUNNING, Ordering::Release);
    }
}

/// Calls `Process` until it has enough.
fn rounds(pin: &'static PinObject) {
    let transport = pin.transport();
    let mut idle_rounds = 0;
    while is_ready(pin) {
        let Some(process) = pin.dispatch().and_then(|dispatch| dispatch.Process) else { return };
        if !transport.gate().capture() {
            return;
        }
        let mutex = transport.processing_mutex();
        let guard = if u32::from(KeGetCurrentIrql()) < DISPATCH_LEVEL {
            Some(mutex.acquire())
        } else {
            mutex.try_acquire()
        };
        let Some(guard) = guard else {
            // At DISPATCH_LEVEL nobody waits for the holder.
            transport.gate().open();
            queue_work(pin);
            return;
        };
        // The state may have been lowered while this thread waited for the mutex.
        let called = is_ready(pin).then(|| {
            let before = transport.progress();
            // SAFETY: the minidriver's routine, the processing mutex held.
            let body = || unsafe { process(pin.ks()) };
            let status = callback::call(Callback { kind: PROCESS, object: &pin.name() }, body);
            (status, transport.progress() != before)
        });
        drop(guard);
        transport.gate().open();
        let Some((status, progressed)) = called else { return };
        if !goes_on(pin, status) {
            return;
        }
        idle_rounds = if progressed { 0 } else { idle_rounds + 1 };
        if idle_rounds == MOST_IDLE_ROUNDS {
            let message =
                format_args!("Process returned STATUS_SUCCESS {idle_rounds} times without touching a frame");
            violation::report("KsProcessNoProgress", 0, pin.name(), message);
            return;
        }
    }
}

/// Whether `Process` wants to be called again (R6.32).
fn goes_on(pin: &PinObject, status: NTSTATUS) -> bool {
    if status == STATUS_SUCCESS {
        return true;
    }
    if status != STATUS_PENDING && trace::enabled() {
        // 10.23: as PENDING.
        trace::event("process", pin.name(), format_args!("returned {status:#010X}, taken as STATUS_PENDING"));
    }
    false
}

/// Tries to process. IRQL <= DISPATCH_LEVEL. (`nf-ks-kspinattemptprocessing.md`)
///
/// # Safety
/// The pin is live; NULL stops the run (R8.11).
#[allow(non_snake_case)]
pub unsafe fn KsPinAttemptProcessing(Pin: *mut KSPIN, Asynchronous: BOOLEAN) {
    if Pin.is_null() {
        bugcheck::stop("KsPinAttemptProcessing", "the pin is NULL: the system would be unstable");
    }
    attempt(PinObject::of(Pin), Asynchronous != 0);
}

/// Takes the pin's processing mutex. PASSIVE_LEVEL; not recursive. (`nf-ks-kspinacquireprocessingmutex.md`)
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinAcquireProcessingMutex(Pin: *mut KSPIN) {
    let pin = PinObject::of(Pin);
    pin.transport().processing_mutex().acquire_for_driver(pin.name());
}

/// Gives it back. PASSIVE_LEVEL. (`nf-ks-kspinreleaseprocessingmutex.md`)
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinReleaseProcessingMutex(Pin: *mut KSPIN) {
    let pin = PinObject::of(Pin);
    pin.transport().processing_mutex().release_for_driver(pin.name());
}
