//! A driver broke a rule, and the machine goes on.

use std::fmt::Display;

use serde::Serialize;

use super::{
    machine::{Machine, lock},
    pnp, sched, trace,
};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Virtual time, 100 ns units.
    pub time: u64,
    /// The rule's name ("KsCallbackReturn").
    pub rule: &'static str,
    /// Driver Verifier's number for it (first parameter of bug check 0xC4), 0 if it has none.
    pub code: u32,
    /// What was expected and what happened.
    pub message: String,
    /// The object it happened to.
    pub object: String,
    /// The driver's calls, innermost first: "loopcam.sys+0x1234  symbol+0x10".
    pub stack: Vec<String>,
}

/// Records a broken rule of the calling thread's machine.
pub fn report(rule: &'static str, code: u32, object: impl Display, message: impl Display) {
    let violation = Violation {
        time: sched::now(),
        rule,
        code,
        message: message.to_string(),
        object: object.to_string(),
        stack: pnp::driver_stack(),
    };
    trace::event_with(
        "violation",
        &violation.object,
        &violation.message,
        &[("rule", &rule), ("code", &format_args!("{code:#x}"))],
    );
    lock(&Machine::current().violations).push(violation);
}

/// The violations so far.
pub fn list() -> Vec<Violation> {
    lock(&Machine::current().violations).clone()
}

/// The violations so far; the list is empty afterwards.
pub fn take() -> Vec<Violation> {
    std::mem::take(&mut lock(&Machine::current().violations))
}

/// The rules that a driver breaks which does that in a callback of this kind, on a machine that watches so.
#[cfg(test)]
pub(super) fn broken_by(
    kind: super::callback::CallbackKind,
    watch: super::flags::Flags,
    deed: impl FnOnce(),
) -> Vec<Violation> {
    use super::{
        MachineOptions,
        callback::{Callback, call},
    };
    let machine = Machine::new(MachineOptions { watch, preemption: 0, ..MachineOptions::default() });
    call(Callback { kind, object: &"driver" }, deed);
    let found = take();
    machine.shutdown();
    found
}
