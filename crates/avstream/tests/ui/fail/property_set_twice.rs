//! A filter has a set of properties twice: the second would never be found.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

static ITEMS: [PropertyItem<OfFilter<Twice>>; 1] = [PropertyItem::new::<NumberOf<Twice>>()];

struct Twice;

impl FilterDispatch for Twice {
    type Device = TestDevice;

    const PROPERTIES: &'static [PropertySet<OfFilter<Self>>] =
        &[PropertySet::new(&REFERENCE, &ITEMS), PropertySet::new(&REFERENCE, &ITEMS)];

    fn create(_: &Filter<'_, Control>, _: &TestDevice) -> Result<Self> {
        Ok(Self)
    }
}

struct Output;

impl PinDispatch for Output {
    type Filter = Twice;

    const PROCESS: Option<callbacks::Process<Self>> = Some(|_, _| Processed::Wait);
    const INTERSECT: Option<callbacks::Intersect<Self>> = Some(|_, _, _| Err(Error::NO_MATCH));

    fn create(_: &Pin<'_, Control>, _: &Twice) -> Result<Self> {
        Ok(Self)
    }
}

const PINS: &[PinDescriptor<Twice>] =
    &[PinDescriptor::new::<Output>(DataFlow::Out, Communication::Sink).data_ranges(&RANGES)];

const FILTER: FilterDescriptor<TestDevice> = FilterDescriptor::new::<Twice>(&REFERENCE, &CATEGORIES, PINS);

fn main() {}
