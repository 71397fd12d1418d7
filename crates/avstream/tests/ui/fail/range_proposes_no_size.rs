//! The preferred picture has no image size.

#[path = "../support.rs"]
mod support;

use avstream::{ffi::*, *};
use support::*;

const fn bad_picture() -> KS_VIDEOINFOHEADER {
    let mut picture = picture();
    picture.bmiHeader.biSizeImage = 0;
    picture
}

const RANGE: VideoRange = VideoRange::new(guid(3), caps(), bad_picture());

fn main() {}
