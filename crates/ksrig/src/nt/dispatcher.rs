//! Dispatcher objects: what all that can be waited for begin with. The state in the object's header is the
//! truth; waiters are kept aside, by the object's address.

use std::collections::{BTreeMap, VecDeque};

use ks_sys::*;

use super::{
    machine::{Machine, lock},
    residency, sched,
};

/// The types in the header of a dispatcher object (KOBJECTS).
pub(super) mod kind {
    pub const NOTIFICATION_EVENT: u8 = 0;
    pub const SYNCHRONIZATION_EVENT: u8 = 1;
    pub const MUTANT: u8 = 2;
    pub const SEMAPHORE: u8 = 5;
    pub const THREAD: u8 = 6;
    pub const NOTIFICATION_TIMER: u8 = 8;
    pub const SYNCHRONIZATION_TIMER: u8 = 9;
}

/// A thread that waits.
pub(super) struct Waiter {
    pub objects: Vec<usize>,
    pub all: bool,
    pub thread: PKTHREAD,
    pub satisfied: Option<usize>,
}

/// Who waits for what.
#[derive(Default)]
pub(super) struct Waits {
    /// By object: the threads, first come first served.
    pub objects: BTreeMap<usize, VecDeque<u32>>,
    pub waiters: BTreeMap<u32, Waiter>,
}

impl Waits {
    pub fn remove(&mut self, thread: u32) -> Option<Waiter> {
        let waiter = self.waiters.remove(&thread)?;
        for object in &waiter.objects {
            if let Some(queue) = self.objects.get_mut(object) {
                queue.retain(|id| *id != thread);
                if queue.is_empty() {
                    self.objects.remove(object);
                }
            }
        }
        Some(waiter)
    }
}

unsafe fn header<'a>(object: usize) -> &'a mut DISPATCHER_HEADER {
    // SAFETY: every dispatcher object begins with its header.
    unsafe { &mut *(object as *mut DISPATCHER_HEADER) }
}

unsafe fn kind_of(object: usize) -> u8 {
    // SAFETY: every dispatcher object begins with its header.
    unsafe { header(object).__bindgen_anon_1.__bindgen_anon_1.Type }
}

pub(super) unsafe fn initialize_header(object: usize, kind: u8, state: LONG, bytes: usize) {
    residency::check_object(object, 0xE1, "an object to wait for");
    // SAFETY: the caller's object begins with a header.
    unsafe {
        let header = header(object);
        *header = DISPATCHER_HEADER::default();
        header.__bindgen_anon_1.__bindgen_anon_1.Type = kind;
        // The size in longs, behind Type and one byte more.
        (&raw mut *header).cast::<u8>().add(2).write((bytes / 4) as u8);
        header.SignalState = state;
        let list = &raw mut header.WaitListHead;
        header.WaitListHead = LIST_ENTRY { Flink: list, Blink: list };
    }
}

pub(super) unsafe fn initialize_timer_header(object: usize, synchronization: bool) {
    let kind = if synchronization { kind::SYNCHRONIZATION_TIMER } else { kind::NOTIFICATION_TIMER };
    // SAFETY: the caller's timer.
    unsafe { initialize_header(object, kind, 0, size_of::<KTIMER>()) };
}

pub(super) unsafe fn initialize_thread_header(object: usize) {
    // SAFETY: the caller's thread object.
    unsafe { initialize_header(object, kind::THREAD, 0, size_of::<DISPATCHER_HEADER>()) };
}

/// Whether a wait of this thread for the object would be satisfied now.
unsafe fn is_signaled(object: usize, thread: PKTHREAD) -> bool {
    // SAFETY: the type in the header says what the object is.
    unsafe {
        let signaled = header(object).SignalState > 0;
        match kind_of(object) {
            kind::MUTANT => signaled || (*(object as PRKMUTEX)).OwnerThread.cast() == thread,
            _ => signaled,
        }
    }
}

/// What a satisfied wait does to the object.
unsafe fn consume(object: usize, thread: PKTHREAD) {
    // SAFETY: the type in the header says what the object is.
    unsafe {
        match kind_of(object) {
            kind::SYNCHRONIZATION_EVENT | kind::SYNCHRONIZATION_TIMER => header(object).SignalState = 0,
            kind::SEMAPHORE => header(object).SignalState -= 1,
            kind::MUTANT => {
                let mutex = &mut *(object as PRKMUTEX);
                mutex.Header.SignalState -= 1;
                if mutex.Header.SignalState == 0 {
                    mutex.OwnerThread = thread.cast();
                }
            }
            _ => {}
        }
    }
}

/// Satisfies a wait, if it can be satisfied now; which object did it.
pub(super) unsafe fn try_satisfy(objects: &[usize], all: bool, thread: PKTHREAD) -> Option<usize> {
    // SAFETY: the caller's objects are dispatcher objects.
    unsafe {
        if all {
            let ready = objects.iter().all(|object| is_signaled(*object, thread));
            ready.then(|| objects.iter().for_each(|object| consume(*object, thread)))?;
            return Some(0);
        }
        let index = objects.iter().position(|object| is_signaled(*object, thread))?;
        consume(objects[index], thread);
        Some(index)
    }
}

/// The object has become signalled: satisfies waits in their order as long as it is.
pub(super) unsafe fn signaled(object: usize) {
    let machine = Machine::current();
    let mut waits = lock(&machine.waits);
    let Some(queue) = waits.objects.get(&object) else { return };
    for id in queue.clone() {
        // SAFETY: the object is one whose state its owner has just changed; waiters keep theirs alive.
        unsafe {
            if header(object).SignalState <= 0 {
                return;
            }
            let Some(waiter) = waits.waiters.get_mut(&id) else { continue };
            if waiter.satisfied.is_none()
                && let Some(index) = try_satisfy(&waiter.objects, waiter.all, waiter.thread)
            {
                waiter.satisfied = Some(index);
                sched::unpark(id);
            }
        }
    }
}

/// What a thread waits for, in reports.
pub(super) fn describe(object: usize) -> &'static str {
    // SAFETY: the caller has checked the object.
    match unsafe { kind_of(object) } {
        kind::NOTIFICATION_EVENT | kind::SYNCHRONIZATION_EVENT => "an event",
        kind::MUTANT => "a mutex",
        kind::SEMAPHORE => "a semaphore",
        kind::THREAD => "a thread",
        _ => "a timer",
    }
}

/// Whether the type in the header is one that can be waited for.
pub(super) unsafe fn is_object(object: usize) -> bool {
    // SAFETY: the caller's object begins with a header, or is NULL.
    object != 0 && matches!(unsafe { kind_of(object) }, 0..=2 | 5 | 6 | 8 | 9)
}

/// Whether the wait that was satisfied last made its thread the owner of a mutex that disables APCs.
pub(super) unsafe fn consumes_ownership(object: usize) -> bool {
    // SAFETY: the caller's dispatcher object.
    unsafe { is_new_mutex(object) && (*(object as PRKMUTEX)).ApcDisable != 0 }
}

/// Whether the object is a mutex.
pub(super) unsafe fn is_mutex(object: usize) -> bool {
    // SAFETY: the caller's dispatcher object.
    unsafe { kind_of(object) == kind::MUTANT }
}

/// Whether the wait that was satisfied last made its thread the owner of a mutex, which it was not before.
pub(super) unsafe fn is_new_mutex(object: usize) -> bool {
    // SAFETY: the caller's dispatcher object.
    unsafe { is_mutex(object) && header(object).SignalState == 0 }
}
