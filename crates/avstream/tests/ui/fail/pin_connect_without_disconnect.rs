//! What Connect does nobody undoes.

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

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

const PINS: &[PinDescriptor<TestFilter>] =
    &[PinDescriptor::new::<BadPin>(DataFlow::In, Communication::Sink).data_ranges(&RANGES)];
const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

fn main() {}
