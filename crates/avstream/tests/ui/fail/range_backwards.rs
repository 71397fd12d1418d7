//! The smallest picture is larger than the largest.

#[path = "../support.rs"]
mod support;

use avstream::{ffi::*, *};
use support::*;

const fn bad_caps() -> KS_VIDEO_STREAM_CONFIG_CAPS {
    let mut caps = caps();
    caps.MinOutputSize.cy = 1000;
    caps
}

const RANGE: VideoRange = VideoRange::new(guid(3), bad_caps(), picture());

fn main() {}
