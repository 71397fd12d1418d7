//! Sizes that differ by nothing.

#[path = "../support.rs"]
mod support;

use avstream::{ffi::*, *};
use support::*;

const fn bad_caps() -> KS_VIDEO_STREAM_CONFIG_CAPS {
    let mut caps = caps();
    caps.OutputGranularityX = 0;
    caps
}

const RANGE: VideoRange = VideoRange::new(guid(3), bad_caps(), picture());

fn main() {}
