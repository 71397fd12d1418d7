//! The event log.

use std::fmt::Display;

use serde::Serialize;

use super::{
    machine::{Machine, lock},
    sched,
    thread::Thread,
};

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

pub(super) struct State {
    enabled: bool,
    events: Vec<Event>,
}

impl State {
    pub fn new(enabled: bool) -> Self {
        Self { enabled, events: Vec::new() }
    }
}

/// Whether events are kept.
pub fn enabled() -> bool {
    Machine::try_current().is_some_and(|machine| machine.options().trace)
}

/// Logs an event.
pub fn event(kind: &'static str, object: impl Display, detail: impl Display) {
    event_with(kind, object, detail, &[]);
}

/// Logs an event with values.
pub fn event_with(
    kind: &'static str,
    object: impl Display,
    detail: impl Display,
    values: &[(&'static str, &dyn Display)],
) {
    if !enabled() {
        return;
    }
    let event = Event {
        time: sched::now(),
        thread: Thread::current().name().to_owned(),
        kind,
        object: object.to_string(),
        detail: detail.to_string(),
        values: values.iter().map(|(name, value)| (*name, value.to_string())).collect(),
    };
    let mut state = lock(&Machine::current().trace);
    if state.enabled {
        state.events.push(event);
    }
}

/// How many events so far are of that sort.
pub fn count(wanted: impl Fn(&Event) -> bool) -> usize {
    lock(&Machine::current().trace).events.iter().filter(|event| wanted(event)).count()
}

/// The events so far.
pub fn events() -> Vec<Event> {
    lock(&Machine::current().trace).events.clone()
}

/// The events so far; the log is empty afterwards.
pub fn take() -> Vec<Event> {
    std::mem::take(&mut lock(&Machine::current().trace).events)
}

/// The last events, for reports.
pub fn last(count: usize) -> Vec<Event> {
    let Some(machine) = Machine::try_current() else { return Vec::new() };
    // A fault may come while the log is being written to.
    let Ok(state) = machine.trace.try_lock() else { return Vec::new() };
    state.events[state.events.len().saturating_sub(count)..].to_vec()
}
