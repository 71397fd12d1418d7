//! Arrivals trigger processing never and always.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] =
    &[pin().flags(PinFlags::DO_NOT_INITIATE_PROCESSING.with(PinFlags::INITIATE_PROCESSING_ON_EVERY_ARRIVAL))];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
