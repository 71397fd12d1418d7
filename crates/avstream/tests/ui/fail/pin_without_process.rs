//! Frames arrive and nobody processes them.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const INTERSECT: Option<callbacks::Intersect<Self>> = Some(|_, _, _| Err(Error::NO_MATCH));

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

const PINS: &[PinDescriptor<TestFilter>] =
    &[PinDescriptor::new::<BadPin>(DataFlow::In, Communication::Sink).data_ranges(&RANGES)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
