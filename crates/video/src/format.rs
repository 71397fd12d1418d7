//! How a picture lies in memory.

/// How pixels are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Semi-planar 4:2:0: all luma, then Cb and Cr of every block of two by two pixels.
    Nv12,
    /// Packed 4:2:2: every pair of pixels is Y, Cb, Y, Cr.
    Yuy2,
}

impl PixelFormat {
    /// Every format there is, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Nv12, Self::Yuy2];

    /// The four-character code, as in `biCompression`.
    #[must_use]
    pub const fn fourcc(self) -> u32 {
        match self {
            Self::Nv12 => u32::from_le_bytes(*b"NV12"),
            Self::Yuy2 => u32::from_le_bytes(*b"YUY2"),
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
        }
    }
}

/// The size of a picture in pixels: even both ways, and within the limits.
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
    pub const MAX_WIDTH: u32 = 1920;
    /// The highest picture.
    pub const MAX_HEIGHT: u32 = 1080;
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

/// Everything that says how a picture lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// How its pixels are written down.
    pub pixel: PixelFormat,
    /// How many there are.
    pub geometry: Geometry,
}

// The limits of a geometry keep every size and offset in this crate far inside 32 bits.
const _: () = {
    let widest = Geometry::MAX_WIDTH as u64 * 2;
    assert!(widest * Geometry::MAX_HEIGHT as u64 <= i32::MAX as u64);
};

impl Format {
    /// The image size of the largest picture in the largest format.
    pub const MAX_IMAGE_SIZE: u32 = Geometry::MAX_WIDTH * Geometry::MAX_HEIGHT * 2;

    /// Puts the two together.
    #[must_use]
    pub const fn new(pixel: PixelFormat, geometry: Geometry) -> Self {
        Self { pixel, geometry }
    }

    /// The bytes from one row of the first plane to the next.
    #[must_use]
    pub const fn stride(self) -> u32 {
        match self.pixel {
            PixelFormat::Nv12 => self.geometry.width,
            PixelFormat::Yuy2 => self.geometry.width * 2,
        }
    }

    /// The bytes of the whole picture.
    #[must_use]
    pub const fn image_size(self) -> u32 {
        let pixels = self.geometry.width * self.geometry.height;
        match self.pixel {
            PixelFormat::Nv12 => pixels + pixels / 2,
            PixelFormat::Yuy2 => pixels * 2,
        }
    }

    /// Whether a picture fits into `len` bytes.
    #[must_use]
    pub const fn fits(self, len: usize) -> bool {
        self.image_size() as usize <= len
    }

    /// The planes of the picture.
    #[must_use]
    pub const fn layout(self) -> Layout {
        let Geometry { width, height } = self.geometry;
        let first = Plane { offset: 0, stride: self.stride(), rows: height };
        match self.pixel {
            PixelFormat::Nv12 => Layout::SemiPlanar {
                luma: first,
                chroma: Plane { offset: width * height, stride: width, rows: height / 2 },
            },
            PixelFormat::Yuy2 => Layout::Packed(first),
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
}

/// Rows of one kind of samples, one directly after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Where its first row begins.
    pub offset: u32,
    /// The bytes of a row.
    pub stride: u32,
    /// How many rows there are.
    pub rows: u32,
}

impl Plane {
    /// The offset, in the picture, of byte `byte` of row `row`.
    #[must_use]
    pub const fn at(self, row: u32, byte: u32) -> usize {
        (self.offset + row * self.stride + byte) as usize
    }
}
