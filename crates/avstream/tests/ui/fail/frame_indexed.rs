//! A byte of memory that a user process may change, as if it stayed what it is.

use avstream::{Pin, Processing};

fn process(pin: &mut Pin<'_, Processing>) {
    if let Some(mut edge) = pin.leading_edge()
        && let Some(mut sink) = edge.sink()
    {
        sink[0] = 1;
    }
}

fn main() {}
