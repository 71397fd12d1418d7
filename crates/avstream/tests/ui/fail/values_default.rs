//! A property's default is not among its values.

use avstream::Values;

const VALUES: Values = Values::signed(-10, 10, 1, 11);

fn main() {}
