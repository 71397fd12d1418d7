//! The frame is unlocked twice.

use avstream::{Pin, Processing};

fn process(pin: &mut Pin<'_, Processing>) {
    if let Some(edge) = pin.leading_edge() {
        edge.finish(1);
        edge.finish(1);
    }
}

fn main() {}
