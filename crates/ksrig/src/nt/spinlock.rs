//! Spin locks. The lock's word holds its owner's number + 1; a thread that would spin is blocked instead.

use std::collections::BTreeMap;

use ks_sys::*;

use super::{
    bugcheck,
    lock_order::{self, Kind},
    machine::{Machine, lock},
    residency, sched,
    thread::Thread,
    violation,
};

/// Threads that wait for locks, by the lock's address.
#[derive(Default)]
pub(super) struct Locks {
    waiters: BTreeMap<usize, Vec<u32>>,
}

/// Waits until `free` is true, woken by [`wake`] for the same address.
pub(super) fn wait_until(address: usize, reason: &'static str, free: impl Fn() -> bool) {
    while !free() {
        lock(&Machine::current().locks).waiters.entry(address).or_default().push(Thread::current().id());
        sched::block(&reason, None);
    }
}

/// Wakes who waits for the lock at the address; the first to run gets it.
pub(super) fn wake(address: usize) {
    let waiters = lock(&Machine::current().locks).waiters.remove(&address);
    waiters.into_iter().flatten().for_each(sched::unpark);
}

fn owner_word() -> KSPIN_LOCK {
    KSPIN_LOCK::from(Thread::current().id()) + 1
}

unsafe fn acquire(SpinLock: PKSPIN_LOCK, kind: Kind) {
    // SAFETY: the caller's lock.
    unsafe {
        if *SpinLock != 0 && lock_order::is_uninitialized(SpinLock as usize) {
            let message = "the thread acquires a spin lock that was not initialised: it is not zero, and nobody holds it";
            bugcheck::stop(lock_order::UNINITIALIZED, message);
        }
        if *SpinLock == owner_word() {
            bugcheck::stop(lock_order::SELF, "the thread acquires a spin lock that it holds already");
        }
        lock_order::waits(SpinLock as usize, kind);
        wait_until(SpinLock as usize, "a spin lock", || *SpinLock == 0);
        *SpinLock = owner_word();
        lock_order::acquired(SpinLock as usize, kind);
    }
}

unsafe fn release(SpinLock: PKSPIN_LOCK, irql: KIRQL, kind: Kind) {
    // SAFETY: the caller's lock.
    unsafe {
        if *SpinLock != owner_word() {
            let (cause, what) = match *SpinLock {
                0 => (lock_order::NOT_HELD, "that nobody holds"),
                _ => (lock_order::OTHER, "of another thread"),
            };
            bugcheck::stop(cause, format_args!("the thread releases a spin lock {what}"));
        }
        *SpinLock = 0;
    }
    lock_order::released(SpinLock as usize, kind, irql < DISPATCH_LEVEL as KIRQL);
    wake(SpinLock as usize);
}

/// Initialises a spin lock, free.
pub unsafe fn KeInitializeSpinLock(SpinLock: PKSPIN_LOCK) {
    residency::check_object(SpinLock as usize, 0xE1, "a spin lock");
    lock_order::initialized(SpinLock as usize, Kind::Spin);
    // SAFETY: the caller's memory.
    unsafe { SpinLock.write(0) };
}

/// Acquires a spin lock, raises to DISPATCH_LEVEL and gives the old IRQL. IRQL <= DISPATCH_LEVEL.
pub unsafe fn KeAcquireSpinLockRaiseToDpc(SpinLock: PKSPIN_LOCK) -> KIRQL {
    lock_order::used(SpinLock as usize, Kind::Spin);
    // SAFETY: the caller's lock.
    unsafe { raise_and_acquire(SpinLock, Kind::Spin) }
}

/// The same in another manner, or in none.
pub(super) unsafe fn raise_and_acquire(SpinLock: PKSPIN_LOCK, kind: Kind) -> KIRQL {
    let thread = Thread::current();
    let old = thread.set_irql(DISPATCH_LEVEL as KIRQL);
    if old > DISPATCH_LEVEL as KIRQL {
        violation::report("SpinLock", 0x42, thread.name(), format_args!("KeAcquireSpinLock at IRQL {old}"));
    }
    // SAFETY: the caller's lock.
    unsafe { acquire(SpinLock, kind) };
    old
}

/// Releases a spin lock and lowers the IRQL.
pub unsafe fn KeReleaseSpinLock(SpinLock: PKSPIN_LOCK, NewIrql: KIRQL) {
    // SAFETY: the caller's lock.
    unsafe { release_and_lower(SpinLock, NewIrql, Kind::Spin) };
}

/// The same in another manner.
pub(super) unsafe fn release_and_lower(SpinLock: PKSPIN_LOCK, NewIrql: KIRQL, kind: Kind) {
    let thread = Thread::current();
    if thread.irql() != DISPATCH_LEVEL as KIRQL {
        let message = format!("KeReleaseSpinLock at IRQL {}", thread.irql());
        violation::report("SpinLock", 0x32, thread.name(), message);
    }
    // SAFETY: the caller's lock.
    unsafe { release(SpinLock, NewIrql, kind) };
    thread.set_irql(NewIrql);
}

/// Acquires a spin lock at DISPATCH_LEVEL.
pub unsafe fn KeAcquireSpinLockAtDpcLevel(SpinLock: PKSPIN_LOCK) {
    // SAFETY: the caller's lock.
    unsafe { acquire_raised(SpinLock, Kind::Spin) };
}

/// The same in another manner.
pub(super) unsafe fn acquire_raised(SpinLock: PKSPIN_LOCK, kind: Kind) {
    lock_order::used(SpinLock as usize, kind);
    let thread = Thread::current();
    if thread.irql() < DISPATCH_LEVEL as KIRQL {
        let message = format!("KeAcquireSpinLockAtDpcLevel at IRQL {}", thread.irql());
        violation::report("SpinLock", 0x40, thread.name(), message);
    }
    // SAFETY: the caller's lock.
    unsafe { acquire(SpinLock, kind) };
}

/// Releases a spin lock and stays at DISPATCH_LEVEL.
pub unsafe fn KeReleaseSpinLockFromDpcLevel(SpinLock: PKSPIN_LOCK) {
    // SAFETY: the caller's lock.
    unsafe { release_raised(SpinLock, Kind::Spin) };
}

/// The same in another manner.
pub(super) unsafe fn release_raised(SpinLock: PKSPIN_LOCK, kind: Kind) {
    let thread = Thread::current();
    if thread.irql() < DISPATCH_LEVEL as KIRQL {
        let message = format!("KeReleaseSpinLockFromDpcLevel at IRQL {}", thread.irql());
        violation::report("SpinLock", 0x41, thread.name(), message);
    }
    // SAFETY: the caller's lock.
    unsafe { release(SpinLock, thread.irql().max(DISPATCH_LEVEL as KIRQL), kind) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::MachineOptions;

    fn machine() -> &'static Machine {
        fn on_stop(stop: &bugcheck::Stop) {
            panic!("{stop}");
        }
        Machine::new(MachineOptions { preemption: 2, on_stop: Some(on_stop), ..MachineOptions::default() })
    }

    /// Two threads never hold the lock together, although the one inside gives way; IRQL is DISPATCH inside.
    #[test]
    fn spin_lock_excludes() {
        #[derive(Default)]
        struct Inside(std::cell::Cell<bool>);
        let machine = machine();
        let word = Box::into_raw(Box::new(0_u64)) as usize;
        let threads: Vec<_> = (0..2)
            .map(|n| {
                machine.spawn(&format!("t{n}"), move || {
                    for _ in 0..50 {
                        // SAFETY: the lock lives for ever.
                        let old = unsafe { KeAcquireSpinLockRaiseToDpc(word as PKSPIN_LOCK) };
                        assert!(!machine.extension::<Inside>().0.replace(true));
                        assert_eq!(Thread::current().irql(), 2);
                        sched::switch_point();
                        machine.extension::<Inside>().0.set(false);
                        // SAFETY: as above.
                        unsafe { KeReleaseSpinLock(word as PKSPIN_LOCK, old) };
                        sched::switch_point();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(crate::nt::machine::JoinHandle::join);
        assert!(violation::take().is_empty());
        machine.shutdown();
    }

    /// A lock that its thread acquires twice is fatal.
    #[test]
    #[should_panic(expected = "holds already")]
    fn recursion_is_fatal() {
        machine();
        let mut word = 0;
        // SAFETY: a local lock.
        unsafe {
            KeAcquireSpinLockRaiseToDpc(&raw mut word);
            KeAcquireSpinLockAtDpcLevel(&raw mut word);
        }
    }

    /// The DPC-level forms below DISPATCH_LEVEL are violations.
    #[test]
    fn dpc_level_forms_want_dispatch() {
        let machine = machine();
        let mut word = 0;
        // SAFETY: a local lock.
        unsafe {
            KeAcquireSpinLockAtDpcLevel(&raw mut word);
            KeReleaseSpinLockFromDpcLevel(&raw mut word);
        }
        assert_eq!(violation::take().iter().map(|v| v.code).collect::<Vec<_>>(), [0x40, 0x41]);
        machine.shutdown();
    }
}
