//! A property that tells a client an address of the kernel.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct A;

impl Property for A {
    type Filter = TestFilter;
    type Value = &'static u8;

    const ID: u32 = 0;

    fn get(_: &TestFilter) -> Result<&'static u8> {
        Ok(&0)
    }
}

fn main() {}
