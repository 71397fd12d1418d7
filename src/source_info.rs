//! What a source inside the kernel tells the camera beyond what KS has words for: loopcam's own interface.
//!
//! A filter provides it ([`avstream::Provide`]); *Input* asks for it when a pin of that filter connects. An ordinary
//! source does not have it, and need not.

use avstream::{
    Facts,
    ffi::{GUID, guid},
};
use video::Format;

use crate::formats::Stream;

avstream::plain! {
    /// A source. All zero where nothing is known.
    pub struct SourceInfo {
        /// The time from one picture to the next, in 100 ns.
        pub interval: i64,
        /// How pixels are written down, as in `biCompression`.
        pub fourcc: u32,
        /// Pixels in a row.
        pub width: u32,
        /// Rows.
        pub height: u32,
        /// How colours become Y, Cb and Cr, and what luma white is.
        pub colour: u32,
        /// Not zero: it shows what is written into a loopback camera, and would be written there by itself.
        pub is_loopback: u32,
        /// What people call it: UTF-16, the rest zeros.
        pub name: [u16; 30],
    }
}

/// ITU-R BT.601, limited range.
pub const COLOUR_BT601_LIMITED: u32 = 1;

impl Facts for SourceInfo {
    const ID: GUID = guid(0x7B1D_94E6_3A08_4C52_9F27_E0C4_6D85_1BA3);
}

impl SourceInfo {
    /// A source of such pictures; `None` if that is not known yet.
    pub fn new(stream: Option<Stream>, name: &str) -> Self {
        let mut text = [0; 30];
        // The last stays zero.
        let room = text.iter_mut().take(29);
        for (place, unit) in room.zip(name.encode_utf16()) {
            *place = unit;
        }
        let unknown = Self {
            interval: 0,
            fourcc: 0,
            width: 0,
            height: 0,
            colour: COLOUR_BT601_LIMITED,
            is_loopback: 0,
            name: text,
        };
        stream.map_or(unknown, |Stream { format, interval }| Self {
            interval,
            fourcc: format.pixel.fourcc(),
            width: format.geometry.width(),
            height: format.geometry.height(),
            ..unknown
        })
    }

    /// Whether a pin for pictures of this format can take what the source gives, as far as is known.
    pub fn agrees_with(&self, format: Format) -> bool {
        let Format { pixel, geometry, .. } = format;
        self.fourcc == 0
            || (self.fourcc, self.width, self.height) == (pixel.fourcc(), geometry.width(), geometry.height())
    }
}
