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

/// Holds the lock meanwhile; the mutants do not.
#[inline(always)]
fn locked(body: impl FnOnce() -> *mut c_void) -> *mut c_void {
    if mutant::is("RacyCount") || mutant::is("RacyUpdate") {
        return body();
    }
    // SAFETY: a spin lock of the image, taken and given back in this order.
    unsafe {
        let irql = KeAcquireSpinLockRaiseToDpc(LOCK.as_ptr());
        let result = body();
        KeReleaseSpinLock(LOCK.as_ptr(), irql);
        result
    }
}

fn free_if_any(memory: *mut c_void) {
    if !memory.is_null() {
        // SAFETY: allocated by `begin`, and nobody's any more.
        unsafe { free(memory) };
    }
}

/// A pin begins to use it. PASSIVE_LEVEL.
#[inline(never)]
pub fn begin() {
    // With RacyCount there is a call between the two accesses of the count, with RacyUpdate there is none.
    let early = mutant::is("RacyUpdate").then(|| allocate(POOL_FLAG_NON_PAGED, 100));
    let superfluous = locked(|| {
        let users = USERS.load(Ordering::Relaxed);
        let memory = early.unwrap_or_else(|| allocate(POOL_FLAG_NON_PAGED, 100));
        if users == 0 {
            MEMORY.store(memory, Ordering::Relaxed);
        }
        USERS.store(users.wrapping_add(1), Ordering::Relaxed);
        if users == 0 { null_mut() } else { memory }
    });
    free_if_any(superfluous);
}

/// A pin uses it no more. PASSIVE_LEVEL.
#[inline(never)]
pub fn end() {
    let memory = locked(|| {
        let users = USERS.load(Ordering::Relaxed);
        USERS.store(users.wrapping_sub(1), Ordering::Relaxed);
        if users == 1 { MEMORY.swap(null_mut(), Ordering::Relaxed) } else { null_mut() }
    });
    free_if_any(memory);
}
