//! A property that can neither be read nor written.

#[path = "../support.rs"]
mod support;

use avstream::{ffi::KSPROPERTY, *};
use support::*;

struct A;

impl Property for A {
    type Owner = OfFilter<TestFilter>;
    type Request = KSPROPERTY;
    type Value = u32;

    const ID: u32 = 0;
}

const ITEM: PropertyItem<OfFilter<TestFilter>> = PropertyItem::new::<A>();

fn main() {}
