//! A thread of the machine.

use ks_sys::*;

/// The process a thread runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// The system process: kernel mode.
    System,
    /// The client's process: user mode.
    User,
}

/// A thread of the machine; its per-thread state.
pub struct Thread {
    name: String,
}

impl Thread {
    /// The calling thread.
    pub fn current() -> &'static Self {
        todo!()
    }

    /// Its number: 0 is the machine's first.
    pub fn id(&self) -> u32 {
        todo!()
    }

    /// Its name, for logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its IRQL.
    pub fn irql(&self) -> KIRQL {
        todo!()
    }

    /// Sets its IRQL, and gives the old one.
    pub fn set_irql(&self, irql: KIRQL) -> KIRQL {
        todo!()
    }

    /// The process it runs in at the moment.
    pub fn process(&self) -> Process {
        todo!()
    }

    /// The mode a system service is entered from (`ExGetPreviousMode`).
    pub fn previous_mode(&self) -> KPROCESSOR_MODE {
        todo!()
    }

    /// How often normal kernel APCs are disabled (`KeEnterCriticalRegion` and owned mutexes).
    pub fn apc_disable(&self) -> u32 {
        todo!()
    }

    /// What `KeGetCurrentThread` gives.
    pub fn kthread(&self) -> PKTHREAD {
        todo!()
    }
}

/// Runs `body` in the system process with previous mode KernelMode, as a system thread would.
pub fn as_kernel<R>(body: impl FnOnce() -> R) -> R {
    todo!()
}

/// Runs `body` in the user process with previous mode UserMode.
pub fn as_user<R>(body: impl FnOnce() -> R) -> R {
    todo!()
}

/// `PsGetCurrentThread`/`KeGetCurrentThread`.
pub fn KeGetCurrentThread() -> PKTHREAD {
    todo!()
}

/// Disables normal kernel APCs. IRQL <= APC_LEVEL. (`nf-ntddk-keentercriticalregion.md`)
pub fn KeEnterCriticalRegion() {
    todo!()
}

/// Enables normal kernel APCs again.
pub fn KeLeaveCriticalRegion() {
    todo!()
}

/// The mode the current system service was entered from.
pub fn ExGetPreviousMode() -> KPROCESSOR_MODE {
    todo!()
}
