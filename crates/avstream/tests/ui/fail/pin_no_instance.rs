//! A pin that cannot be.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] = &[pin().instances(0, 0)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
