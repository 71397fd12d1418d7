//! A pin that would like to have no frame.

use avstream::Framing;

const FRAMING: Framing = Framing::new(0, 0, 1024);

fn main() {}
