//! Where a picture of one size goes in a picture of another.

use crate::format::Geometry;

/// A part of a picture. All of it is even, so that it has its own chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its first pixel.
    pub x: u32,
    /// Its first row.
    pub y: u32,
    /// Its pixels in a row.
    pub width: u32,
    /// Its rows.
    pub height: u32,
}

/// The largest area of `to`, in its middle, that has the shape of `from`, to the nearest even number. Pixels are taken for
/// square. What is left, above and below or at the sides, is black.
#[must_use]
pub const fn fit(from: Geometry, to: Geometry) -> Area {
    let (width, height) = (to.width(), to.height());
    // What each side would be if the other one filled the picture.
    let wide = scaled(height, from.width(), from.height());
    let high = scaled(width, from.height(), from.width());
    let (width, height) =
        if wide < width { (wide, height) } else { (width, if high < height { high } else { height }) };
    Area { x: (to.width() - width) / 4 * 2, y: (to.height() - height) / 4 * 2, width, height }
}

/// `length` times a ratio, to the nearest even number, and at least 2.
const fn scaled(length: u32, numerator: u32, denominator: u32) -> u32 {
    let half = match (length * numerator + denominator).checked_div(2 * denominator) {
        Some(half) => half,
        None => 0,
    };
    if half == 0 { 2 } else { 2 * half }
}
