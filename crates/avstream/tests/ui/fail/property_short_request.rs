//! A request for a property that is too short to be one.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct A;

impl Property for A {
    type Owner = OfFilter<TestFilter>;
    type Request = u64;
    type Value = u32;

    const ID: u32 = 0;
    const GET: Option<callbacks::Get<Self>> = Some(|_, _| Ok(0));
}

const ITEM: PropertyItem<OfFilter<TestFilter>> = PropertyItem::new::<A>();

fn main() {}
