//! The steps of a property's values miss the greatest.

use avstream::Values;

const VALUES: Values = Values::unsigned(0, 10, 3, 0);

fn main() {}
