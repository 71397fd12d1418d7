//! How a picture lies in memory.

use crate::encoding::Encoding;

/// How pixels are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Semi-planar 4:2:0: all luma, then Cb and Cr of every block of two by two pixels.
    Nv12,
    /// Packed 4:2:2: every pair of pixels is Y, Cb, Y, Cr.
    Yuy2,
    /// Blue, green, red.
    Rgb24,
    /// Blue, green, red, and a byte that means nothing; it is written as 255.
    Rgb32,
}

impl PixelFormat {
    /// Every format there is, the preferred one first.
    pub const ALL: [Self; 4] = [Self::Nv12, Self::Yuy2, Self::Rgb24, Self::Rgb32];

    /// What stands in `biCompression`: a four-character code, or BI_RGB, which is zero.
    #[must_use]
    pub const fn fourcc(self) -> u32 {
        match self {
            Self::Nv12 => u32::from_le_bytes(*b"NV12"),
            Self::Yuy2 => u32::from_le_bytes(*b"YUY2"),
            Self::Rgb24 | Self::Rgb32 => 0,
        }
    }

    /// The format that a four-character code stands for.
    #[must_use]
    pub const fn from_fourcc(code: u32) -> Option<Self> {
        if code == Self::Nv12.fourcc() {
            Some(Self::Nv12)
        } else if code == Self::Yuy2.fourcc() {
            Some(Self::Yuy2)
        } else {
            None
        }
    }

    /// The bits that one pixel takes on average, as in `biBitCount`.
    #[must_use]
    pub const fn bits_per_pixel(self) -> u16 {
        match self {
            Self::Nv12 => 12,
            Self::Yuy2 => 16,
            Self::Rgb24 => 24,
            Self::Rgb32 => 32,
        }
    }

    /// Whether it is blue, green and red, rather than luma and chroma.
    #[must_use]
    pub const fn is_rgb(self) -> bool {
        matches!(self, Self::Rgb24 | Self::Rgb32)
    }

    /// The bytes of so many pixels in a row of the first plane.
    pub(crate) const fn row_bytes(self, pixels: u32) -> u32 {
        match self {
            Self::Nv12 => pixels,
            Self::Yuy2 => pixels * 2,
            Self::Rgb24 => pixels * 3,
            Self::Rgb32 => pixels * 4,
        }
    }

    /// The stride of rows that are `pixels` wide, as a `biWidth` says it: RGB rows begin at multiples of four bytes, as
    /// in every device-independent bitmap. Zero beyond [`Format::MAX_STRIDE`].
    #[must_use]
    pub const fn stride(self, pixels: u32) -> u32 {
        if pixels > Format::MAX_STRIDE {
            return 0;
        }
        let bytes = self.row_bytes(pixels);
        let stride = if self.is_rgb() { bytes.next_multiple_of(4) } else { bytes };
        if stride > Format::MAX_STRIDE { 0 } else { stride }
    }
}

/// The size of a picture in pixels: even both ways, and within the limits.
///
/// NV12 shares chroma among two by two pixels and YUY2 among two; RGB could be odd, but a picture that can be converted
/// to every format cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    width: u32,
    height: u32,
}

impl Geometry {
    /// The narrowest picture.
    pub const MIN_WIDTH: u32 = 16;
    /// The lowest picture.
    pub const MIN_HEIGHT: u32 = 16;
    /// The widest picture.
    pub const MAX_WIDTH: u32 = 3840;
    /// The highest picture.
    pub const MAX_HEIGHT: u32 = 2160;
    /// Widths and heights are multiples of this.
    pub const STEP: u32 = 2;

    /// A picture of this size; `None` if it is odd, or beyond the limits.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Option<Self> {
        let legal = width >= Self::MIN_WIDTH
            && width <= Self::MAX_WIDTH
            && width.is_multiple_of(Self::STEP)
            && height >= Self::MIN_HEIGHT
            && height <= Self::MAX_HEIGHT
            && height.is_multiple_of(Self::STEP);
        if legal { Some(Self { width, height }) } else { None }
    }

    /// Pixels in a row.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Rows in the picture.
    #[must_use]
    pub const fn height(self) -> u32 {
        self.height
    }
}

/// Which row comes first in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The upper one: YUV always, and RGB whose `biHeight` is negative.
    TopDown,
    /// The lowest one: RGB whose `biHeight` is positive.
    BottomUp,
}

/// Everything that says how a picture lies in memory, and what its samples mean.
///
/// Two pictures whose formats are equal can be copied byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// How its pixels are written down.
    pub pixel: PixelFormat,
    /// How many there are.
    pub geometry: Geometry,
    stride: u32,
    order: Order,
    encoding: Encoding,
}

// The limits keep every size and offset in this crate far inside 32 bits.
const _: () = {
    let rows = Geometry::MAX_HEIGHT as u64 * 3 / 2;
    assert!(Format::MAX_STRIDE as u64 * rows <= i32::MAX as u64);
};

impl Format {
    /// The image size of the largest picture in the largest format, without bytes between rows.
    pub const MAX_IMAGE_SIZE: u32 = Geometry::MAX_WIDTH * Geometry::MAX_HEIGHT * 4;

    /// The greatest stride.
    pub const MAX_STRIDE: u32 = 1 << 16;

    /// Pixels of this kind and number, row after row: RGB from the bottom up, as a positive `biHeight` says, everything
    /// else from the top; the samples of YUV in the [default](Encoding::DEFAULT) encoding.
    #[must_use]
    pub const fn new(pixel: PixelFormat, geometry: Geometry) -> Self {
        let order = if pixel.is_rgb() { Order::BottomUp } else { Order::TopDown };
        let stride = pixel.stride(geometry.width);
        Self { pixel, geometry, stride, order, encoding: Encoding::DEFAULT }
    }

    /// The same with so many bytes from each row to the next; `None` if a row is longer, or beyond the limit.
    ///
    /// The number is that of the first plane; the chroma of NV12 has the same. It comes from a `biWidth`
    /// ([`PixelFormat::stride`]) or from `lSurfacePitch` of KS_FRAME_INFO.
    #[must_use]
    pub const fn with_stride(self, stride: u32) -> Option<Self> {
        if stride < self.row_bytes() || stride > Self::MAX_STRIDE {
            return None;
        }
        Some(Self { stride, ..self })
    }

    /// The same with the rows in this order; `None` for YUV from the bottom up, which does not exist.
    #[must_use]
    pub const fn with_order(self, order: Order) -> Option<Self> {
        if matches!(order, Order::BottomUp) && !self.pixel.is_rgb() {
            return None;
        }
        Some(Self { order, ..self })
    }

    /// The same with samples of this encoding. RGB has none, and stays as it is.
    #[must_use]
    pub const fn with_encoding(self, encoding: Encoding) -> Self {
        if self.pixel.is_rgb() { self } else { Self { encoding, ..self } }
    }

    /// The bytes from one row of the first plane to the next.
    #[must_use]
    pub const fn stride(self) -> u32 {
        self.stride
    }

    /// Which row comes first.
    #[must_use]
    pub const fn order(self) -> Order {
        self.order
    }

    /// What the samples of YUV mean.
    #[must_use]
    pub const fn encoding(self) -> Encoding {
        self.encoding
    }

    /// The bytes of a row of the first plane that are pixels; the chroma of NV12 has as many.
    #[must_use]
    pub const fn row_bytes(self) -> u32 {
        self.pixel.row_bytes(self.geometry.width)
    }

    /// The bytes of the whole picture, as in `biSizeImage`: with those between rows, and those after the last row.
    #[must_use]
    pub const fn image_size(self) -> u32 {
        let rows = match self.pixel {
            PixelFormat::Nv12 => self.geometry.height / 2 * 3,
            _ => self.geometry.height,
        };
        self.stride * rows
    }

    /// Whether a picture fits into `len` bytes.
    #[must_use]
    pub const fn fits(self, len: usize) -> bool {
        self.image_size() as usize <= len
    }

    /// The planes of the picture.
    #[must_use]
    pub const fn layout(self) -> Layout {
        let rows = self.geometry.height;
        let first = Plane { offset: 0, stride: self.stride, rows, order: self.order };
        match self.pixel {
            PixelFormat::Nv12 => {
                let chroma = Plane { offset: self.stride * rows, rows: rows / 2, ..first };
                Layout::SemiPlanar { luma: first, chroma }
            }
            PixelFormat::Yuy2 => Layout::Packed(first),
            PixelFormat::Rgb24 => Layout::Rgb { plane: first, bytes: 3 },
            PixelFormat::Rgb32 => Layout::Rgb { plane: first, bytes: 4 },
        }
    }
}

/// The planes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// NV12: one byte of luma per pixel, then Cb and Cr of each pair in every second row.
    SemiPlanar {
        /// Luma of all rows.
        luma: Plane,
        /// Chroma of all pairs of rows.
        chroma: Plane,
    },
    /// YUY2: two bytes per pixel.
    Packed(Plane),
    /// RGB24 and RGB32.
    Rgb {
        /// All rows.
        plane: Plane,
        /// The bytes of a pixel: 3 or 4.
        bytes: u32,
    },
}

/// Rows of one kind of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Where it begins.
    pub offset: u32,
    /// The bytes from one row to the next.
    pub stride: u32,
    /// How many rows there are.
    pub rows: u32,
    /// Which of them comes first.
    pub order: Order,
}

impl Plane {
    /// The offset, in the picture, of byte `byte` of row `row`, counted from the top.
    #[must_use]
    pub const fn at(self, row: u32, byte: u32) -> usize {
        let row = match self.order {
            Order::TopDown => row,
            Order::BottomUp => self.rows.saturating_sub(row + 1),
        };
        (self.offset + row * self.stride + byte) as usize
    }
}
