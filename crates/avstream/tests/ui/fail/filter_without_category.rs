//! A filter that nobody finds.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] = &[pin()];
const FILTER: FilterDescriptor<TestDevice> = FilterDescriptor::new::<TestFilter>(&REFERENCE, &[], PINS);

fn main() {}
