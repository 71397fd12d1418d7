//! A property of pins among those of a filter: it would take the filter for a pin.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const ITEM: PropertyItem<OfPin<TestPin>> = PropertyItem::new::<Number>();

fn main() {}
