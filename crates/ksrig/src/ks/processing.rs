//! Processing: when `Process` of a pin or of a filter is called, and by whom (R6.29 to R6.35).

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
    BOOLEAN, DISPATCH_LEVEL, KEVENT, KSFILTER, KSPIN, KSPIN_FLAG_ASYNCHRONOUS_PROCESSING,
    KSPIN_FLAG_CRITICAL_PROCESSING, KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING,
    KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING, KSPIN_FLAG_HYPERCRITICAL_PROCESSING,
    KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY, KSSTATE, LARGE_INTEGER, NTSTATUS, PASSIVE_LEVEL, PVOID,
    STATUS_PENDING, STATUS_SUCCESS, WORK_QUEUE_ITEM,
};

use super::{
    gate::Gate,
    mutex,
    object::{Filter as FilterObject, Pin as PinObject},
    process_pin, splitter,
};
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

/// The processing object: whose `Process` is called, exclusively (R6.31, R8.2).
#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// A pin of a pin-centric filter.
    Pin(&'static PinObject),
    /// A filter-centric filter (R2.5).
    Filter(&'static FilterObject),
}

impl Subject {
    /// Whose `Process` handles the frames of a pin.
    pub fn of(pin: &'static PinObject) -> Self {
        if pin.filter().is_centric() { Self::Filter(pin.filter()) } else { Self::Pin(pin) }
    }

    /// Gate, mutex and work item.
    pub fn processor(self) -> &'static Processor {
        match self {
            Self::Pin(pin) => pin.transport().processor(),
            Self::Filter(filter) => filter.processor(),
        }
    }

    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pin(pin) => pin.name(),
            Self::Filter(filter) => filter.name(),
        }
    }

    /// The flags for IRQL and work queue: they have the same values for filters and pins.
    fn flags(self) -> u32 {
        match self {
            Self::Pin(pin) => pin.flags(),
            Self::Filter(filter) => filter.descriptor().Flags,
        }
    }

    /// A number that changes when the minidriver gets anywhere.
    fn progress(self) -> u64 {
        match self {
            Self::Pin(pin) => pin.transport().progress(),
            Self::Filter(filter) => filter.pins().iter().map(|pin| pin.transport().progress()).sum(),
        }
    }
}

/// What every processing object has.
pub(super) struct Processor {
    gate: Gate,
    mutex: mutex::Mutex,
    phase: AtomicU8,
    work: Arc<Work>,
}

/// The work item of deferred processing. It outlives its object until it has run.
struct Work {
    item: UnsafeCell<WORK_QUEUE_ITEM>,
    queued: AtomicBool,
    /// Queued or running.
    outstanding: AtomicU32,
    drained: UnsafeCell<KEVENT>,
    subject: UnsafeCell<Option<Subject>>,
}

// SAFETY: the item is written by whoever set `queued`; the rest is made to be shared.
unsafe impl Send for Work {}
// SAFETY: as above.
unsafe impl Sync for Work {}

impl Processor {
    /// Idle, the gate open.
    pub fn new() -> Self {
        // SAFETY: all zero is a valid value of both, to be initialised.
        let (item, drained) = unsafe { (zeroed(), zeroed()) };
        let work = Arc::new(Work {
            item: UnsafeCell::new(item),
            queued: AtomicBool::new(false),
            outstanding: AtomicU32::new(0),
            drained: UnsafeCell::new(drained),
            subject: UnsafeCell::new(None),
        });
        // SAFETY: the event stays where it is.
        unsafe { KeInitializeEvent(work.drained.get(), SynchronizationEvent, 0) };
        let (gate, mutex) = (Gate::and(), mutex::Mutex::new(mutex::PROCESSING));
        Self { gate, mutex, phase: AtomicU8::new(IDLE), work }
    }

    /// The gate that controls processing.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The processing mutex.
    pub fn mutex(&self) -> &mutex::Mutex {
        &self.mutex
    }

    /// Waits until nobody processes and no work item is queued or runs. PASSIVE_LEVEL.
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

/// Frames arrived at a pin and processing is due (R6.29b). It is not while frames are ahead of the edge: a driver that
/// returned STATUS_PENDING then attempts itself (R6.33).
pub(super) fn arrival(pin: &'static PinObject) {
    attempt(Subject::of(pin), pin.flags() & KSPIN_FLAG_ASYNCHRONOUS_PROCESSING != 0);
}

/// Processes now if the IRQL allows and nobody wants otherwise, else in a work item (R6.34).
pub(super) fn attempt(subject: Subject, asynchronous: bool) {
    let flags = subject.flags();
    let highest =
        if flags & KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING != 0 { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
    if asynchronous || u32::from(KeGetCurrentIrql()) > highest {
        // R6.34: what would do nothing now is not remembered.
        if can_process(subject) {
            queue_work(subject);
        }
    } else {
        run(subject);
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

/// Whether state, frames and gate let the object process; while it does, its gate is closed by that.
fn can_process(subject: Subject) -> bool {
    let processor = subject.processor();
    is_ready(subject) && (processor.gate.is_open() || processor.phase.load(Ordering::Acquire) != IDLE)
}

/// Whether state and frames let the object process. Those of a filter's pins are inputs of its gate (R6.30).
fn is_ready(subject: Subject) -> bool {
    let Subject::Pin(pin) = subject else { return true };
    let transport = pin.transport();
    // R6.37: AVStream serves the copies of a splitter.
    if transport.reached() < minimum(pin) || splitter::copy_source(pin).is_some() {
        return false;
    }
    // ASSUMED: an attempt with nothing at the leading edge does not reach Process, unless the pin says that it
    // needs no frames.
    pin.flags() & KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING != 0 || transport.has_frames()
}

/// The same for the holder of the mutex: the state may have been lowered while it waited.
fn is_still_ready(subject: Subject) -> bool {
    match subject {
        Subject::Pin(_) => is_ready(subject),
        // The captured input is the only one that is off.
        Subject::Filter(filter) => filter.processor().gate.count() == 0,
    }
}

fn queue_work(subject: Subject) {
    let work = &subject.processor().work;
    if work.queued.swap(true, Ordering::AcqRel) {
        return;
    }
    work.outstanding.fetch_add(1, Ordering::AcqRel);
    let flags = subject.flags();
    let kind = if flags & KSPIN_FLAG_HYPERCRITICAL_PROCESSING != 0 {
        HyperCriticalWorkQueue
    } else if flags & KSPIN_FLAG_CRITICAL_PROCESSING != 0 {
        CriticalWorkQueue
    } else {
        DelayedWorkQueue
    };
    // SAFETY: `queued` makes the item ours; the reference is the routine's.
    unsafe {
        *work.subject.get() = Some(subject);
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
    // SAFETY: set before the item was queued; the object waits for us.
    let subject = unsafe { *work.subject.get() };
    work.queued.store(false, Ordering::Release);
    if let Some(subject) = subject {
        run(subject);
    }
    if work.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
        // SAFETY: the event is initialised.
        unsafe { KeSetEvent(work.drained.get(), 0, 0) };
    }
}

/// Calls `Process` as long as there is something to do; one caller at a time (R6.31).
fn run(subject: Subject) {
    let phase = &subject.processor().phase;
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
        rounds(subject);
        if phase.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return;
        }
        phase.store(RUNNING, Ordering::Release);
    }
}

/// Calls `Process` until it has enough.
fn rounds(subject: Subject) {
    let processor = subject.processor();
    let mut idle_rounds = 0;
    while is_ready(subject) {
        if !processor.gate.capture() {
            return;
        }
        let guard = if u32::from(KeGetCurrentIrql()) < DISPATCH_LEVEL {
            Some(processor.mutex.acquire())
        } else {
            processor.mutex.try_acquire()
        };
        let Some(guard) = guard else {
            // At DISPATCH_LEVEL nobody waits for the holder.
            processor.gate.open();
            queue_work(subject);
            return;
        };
        let called = is_still_ready(subject).then(|| {
            let before = subject.progress();
            let status = process(subject);
            (status, subject.progress() != before)
        });
        drop(guard);
        processor.gate.open();
        let Some((status, progressed)) = called else { return };
        if !goes_on(subject, status) {
            return;
        }
        idle_rounds = if progressed { 0 } else { idle_rounds + 1 };
        // R8.5
        if idle_rounds == MOST_IDLE_ROUNDS {
            let message =
                format_args!("Process returned STATUS_SUCCESS {idle_rounds} times without touching a frame");
            violation::report("KsProcessNoProgress", 0, subject.name(), message);
            return;
        }
    }
}

/// Calls `Process`. The processing mutex is held.
fn process(subject: Subject) -> NTSTATUS {
    match subject {
        Subject::Filter(filter) => process_pin::process(filter),
        Subject::Pin(pin) => match pin.dispatch().and_then(|dispatch| dispatch.Process) {
            // SAFETY: the minidriver's routine, the processing mutex held.
            Some(process) => callback::call(Callback { kind: PROCESS, object: &pin.name() }, || unsafe {
                process(pin.ks())
            }),
            None => STATUS_PENDING,
        },
    }
}

/// Whether `Process` wants to be called again (R6.32).
fn goes_on(subject: Subject, status: NTSTATUS) -> bool {
    if status == STATUS_SUCCESS {
        return true;
    }
    if status != STATUS_PENDING && trace::enabled() {
        // 10.23: as PENDING.
        trace::event(
            "process",
            subject.name(),
            format_args!("returned {status:#010X}, taken as STATUS_PENDING"),
        );
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
    attempt(Subject::of(PinObject::of(Pin)), Asynchronous != 0);
}

/// Takes the pin's processing mutex. PASSIVE_LEVEL; not recursive. (`nf-ks-kspinacquireprocessingmutex.md`)
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinAcquireProcessingMutex(Pin: *mut KSPIN) {
    let pin = PinObject::of(Pin);
    Subject::of(pin).processor().mutex.acquire_for_driver(pin.name());
}

/// Gives it back. PASSIVE_LEVEL. (`nf-ks-kspinreleaseprocessingmutex.md`)
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinReleaseProcessingMutex(Pin: *mut KSPIN) {
    let pin = PinObject::of(Pin);
    Subject::of(pin).processor().mutex.release_for_driver(pin.name());
}

/// Tries to process. IRQL <= DISPATCH_LEVEL. (`nf-ks-ksfilterattemptprocessing.md`)
///
/// # Safety
/// The filter is live.
#[allow(non_snake_case)]
pub unsafe fn KsFilterAttemptProcessing(Filter: *mut KSFILTER, Asynchronous: BOOLEAN) {
    let filter = FilterObject::of(Filter);
    if filter.is_centric() {
        attempt(Subject::Filter(filter), Asynchronous != 0);
    }
}

/// Takes the filter's processing mutex. PASSIVE_LEVEL; not recursive. (`nf-ks-ksfilteracquireprocessingmutex.md`)
///
/// # Safety
/// The filter is live.
#[allow(non_snake_case)]
pub unsafe fn KsFilterAcquireProcessingMutex(Filter: *mut KSFILTER) {
    let filter = FilterObject::of(Filter);
    filter.processor().mutex.acquire_for_driver(filter.name());
}

/// Gives it back. PASSIVE_LEVEL. (`nf-ks-ksfilterreleaseprocessingmutex.md`)
///
/// # Safety
/// The filter is live.
#[allow(non_snake_case)]
pub unsafe fn KsFilterReleaseProcessingMutex(Filter: *mut KSFILTER) {
    let filter = FilterObject::of(Filter);
    filter.processor().mutex.release_for_driver(filter.name());
}
