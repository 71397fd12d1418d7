//! The smallest frame is larger than the largest.

use avstream::Framing;

const FRAMING: Framing = Framing::new(2, 1024, 512);

fn main() {}
