//! A driver with one pin, which is a sink that can be connected to.

#[path = "../support.rs"]
mod support;

use avstream::{ffi::GUID, *};
use support::*;

struct Sink;

impl PinDispatch for Sink {
    type Filter = TestFilter;

    const PROCESS: Option<callbacks::Process<Self>> = Some(Self::process);
    const INTERSECT: Option<callbacks::Intersect<Self>> = Some(|_, _, _| Err(Error::NO_MATCH));
    const CONNECT: Option<callbacks::Connect<Self>> = Some(Self::connect);
    const DISCONNECT: Option<callbacks::Disconnect<Self>> = Some(|_, _| ());

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

impl Sink {
    fn connect(&self, pin: &Pin<'_, Control>) -> Result {
        pin.connected_pin::<avstream::ffi::IKsControl>().map(drop)
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        let Some(edge) = pin.leading_edge() else { return Processed::Wait };
        let mut first = [0];
        if let Some(source) = edge.source() {
            source.read(0, &mut first);
        }
        edge.finish(1);
        Processed::Continue
    }
}

static NAME: GUID = CATEGORIES[0];

const PINS: &[PinDescriptor<TestFilter>] = &[PinDescriptor::new::<Sink>(DataFlow::In, Communication::Sink)
    .category(&NAME)
    .instances(ANY_NUMBER, 0)
    .flags(PinFlags::PROCESS_IN_RUN_STATE_ONLY)
    .data_ranges(&RANGES)];

const FILTER: FilterDescriptor<TestDevice> = filter(PINS);

struct Loaded;

impl DeviceDispatch for Loaded {
    const FILTERS: &'static [&'static FilterDescriptor<Self>] = &[];

    fn add(_: Device<'_, Self>) -> Result<Self> {
        Ok(Self)
    }
}

avstream::driver!(Loaded);

fn main() {
    let _ = FILTER;
}
