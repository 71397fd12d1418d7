//! Connect answers STATUS_PENDING.

#[path = "../support.rs"]
mod support;

use avstream::{
    ffi::{NTSTATUS, STATUS_PENDING},
    *,
};
use support::*;

struct BadPin;

impl PinDispatch for BadPin {
    type Filter = TestFilter;

    const CONNECT: Option<callbacks::Connect<Self>> = Some(Self::connect);

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

impl BadPin {
    fn connect(&self, _: &Pin<'_, Control>) -> NTSTATUS {
        STATUS_PENDING
    }
}

fn main() {}
