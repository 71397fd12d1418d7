//! Two work queues at once.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] = &[pin()];
const FILTER: FilterDescriptor<TestDevice> =
    filter(PINS).flags(FilterFlags::CRITICAL_PROCESSING.with(FilterFlags::HYPERCRITICAL_PROCESSING));

fn main() {}
