//! Two properties of a set have the same number.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

struct A;

impl Property for A {
    type Filter = TestFilter;
    type Value = u32;

    const ID: u32 = 0;

    fn get(_: &TestFilter) -> Result<u32> {
        Ok(0)
    }
}

struct B;

impl Property for B {
    type Filter = TestFilter;
    type Value = u32;

    const ID: u32 = 0;

    fn get(_: &TestFilter) -> Result<u32> {
        Ok(0)
    }
}

static ITEMS: [PropertyItem<TestFilter>; 2] = [PropertyItem::new::<A>(), PropertyItem::new::<B>()];
const SET: PropertySet<TestFilter> = PropertySet::new(&REFERENCE, &ITEMS);

fn main() {}
