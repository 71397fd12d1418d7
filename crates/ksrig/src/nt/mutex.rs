//! Mutexes (mutants): recursive, owned by a thread.

use ks_sys::*;

use super::{
    bugcheck,
    dispatcher::{initialize_header, kind, signaled},
    lock_order::{self, Kind},
    thread::Thread,
};

/// Initialises a mutex, free.
pub unsafe fn KeInitializeMutex(Mutex: PRKMUTEX, _Level: ULONG) {
    // SAFETY: the caller's memory has the size of a mutex.
    unsafe {
        Mutex.write(KMUTANT::default());
        initialize_header(Mutex as usize, kind::MUTANT, 1, size_of::<KMUTANT>());
        (*Mutex).ApcDisable = 1;
        lock_order::initialized(Mutex as usize, Kind::Mutex);
    }
}

/// Releases a mutex and gives its old state; by another thread than its owner it is fatal
/// (STATUS_MUTANT_NOT_OWNED is raised).
pub unsafe fn KeReleaseMutex(Mutex: PRKMUTEX, _Wait: BOOLEAN) -> LONG {
    // SAFETY: the caller's mutex.
    unsafe {
        if !mutex_is_mine(Mutex) {
            bugcheck::stop(("unhandled exception", 0x1E), "KeReleaseMutex raised STATUS_MUTANT_NOT_OWNED");
        }
        let old = (*Mutex).Header.SignalState;
        (*Mutex).Header.SignalState = old + 1;
        if old + 1 == 1 {
            (*Mutex).OwnerThread = std::ptr::null_mut();
            lock_order::released(Mutex as usize, Kind::Mutex, false);
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
