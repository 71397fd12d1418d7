//! Dispatcher objects and waits. The state in the object's header is the truth; waiters are kept aside, by
//! the object's address.

use std::collections::{BTreeMap, VecDeque};

use ks_sys::*;

use super::{
    bugcheck,
    machine::{Machine, lock},
    sched::{self, Wake},
    thread::Thread,
    violation,
};

/// The types in the header of a dispatcher object (KOBJECTS).
mod kind {
    pub const NOTIFICATION_EVENT: u8 = 0;
    pub const SYNCHRONIZATION_EVENT: u8 = 1;
    pub const MUTANT: u8 = 2;
    pub const SEMAPHORE: u8 = 5;
    pub const THREAD: u8 = 6;
    pub const NOTIFICATION_TIMER: u8 = 8;
    pub const SYNCHRONIZATION_TIMER: u8 = 9;
}

struct Waiter {
    objects: Vec<usize>,
    all: bool,
    thread: PKTHREAD,
    satisfied: Option<usize>,
}

/// Who waits for what.
#[derive(Default)]
pub(super) struct Waits {
    /// By object: the threads, first come first served.
    objects: BTreeMap<usize, VecDeque<u32>>,
    waiters: BTreeMap<u32, Waiter>,
}

impl Waits {
    fn remove(&mut self, thread: u32) -> Option<Waiter> {
        let waiter = self.waiters.remove(&thread)?;
        for object in &waiter.objects {
            if let Some(queue) = self.objects.get_mut(object) {
                queue.retain(|id| *id != thread);
                if queue.is_empty() {
                    self.objects.remove(object);
                }
            }
        }
        Some(waiter)
    }
}

unsafe fn header<'a>(object: usize) -> &'a mut DISPATCHER_HEADER {
    // SAFETY: every dispatcher object begins with its header.
    unsafe { &mut *(object as *mut DISPATCHER_HEADER) }
}

unsafe fn kind_of(object: usize) -> u8 {
    // SAFETY: every dispatcher object begins with its header.
    unsafe { header(object).__bindgen_anon_1.__bindgen_anon_1.Type }
}

pub(super) unsafe fn initialize_header(object: usize, kind: u8, state: LONG, bytes: usize) {
    // SAFETY: the caller's object begins with a header.
    unsafe {
        let header = header(object);
        *header = DISPATCHER_HEADER::default();
        header.__bindgen_anon_1.__bindgen_anon_1.Type = kind;
        // The size in longs, behind Type and one byte more.
        (&raw mut *header).cast::<u8>().add(2).write((bytes / 4) as u8);
        header.SignalState = state;
        let list = &raw mut header.WaitListHead;
        header.WaitListHead = LIST_ENTRY { Flink: list, Blink: list };
    }
}

pub(super) unsafe fn initialize_timer_header(object: usize, synchronization: bool) {
    let kind = if synchronization { kind::SYNCHRONIZATION_TIMER } else { kind::NOTIFICATION_TIMER };
    // SAFETY: the caller's timer.
    unsafe { initialize_header(object, kind, 0, size_of::<KTIMER>()) };
}

pub(super) unsafe fn initialize_thread_header(object: usize) {
    // SAFETY: the caller's thread object.
    unsafe { initialize_header(object, kind::THREAD, 0, size_of::<DISPATCHER_HEADER>()) };
}

/// Whether a wait of this thread for the object would be satisfied now.
unsafe fn is_signaled(object: usize, thread: PKTHREAD) -> bool {
    // SAFETY: the type in the header says what the object is.
    unsafe {
        let signaled = header(object).SignalState > 0;
        match kind_of(object) {
            kind::MUTANT => signaled || (*(object as PRKMUTEX)).OwnerThread.cast() == thread,
            _ => signaled,
        }
    }
}

/// What a satisfied wait does to the object.
unsafe fn consume(object: usize, thread: PKTHREAD) {
    // SAFETY: the type in the header says what the object is.
    unsafe {
        match kind_of(object) {
            kind::SYNCHRONIZATION_EVENT | kind::SYNCHRONIZATION_TIMER => header(object).SignalState = 0,
            kind::SEMAPHORE => header(object).SignalState -= 1,
            kind::MUTANT => {
                let mutex = &mut *(object as PRKMUTEX);
                mutex.Header.SignalState -= 1;
                if mutex.Header.SignalState == 0 {
                    mutex.OwnerThread = thread.cast();
                }
            }
            _ => {}
        }
    }
}

unsafe fn try_satisfy(objects: &[usize], all: bool, thread: PKTHREAD) -> Option<usize> {
    // SAFETY: the caller's objects are dispatcher objects.
    unsafe {
        if all {
            let ready = objects.iter().all(|object| is_signaled(*object, thread));
            ready.then(|| objects.iter().for_each(|object| consume(*object, thread)))?;
            return Some(0);
        }
        let index = objects.iter().position(|object| is_signaled(*object, thread))?;
        consume(objects[index], thread);
        Some(index)
    }
}

/// The object has become signalled: satisfies waits in their order as long as it is.
pub(super) unsafe fn signaled(object: usize) {
    let machine = Machine::current();
    let mut waits = lock(&machine.waits);
    let Some(queue) = waits.objects.get(&object) else { return };
    for id in queue.clone() {
        // SAFETY: the object is one whose state its owner has just changed; waiters keep theirs alive.
        unsafe {
            if header(object).SignalState <= 0 {
                return;
            }
            let Some(waiter) = waits.waiters.get_mut(&id) else { continue };
            if waiter.satisfied.is_none()
                && let Some(index) = try_satisfy(&waiter.objects, waiter.all, waiter.thread)
            {
                waiter.satisfied = Some(index);
                sched::unpark(id);
            }
        }
    }
}

fn describe(object: usize) -> &'static str {
    // SAFETY: the caller has checked the object.
    match unsafe { kind_of(object) } {
        kind::NOTIFICATION_EVENT | kind::SYNCHRONIZATION_EVENT => "an event",
        kind::MUTANT => "a mutex",
        kind::SEMAPHORE => "a semaphore",
        kind::THREAD => "a thread",
        _ => "a timer",
    }
}

/// The virtual time a timeout means: negative is relative, positive absolute.
pub(super) unsafe fn deadline(timeout: PLARGE_INTEGER) -> Option<u64> {
    // SAFETY: NULL or the caller's time.
    let units = unsafe { timeout.as_ref()?.QuadPart };
    Some(due(units))
}

/// The virtual time that a due time means.
pub(super) fn due(units: i64) -> u64 {
    if units <= 0 {
        sched::now().saturating_add(units.unsigned_abs())
    } else {
        units.unsigned_abs().saturating_sub(super::time::BOOT)
    }
}

unsafe fn wait(objects: &[usize], all: bool, timeout: PLARGE_INTEGER) -> NTSTATUS {
    let thread = Thread::current();
    for object in objects {
        // SAFETY: the caller's objects are dispatcher objects; one that is none is found here.
        let kind = unsafe { kind_of(*object) };
        if *object == 0 || !matches!(kind, 0..=2 | 5 | 6 | 8 | 9) {
            bugcheck::stop("0xC4 wait", format_args!("a wait for an object that was not initialised (type {kind})"));
        }
    }
    // SAFETY: NULL or the caller's time.
    let deadline = unsafe { deadline(timeout) };
    if thread.irql() >= DISPATCH_LEVEL as u8 && deadline != Some(sched::now()) {
        let message = format!("a wait at IRQL {} with a timeout that is not zero", thread.irql());
        violation::report("IrqlKeWait", 0x3B, thread.name(), message);
    }
    let finish = |index: usize| {
        let acquired = if all { objects } else { &objects[index..=index] };
        // SAFETY: the caller's objects; a mutex acquired for the first time disables APCs.
        let mutexes = acquired.iter().filter(|object| unsafe {
            kind_of(**object) == kind::MUTANT
                && (*(**object as PRKMUTEX)).ApcDisable != 0
                && header(**object).SignalState == 0
        });
        thread.add_apc_disable(mutexes.count() as i32);
        STATUS_WAIT_0 + index as NTSTATUS
    };
    // SAFETY: the caller's objects.
    if let Some(index) = unsafe { try_satisfy(objects, all, thread.kthread()) } {
        return finish(index);
    }
    if deadline.is_some_and(|deadline| deadline <= sched::now()) {
        return STATUS_TIMEOUT;
    }
    let machine = Machine::current();
    {
        let mut waits = lock(&machine.waits);
        for object in objects {
            waits.objects.entry(*object).or_default().push_back(thread.id());
        }
        let waiter = Waiter { objects: objects.to_vec(), all, thread: thread.kthread(), satisfied: None };
        waits.waiters.insert(thread.id(), waiter);
    }
    loop {
        let wake = sched::block(&describe(objects[0]), deadline);
        let mut waits = lock(&machine.waits);
        if let Some(index) = waits.waiters.get(&thread.id()).and_then(|waiter| waiter.satisfied) {
            waits.remove(thread.id());
            drop(waits);
            return finish(index);
        }
        if wake == Wake::TimedOut {
            waits.remove(thread.id());
            return STATUS_TIMEOUT;
        }
        if machine.ending() {
            waits.remove(thread.id());
            return STATUS_ALERTED;
        }
    }
}

/// Initialises an event.
pub unsafe fn KeInitializeEvent(Event: PRKEVENT, Type: EVENT_TYPE, State: BOOLEAN) {
    // SAFETY: the caller's memory has the size of an event.
    unsafe { initialize_header(Event as usize, Type as u8, LONG::from(State != 0), size_of::<KEVENT>()) };
}

/// Signals an event and gives its old state. IRQL <= DISPATCH_LEVEL (with Wait TRUE <= APC_LEVEL).
pub unsafe fn KeSetEvent(Event: PRKEVENT, _Increment: KPRIORITY, _Wait: BOOLEAN) -> LONG {
    // SAFETY: the caller's event.
    unsafe {
        let old = std::mem::replace(&mut (*Event).Header.SignalState, 1);
        signaled(Event as usize);
        old
    }
}

/// Sets an event to not signalled.
pub unsafe fn KeClearEvent(Event: PRKEVENT) {
    // SAFETY: the caller's event.
    unsafe { (*Event).Header.SignalState = 0 };
}

/// Sets an event to not signalled and gives its old state.
pub unsafe fn KeResetEvent(Event: PRKEVENT) -> LONG {
    // SAFETY: the caller's event.
    unsafe { std::mem::replace(&mut (*Event).Header.SignalState, 0) }
}

/// The state of an event.
pub unsafe fn KeReadStateEvent(Event: PRKEVENT) -> LONG {
    // SAFETY: the caller's event.
    unsafe { (*Event).Header.SignalState }
}

/// Initialises a semaphore.
pub unsafe fn KeInitializeSemaphore(Semaphore: PRKSEMAPHORE, Count: LONG, Limit: LONG) {
    // SAFETY: the caller's memory has the size of a semaphore.
    unsafe {
        initialize_header(Semaphore as usize, kind::SEMAPHORE, Count, size_of::<KSEMAPHORE>());
        (*Semaphore).Limit = Limit;
    }
}

/// Releases a semaphore and gives its old state; beyond the limit it is fatal
/// (STATUS_SEMAPHORE_LIMIT_EXCEEDED is raised).
pub unsafe fn KeReleaseSemaphore(
    Semaphore: PRKSEMAPHORE,
    _Increment: KPRIORITY,
    Adjustment: LONG,
    _Wait: BOOLEAN,
) -> LONG {
    // SAFETY: the caller's semaphore.
    unsafe {
        let old = (*Semaphore).Header.SignalState;
        let new = old.checked_add(Adjustment).filter(|new| *new <= (*Semaphore).Limit && *new > old);
        let Some(new) = new else {
            bugcheck::stop("unhandled exception", "KeReleaseSemaphore raised STATUS_SEMAPHORE_LIMIT_EXCEEDED");
        };
        (*Semaphore).Header.SignalState = new;
        signaled(Semaphore as usize);
        old
    }
}

/// The state of a semaphore.
pub unsafe fn KeReadStateSemaphore(Semaphore: PRKSEMAPHORE) -> LONG {
    // SAFETY: the caller's semaphore.
    unsafe { (*Semaphore).Header.SignalState }
}

/// Initialises a mutex, free.
pub unsafe fn KeInitializeMutex(Mutex: PRKMUTEX, _Level: ULONG) {
    // SAFETY: the caller's memory has the size of a mutex.
    unsafe {
        Mutex.write(KMUTANT::default());
        initialize_header(Mutex as usize, kind::MUTANT, 1, size_of::<KMUTANT>());
        (*Mutex).ApcDisable = 1;
    }
}

/// Releases a mutex and gives its old state; by another thread than its owner it is fatal
/// (STATUS_MUTANT_NOT_OWNED is raised).
pub unsafe fn KeReleaseMutex(Mutex: PRKMUTEX, _Wait: BOOLEAN) -> LONG {
    // SAFETY: the caller's mutex.
    unsafe {
        if !mutex_is_mine(Mutex) {
            bugcheck::stop("unhandled exception", "KeReleaseMutex raised STATUS_MUTANT_NOT_OWNED");
        }
        let old = (*Mutex).Header.SignalState;
        (*Mutex).Header.SignalState = old + 1;
        if old + 1 == 1 {
            (*Mutex).OwnerThread = std::ptr::null_mut();
            if (*Mutex).ApcDisable != 0 {
                Thread::current().add_apc_disable(-1);
            }
            signaled(Mutex as usize);
        }
        old
    }
}

/// The state of a mutex: 1 = free.
pub unsafe fn KeReadStateMutex(Mutex: PRKMUTEX) -> LONG {
    // SAFETY: the caller's mutex.
    unsafe { (*Mutex).Header.SignalState }
}

/// Whether the calling thread owns the mutex (not an NT function).
pub unsafe fn mutex_is_mine(Mutex: PRKMUTEX) -> bool {
    // SAFETY: the caller's mutex.
    unsafe { (*Mutex).Header.SignalState <= 0 && (*Mutex).OwnerThread.cast() == Thread::current().kthread() }
}

/// Waits for a dispatcher object: STATUS_SUCCESS or STATUS_TIMEOUT. IRQL <= APC_LEVEL, or DISPATCH_LEVEL
/// with a zero timeout. (`nf-wdm-kewaitforsingleobject.md`)
pub unsafe fn KeWaitForSingleObject(
    Object: PVOID,
    _WaitReason: KWAIT_REASON,
    _WaitMode: KPROCESSOR_MODE,
    _Alertable: BOOLEAN,
    Timeout: PLARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: the caller's object.
    unsafe { wait(&[Object as usize], false, Timeout) }
}

/// Waits for any or all of up to 64 dispatcher objects (3 without a wait block array).
pub unsafe fn KeWaitForMultipleObjects(
    Count: ULONG,
    Object: *mut PVOID,
    WaitType: WAIT_TYPE,
    _WaitReason: KWAIT_REASON,
    _WaitMode: KPROCESSOR_MODE,
    _Alertable: BOOLEAN,
    Timeout: PLARGE_INTEGER,
    WaitBlockArray: PVOID,
) -> NTSTATUS {
    if Count > if WaitBlockArray.is_null() { 3 } else { 64 } {
        bugcheck::stop("bug check 0xC", "KeWaitForMultipleObjects: too many objects (MAXIMUM_WAIT_OBJECTS_EXCEEDED)");
    }
    // SAFETY: the caller's array and objects.
    unsafe {
        let objects: Vec<usize> = (0..Count as usize).map(|index| *Object.add(index) as usize).collect();
        wait(&objects, WaitType == _WAIT_TYPE::WaitAll, Timeout)
    }
}

/// Lets the calling thread sleep. IRQL <= APC_LEVEL.
pub unsafe fn KeDelayExecutionThread(
    _WaitMode: KPROCESSOR_MODE,
    _Alertable: BOOLEAN,
    Interval: PLARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: the caller's interval.
    let until = unsafe { deadline(Interval) }.unwrap_or_default();
    sched::sleep(until.saturating_sub(sched::now()));
    STATUS_SUCCESS
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, ptr::null_mut};

    use super::*;
    use crate::nt::{KERNEL_MODE, MachineOptions};

    const EXECUTIVE: KWAIT_REASON = _KWAIT_REASON::Executive;

    struct Shared<T>(Box<RefCell<T>>);
    // SAFETY: only the thread with the baton touches it.
    unsafe impl<T> Send for Shared<T> {}

    fn machine() -> &'static Machine {
        fn on_stop(stop: &bugcheck::Stop) {
            panic!("{stop}");
        }
        Machine::new(MachineOptions { preemption: 2, on_stop: Some(on_stop), ..MachineOptions::default() })
    }

    unsafe fn wait_for<T>(object: *mut T) -> NTSTATUS {
        // SAFETY: the caller's object.
        unsafe { KeWaitForSingleObject(object.cast(), EXECUTIVE, KERNEL_MODE, 0, null_mut()) }
    }

    unsafe fn wait_units<T>(object: *mut T, units: i64) -> NTSTATUS {
        let mut timeout = LARGE_INTEGER { QuadPart: units };
        // SAFETY: the caller's object.
        unsafe { KeWaitForSingleObject(object.cast(), EXECUTIVE, KERNEL_MODE, 0, &raw mut timeout) }
    }

    /// A mutex lets one thread in at a time, also when that thread gives way inside; it is recursive, and
    /// disables APCs while owned.
    #[test]
    fn mutex_excludes() {
        let machine = machine();
        let mutex: &'static mut KMUTANT = Box::leak(Box::default());
        let address = &raw mut *mutex as usize;
        // SAFETY: the mutex lives for ever.
        unsafe { KeInitializeMutex(address as PRKMUTEX, 0) };
        #[derive(Default)]
        struct Inside(std::cell::Cell<u32>);
        let threads: Vec<_> = (0..3)
            .map(|number| {
                machine.spawn(&format!("t{number}"), move || {
                    for _ in 0..30 {
                        // SAFETY: the mutex lives for ever, and is released by its owner.
                        unsafe {
                            assert_eq!(wait_for(address as PRKMUTEX), STATUS_SUCCESS);
                            assert_eq!(wait_for(address as PRKMUTEX), STATUS_SUCCESS);
                        }
                        let inside = &machine.extension::<Inside>().0;
                        assert_eq!(inside.replace(1), 0);
                        assert_eq!(Thread::current().apc_disable(), 1);
                        sched::switch_point();
                        inside.set(0);
                        // SAFETY: as above.
                        unsafe {
                            assert_eq!(KeReleaseMutex(address as PRKMUTEX, 0), -1);
                            assert_eq!(KeReleaseMutex(address as PRKMUTEX, 0), 0);
                        }
                        assert_eq!(Thread::current().apc_disable(), 0);
                        sched::switch_point();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(crate::nt::machine::JoinHandle::join);
        // SAFETY: as above.
        assert_eq!(unsafe { KeReadStateMutex(address as PRKMUTEX) }, 1);
        machine.shutdown();
    }

    /// A synchronization event lets one waiter go, a notification event all; a timeout comes exactly at its
    /// time, a zero timeout at once.
    #[test]
    fn events_and_timeouts() {
        let machine = machine();
        let events = Shared(Box::new(RefCell::new([KEVENT::default(); 2])));
        let [auto, manual] = [0, 1].map(|index| &raw mut events.0.borrow_mut()[index] as usize);
        // SAFETY: the events outlive the threads.
        unsafe {
            KeInitializeEvent(auto as PRKEVENT, _EVENT_TYPE::SynchronizationEvent, 0);
            KeInitializeEvent(manual as PRKEVENT, _EVENT_TYPE::NotificationEvent, 0);
            assert_eq!(wait_units(auto as PRKEVENT, 0), STATUS_TIMEOUT);
            assert_eq!(sched::now(), 0);
            assert_eq!(wait_units(auto as PRKEVENT, -500), STATUS_TIMEOUT);
            assert_eq!(sched::now(), 500);
        }
        for (event, freed) in [(auto, 1), (manual, 3)] {
            let threads: Vec<_> = (0..3)
                // SAFETY: as above.
                .map(|n| machine.spawn(&format!("t{n}"), move || unsafe { wait_units(event as PRKEVENT, -1000) }))
                .collect();
            sched::settle();
            // SAFETY: as above.
            unsafe { KeSetEvent(event as PRKEVENT, 0, 0) };
            let done = threads.into_iter().map(crate::nt::machine::JoinHandle::join);
            assert_eq!(done.filter(|status| *status == STATUS_SUCCESS).count(), freed);
        }
        machine.shutdown();
        drop(events);
    }

    /// WaitAll takes all objects at once or none; WaitAny tells which one.
    #[test]
    fn multiple_objects() {
        let machine = machine();
        let mut event = Box::new(KEVENT::default());
        let mut semaphore = Box::new(KSEMAPHORE::default());
        let mut objects: [PVOID; 2] = [(&raw mut *event).cast(), (&raw mut *semaphore).cast()];
        let mut wait = |kind, units| {
            let mut timeout = LARGE_INTEGER { QuadPart: units };
            let objects = objects.as_mut_ptr();
            // SAFETY: the objects are alive.
            unsafe {
                KeWaitForMultipleObjects(2, objects, kind, EXECUTIVE, KERNEL_MODE, 0, &raw mut timeout, null_mut())
            }
        };
        // SAFETY: the objects are alive.
        unsafe {
            KeInitializeEvent(&raw mut *event, _EVENT_TYPE::SynchronizationEvent, 0);
            KeInitializeSemaphore(&raw mut *semaphore, 2, 5);
            assert_eq!(wait(_WAIT_TYPE::WaitAll, -10), STATUS_TIMEOUT);
            assert_eq!(KeReadStateSemaphore(&raw mut *semaphore), 2);
            assert_eq!(wait(_WAIT_TYPE::WaitAny, -10), STATUS_WAIT_0 + 1);
            KeSetEvent(&raw mut *event, 0, 0);
            assert_eq!(wait(_WAIT_TYPE::WaitAll, -10), STATUS_WAIT_0);
            assert_eq!(KeReadStateEvent(&raw mut *event), 0);
            assert_eq!(KeReadStateSemaphore(&raw mut *semaphore), 0);
        }
        machine.shutdown();
    }

    /// A mutex released by a thread that does not own it is fatal.
    #[test]
    #[should_panic(expected = "STATUS_MUTANT_NOT_OWNED")]
    fn foreign_release_is_fatal() {
        machine();
        let mut mutex = Box::new(KMUTANT::default());
        // SAFETY: the mutex is alive.
        unsafe {
            KeInitializeMutex(&raw mut *mutex, 0);
            KeReleaseMutex(&raw mut *mutex, 0);
        }
    }

    /// A wait at DISPATCH_LEVEL with a timeout is a violation.
    #[test]
    fn wait_at_dispatch() {
        let machine = machine();
        let mut event = Box::new(KEVENT::default());
        let old = crate::nt::KeRaiseIrqlToDpcLevel();
        // SAFETY: the event is alive.
        unsafe {
            KeInitializeEvent(&raw mut *event, _EVENT_TYPE::NotificationEvent, 0);
            wait_units(&raw mut *event, 0);
            assert!(violation::take().is_empty());
            wait_units(&raw mut *event, -1);
        }
        crate::nt::KeLowerIrql(old);
        assert_eq!(violation::take()[0].code, 0x3B);
        machine.shutdown();
    }
}
