//! Fast mutexes. Count is 1 when free; Owner holds the thread.

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    bugcheck,
    event::KeInitializeEvent,
    lock_order::{self, Kind},
    spinlock,
    thread::Thread,
    violation,
};

/// Initialises a fast mutex (inline in the headers).
pub unsafe fn ExInitializeFastMutex(FastMutex: PFAST_MUTEX) {
    // SAFETY: the caller's memory has the size of a fast mutex.
    unsafe {
        FastMutex.write(FAST_MUTEX { Count: 1, ..FAST_MUTEX::default() });
        lock_order::initialized(FastMutex as usize, Kind::Fast);
        KeInitializeEvent(&raw mut (*FastMutex).Event, _EVENT_TYPE::SynchronizationEvent, 0);
    }
}

unsafe fn acquire(FastMutex: PFAST_MUTEX, kind: Kind) {
    // SAFETY: the caller's mutex.
    unsafe {
        check_initialized(FastMutex);
        if fast_mutex_is_mine(FastMutex) {
            bugcheck::stop(lock_order::SELF, "the thread acquires a fast mutex that it holds already");
        }
        lock_order::waits(FastMutex as usize, kind);
        take(FastMutex, kind);
    }
}

/// Count is 1, or somebody holds it.
unsafe fn check_initialized(FastMutex: PFAST_MUTEX) {
    // SAFETY: the caller's mutex.
    if unsafe { (*FastMutex).Count } != 1 && lock_order::is_uninitialized(FastMutex as usize) {
        let message =
            "the thread acquires a fast mutex that was not initialised: it is not free, and nobody holds it";
        bugcheck::stop(lock_order::UNINITIALIZED, message);
    }
}

unsafe fn take(FastMutex: PFAST_MUTEX, kind: Kind) {
    // SAFETY: the caller's mutex.
    unsafe {
        spinlock::wait_until(FastMutex as usize, "a fast mutex", || (*FastMutex).Count == 1);
        (*FastMutex).Count = 0;
        (*FastMutex).Owner = Thread::current().kthread();
        lock_order::acquired(FastMutex as usize, kind);
    }
}

unsafe fn release(FastMutex: PFAST_MUTEX, kind: Kind) {
    // SAFETY: the caller's mutex.
    unsafe {
        if !fast_mutex_is_mine(FastMutex) {
            let free = (*FastMutex).Count == 1;
            let cause = if free { lock_order::NOT_HELD } else { lock_order::OTHER };
            bugcheck::stop(cause, "the thread releases a fast mutex that it does not hold");
        }
        (*FastMutex).Owner = null_mut();
        (*FastMutex).Count = 1;
    }
    lock_order::released(FastMutex as usize, kind, false);
    spinlock::wake(FastMutex as usize);
}

/// Acquires a fast mutex and raises to APC_LEVEL. IRQL <= APC_LEVEL; not recursive.
pub unsafe fn ExAcquireFastMutex(FastMutex: PFAST_MUTEX) {
    // SAFETY: the caller's mutex.
    unsafe { raise_and(FastMutex, acquire) };
}

unsafe fn raise_and(FastMutex: PFAST_MUTEX, acquire: unsafe fn(PFAST_MUTEX, Kind)) {
    let thread = Thread::current();
    let old = thread.irql();
    if old > APC_LEVEL as KIRQL {
        violation::report("FastMutex", 0x33, thread.name(), format_args!("ExAcquireFastMutex at IRQL {old}"));
    } else {
        thread.set_irql(APC_LEVEL as KIRQL);
    }
    // SAFETY: the caller's mutex.
    unsafe {
        acquire(FastMutex, Kind::Fast);
        (*FastMutex).OldIrql = ULONG::from(old);
    }
}

/// Acquires a fast mutex if it is free.
pub unsafe fn ExTryToAcquireFastMutex(FastMutex: PFAST_MUTEX) -> BOOLEAN {
    // SAFETY: the caller's mutex.
    unsafe {
        check_initialized(FastMutex);
        if (*FastMutex).Count != 1 {
            return 0;
        }
        // Who does not wait is in nobody's way.
        raise_and(FastMutex, take);
    }
    1
}

/// Releases a fast mutex and restores the IRQL.
pub unsafe fn ExReleaseFastMutex(FastMutex: PFAST_MUTEX) {
    let thread = Thread::current();
    if thread.irql() != APC_LEVEL as KIRQL {
        let message = format!("ExReleaseFastMutex at IRQL {}", thread.irql());
        violation::report("FastMutex", 0x34, thread.name(), message);
    }
    // SAFETY: the caller's mutex.
    unsafe {
        let old = (*FastMutex).OldIrql as KIRQL;
        release(FastMutex, Kind::Fast);
        thread.set_irql(old);
    }
}

/// Acquires a fast mutex with APCs disabled by the caller.
pub unsafe fn ExAcquireFastMutexUnsafe(FastMutex: PFAST_MUTEX) {
    let thread = Thread::current();
    if thread.irql() < APC_LEVEL as KIRQL && thread.apc_disable() == 0 {
        violation::report("FastMutex", 0x39, thread.name(), "ExAcquireFastMutexUnsafe without APCs disabled");
    }
    // SAFETY: the caller's mutex.
    unsafe { acquire(FastMutex, Kind::Unsafe) };
}

/// Releases a fast mutex that was acquired by ExAcquireFastMutexUnsafe.
pub unsafe fn ExReleaseFastMutexUnsafe(FastMutex: PFAST_MUTEX) {
    let thread = Thread::current();
    if thread.irql() < APC_LEVEL as KIRQL && thread.apc_disable() == 0 {
        violation::report("FastMutex", 0x3A, thread.name(), "ExReleaseFastMutexUnsafe without APCs disabled");
    }
    // SAFETY: the caller's mutex.
    unsafe { release(FastMutex, Kind::Unsafe) };
}

/// Whether the calling thread owns it (not an NT function).
pub unsafe fn fast_mutex_is_mine(FastMutex: PFAST_MUTEX) -> bool {
    // SAFETY: the caller's mutex.
    unsafe { (*FastMutex).Count != 1 && (*FastMutex).Owner == Thread::current().kthread() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions, sched};

    /// Acquired it raises to APC_LEVEL, released it restores; a second thread waits meanwhile.
    #[test]
    fn fast_mutex_excludes() {
        let machine = Machine::new(MachineOptions::default());
        let address = Box::leak(Box::new(FAST_MUTEX::default())) as PFAST_MUTEX as usize;
        // SAFETY: the mutex lives for ever.
        unsafe {
            ExInitializeFastMutex(address as PFAST_MUTEX);
            ExAcquireFastMutex(address as PFAST_MUTEX);
            assert_eq!(Thread::current().irql(), 1);
            assert!(fast_mutex_is_mine(address as PFAST_MUTEX));
        }
        let other = machine.spawn("other", move || {
            // SAFETY: as above.
            unsafe {
                assert_eq!(ExTryToAcquireFastMutex(address as PFAST_MUTEX), 0);
                ExAcquireFastMutex(address as PFAST_MUTEX);
                ExReleaseFastMutex(address as PFAST_MUTEX);
            }
        });
        sched::settle();
        assert!(!other.is_done());
        // SAFETY: as above.
        unsafe { ExReleaseFastMutex(address as PFAST_MUTEX) };
        assert_eq!(Thread::current().irql(), 0);
        other.join();
        assert!(violation::take().is_empty());
        machine.shutdown();
    }
}
