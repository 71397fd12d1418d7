//! What creates wait for between START and the end of PostStart (R1.10).

use std::{
    cell::UnsafeCell,
    ptr::null_mut,
    sync::atomic::{AtomicI32, Ordering},
};

use ks_sys::{
    _EVENT_TYPE::NotificationEvent, _KWAIT_REASON::Executive, _MODE::KernelMode, KEVENT, NTSTATUS,
    STATUS_SUCCESS,
};

use crate::nt::{KeClearEvent, KeInitializeEvent, KeReadStateEvent, KeSetEvent, KeWaitForSingleObject};

/// The state of PostStart after the last START.
pub struct PostStart {
    done: Box<UnsafeCell<KEVENT>>,
    status: AtomicI32,
}

impl PostStart {
    /// As before the first START: nothing to wait for.
    pub fn new() -> Self {
        // SAFETY: all zero is a valid KEVENT to initialize.
        let done = Box::new(UnsafeCell::new(unsafe { std::mem::zeroed::<KEVENT>() }));
        // SAFETY: the memory stays where it is.
        unsafe { KeInitializeEvent(done.get(), NotificationEvent, 1) };
        Self { done, status: AtomicI32::new(STATUS_SUCCESS) }
    }

    /// START succeeded: creates wait from now on.
    pub fn begin(&self) {
        // SAFETY: initialized in `new`.
        unsafe { KeClearEvent(self.done.get()) };
    }

    /// Whether it has not returned since the last START.
    pub fn is_ahead(&self) -> bool {
        // SAFETY: initialized in `new`.
        unsafe { KeReadStateEvent(self.done.get()) == 0 }
    }

    /// PostStart returned.
    pub fn end(&self, status: NTSTATUS) {
        self.status.store(status, Ordering::Relaxed);
        // SAFETY: initialized in `new`.
        unsafe { KeSetEvent(self.done.get(), 0, 0) };
    }

    /// Waits for the end of PostStart; its status is that of every create (10.29). Passive level.
    pub fn wait(&self) -> NTSTATUS {
        // SAFETY: initialized in `new`; no time limit.
        unsafe { KeWaitForSingleObject(self.done.get().cast(), Executive, KernelMode as i8, 0, null_mut()) };
        self.status.load(Ordering::Relaxed)
    }
}
