//! The event log.

use std::fmt::Display;

use serde::Serialize;

/// One line of the log. Objects have names, never addresses: the same seed gives the same log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Virtual time, 100 ns units.
    pub time: u64,
    /// The thread's name.
    pub thread: String,
    /// What happened: "irp", "callback", "state", ...
    pub kind: &'static str,
    /// To which object.
    pub object: String,
    /// The rest, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The rest, for programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(&'static str, String)>,
}

/// Whether events are kept.
pub fn enabled() -> bool {
    todo!()
}

/// Logs an event.
pub fn event(kind: &'static str, object: impl Display, detail: impl Display) {
    todo!()
}

/// Logs an event with values.
pub fn event_with(kind: &'static str, object: impl Display, detail: impl Display, values: &[(&'static str, &dyn Display)]) {
    todo!()
}

/// The events so far.
pub fn events() -> Vec<Event> {
    todo!()
}

/// The events so far; the log is empty afterwards.
pub fn take() -> Vec<Event> {
    todo!()
}
