//! A frame is written after it was given back.

use avstream::{Pin, Processing};

fn process(pin: &mut Pin<'_, Processing>) {
    if let Some(mut edge) = pin.leading_edge() {
        let sink = edge.sink();
        edge.finish(1);
        drop(sink);
    }
}

fn main() {}
