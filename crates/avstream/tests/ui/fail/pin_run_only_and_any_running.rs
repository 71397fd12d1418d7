//! Processing waits for RUN of this pin, and of any.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] =
    &[pin().flags(PinFlags::PROCESS_IN_RUN_STATE_ONLY.with(PinFlags::PROCESS_IF_ANY_IN_RUN_STATE))];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
