//! SetDeviceState without the states.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const SET_STATE: Option<callbacks::SetState<Self>> = Some(|_, _| Ok(()));

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

fn main() {}
