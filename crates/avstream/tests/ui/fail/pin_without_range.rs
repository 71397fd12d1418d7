//! A pin that can handle nothing.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const PINS: &[PinDescriptor<TestFilter>] =
    &[PinDescriptor::new::<TestPin>(DataFlow::Out, Communication::Sink)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
