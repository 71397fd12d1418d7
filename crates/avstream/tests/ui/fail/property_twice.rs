//! Two properties of a set have the same number.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

static ITEMS: [PropertyItem<OfFilter<TestFilter>>; 2] =
    [PropertyItem::new::<Number>(), PropertyItem::new::<Number>()];
const SET: PropertySet<OfFilter<TestFilter>> = PropertySet::new(&REFERENCE, &ITEMS);

fn main() {}
