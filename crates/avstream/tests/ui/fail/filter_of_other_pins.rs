//! A filter with the pins of another.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct OtherFilter;

impl FilterDispatch for OtherFilter {
    type Device = TestDevice;

    fn create(_: &Filter<'_, Control>, _: &TestDevice) -> Result<Self> {
        Ok(Self)
    }
}

const PINS: &[PinDescriptor<TestFilter>] = &[pin()];
const FILTER: FilterDescriptor<TestDevice> =
    FilterDescriptor::new::<OtherFilter>(&REFERENCE, &CATEGORIES, PINS);

fn main() {}
