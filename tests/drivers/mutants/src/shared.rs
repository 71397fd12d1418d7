//! Memory that all pins of the source use, made by the first and freed by the last.

use core::{
    ffi::c_void,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering},
};

use wdk_sys::{
    POOL_FLAG_NON_PAGED,
    ntddk::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock},
};

use crate::{
    ddi::{allocate, free},
    mutant,
};

/// A spin lock over the two that follow.
static LOCK: AtomicU64 = AtomicU64::new(0);
static USERS: AtomicU32 = AtomicU32::new(0);
static MEMORY: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Holds the lock meanwhile; the mutant does not.
#[inline(always)]
fn locked(body: impl FnOnce()) {
    if mutant::is("RacyCount") {
        return body();
    }
    // SAFETY: a spin lock of the image, taken and given back in this order.
    unsafe {
        let irql = KeAcquireSpinLockRaiseToDpc(LOCK.as_ptr());
        body();
        KeReleaseSpinLock(LOCK.as_ptr(), irql);
    }
}

/// A pin begins to use it. PASSIVE_LEVEL.
#[inline(never)]
pub fn begin() {
    locked(|| {
        let users = USERS.load(Ordering::Relaxed);
        let memory = allocate(POOL_FLAG_NON_PAGED, 100);
        if users == 0 {
            MEMORY.store(memory, Ordering::Relaxed);
        } else if !memory.is_null() {
            // SAFETY: allocated above.
            unsafe { free(memory) };
        }
        USERS.store(users + 1, Ordering::Relaxed);
    });
}

/// A pin uses it no more. PASSIVE_LEVEL.
#[inline(never)]
pub fn end() {
    locked(|| {
        let users = USERS.load(Ordering::Relaxed);
        if users == 1 {
            let memory = MEMORY.swap(null_mut(), Ordering::Relaxed);
            if !memory.is_null() {
                // SAFETY: allocated by the first, and nobody's any more.
                unsafe { free(memory) };
            }
        }
        USERS.store(users.wrapping_sub(1), Ordering::Relaxed);
    });
}
