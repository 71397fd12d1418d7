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

    /// Blue, green, red.
    pub const RGB24: Self = Self { fourcc: [0; 4], bits: 24 };
    /// Blue, green, red, and a byte that means nothing.
    pub const RGB32: Self = Self { fourcc: [0; 4], bits: 32 };

    /// All that this crate knows.
    pub const ALL: [Self; 4] = [Self::NV12, Self::YUY2, Self::RGB24, Self::RGB32];

    /// Whether it is RGB, whose `biCompression` is BI_RGB, which is 0.
    pub fn is_rgb(self) -> bool {
        self.fourcc == [0; 4]
    }

    /// The media subtype: the FourCC in the place of `Data1` of the common tail; RGB has subtypes of its own.
    /// <https://learn.microsoft.com/windows/win32/directshow/fourcc-codes>
    pub fn subtype(self) -> GUID {
        match self {
            Self::RGB24 => ks_sys::MEDIASUBTYPE_RGB24,
            Self::RGB32 => ks_sys::MEDIASUBTYPE_RGB32,
            _ => ks_sys::fourcc_subtype(self.fourcc),
        }
    }

    /// The pixels a subtype means, if it is one that this crate knows.
    pub fn from_subtype(subtype: &GUID) -> Option<Self> {
        Self::ALL.into_iter().find(|pixels| ks_sys::is_equal_guid(&pixels.subtype(), subtype))
    }

    /// The bytes from one row of the first plane to the next. Those of RGB are whole 32-bit words.
    pub fn stride(self, width: u32) -> usize {
        let width = width as usize;
        match self {
            Self::NV12 => width,
            _ if self.is_rgb() => (width * usize::from(self.bits) / 8).next_multiple_of(4),
            _ => width * usize::from(self.bits) / 8,
        }
    }

    /// The bytes of a frame without more padding than that.
    pub fn frame_len(self, width: u32, height: u32) -> usize {
        if self.is_rgb() {
            return self.stride(width) * height as usize;
        }
        width as usize * height as usize * usize::from(self.bits) / 8
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_rgb() {
            return write!(f, "RGB{}", self.bits);
        }
        f.write_str(&String::from_utf8_lossy(&self.fourcc))
    }
}

impl FromStr for Pixels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|pixels| pixels.to_string().eq_ignore_ascii_case(text));
        known.ok_or_else(|| format!("unknown pixel format {text:?}: nv12, yuy2, rgb24 and rgb32 are known"))
    }
}
