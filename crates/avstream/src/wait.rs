//! Waiting for something that another thread does.

use core::{cell::UnsafeCell, mem::zeroed, ptr::null_mut};

use crate::ffi::{
    _EVENT_TYPE::NotificationEvent, _KWAIT_REASON::Executive, KEVENT, KeClearEvent, KeInitializeEvent,
    KeSetEvent, KeWaitForSingleObject,
};

/// A notification event: once set, it lets every waiter pass until it is cleared. It must not be moved
/// after [`initialize`](Self::initialize).
pub(crate) struct Event(UnsafeCell<KEVENT>);

// SAFETY: the kernel synchronizes access to its object.
unsafe impl Sync for Event {}
// SAFETY: an event belongs to no thread.
unsafe impl Send for Event {}

impl Event {
    /// Memory for an event.
    pub(crate) const fn new() -> Self {
        // SAFETY: numbers and null pointers; the kernel fills it in `initialize`.
        Self(UnsafeCell::new(unsafe { zeroed() }))
    }

    /// Makes it an event that is not set.
    ///
    /// # Safety
    ///
    /// Called once, before any other call, at the place where the event stays.
    pub(crate) unsafe fn initialize(&self) {
        // SAFETY: non-paged memory (`nf-wdm-keinitializeevent.md`).
        unsafe { KeInitializeEvent(self.0.get(), NotificationEvent, 0) };
    }

    /// IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn set(&self) {
        // SAFETY: an initialized event; Wait is FALSE (`nf-wdm-kesetevent.md`).
        unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }

    /// IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn clear(&self) {
        // SAFETY: an initialized event (`nf-wdm-keclearevent.md`).
        unsafe { KeClearEvent(self.0.get()) };
    }

    /// PASSIVE_LEVEL.
    pub(crate) fn wait(&self) {
        const KERNEL_MODE: i8 = 0;
        // SAFETY: an initialized event, no timeout (`nf-wdm-kewaitforsingleobject.md`). Without timeout and
        // alerts the wait ends with the event only.
        let _ = unsafe { KeWaitForSingleObject(self.0.get().cast(), Executive, KERNEL_MODE, 0, null_mut()) };
    }
}
