//! How the pixels of a frame lie in memory: a FourCC and the bits of a pixel.

use std::fmt;
use std::str::FromStr;

use ks_sys::GUID;

/// A video format without a size, as a media subtype names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pixels {
    /// `biCompression`.
    pub fourcc: [u8; 4],
    /// `biBitCount`: the average number of bits a pixel takes.
    pub bits: u16,
}

impl Pixels {
    /// 4:2:0: a plane of luma, then a plane of interleaved chroma.
    pub const NV12: Self = Self { fourcc: *b"NV12", bits: 12 };
    /// 4:2:2: luma and chroma in turns.
    pub const YUY2: Self = Self { fourcc: *b"YUY2", bits: 16 };

    /// The media subtype: the FourCC in the place of `Data1` of the common tail.
    /// <https://learn.microsoft.com/windows/win32/directshow/fourcc-codes>
    pub fn subtype(self) -> GUID {
        ks_sys::fourcc_subtype(self.fourcc)
    }

    /// The pixels a subtype means, if it is made from a FourCC this crate knows.
    pub fn from_subtype(subtype: &GUID) -> Option<Self> {
        [Self::NV12, Self::YUY2].into_iter().find(|pixels| ks_sys::is_equal_guid(&pixels.subtype(), subtype))
    }

    /// The bytes of a frame without padding.
    pub fn frame_len(self, width: u32, height: u32) -> usize {
        width as usize * height as usize * usize::from(self.bits) / 8
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.fourcc))
    }
}

impl FromStr for Pixels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "NV12" => Ok(Self::NV12),
            "YUY2" => Ok(Self::YUY2),
            _ => Err(format!("unknown pixel format {text:?}: nv12 and yuy2 are known")),
        }
    }
}
