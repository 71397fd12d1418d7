//! The frame number, where a machine can read it.
//!
//! The first and the last row of a picture carry the same number as black and white cells, the
//! highest bit at the left. A picture whose two rows disagree was written while it was read.
//!
//! | width | carried | cells | pixels of a cell |
//! |---|---|---|---|
//! | 48 and more | 32 bits of the number, their CRC-16 | 48 | width / 48 |
//! | 16 to 47 | the low 8 bits of the number, their CRC-8 | 16 | width / 16 |
//!
//! What remains at the right is black. Only luma counts: it is what conversion leaves as it is.
//! In YUY2 and RGB the two rows are grey; in NV12 they share chroma with the next row, and a stamp
//! does not touch it.

use crate::canvas::Canvas;
use crate::check::{crc8, crc16};
use crate::colour::Colour;
use crate::format::{Format, Geometry, Layout, Plane};
use crate::memory::{Sink, Source};
use crate::span::{PIXELS, spans};

/// The luma from which a cell is white.
const THRESHOLD: u32 = 128;

/// A frame number that was read from a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The number, or as much of it as the picture carries.
    pub number: u32,
    /// How many of its low bits that is: 32, or 8 in a narrow picture.
    pub bits: u32,
}

impl Stamp {
    /// Whether this is what frame `number` is stamped with.
    #[must_use]
    pub const fn is(self, number: u32) -> bool {
        let carried = if self.bits >= u32::BITS { number } else { number & ((1 << self.bits) - 1) };
        self.number == carried
    }
}

/// Draws frame number `number` into the first and the last row.
///
/// Returns `false`, and draws nothing, if a picture of this format does not fit into `sink`; or
/// `false` when the sink refuses a write.
pub fn draw(format: Format, number: u32, sink: &mut (impl Sink + ?Sized)) -> bool {
    if !format.fits(sink.len()) {
        return false;
    }
    let width = format.geometry.width();
    let last = format.geometry.height() - 1;
    let grey = [Colour::WHITE.cb; PIXELS];
    let (black, white) =
        (Colour::BLACK.encoded(format.encoding()).y, Colour::WHITE.encoded(format.encoding()).y);
    let mut cells = Cells::new(format.geometry).ink(number);
    let mut luma = [0; PIXELS];
    let mut canvas = Canvas::new(format, sink);
    for span in spans(width) {
        for sample in &mut luma {
            *sample = if cells.next() { white } else { black };
        }
        canvas.load(&luma, &grey);
        if !canvas.luma(span, 0) || !canvas.luma(span, last) {
            return false;
        }
    }
    true
}

/// Reads the stamp of the first row.
///
/// `None` if there is none: the check is wrong, or `source` is too small for a picture.
pub fn read_first(format: Format, source: &(impl Source + ?Sized)) -> Option<Stamp> {
    read(format, 0, source)
}

/// Reads the stamp of the last row.
///
/// `None` if there is none: the check is wrong, or `source` is too small for a picture.
pub fn read_last(format: Format, source: &(impl Source + ?Sized)) -> Option<Stamp> {
    read(format, format.geometry.height() - 1, source)
}

fn read(format: Format, row: u32, source: &(impl Source + ?Sized)) -> Option<Stamp> {
    if !format.fits(source.len()) {
        return None;
    }
    let (plane, step): (Plane, u32) = match format.layout() {
        Layout::SemiPlanar { luma, .. } => (luma, 1),
        Layout::Packed(plane) => (plane, 2),
        Layout::Rgb { plane, bytes } => (plane, bytes),
    };
    let cells = Cells::new(format.geometry);
    let mut word = 0;
    let mut middle = cells.pixels / 2;
    for _ in 0..cells.count {
        let offset = plane.at(row, middle * step);
        let luma = if format.pixel.is_rgb() {
            let mut pixel = [0; 3];
            source.read(offset, &mut pixel).then_some(())?;
            let [blue, green, red] = pixel.map(u32::from);
            (29 * blue + 150 * green + 77 * red) >> 8
        } else {
            let mut sample = [0];
            source.read(offset, &mut sample).then_some(())?;
            let [luma] = sample;
            luma.into()
        };
        word = word << 1 | u64::from(luma >= THRESHOLD);
        middle += cells.pixels;
    }
    let bits = cells.number_bits();
    let number = u32::try_from(word >> (cells.count - bits)).ok()?;
    (cells.word(number) == word).then_some(Stamp { number, bits })
}

/// How a row is divided.
struct Cells {
    /// Cells, at most 64.
    count: u32,
    /// The pixels of each.
    pixels: u32,
}

impl Cells {
    const WIDE: u32 = 48;
    const NARROW: u32 = 16;

    const fn new(geometry: Geometry) -> Self {
        let width = geometry.width();
        if width >= Self::WIDE {
            Self { count: Self::WIDE, pixels: width / Self::WIDE }
        } else {
            Self { count: Self::NARROW, pixels: width / Self::NARROW }
        }
    }

    const fn number_bits(&self) -> u32 {
        if self.count == Self::WIDE { 32 } else { 8 }
    }

    /// What the cells carry: as much of the number as there is room for, and its check.
    fn word(&self, number: u32) -> u64 {
        let bytes = number.to_be_bytes();
        if self.count == Self::WIDE {
            u64::from(number) << 16 | u64::from(crc16(bytes))
        } else {
            let [.., low] = bytes;
            u64::from(low) << 8 | u64::from(crc8(low))
        }
    }

    /// The pixels that carry `number`.
    fn ink(&self, number: u32) -> Ink {
        Ink { word: self.word(number) << (u64::BITS - self.count), pixels: self.pixels, left: self.pixels }
    }
}

/// The luma of a stamped row, from left to right.
struct Ink {
    /// The bits that are not yet drawn, at the top. Behind them come zeros, which are black.
    word: u64,
    /// The pixels of a cell.
    pixels: u32,
    /// How many of them the current one still has.
    left: u32,
}

impl Ink {
    /// Whether the next pixel is white.
    const fn next(&mut self) -> bool {
        let white = self.word >> (u64::BITS - 1) != 0;
        self.left -= 1;
        if self.left == 0 {
            self.word <<= 1;
            self.left = self.pixels;
        }
        white
    }
}
