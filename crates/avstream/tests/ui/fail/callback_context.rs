//! A callback for another kind of pin's context.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const DISCONNECT: Option<callbacks::Disconnect<Self>> = Some(disconnect);

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

fn disconnect(_: &TestPin, _: &Pin<'_, Control>) {}

fn main() {}
