//! A clone that outlives the callback.

use avstream::{FrameClone, Pin, Processing};

fn process<'a>(pin: &mut Pin<'_, Processing>) -> Option<FrameClone<'a>> {
    pin.leading_edge()?.try_clone().ok()
}

fn main() {}
