//! The event log as a file: one JSON object a line.

use std::io::{self, Write};

use crate::nt::trace::Event;

/// Writes the events in order.
pub fn write(mut output: impl Write, events: &[Event]) -> io::Result<()> {
    for event in events {
        serde_json::to_writer(&mut output, event)?;
        output.write_all(b"\n")?;
    }
    output.flush()
}
