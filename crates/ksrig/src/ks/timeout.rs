//! Timeouts of stream pointers: one kernel timer per queue (R6.18, R6.19).

use std::{
    cell::{Cell, UnsafeCell},
    mem::zeroed,
    sync::Mutex,
};

use ks_sys::{_KDPC, KDPC, KSSTATE, KTIMER, LARGE_INTEGER, PFNKSSTREAMPOINTER, PKSSTREAM_POINTER, PVOID};

use super::{pointer::StreamPointer, queue::Queue};
use crate::nt::{
    KeCancelTimer, KeFlushQueuedDpcs, KeInitializeDpc, KeInitializeTimer, KeQueryInterruptTime, KeSetTimer,
    callback::{self, Callback, CallbackKind, Group},
};

const TIMED_OUT: CallbackKind = CallbackKind::new("StreamPointerTimeout", Group::Pin);

struct Timeout {
    due: u64,
    serial: u64,
    pointer: *mut StreamPointer,
    /// What the minidriver knows it by.
    public: PKSSTREAM_POINTER,
    callback: PFNKSSTREAMPOINTER,
}

/// The timeouts of one queue.
pub struct Timeouts {
    queue: Cell<*const Queue>,
    /// Made with the first timeout: most queues never have one.
    kernel: UnsafeCell<Option<Box<(KTIMER, KDPC)>>>,
    /// Guarded by a lock of its own, so that Delete may come from a cancel callback.
    waiting: Mutex<Vec<Timeout>>,
}

impl Timeouts {
    /// None.
    pub fn new() -> Self {
        Self {
            queue: Cell::new(std::ptr::null()),
            kernel: UnsafeCell::new(None),
            waiting: Mutex::new(Vec::new()),
        }
    }

    /// Tells them whose they are.
    pub fn bind(&self, queue: *const Queue) {
        self.queue.set(queue);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Timeout>> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn queue(&self) -> &Queue {
        // SAFETY: set by the queue that these are part of.
        unsafe { &*self.queue.get() }
    }

    /// Schedules the timeout of a pointer, in place of the one it has. The queue is locked.
    pub fn schedule(&self, pointer: *mut StreamPointer, callback: PFNKSSTREAMPOINTER, interval: u64) {
        let due = KeQueryInterruptTime().saturating_add(interval);
        let mut waiting = self.lock();
        waiting.retain(|timeout| timeout.pointer != pointer);
        let serial = waiting.last().map_or(0, |last| last.serial) + 1;
        // SAFETY: a live pointer of the queue.
        let public = unsafe { (*pointer).public.address() };
        waiting.push(Timeout { due, serial, pointer, public, callback });
        drop(waiting);
        // R6.18: what is scheduled below RUN sleeps until something is scheduled in RUN.
        // SAFETY: the public structure lives as long as the pin.
        if unsafe { (*self.queue().pin.ks()).ClientState } == KSSTATE::KSSTATE_RUN {
            self.start();
        }
    }

    /// Drops the timeout of a pointer, if it has one.
    pub fn cancel(&self, pointer: *mut StreamPointer) {
        self.lock().retain(|timeout| timeout.pointer != pointer);
    }

    /// Sets the timer for the earliest timeout.
    fn start(&self) {
        let Some(due) = self.lock().iter().map(|timeout| timeout.due).min() else { return };
        // SAFETY: the queue's lock is held, or this is the timer's own DPC.
        let kernel = unsafe { &mut *self.kernel.get() };
        let kernel = kernel.get_or_insert_with(|| {
            // SAFETY: all zero is a valid value of both, to be initialised.
            let mut kernel: Box<(KTIMER, KDPC)> = Box::new(unsafe { zeroed() });
            // SAFETY: the box does not move.
            unsafe { KeInitializeTimer(&raw mut kernel.0) };
            // SAFETY: the queue stops the timer before it goes.
            unsafe { KeInitializeDpc(&raw mut kernel.1, Some(expired), self.queue.get().cast_mut().cast()) };
            kernel
        });
        let now = KeQueryInterruptTime();
        let relative = -(due.saturating_sub(now).min(i64::MAX as u64) as i64);
        // SAFETY: timer and DPC are initialised; 0 would be absolute time, long past: it fires at once too.
        unsafe { KeSetTimer(&raw mut kernel.0, LARGE_INTEGER { QuadPart: relative }, &raw mut kernel.1) };
    }

    /// Drops all, and waits until no callback runs. PASSIVE_LEVEL, queue not locked.
    pub fn stop(&self) {
        self.lock().clear();
        // SAFETY: nobody schedules any more: the pin is on its way to STOP.
        if let Some(kernel) = unsafe { &mut *self.kernel.get() } {
            // SAFETY: the timer is initialised.
            unsafe { KeCancelTimer(&raw mut kernel.0) };
            KeFlushQueuedDpcs();
        }
    }

    /// Takes out the next timeout that is due.
    fn next_due(&self, now: u64) -> Option<Timeout> {
        let mut waiting = self.lock();
        let index = waiting
            .iter()
            .enumerate()
            .filter(|(_, timeout)| timeout.due <= now)
            .min_by_key(|(_, timeout)| (timeout.due, timeout.serial))?
            .0;
        Some(waiting.remove(index))
    }
}

/// The timer's DPC. DISPATCH_LEVEL.
unsafe extern "win64" fn expired(_: *mut _KDPC, queue: PVOID, _: PVOID, _: PVOID) {
    // SAFETY: the queue stops its timer, and waits for this, before it goes.
    let queue = unsafe { &*queue.cast::<Queue>() };
    let now = KeQueryInterruptTime();
    while let Some(timeout) = queue.timeouts.next_due(now) {
        let Some(routine) = timeout.callback else { continue };
        // R6.19: at DISPATCH_LEVEL, queue not locked.
        callback::call(Callback { kind: TIMED_OUT, object: &queue.pin.name() }, || {
            // ASSUMED: deleted on the way here by another thread, it has no timeout any more (R6.20).
            // SAFETY: the queue keeps its pointers.
            if unsafe { (*timeout.pointer).is(timeout.public) } {
                // SAFETY: the minidriver gave the routine for this pointer.
                unsafe { routine(timeout.public) };
            }
        });
    }
    let guard = queue.lock();
    queue.timeouts.start();
    drop(guard);
}
