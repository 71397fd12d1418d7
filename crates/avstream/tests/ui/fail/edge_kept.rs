//! A lock that outlives the callback.

use avstream::{LeadingEdge, Pin, Processing};

fn process<'a>(pin: &mut Pin<'_, Processing>) -> Option<LeadingEdge<'a>> {
    pin.leading_edge()
}

fn main() {}
