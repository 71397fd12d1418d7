//! The device mutex and the filter control mutex: AVStream's two mutexes for passive level.

use std::{
    cell::{Cell, UnsafeCell},
    ptr::null_mut,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};

use ks_sys::{_KWAIT_REASON::Executive, _MODE::KernelMode, KMUTEX, LARGE_INTEGER, STATUS_SUCCESS};

use crate::nt::{
    KeInitializeMutex, KeReleaseMutex, KeWaitForSingleObject, lock_order,
    thread::{KeGetCurrentThread, Thread},
    timed::{self, Moment},
    trace, violation,
};

/// A mutex that the documentation calls not recursive.
///
/// It is a kernel mutex, so that a second acquisition by its holder does not hang the run; that
/// acquisition and a release by a thread that does not hold it are recorded as violations (R8.1).
pub struct Mutex {
    kernel: Box<UnsafeCell<KMUTEX>>,
    holder: AtomicUsize,
    depth: AtomicU32,
    /// When it was taken; for the processing mutex.
    since: Cell<Option<Moment>>,
    rule: Rule,
    name: String,
}

/// The Driver Verifier rule that a misuse breaks.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// The first parameter of bug check 0xC4.
    pub code: u32,
    /// Its place in the order in which a thread takes mutexes (R8.1); none for those that drivers do not know.
    level: Option<usize>,
}

impl Rule {
    /// The rule of a mutex that drivers do not know.
    pub const fn private(name: &'static str) -> Self {
        Self { name, code: 0, level: None }
    }
}

/// Rule of the device mutex.
pub const DEVICE: Rule = Rule { name: "KsDeviceMutex", code: 0x81001, level: Some(0) };
/// Rule of the filter control mutex.
pub const CONTROL: Rule = Rule { name: "KsFilterMutex", code: 0x8100A, level: Some(1) };
/// Rule of the processing mutex.
pub const PROCESSING: Rule = Rule { name: "KsProcessingMutex", code: 0x8100B, level: Some(2) };

// SAFETY: the kernel mutex is made to be shared.
unsafe impl Sync for Mutex {}
// SAFETY: it lies in a box and is not bound to the thread that made it.
unsafe impl Send for Mutex {}

impl Mutex {
    /// A free mutex, named after its rule.
    pub fn new(rule: Rule) -> Self {
        Self::named(rule, rule.name.to_owned())
    }

    /// A free mutex; the name is for the trace.
    pub fn named(rule: Rule, name: String) -> Self {
        // SAFETY: all zero is a valid KMUTEX to initialize.
        let kernel = Box::new(UnsafeCell::new(unsafe { std::mem::zeroed::<KMUTEX>() }));
        // SAFETY: the memory stays where it is.
        unsafe { KeInitializeMutex(kernel.get(), 0) };
        match rule.level {
            Some(_) => lock_order::name(kernel.get() as usize, &name),
            None => lock_order::ignore(kernel.get() as usize),
        }
        Self {
            kernel,
            holder: AtomicUsize::new(0),
            depth: AtomicU32::new(0),
            since: Cell::new(None),
            rule,
            name,
        }
    }

    /// Takes the mutex; the guard gives it back. Passive level.
    pub fn acquire(&self) -> Guard<'_> {
        // SAFETY: the mutex is initialized; no time limit.
        unsafe {
            KeWaitForSingleObject(self.kernel.get().cast(), Executive, KernelMode as i8, 0, null_mut())
        };
        self.taken();
        Guard { mutex: self }
    }

    /// Takes the mutex if it is free. IRQL <= DISPATCH_LEVEL.
    pub fn try_acquire(&self) -> Option<Guard<'_>> {
        let mut now = LARGE_INTEGER { QuadPart: 0 };
        // SAFETY: the mutex is initialized; a wait of no time does not block.
        let status = unsafe {
            KeWaitForSingleObject(self.kernel.get().cast(), Executive, KernelMode as i8, 0, &raw mut now)
        };
        if status != STATUS_SUCCESS {
            return None;
        }
        self.taken();
        Some(Guard { mutex: self })
    }

    /// Whether the calling thread holds it.
    pub fn held_by_current_thread(&self) -> bool {
        self.depth.load(Ordering::Relaxed) > 0 && self.holder.load(Ordering::Relaxed) == current()
    }

    fn taken(&self) {
        self.holder.store(current(), Ordering::Relaxed);
        if self.depth.fetch_add(1, Ordering::Relaxed) == 0 && self.rule.level == PROCESSING.level {
            self.since.set(timed::now());
        }
        if let Some(level) = self.rule.level {
            let level = &Thread::current().levels[level];
            level.set(level.get() + 1);
        }
        if trace::enabled() {
            Thread::current().holds.borrow_mut().push(self.name.clone());
        }
    }

    fn release(&self) {
        if trace::enabled() {
            let mut holds = Thread::current().holds.borrow_mut();
            if let Some(place) = holds.iter().rposition(|name| *name == self.name) {
                holds.remove(place);
            }
        }
        if let Some(level) = self.rule.level {
            let level = &Thread::current().levels[level];
            level.set(level.get() - 1);
        }
        if self.depth.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.holder.store(0, Ordering::Relaxed);
            timed::processing_ends(&self.name, self.since.take());
        }
        // SAFETY: the calling thread holds the mutex.
        unsafe { KeReleaseMutex(self.kernel.get(), 0) };
    }

    /// The driver takes the mutex (KsAcquireControl, KsAcquireDevice). A second time is a violation, and so is one
    /// while the thread holds a mutex that comes later in the order: device, control, processing (R8.1).
    pub fn acquire_for_driver(&self, object: &str) {
        let holds = |rule: Rule| rule.level.is_some_and(|level| Thread::current().levels[level].get() > 0);
        if self.held_by_current_thread() {
            self.violation(object, "the thread holds the mutex already; it is not recursive");
        } else if self.rule.level < PROCESSING.level && holds(PROCESSING) {
            let message = format!("{} is acquired under the processing mutex", self.name);
            violation::report(PROCESSING.name, PROCESSING.code, object, message);
        } else if self.rule.level < CONTROL.level && holds(CONTROL) {
            let message = format!("{} is acquired under a filter control mutex", self.name);
            violation::report("KsLockOrder", 0, object, message);
        }
        std::mem::forget(self.acquire());
    }

    /// The driver gives the mutex back; from a thread that does not hold it that is a violation.
    pub fn release_for_driver(&self, object: &str) {
        if self.held_by_current_thread() {
            self.release();
        } else {
            self.violation(object, "the thread that releases the mutex does not hold it");
        }
    }

    fn violation(&self, object: &str, message: &str) {
        violation::report(self.rule.name, self.rule.code, object, message);
    }
}

impl Drop for Mutex {
    fn drop(&mut self) {
        let start = self.kernel.get() as usize;
        lock_order::gone(&(start..start + size_of::<KMUTEX>()));
    }
}

fn current() -> usize {
    KeGetCurrentThread() as usize
}

/// The mutex is taken while this lives.
pub struct Guard<'a> {
    mutex: &'a Mutex,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.mutex.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions, flags::Flags, sched};

    /// The processing mutex has 100 ms, the others have no limit.
    #[test]
    fn processing_is_short() {
        let watch = Flags { timed: true, ..Flags::default() };
        let machine = Machine::new(MachineOptions { watch, ..MachineOptions::default() });
        for (rule, milliseconds, expected) in [(PROCESSING, 101, 1), (PROCESSING, 99, 0), (CONTROL, 600, 0)] {
            let mutex = Mutex::new(rule);
            let guard = mutex.acquire();
            sched::sleep(milliseconds * 10_000);
            drop(guard);
            let found = violation::take();
            assert_eq!(found.len(), expected);
            assert!(found.iter().all(|found| found.code == 0x82005));
        }
        machine.shutdown();
    }
}
