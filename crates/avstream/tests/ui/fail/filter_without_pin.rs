//! A filter for nothing.

#[path = "../support.rs"]
mod support;

use avstream::*;
use support::*;

const FILTER: FilterDescriptor<TestDevice> = filter(&[]);

fn main() {}
