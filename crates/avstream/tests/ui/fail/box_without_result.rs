//! Memory that is there for certain.

use avstream::KBox;

fn allocate() -> KBox<u32> {
    KBox::new(1)
}

fn main() {}
