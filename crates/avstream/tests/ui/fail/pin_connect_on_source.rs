//! Connect is called on sinks only.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const PROCESS: Option<fn(&Self, &mut Pin<'_, Processing>) -> Processed> = Some(|_, _| Processed::Wait);
    const INTERSECT: Option<fn(DataRange<'_>, DataRange<'_>) -> Result<VideoFormat>> = Some(|_, _| Err(Error::NO_MATCH));
    const CONNECT: Option<fn(&Self, &Pin<'_, Control>) -> Result> = Some(|_, _| Ok(()));
    const DISCONNECT: Option<fn(&Self, &Pin<'_, Control>)> = Some(|_, _| ());

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

const PINS: &[PinDescriptor<TestFilter>] =
    &[PinDescriptor::new::<BadPin>(DataFlow::In, Communication::Source).data_ranges(&RANGES)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
