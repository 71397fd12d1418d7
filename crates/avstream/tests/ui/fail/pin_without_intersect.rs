//! Nobody answers for the ranges.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const PROCESS: Option<callbacks::Process<Self>> = Some(|_, _| Processed::Wait);

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

const PINS: &[PinDescriptor<TestFilter>] =
    &[PinDescriptor::new::<BadPin>(DataFlow::In, Communication::Sink).data_ranges(&RANGES)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
