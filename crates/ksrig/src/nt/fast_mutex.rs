//! Fast mutexes.

use ks_sys::*;

/// Initialises a fast mutex (inline in the headers).
pub unsafe fn ExInitializeFastMutex(FastMutex: PFAST_MUTEX) {
    todo!()
}

/// Acquires a fast mutex and raises to APC_LEVEL. IRQL <= APC_LEVEL; not recursive.
pub unsafe fn ExAcquireFastMutex(FastMutex: PFAST_MUTEX) {
    todo!()
}

/// Acquires a fast mutex if it is free.
pub unsafe fn ExTryToAcquireFastMutex(FastMutex: PFAST_MUTEX) -> BOOLEAN {
    todo!()
}

/// Releases a fast mutex and restores the IRQL.
pub unsafe fn ExReleaseFastMutex(FastMutex: PFAST_MUTEX) {
    todo!()
}

/// Acquires a fast mutex with APCs disabled by the caller.
pub unsafe fn ExAcquireFastMutexUnsafe(FastMutex: PFAST_MUTEX) {
    todo!()
}

/// Releases a fast mutex that was acquired by ExAcquireFastMutexUnsafe.
pub unsafe fn ExReleaseFastMutexUnsafe(FastMutex: PFAST_MUTEX) {
    todo!()
}

/// Whether the calling thread owns it (not an NT function).
pub unsafe fn fast_mutex_is_mine(FastMutex: PFAST_MUTEX) -> bool {
    todo!()
}
