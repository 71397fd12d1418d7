//! A splitter without anything to split to.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] = &[pin().flags(PinFlags::SPLITTER).instances(1, 0)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
