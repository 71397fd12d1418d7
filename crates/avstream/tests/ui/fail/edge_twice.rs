//! Two guards of one lock.

use avstream::{Pin, Processing};

fn process(pin: &mut Pin<'_, Processing>) {
    let first = pin.leading_edge();
    let second = pin.leading_edge();
    drop(first);
    drop(second);
}

fn main() {}
