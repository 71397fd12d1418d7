//! More instances are necessary than possible.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] = &[pin().instances(1, 2)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
