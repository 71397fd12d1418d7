//! Reading the event log.

use ksrig::nt::trace::Event;

/// The callbacks in the order of their calls: (what, on which object).
pub fn callbacks(events: &[Event]) -> Vec<(&str, &str)> {
    let calls = events.iter().filter(|event| event.kind == "callback");
    calls.map(|event| (event.detail.as_str(), event.object.as_str())).collect()
}

/// The callbacks of one kind.
pub fn calls_of<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.kind == "callback" && event.detail == name).collect()
}

/// How often a callback was called.
pub fn count(events: &[Event], name: &str) -> usize {
    calls_of(events, name).len()
}

/// The place of the first callback of a kind on an object.
///
/// # Panics
/// When there is none.
pub fn position(events: &[Event], name: &str, object: &str) -> usize {
    let callbacks = callbacks(events);
    let found = callbacks.iter().position(|callback| *callback == (name, object));
    found.unwrap_or_else(|| panic!("no {name} on {object} in {callbacks:?}"))
}

/// A value of an event.
pub fn value<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.values.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}
