//! A slice of memory that a user process may change.

use avstream::{Pin, Processing};

fn process(pin: &mut Pin<'_, Processing>) {
    if let Some(edge) = pin.leading_edge() {
        let bytes: Option<&[u8]> = edge.source();
        drop(bytes);
    }
}

fn main() {}
