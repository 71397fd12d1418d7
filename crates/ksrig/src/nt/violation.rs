//! A driver broke a rule, and the machine goes on.

use std::fmt::Display;

use serde::Serialize;

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
    /// The driver's calls, innermost first: "loopcam.sys+0x1234 (symbol)".
    pub stack: Vec<String>,
}

/// Records a broken rule of the calling thread's machine.
pub fn report(rule: &'static str, code: u32, object: impl Display, message: impl Display) {
    todo!()
}

/// The violations so far.
pub fn list() -> Vec<Violation> {
    todo!()
}

/// The violations so far; the list is empty afterwards.
pub fn take() -> Vec<Violation> {
    todo!()
}
