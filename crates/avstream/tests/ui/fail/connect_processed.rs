//! Connect answers what Process answers.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const CONNECT: Option<callbacks::Connect<Self>> = Some(|_, _| Processed::Wait);

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

fn main() {}
