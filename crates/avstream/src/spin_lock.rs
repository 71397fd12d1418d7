//! A lock that may be held for a few instructions only.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use crate::ffi::{KIRQL, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};

/// A value behind a spin lock.
///
/// While the lock is held the processor is at DISPATCH_LEVEL: nothing may wait, and nothing paged may
/// be touched.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/kernel/introduction-to-spin-locks>
pub struct SpinLock<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one processor at a time at the value.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A value behind a free lock.
    pub const fn new(value: T) -> Self {
        // KeInitializeSpinLock is inline and stores zero (`nf-wdm-keinitializespinlock.md`).
        Self { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Takes the lock; it is dropped with the guard. IRQL ≤ DISPATCH_LEVEL. Not recursive.
    pub fn lock(&self) -> SpinGuard<'_, T> {
        // SAFETY: a spin lock in non-paged memory, initialized to zero (`nf-wdm-keacquirespinlockraisetodpc.md`).
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        SpinGuard { lock: self, irql, thread: PhantomData }
    }
}

/// Access to the value behind a [`SpinLock`]; drops the lock at its end.
///
/// Locks are to be dropped in the opposite order of taking, which is that of nested guards.
#[must_use = "the lock is dropped at once"]
pub struct SpinGuard<'a, T> {
    lock: &'a SpinLock<T>,
    irql: KIRQL,
    /// A lock belongs to the processor that took it.
    thread: PhantomData<*const ()>,
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: taken by `lock` at `irql`, and dropped once (`nf-wdm-kereleasespinlock.md`).
        unsafe { KeReleaseSpinLock(self.lock.lock.get(), self.irql) };
    }
}
