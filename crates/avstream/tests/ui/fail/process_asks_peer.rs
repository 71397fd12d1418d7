//! Process asks the connected pin for an interface, which takes its control mutex.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const PROCESS: Option<callbacks::Process<Self>> = Some(|_, pin| {
        let _ = pin.connected_pin::<avstream::ffi::IKsControl>();
        Processed::Wait
    });

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

fn main() {}
