//! A property that tells a client an address of the kernel.

#[path = "../support.rs"]
mod support;

use avstream::{ffi::KSPROPERTY, *};
use support::*;

struct A;

impl Property for A {
    type Owner = OfFilter<TestFilter>;
    type Request = KSPROPERTY;
    type Value = &'static u8;

    const ID: u32 = 0;
}

fn main() {}
