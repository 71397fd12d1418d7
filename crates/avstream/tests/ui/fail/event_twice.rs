//! Two events of a set have the same number.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const SET: EventSet<OfFilter<TestFilter>> =
    EventSet::new(&REFERENCE, &[EventItem::new(0), EventItem::new(0)]);

fn main() {}
