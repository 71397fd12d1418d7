//! A splitter into which data flows.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] =
    &[PinDescriptor::new::<TestPin>(DataFlow::In, Communication::Sink)
        .data_ranges(&RANGES)
        .flags(PinFlags::SPLITTER)
        .instances(2, 0)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
