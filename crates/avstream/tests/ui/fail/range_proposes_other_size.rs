//! The preferred picture is not in the range.

#[path = "../support.rs"]
mod support;

use avstream::{ffi::*, *};
use support::*;

const fn bad_picture() -> KS_VIDEOINFOHEADER {
    let mut picture = picture();
    picture.bmiHeader.biWidth = 1920;
    picture
}

const RANGE: VideoRange = VideoRange::new(guid(3), caps(), bad_picture());

fn main() {}
