//! What a source inside the kernel tells the camera beyond what KS has words for: loopcam's own interface.
//!
//! A filter provides it ([`avstream::Provide`]); *Input* asks for it when a pin of that filter connects. An ordinary
//! source does not have it, and need not.

use avstream::{
    Facts,
    ffi::{GUID, guid},
};
use video::{Format, Matrix, Range};

use crate::formats::Stream;

avstream::plain! {
    /// A source. All zero where nothing is known.
    pub struct SourceInfo {
        /// The time from one picture to the next, in 100 ns.
        pub interval: i64,
        /// How pixels are written down, as in `biCompression`.
        pub fourcc: u32,
        /// The bits of a pixel, as in `biBitCount`.
        pub bits: u32,
        /// Pixels in a row.
        pub width: u32,
        /// Rows.
        pub height: u32,
        /// How colours become Y, Cb and Cr, and what luma white is: one of the `COLOUR_` constants. RGB has none.
        pub colour: u32,
        /// Not zero: it shows what is written into a loopback camera, and would be written there by itself.
        pub is_loopback: u32,
        /// What people call it: UTF-16, the rest zeros.
        pub name: [u16; 28],
    }
}

/// ITU-R BT.601, limited range.
const COLOUR_BT601_LIMITED: u32 = 1;
/// ITU-R BT.601, full range.
const COLOUR_BT601_FULL: u32 = 2;
/// ITU-R BT.709, limited range.
const COLOUR_BT709_LIMITED: u32 = 3;
/// ITU-R BT.709, full range.
const COLOUR_BT709_FULL: u32 = 4;

const fn colour(format: Format) -> u32 {
    if format.pixel.is_rgb() {
        return 0;
    }
    match (format.encoding().matrix, format.encoding().range) {
        (Matrix::Bt601, Range::Limited) => COLOUR_BT601_LIMITED,
        (Matrix::Bt601, Range::Full) => COLOUR_BT601_FULL,
        (Matrix::Bt709, Range::Limited) => COLOUR_BT709_LIMITED,
        (Matrix::Bt709, Range::Full) => COLOUR_BT709_FULL,
    }
}

impl Facts for SourceInfo {
    const ID: GUID = guid(0x7B1D_94E6_3A08_4C52_9F27_E0C4_6D85_1BA3);
}

impl SourceInfo {
    /// A source of such pictures; `None` if that is not known yet.
    pub fn new(stream: Option<Stream>, name: &str) -> Self {
        let mut text = [0; 28];
        // The last stays zero.
        let room = text.iter_mut().take(27);
        for (place, unit) in room.zip(name.encode_utf16()) {
            *place = unit;
        }
        let unknown = Self {
            interval: 0,
            fourcc: 0,
            bits: 0,
            width: 0,
            height: 0,
            colour: 0,
            is_loopback: 0,
            name: text,
        };
        stream.map_or(unknown, |Stream { format, interval }| Self {
            interval,
            fourcc: format.pixel.fourcc(),
            bits: format.pixel.bits_per_pixel().into(),
            colour: colour(format),
            width: format.geometry.width(),
            height: format.geometry.height(),
            ..unknown
        })
    }

    /// Whether a pin for pictures of this format can take what the source gives, as far as is known.
    pub fn agrees_with(&self, format: Format) -> bool {
        let Format { pixel, geometry, .. } = format;
        let pixels = (pixel.fourcc(), u32::from(pixel.bits_per_pixel()));
        self.bits == 0
            || ((self.fourcc, self.bits), self.width, self.height)
                == (pixels, geometry.width(), geometry.height())
    }
}
