//! Two work queues at once.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] =
    &[pin().flags(PinFlags::CRITICAL_PROCESSING.with(PinFlags::HYPERCRITICAL_PROCESSING))];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
