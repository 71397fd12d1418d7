//! Fatal stops.

use std::{
    fmt::{self, Display},
    io::Write as _,
};

use super::{
    machine::{Machine, lock},
    pnp, sched,
    thread::Thread,
    trace,
};

/// What stopped the machine.
#[derive(Clone, Debug)]
pub struct Stop {
    /// "not emulated", "out of memory", or the rule that was broken.
    pub rule: String,
    /// The bug check that Windows stops with, 0 for what only the rig finds.
    pub bug_check: u32,
    /// The first parameter of that bug check; none where it is an address or says nothing.
    pub code: Option<u32>,
    /// What happened.
    pub message: String,
    /// The driver's calls, innermost first.
    pub stack: Vec<String>,
}

/// Why the machine stops: a rule, with Windows' bug check and the first parameter of it. A name alone is what only the
/// rig knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The rule's name.
    pub rule: &'static str,
    /// The bug check.
    pub bug_check: u32,
    /// Its first parameter; none where that is an address or says nothing.
    pub code: Option<u32>,
}

impl From<(&'static str, u32, u32)> for Cause {
    fn from((rule, bug_check, code): (&'static str, u32, u32)) -> Self {
        Self { rule, bug_check, code: Some(code) }
    }
}

impl From<(&'static str, u32)> for Cause {
    fn from((rule, bug_check): (&'static str, u32)) -> Self {
        Self { rule, bug_check, code: None }
    }
}

impl From<&'static str> for Cause {
    fn from(rule: &'static str) -> Self {
        Self { rule, bug_check: 0, code: None }
    }
}

/// The process's exit code after a fatal stop.
pub const EXIT_CODE: i32 = 70;

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*** STOP: {}", self.rule)?;
        match (self.bug_check, self.code) {
            (0, _) => writeln!(f)?,
            (bug_check, None) => writeln!(f, " (bug check {bug_check:#X})")?,
            (bug_check, Some(code)) => writeln!(f, " (bug check {bug_check:#X}, {code:#X})")?,
        }
        writeln!(f, "    {}", self.message)?;
        if let Some(thread) = Thread::try_current() {
            let (irql, now) = (thread.irql(), sched::now());
            writeln!(f, "    thread {}, IRQL {irql}, time {now} x 100 ns", thread.name())?;
            if let Some(active) = thread.callbacks.try_borrow().ok().filter(|active| !active.is_empty()) {
                let names: Vec<_> =
                    active.iter().map(|active| format!("{} {}", active.name, active.object)).collect();
                writeln!(f, "    in {}", names.join(" > "))?;
            }
        }
        if !self.stack.is_empty() {
            writeln!(f, "    driver call stack:")?;
            for frame in &self.stack {
                writeln!(f, "      {frame}")?;
            }
        }
        let events = trace::last(16);
        if !events.is_empty() {
            writeln!(f, "    last events:")?;
            for event in events {
                writeln!(
                    f,
                    "      {:>12} {} {} {} {}",
                    event.time, event.thread, event.kind, event.object, event.detail
                )?;
            }
        }
        Ok(())
    }
}

/// Prints a readable report (what, rule, driver call stack, last events) and ends the process with
/// [`EXIT_CODE`]. `MachineOptions::on_stop` is called first.
pub fn stop(cause: impl Into<Cause>, message: impl Display) -> ! {
    stop_with(cause, message, pnp::driver_stack())
}

/// The same with a call stack that is known otherwise.
pub(super) fn stop_with(cause: impl Into<Cause>, message: impl Display, stack: Vec<String>) -> ! {
    let Cause { rule, bug_check, code } = cause.into();
    let stop = Stop { rule: rule.to_owned(), bug_check, code, message: message.to_string(), stack };
    if let Some(machine) = Machine::try_current() {
        lock(&machine.stopped).get_or_insert_with(|| stop.clone());
        if let Some(on_stop) = machine.options().on_stop {
            on_stop(&stop);
        }
    }
    eprintln!("{stop}");
    let _ = std::io::stdout().flush();
    // Without destructors: a fault's report is made on the alternate stack, which one of them would unmap.
    // SAFETY: ends the process.
    unsafe { libc::_exit(EXIT_CODE) }
}

/// A call of a function that the real DLL exports and the rig does not emulate.
pub fn not_emulated(name: &str) -> ! {
    let stack = pnp::driver_stack();
    let from = stack.first().map_or_else(String::new, |frame| format!(", called from {frame}"));
    stop_with("not emulated", format_args!("{name}{from}"), stack)
}

/// The driver's own bug check. (`nf-wdm-kebugcheckex.md`)
pub fn KeBugCheckEx(BugCheckCode: u32, P1: usize, P2: usize, P3: usize, P4: usize) -> ! {
    stop(
        ("KeBugCheckEx", BugCheckCode, P1 as u32),
        format_args!("KeBugCheckEx({BugCheckCode:#x}, {P1:#x}, {P2:#x}, {P3:#x}, {P4:#x})"),
    )
}
