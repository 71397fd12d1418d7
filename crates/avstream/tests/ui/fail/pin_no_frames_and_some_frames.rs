//! Frames are not required, and some are.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] = &[pin()
    .flags(PinFlags::FRAMES_NOT_REQUIRED_FOR_PROCESSING.with(PinFlags::SOME_FRAMES_REQUIRED_FOR_PROCESSING))];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
