//! Connect processes frames, for which the processing mutex is needed.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const CONNECT: Option<callbacks::Connect<Self>> = Some(|_, pin| {
        let _ = pin.leading_edge();
        Ok(())
    });

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

fn main() {}
