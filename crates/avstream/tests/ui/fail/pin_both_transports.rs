//! There is a queue, and there is none.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] =
    &[pin().flags(PinFlags::USE_STANDARD_TRANSPORT.with(PinFlags::DO_NOT_USE_STANDARD_TRANSPORT))];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
