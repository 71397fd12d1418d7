//! One emulated computer.

use std::any::Any;

use super::{bugcheck::Stop, sched, thread::Thread};

/// How a machine behaves.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    /// The seed of every choice the scheduler makes.
    pub seed: u64,
    /// A switch point hands the baton over once in so many times; 0 = only when a thread blocks.
    pub preemption: u32,
    /// Whether the time spent in driver code is measured.
    pub measure: bool,
    /// Whether events are kept.
    pub trace: bool,
    /// Called before a fatal stop ends the process; a test may panic in it.
    pub on_stop: Option<fn(&Stop)>,
}

impl Default for MachineOptions {
    fn default() -> Self {
        Self { seed: 1, preemption: 8, measure: false, trace: true, on_stop: None }
    }
}

/// One emulated computer: threads, time, objects, drivers.
pub struct Machine {
    options: MachineOptions,
}

/// A thread of the machine that can be waited for.
pub struct JoinHandle<T>(std::marker::PhantomData<T>);

impl<T> JoinHandle<T> {
    /// Blocks the calling rig thread until the thread has ended, and gives what it returned.
    pub fn join(self) -> T {
        todo!()
    }

    /// Whether the thread has ended.
    pub fn is_done(&self) -> bool {
        todo!()
    }
}

impl Machine {
    /// Builds a machine; the calling thread becomes its first thread, in the user process.
    ///
    /// # Panics
    /// When the calling thread belongs to a machine already.
    pub fn new(options: MachineOptions) -> &'static Self {
        todo!()
    }

    /// The machine of the calling thread.
    ///
    /// # Panics
    /// When the calling thread belongs to no machine.
    pub fn current() -> &'static Self {
        todo!()
    }

    /// The machine of the calling thread, if it belongs to one.
    pub fn try_current() -> Option<&'static Self> {
        todo!()
    }

    /// The options it was made with.
    pub fn options(&self) -> &MachineOptions {
        &self.options
    }

    /// Starts a thread in the caller's process.
    pub fn spawn<T: Send + 'static>(&'static self, name: &str, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        todo!()
    }

    /// Starts a thread in the system process (kernel mode).
    pub fn spawn_kernel<T: Send + 'static>(&'static self, name: &str, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        todo!()
    }

    /// State of an upper layer, made by `Default` at the first call. Only the thread that holds the baton
    /// touches it, so `Cell` and `RefCell` do inside; no borrow may live across a switch point.
    pub fn extension<T: Any + Default>(&self) -> &'static T {
        todo!()
    }

    /// Sets the state of an upper layer before its first use; false when it was in use already.
    pub fn set_extension<T: Any>(&self, value: T) -> bool {
        todo!()
    }

    /// Lets drivers import from another DLL (ks.sys): `lookup(name)`.
    pub fn add_provider(&self, dll: &'static str, lookup: fn(&str) -> Option<super::exports::Import>) {
        todo!()
    }

    /// The next ordinal number of a series of objects ("pin", "file"): object names hold no addresses.
    pub fn ordinal(&self, series: &'static str) -> u64 {
        todo!()
    }

    /// Ends the machine: ends its service threads and detaches the calling thread (its first).
    pub fn shutdown(&'static self) {
        todo!()
    }
}
