//! In-stack queued spin locks: a spin lock with a handle on its holder's stack.
//! (`kernel/queued-spin-locks.md`)

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    exports::{Export, exports},
    lock_order::{self, Kind},
    spinlock::{acquire_raised, raise_and_acquire, release_and_lower, release_raised},
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    KeAcquireInStackQueuedSpinLock(SpinLock: PKSPIN_LOCK, LockHandle: PKLOCK_QUEUE_HANDLE) -> (), 0..=2;
    KeAcquireInStackQueuedSpinLockAtDpcLevel(SpinLock: PKSPIN_LOCK, LockHandle: PKLOCK_QUEUE_HANDLE) -> (), 2..=15;
    KeReleaseInStackQueuedSpinLock(LockHandle: PKLOCK_QUEUE_HANDLE) -> (), 2..=2;
    KeReleaseInStackQueuedSpinLockFromDpcLevel(LockHandle: PKLOCK_QUEUE_HANDLE) -> (), 2..=15;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// Raises to DISPATCH_LEVEL and acquires. (`nf-wdm-keacquireinstackqueuedspinlock.md`)
pub unsafe fn KeAcquireInStackQueuedSpinLock(SpinLock: PKSPIN_LOCK, LockHandle: PKLOCK_QUEUE_HANDLE) {
    lock_order::used(SpinLock as usize, Kind::Queued);
    // SAFETY: the caller's lock and handle.
    unsafe {
        (*LockHandle).OldIrql = raise_and_acquire(SpinLock, Kind::Queued);
        (*LockHandle).LockQueue = KSPIN_LOCK_QUEUE { Next: null_mut(), Lock: SpinLock };
    }
}

/// The same where the IRQL is raised already.
pub unsafe fn KeAcquireInStackQueuedSpinLockAtDpcLevel(
    SpinLock: PKSPIN_LOCK,
    LockHandle: PKLOCK_QUEUE_HANDLE,
) {
    // SAFETY: the caller's lock and handle.
    unsafe {
        acquire_raised(SpinLock, Kind::Queued);
        (*LockHandle).LockQueue = KSPIN_LOCK_QUEUE { Next: null_mut(), Lock: SpinLock };
    }
}

/// Releases, and restores the IRQL that the handle holds. (`nf-wdm-kereleaseinstackqueuedspinlock.md`)
pub unsafe fn KeReleaseInStackQueuedSpinLock(LockHandle: PKLOCK_QUEUE_HANDLE) {
    // SAFETY: the caller's handle, which holds a lock.
    unsafe { release_and_lower((*LockHandle).LockQueue.Lock, (*LockHandle).OldIrql, Kind::Queued) };
}

/// Releases; the IRQL stays.
pub unsafe fn KeReleaseInStackQueuedSpinLockFromDpcLevel(LockHandle: PKLOCK_QUEUE_HANDLE) {
    // SAFETY: the caller's handle, which holds a lock.
    unsafe { release_raised((*LockHandle).LockQueue.Lock, Kind::Queued) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{KeGetCurrentIrql, KeInitializeSpinLock, Machine, MachineOptions, violation};

    /// The IRQL goes up and comes back; the lock is held in between.
    #[test]
    fn locks() {
        let machine = Machine::new(MachineOptions::default());
        let (mut lock, mut handle): (KSPIN_LOCK, _) = (1, KLOCK_QUEUE_HANDLE::default());
        // SAFETY: local locks and handles.
        unsafe {
            KeInitializeSpinLock(&raw mut lock);
            KeAcquireInStackQueuedSpinLock(&raw mut lock, &raw mut handle);
            assert_eq!((KeGetCurrentIrql(), lock != 0), (2, true));
            KeReleaseInStackQueuedSpinLockFromDpcLevel(&raw mut handle);
            KeAcquireInStackQueuedSpinLockAtDpcLevel(&raw mut lock, &raw mut handle);
            KeReleaseInStackQueuedSpinLock(&raw mut handle);
            assert_eq!((KeGetCurrentIrql(), lock), (0, 0));
        }
        assert_eq!(violation::take(), []);
        machine.shutdown();
    }
}
