//! One emulated computer.

use std::{
    any::{Any, TypeId},
    cell::Cell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use super::{
    bugcheck::Stop,
    dispatcher, dpc,
    flags::Flags,
    handle, io, lock_order, measure, object, pnp, pool, remove_lock, residency,
    sched::Scheduler,
    spinlock,
    thread::{Process, Thread},
    timer, trace, user, violation, work,
};
use crate::pe::Import;

/// How a machine behaves.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    /// The seed of every choice the scheduler makes.
    pub seed: u64,
    /// A switch point hands the baton over once in so many times; 0 = only when a thread blocks.
    pub preemption: u32,
    /// Whether driver code runs on all threads at the same time, with stops in the middle of it: then the same seed does
    /// not give the same run. Memory cannot be taken away from one thread, so `force_irql` and `security` watch nothing.
    pub free: bool,
    /// Whether the time spent in driver code is measured.
    pub measure: bool,
    /// Whether events are kept.
    pub trace: bool,
    /// What is watched beside the rules that cost nothing.
    pub watch: Flags,
    /// Called by the machine's first thread when it begins.
    pub on_start: Option<fn(&'static Machine)>,
    /// Called before a fatal stop ends the process; a test may panic in it.
    pub on_stop: Option<fn(&Stop)>,
}

impl Default for MachineOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            preemption: 8,
            free: false,
            measure: false,
            trace: true,
            watch: Flags::default(),
            on_start: None,
            on_stop: None,
        }
    }
}

/// The exports of a DLL that an upper layer plays: import by name.
pub type Provider = fn(&str) -> Option<Import>;

/// One emulated computer: threads, time, objects, drivers.
///
/// It lives as long as the process (a few kilobytes); [`Machine::shutdown`] ends its threads.
pub struct Machine {
    options: MachineOptions,
    extensions: Mutex<BTreeMap<TypeId, &'static (dyn Any + Send)>>,
    ordinals: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) providers: Mutex<Vec<(&'static str, Provider)>>,
    pub(super) scheduler: Scheduler,
    pub(super) trace: Mutex<trace::State>,
    pub(super) violations: Mutex<Vec<violation::Violation>>,
    pub(super) stopped: Mutex<Option<Stop>>,
    pub(super) measure: Mutex<measure::State>,
    pub(super) waits: Mutex<dispatcher::Waits>,
    pub(super) locks: Mutex<spinlock::Locks>,
    pub(super) timers: Mutex<timer::Timers>,
    pub(super) dpcs: Mutex<dpc::Queue>,
    pub(super) work: Mutex<work::Queue>,
    pub(super) pool: Mutex<pool::Pool>,
    pub(super) objects: Mutex<object::Objects>,
    pub(super) handles: Mutex<handle::Handles>,
    pub(super) irps: Mutex<io::irp::Irps>,
    pub(super) interfaces: Mutex<io::interface::Interfaces>,
    pub(super) mdls: Mutex<io::mdl::Mdls>,
    pub(super) pnp: Mutex<pnp::State>,
    pub(super) code: pnp::Code,
    pub(super) user: Mutex<user::Arena>,
    pub(super) lock_order: Mutex<lock_order::State>,
    pub(super) remove_locks: Mutex<remove_lock::Tags>,
    pub(super) areas: Mutex<residency::Areas>,
    pub(super) injects: AtomicBool,
}

// SAFETY: the queues hold pointers of the emulated kernel's memory, which only the thread that holds the
// baton follows, and it alone asks the scheduler for a random number; everything else is locked or atomic.
unsafe impl Sync for Machine {}

thread_local! {
    static CURRENT: Cell<Option<&'static Machine>> = const { Cell::new(None) };
}

/// Locks; a panic of another thread while it held the lock does not matter (the machine has stopped then).
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value that only the thread with the baton touches.
struct Baton<T>(T);

// SAFETY: the baton serialises all access, and its hand-over orders memory.
unsafe impl<T> Send for Baton<T> {}

impl Machine {
    /// Builds a machine; the calling thread becomes its first thread, in the user process.
    ///
    /// # Panics
    /// When the calling thread belongs to a machine already.
    pub fn new(mut options: MachineOptions) -> &'static Self {
        assert!(CURRENT.get().is_none(), "the thread belongs to a machine already");
        if options.free {
            (options.watch.force_irql, options.watch.security) = (false, false);
        }
        super::fault::install();
        super::coverage::record_by_environment();
        let machine: &'static Self = Box::leak(Box::new(Self {
            scheduler: Scheduler::new(options.seed, options.preemption, options.free),
            trace: Mutex::new(trace::State::new(options.trace)),
            options,
            extensions: Mutex::default(),
            ordinals: Mutex::default(),
            providers: Mutex::default(),
            violations: Mutex::default(),
            stopped: Mutex::default(),
            measure: Mutex::default(),
            waits: Mutex::default(),
            locks: Mutex::default(),
            timers: Mutex::default(),
            dpcs: Mutex::default(),
            work: Mutex::default(),
            pool: Mutex::default(),
            objects: Mutex::default(),
            handles: Mutex::default(),
            irps: Mutex::default(),
            interfaces: Mutex::default(),
            mdls: Mutex::default(),
            pnp: Mutex::default(),
            code: pnp::Code::default(),
            user: Mutex::default(),
            lock_order: Mutex::default(),
            remove_locks: Mutex::default(),
            areas: Mutex::default(),
            injects: AtomicBool::new(false),
        }));
        machine.attach(machine.scheduler.add(machine, "main", Process::User));
        machine.scheduler.start();
        if let Some(on_start) = machine.options.on_start {
            on_start(machine);
        }
        machine
    }

    /// Makes the calling OS thread a thread of the machine.
    fn attach(&'static self, thread: &'static Thread) {
        CURRENT.set(Some(self));
        thread.attach();
    }

    /// The machine of the calling thread.
    ///
    /// # Panics
    /// When the calling thread belongs to no machine.
    pub fn current() -> &'static Self {
        CURRENT.get().expect("the thread belongs to no machine")
    }

    /// The machine of the calling thread, if it belongs to one.
    pub fn try_current() -> Option<&'static Self> {
        CURRENT.get()
    }

    /// The options it was made with.
    pub fn options(&self) -> &MachineOptions {
        &self.options
    }

    /// Starts a thread in the caller's process.
    pub fn spawn<T: Send + 'static>(
        &'static self,
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.spawn_in(Thread::current().process(), name, body)
    }

    /// Starts a thread in the system process (kernel mode).
    pub fn spawn_kernel<T: Send + 'static>(
        &'static self,
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.spawn_in(Process::System, name, body)
    }

    fn spawn_in<T: Send + 'static>(
        &'static self,
        process: Process,
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let thread = self.scheduler.add(self, name, process);
        let outcome = Arc::new(Mutex::new(None));
        let result = Arc::clone(&outcome);
        let run = move || {
            self.attach(thread);
            self.scheduler.wait_for_baton(thread);
            let value = catch_unwind(AssertUnwindSafe(body));
            lock_order::thread_ends(thread);
            *lock(&result) = Some(value);
            self.scheduler.finish(thread);
            thread.detach();
            CURRENT.set(None);
        };
        let handle =
            std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("the system gives a thread");
        thread.set_os(handle.thread().clone());
        JoinHandle { machine: self, thread, outcome, handle }
    }

    /// State of an upper layer, made by `Default` at the first call. Only the thread that holds the baton
    /// touches it, so `Cell` and `RefCell` do inside; no borrow may live across a switch point.
    pub fn extension<T: Any + Default>(&self) -> &'static T {
        if let Some(value) = self.find_extension() {
            return value;
        }
        self.set_extension(T::default());
        self.find_extension().expect("was set just now")
    }

    fn find_extension<T: Any>(&self) -> Option<&'static T> {
        let value: &'static dyn Any = *lock(&self.extensions).get(&TypeId::of::<T>())?;
        value.downcast_ref::<Baton<T>>().map(|baton| &baton.0)
    }

    /// Sets the state of an upper layer before its first use; false when it was in use already.
    pub fn set_extension<T: Any>(&self, value: T) -> bool {
        let mut extensions = lock(&self.extensions);
        let free = !extensions.contains_key(&TypeId::of::<T>());
        if free {
            extensions.insert(TypeId::of::<T>(), Box::leak(Box::new(Baton(value))));
        }
        free
    }

    /// Lets drivers import from another DLL (ks.sys): `lookup(name)`.
    pub fn add_provider(&self, dll: &'static str, lookup: Provider) {
        lock(&self.providers).push((dll, lookup));
    }

    /// The next ordinal number (1, 2, ...) of a series of objects ("pin", "file"): object names hold no
    /// addresses.
    pub fn ordinal(&self, series: &'static str) -> u64 {
        let mut ordinals = lock(&self.ordinals);
        let last = ordinals.entry(series).or_insert(0);
        *last += 1;
        *last
    }

    /// Whether the machine is ending: service threads leave.
    pub(super) fn ending(&self) -> bool {
        self.scheduler.ending()
    }

    /// Ends the machine: ends its service threads and detaches the calling thread (its first).
    ///
    /// # Panics
    /// When the calling thread is not its first.
    pub fn shutdown(&'static self) {
        assert_eq!(Thread::current().id(), 0, "the first thread ends the machine");
        self.scheduler.end_services();
        lock(&self.user).release();
        pool::release(&mut lock(&self.pool));
        Thread::current().detach();
        CURRENT.set(None);
    }

    /// A thread has got the baton. Panics if the machine has stopped: a thread that another one's stop woke up goes no
    /// further.
    pub(super) fn check_stopped(&self) {
        if let Some(stop) = lock(&self.stopped).as_ref() {
            panic!("the machine has stopped: {}: {}", stop.rule, stop.message);
        }
        residency::arrive(Thread::current());
    }
}

/// A thread of the machine that can be waited for.
pub struct JoinHandle<T> {
    machine: &'static Machine,
    thread: &'static Thread,
    outcome: Arc<Mutex<Option<std::thread::Result<T>>>>,
    handle: std::thread::JoinHandle<()>,
}

impl<T> JoinHandle<T> {
    /// Blocks the calling rig thread until the thread has ended, and gives what it returned. Its panic
    /// goes on here.
    pub fn join(self) -> T {
        while !self.is_done() {
            self.machine.scheduler.join(self.thread);
        }
        let _ = self.handle.join();
        let value = lock(&self.outcome).take().expect("the thread has left its outcome");
        value.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Whether the thread has ended.
    pub fn is_done(&self) -> bool {
        lock(&self.outcome).is_some()
    }

    /// The thread's number.
    pub fn id(&self) -> u32 {
        self.thread.id()
    }
}

/// Starts a service thread of the machine (DPCs, work items), which ends with it.
pub(super) fn service(machine: &'static Machine, name: &'static str, body: fn()) -> &'static Thread {
    let handle = machine.spawn_in(Process::System, name, body);
    machine.scheduler.set_service(handle.thread);
    handle.thread
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::nt::sched;

    /// An extension is made once per machine, is found again, and is another one in another machine.
    #[test]
    fn extension_is_per_machine() {
        let first = Machine::new(MachineOptions::default());
        first.extension::<Cell<u32>>().set(7);
        assert_eq!(first.extension::<Cell<u32>>().get(), 7);
        assert!(!first.set_extension(Cell::new(8_u32)));
        first.shutdown();
        let second = Machine::new(MachineOptions::default());
        assert!(second.set_extension(Cell::new(9_u32)));
        assert_eq!(second.extension::<Cell<u32>>().get(), 9);
        second.shutdown();
    }

    /// A thread's value comes back from `join`, and ordinals count up per series.
    #[test]
    fn threads_and_ordinals() {
        let machine = Machine::new(MachineOptions::default());
        let thread = machine.spawn("worker", || sched::now() + 5);
        assert_eq!(thread.join(), 5);
        assert_eq!((machine.ordinal("a"), machine.ordinal("a"), machine.ordinal("b")), (1, 2, 1));
        machine.shutdown();
    }
}
