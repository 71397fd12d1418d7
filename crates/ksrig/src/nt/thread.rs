//! A thread of the machine: the state that follows it.

use std::{
    cell::{Cell, RefCell},
    sync::{
        OnceLock,
        atomic::{AtomicI32, AtomicU8, Ordering},
    },
};

use ks_sys::*;

use super::{
    bugcheck, callback, machine::Machine, measure::Meter, object, residency, sched::step::Stall,
    seh::Boundary, violation,
};
use crate::pe::{self, stub};

/// The process a thread runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Process {
    /// The system process: kernel mode.
    System,
    /// The client's process: user mode.
    User,
    /// Another program's process: it has handles of its own, and the client's address space.
    Other,
}

/// `KernelMode` in the type that parameters have.
pub const KERNEL_MODE: KPROCESSOR_MODE = _MODE::KernelMode as KPROCESSOR_MODE;
/// `UserMode` in the type that parameters have.
pub const USER_MODE: KPROCESSOR_MODE = _MODE::UserMode as KPROCESSOR_MODE;

/// A thread of the machine. It lives as long as the process.
pub struct Thread {
    id: u32,
    name: String,
    machine: &'static Machine,
    os: OnceLock<std::thread::Thread>,
    irql: AtomicU8,
    apc_disable: AtomicI32,
    process: Cell<Process>,
    mode: Cell<KPROCESSOR_MODE>,
    /// Whether it runs the code of a program of 32 bits.
    narrow: Cell<bool>,
    /// Body of the thread object.
    object: usize,
    /// Names of the mutexes it holds, for the log; upper layers keep it while events are kept.
    pub holds: RefCell<Vec<String>>,
    /// How many mutexes it holds of each level of an upper layer's lock order.
    pub levels: [Cell<u32>; 3],
    pub(super) meter: Meter,
    pub(super) callbacks: RefCell<Vec<callback::Active>>,
    /// How deep in exports the thread is: 0 = in driver code or outside of any call.
    pub(super) exports: Cell<u32>,
    /// The innermost call of an exception handler of the driver.
    pub(super) seh: Cell<*const Boundary>,
    /// How many exceptions are being handled, one inside the other.
    pub(super) exceptions: Cell<u32>,
    /// Whether it is in driver code without the baton.
    pub(super) free: Cell<bool>,
    /// Where it will stop there.
    pub(super) stall: Cell<Stall>,
    /// Where its stack begins and ends.
    stack: Cell<(usize, usize)>,
}

// SAFETY: the cells are touched by the thread itself only.
unsafe impl Sync for Thread {}

thread_local! {
    static CURRENT: Cell<Option<&'static Thread>> = const { Cell::new(None) };
}

impl Thread {
    pub(super) fn new(machine: &'static Machine, id: u32, name: &str, process: Process) -> &'static Self {
        Box::leak(Box::new(Self {
            id,
            name: name.to_owned(),
            machine,
            os: OnceLock::new(),
            irql: AtomicU8::new(PASSIVE_LEVEL as u8),
            apc_disable: AtomicI32::new(0),
            process: Cell::new(process),
            narrow: Cell::new(false),
            mode: Cell::new(if process == Process::System { KERNEL_MODE } else { USER_MODE }),
            object: object::thread_object(machine, name),
            holds: RefCell::default(),
            levels: Default::default(),
            meter: Meter::default(),
            callbacks: RefCell::default(),
            exports: Cell::new(0),
            seh: Cell::new(std::ptr::null()),
            exceptions: Cell::new(0),
            free: Cell::new(false),
            stall: Cell::default(),
            stack: Cell::default(),
        }))
    }

    /// Makes the calling OS thread this thread.
    pub(super) fn attach(&'static self) {
        let _ = self.os.set(std::thread::current());
        CURRENT.set(Some(self));
        let stack = os_stack();
        self.stack.set(stack.unwrap_or((0, usize::MAX)));
        pe::set_stack(stack.unwrap_or_default());
        stub::install_for_thread();
        stub::PerThread::set_current_thread(self.object as u64);
        super::fault::install_for_thread();
    }

    pub(super) fn detach(&self) {
        CURRENT.set(None);
    }

    pub(super) fn set_os(&self, os: std::thread::Thread) {
        let _ = self.os.set(os);
    }

    pub(super) fn unpark(&self) {
        // A thread that has not started yet looks at the baton when it does.
        if let Some(os) = self.os.get() {
            os.unpark();
        }
    }

    /// The calling thread.
    ///
    /// # Panics
    /// When the calling thread belongs to no machine.
    pub fn current() -> &'static Self {
        CURRENT.get().expect("the thread belongs to no machine")
    }

    /// The calling thread, if it belongs to a machine.
    pub fn try_current() -> Option<&'static Self> {
        CURRENT.get()
    }

    /// Its number: 0 is the machine's first.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name, for logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its machine.
    pub fn machine(&self) -> &'static Machine {
        self.machine
    }

    /// Its IRQL.
    pub fn irql(&self) -> KIRQL {
        self.irql.load(Ordering::Relaxed)
    }

    /// Sets its IRQL, and gives the old one.
    pub fn set_irql(&self, irql: KIRQL) -> KIRQL {
        let old = self.irql.swap(irql, Ordering::Relaxed);
        if self.machine.options().watch.force_irql
            && old < DISPATCH_LEVEL as KIRQL
            && irql >= DISPATCH_LEVEL as KIRQL
        {
            residency::arrive(self);
        }
        old
    }

    /// The process it runs in at the moment.
    pub fn process(&self) -> Process {
        self.process.get()
    }

    /// The mode a system service is entered from (`ExGetPreviousMode`).
    pub fn previous_mode(&self) -> KPROCESSOR_MODE {
        self.mode.get()
    }

    /// Whether it runs the code of a program of 32 bits.
    pub fn is_narrow(&self) -> bool {
        self.narrow.get()
    }

    /// How often normal kernel APCs are disabled (`KeEnterCriticalRegion` and owned mutexes).
    pub fn apc_disable(&self) -> i32 {
        self.apc_disable.load(Ordering::Relaxed)
    }

    pub(super) fn add_apc_disable(&self, change: i32) {
        self.apc_disable.fetch_add(change, Ordering::Relaxed);
    }

    /// The lowest address of its stack and the first one above it.
    pub(super) fn stack(&self) -> (usize, usize) {
        self.stack.get()
    }

    /// What `KeGetCurrentThread` gives.
    pub fn kthread(&self) -> PKTHREAD {
        self.object as PKTHREAD
    }

    pub(super) fn with<R>(&self, process: Process, mode: KPROCESSOR_MODE, body: impl FnOnce() -> R) -> R {
        let old = (self.enter(process), self.mode.replace(mode));
        let result = body();
        self.enter(old.0);
        self.mode.set(old.1);
        result
    }

    /// Changes the process; outside of a program's its memory is gone.
    fn enter(&self, process: Process) -> Process {
        let old = self.process.replace(process);
        if old != process && self.machine.options().watch.security {
            residency::arrive(self);
        }
        old
    }
}

/// The stack of the calling OS thread.
fn os_stack() -> Option<(usize, usize)> {
    // SAFETY: the attributes are initialised by the call and given back once; the variables are local.
    unsafe {
        let mut attributes = std::mem::zeroed();
        let (mut base, mut size) = (std::ptr::null_mut(), 0);
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return None;
        }
        libc::pthread_attr_getstack(&raw const attributes, &raw mut base, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        Some((base as usize, base as usize + size))
    }
}

/// Runs `body` in the system process with previous mode KernelMode, as a system thread would.
pub fn as_kernel<R>(body: impl FnOnce() -> R) -> R {
    Thread::current().with(Process::System, KERNEL_MODE, body)
}

/// Runs `body` in the user process with previous mode UserMode.
pub fn as_user<R>(body: impl FnOnce() -> R) -> R {
    Thread::current().with(Process::User, USER_MODE, body)
}

/// Runs `body` in the other program's process with previous mode UserMode.
pub fn as_other<R>(body: impl FnOnce() -> R) -> R {
    Thread::current().with(Process::Other, USER_MODE, body)
}

/// A function whose page asks for the context of a system thread is called.
pub(super) fn check_system(function: &str) {
    let thread = Thread::current();
    if thread.process() != Process::System {
        let message = format!("{function} is called in the context of a program's thread");
        violation::report("SystemThread", 0, thread.name(), message);
    }
}

/// Runs `body` as the code of a program of 32 bits: its requests say so, and hold structures of that size.
pub fn as_narrow<R>(body: impl FnOnce() -> R) -> R {
    let thread = Thread::current();
    let former = thread.narrow.replace(true);
    let result = body();
    thread.narrow.set(former);
    result
}

/// Runs `body` in the same process with previous mode KernelMode: what a `Zw` function does.
pub(super) fn as_kernel_mode<R>(body: impl FnOnce() -> R) -> R {
    let thread = Thread::current();
    thread.with(thread.process(), KERNEL_MODE, body)
}

/// The calling thread's object. Any IRQL.
pub fn KeGetCurrentThread() -> PKTHREAD {
    Thread::current().kthread()
}

/// Disables normal kernel APCs. IRQL <= APC_LEVEL. (`nf-ntddk-keentercriticalregion.md`)
pub fn KeEnterCriticalRegion() {
    check_region(0x11A, "KeEnterCriticalRegion");
    Thread::current().add_apc_disable(1);
}

fn check_region(code: u32, function: &str) {
    let thread = Thread::current();
    if thread.irql() > APC_LEVEL as KIRQL {
        let message = format!("{function} at IRQL {}", thread.irql());
        violation::report("CriticalRegions", code, thread.name(), message);
    }
}

/// Enables normal kernel APCs again; without KeEnterCriticalRegion it is fatal (0xC4/3E).
pub fn KeLeaveCriticalRegion() {
    check_region(0x11B, "KeLeaveCriticalRegion");
    let thread = Thread::current();
    if thread.apc_disable() <= 0 {
        bugcheck::stop(
            ("CriticalRegions", 0xC4, 0x3E),
            "KeLeaveCriticalRegion without KeEnterCriticalRegion",
        );
    }
    thread.add_apc_disable(-1);
}

/// The mode the current system service was entered from.
pub fn ExGetPreviousMode() -> KPROCESSOR_MODE {
    Thread::current().previous_mode()
}
