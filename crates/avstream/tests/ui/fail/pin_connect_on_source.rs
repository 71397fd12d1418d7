//! Connect is called on sinks only.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const PROCESS: Option<callbacks::Process<Self>> = Some(|_, _| Processed::Wait);
    const INTERSECT: Option<callbacks::Intersect<Self>> = Some(|_, _, _| Err(Error::NO_MATCH));
    const CONNECT: Option<callbacks::Connect<Self>> = Some(|_, _| Ok(()));
    const DISCONNECT: Option<callbacks::Disconnect<Self>> = Some(|_, _| ());

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

const PINS: &[PinDescriptor<TestFilter>] =
    &[PinDescriptor::new::<BadPin>(DataFlow::In, Communication::Source).data_ranges(&RANGES)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
