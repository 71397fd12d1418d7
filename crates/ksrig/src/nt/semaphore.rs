//! Semaphores.

use ks_sys::*;

use super::{
    bugcheck,
    dispatcher::{initialize_header, kind, signaled},
};

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
            bugcheck::stop(
                ("unhandled exception", 0x1E),
                "KeReleaseSemaphore raised STATUS_SEMAPHORE_LIMIT_EXCEEDED",
            );
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
