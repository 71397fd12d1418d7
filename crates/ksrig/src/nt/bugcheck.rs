//! Fatal stops.

use std::fmt::Display;

/// What stopped the machine.
#[derive(Clone, Debug)]
pub struct Stop {
    /// What: "not emulated", "access violation", "deadlock", or the rule's name.
    pub rule: String,
    /// What happened.
    pub message: String,
    /// The driver's calls, innermost first.
    pub stack: Vec<String>,
}

/// The process's exit code after a fatal stop.
pub const EXIT_CODE: i32 = 70;

/// Prints a readable report (what, rule, driver call stack, last events) and ends the process with
/// [`EXIT_CODE`]. `MachineOptions::on_stop` is called first.
pub fn stop(rule: impl Display, message: impl Display) -> ! {
    todo!()
}

/// A call of a function that the real DLL exports and the rig does not emulate.
pub fn not_emulated(name: &str) -> ! {
    todo!()
}
