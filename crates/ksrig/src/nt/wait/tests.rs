use std::{cell::RefCell, ptr::null_mut};

use super::*;
use crate::nt::{KERNEL_MODE, MachineOptions, event::*, mutex::*, semaphore::*};

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
            KeWaitForMultipleObjects(
                2,
                objects,
                kind,
                EXECUTIVE,
                KERNEL_MODE,
                0,
                &raw mut timeout,
                null_mut(),
            )
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
    assert_eq!(violation::take()[0].code, 0x122);
    machine.shutdown();
}
