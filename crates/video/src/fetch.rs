//! Pieces of rows out of a picture, as luma and chroma or as pixels.

use crate::chroma::{average, blend};
use crate::cutter::Cutter;
use crate::encoding::Encoding;
use crate::format::{Format, Layout, Plane};
use crate::memory::Source;
use crate::packed;
use crate::rgb::{self, BLOCK};

/// The bytes of a row of pixels before its first: room for the one to the left, in a whole vector.
const LEFT: usize = 16;

/// A piece of one row: luma, and chroma of the same pairs and of the one to the right of them.
pub(crate) struct Line<'a> {
    pub(crate) luma: &'a mut [u8],
    pub(crate) chroma: &'a mut [u8],
}

impl<'a> Line<'a> {
    /// The scratch memory of a line for `pixels` pixels.
    pub(crate) const fn bytes(pixels: usize) -> usize {
        2 * padded(pixels) + BLOCK
    }

    pub(crate) fn cut(cutter: &mut Cutter<'a>, pixels: usize) -> Option<Self> {
        let room = padded(pixels);
        Some(Self { luma: cutter.cut(room)?, chroma: cutter.cut(room + BLOCK)? })
    }
}

/// Whole blocks.
pub(crate) const fn padded(pixels: usize) -> usize {
    pixels.next_multiple_of(BLOCK)
}

/// Reads pieces that begin at the same pixel of all rows.
pub(crate) struct Fetch<'a, S: ?Sized> {
    layout: Layout,
    width: u32,
    source: &'a S,
    /// What RGB is turned into.
    encoding: Encoding,
    /// The first pixel.
    x: u32,
    /// How many, without padding.
    pixels: usize,
    /// A row as it is in the source: YUY2 and RGB24.
    raw: &'a mut [u8],
    /// What is mixed of them for chroma.
    mixed: &'a mut [u8],
    /// Two rows of pixels: RGB.
    rows: [&'a mut [u8]; 2],
    /// Rows of chroma, each where its number modulo three says: NV12.
    ring: [&'a mut [u8]; 3],
    /// Their numbers.
    held: [u32; 3],
}

impl<'a, S: Source + ?Sized> Fetch<'a, S> {
    /// The scratch memory that pieces of `pixels` pixels take.
    pub(crate) const fn bytes(format: Format, pixels: usize) -> usize {
        let room = padded(pixels) + BLOCK;
        match format.layout() {
            Layout::SemiPlanar { .. } => 3 * room,
            Layout::Packed(_) => 2 * room,
            Layout::Rgb { bytes, .. } => 2 * LEFT + (12 + if bytes == 3 { 3 } else { 0 }) * room,
        }
    }

    /// Ready to read pieces of up to `pixels` pixels from `source`.
    pub(crate) fn new(
        format: Format,
        source: &'a S,
        encoding: Encoding,
        pixels: usize,
        cutter: &mut Cutter<'a>,
    ) -> Option<Self> {
        let room = padded(pixels) + BLOCK;
        let layout = format.layout();
        let mut fetch = Self {
            layout,
            width: format.geometry.width(),
            source,
            encoding,
            x: 0,
            pixels,
            raw: &mut [],
            mixed: &mut [],
            rows: [&mut [], &mut []],
            ring: [&mut [], &mut [], &mut []],
            held: [u32::MAX; 3],
        };
        match layout {
            Layout::SemiPlanar { .. } => {
                fetch.ring = [cutter.cut(room)?, cutter.cut(room)?, cutter.cut(room)?];
            }
            Layout::Packed(_) => fetch.raw = cutter.cut(2 * room)?,
            Layout::Rgb { bytes, .. } => {
                fetch.mixed = cutter.cut(4 * room)?;
                fetch.rows = [cutter.cut(LEFT + 4 * room)?, cutter.cut(LEFT + 4 * room)?];
                if bytes == 3 {
                    fetch.raw = cutter.cut(3 * room)?;
                }
            }
        }
        Some(fetch)
    }

    /// From now on the pieces are `pixels` pixels from `x` on.
    pub(crate) fn turn_to(&mut self, x: u32, pixels: usize) {
        self.x = x;
        self.pixels = pixels;
        self.held = [u32::MAX; 3];
    }

    /// The pixels of a piece with the pair to the right of it, if there is one.
    const fn wide(&self) -> usize {
        let left = (self.width - self.x) as usize;
        if left < self.pixels + 2 { left } else { self.pixels + 2 }
    }

    /// The piece of row `y`.
    pub(crate) fn line(&mut self, y: u32, line: &mut Line<'_>) -> Option<()> {
        match self.layout {
            Layout::SemiPlanar { luma, chroma } => {
                self.read(luma, y, line.luma.get_mut(..self.pixels)?)?;
                let near = y / 2;
                let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
                let far = far.min(chroma.rows - 1);
                self.hold(chroma, near)?;
                self.hold(chroma, far)?;
                let near = self.ring.get(slot(near))?;
                let far = self.ring.get(slot(far))?;
                blend(near, far, line.chroma);
            }
            Layout::Packed(plane) => {
                let wide = self.wide();
                let raw = self.raw.get_mut(..2 * wide)?;
                self.source.read(plane.at(y, 2 * self.x), raw).then_some(())?;
                packed::luma(self.raw, line.luma);
                packed::chroma(self.raw, line.chroma);
                repeat_last(self.pixels, wide, line.chroma)?;
            }
            Layout::Rgb { plane, bytes } => {
                self.row(0, plane, bytes, y)?;
                let [row, _] = &self.rows;
                rgb::luma(self.encoding, row.get(LEFT..)?, line.luma);
                rgb::mix(row.get(LEFT - 4..)?, self.mixed);
                rgb::chroma(self.encoding, self.mixed, line.chroma);
            }
        }
        Some(())
    }

    /// The pieces of the rows of a pair, whose chroma is left in the first of them: what NV12 has.
    pub(crate) fn pair(&mut self, pair: u32, lines: &mut [Line<'_>; 2]) -> Option<()> {
        let [upper, lower] = lines;
        match self.layout {
            Layout::SemiPlanar { luma, chroma } => {
                self.read(luma, 2 * pair, upper.luma.get_mut(..self.pixels)?)?;
                self.read(luma, 2 * pair + 1, lower.luma.get_mut(..self.pixels)?)?;
                self.read(chroma, pair, upper.chroma.get_mut(..self.pixels)?)?;
            }
            Layout::Packed(_) => {
                self.line(2 * pair, upper)?;
                self.line(2 * pair + 1, lower)?;
                average(upper.chroma, lower.chroma);
            }
            Layout::Rgb { plane, bytes } => {
                self.row(0, plane, bytes, 2 * pair)?;
                self.row(1, plane, bytes, 2 * pair + 1)?;
                let [one, two] = &mut self.rows;
                rgb::luma(self.encoding, one.get(LEFT..)?, upper.luma);
                rgb::luma(self.encoding, two.get(LEFT..)?, lower.luma);
                average(one, two);
                rgb::mix(one.get(LEFT - 4..)?, self.mixed);
                rgb::chroma(self.encoding, self.mixed, upper.chroma);
            }
        }
        Some(())
    }

    /// The pixels of row `y`, four bytes each.
    pub(crate) fn pixels(&mut self, y: u32) -> Option<&[u8]> {
        let Layout::Rgb { plane, bytes } = self.layout else { return None };
        self.row(0, plane, bytes, y)?;
        let [row, _] = &self.rows;
        row.get(LEFT..)
    }

    /// Fills a row of pixels, with a neighbour at the left and two at the right: at the edges the last pixel again.
    fn row(&mut self, which: usize, plane: Plane, bytes: u32, y: u32) -> Option<()> {
        let wide = self.wide();
        let before = usize::from(self.x > 0);
        let offset = plane.at(y, (self.x - before as u32) * bytes);
        let count = before + wide;
        let row = self.rows.get_mut(which)?;
        let pixels = row.get_mut(LEFT - 4 * before..)?;
        if bytes == 3 {
            self.source.read(offset, self.raw.get_mut(..3 * count)?).then_some(())?;
            rgb::expand(self.raw, pixels);
        } else {
            self.source.read(offset, pixels.get_mut(..4 * count)?).then_some(())?;
        }
        if before == 0 {
            let first: [u8; 4] = *row.get(LEFT..)?.first_chunk()?;
            *row.get_mut(LEFT - 4..)?.first_chunk_mut()? = first;
        }
        let end = LEFT + 4 * wide;
        if wide < self.pixels + 2 {
            let last: [u8; 4] = *row.get(end - 4..)?.first_chunk()?;
            row.get_mut(end..end + 8)?.as_chunks_mut().0.fill(last);
        }
        Some(())
    }

    /// Makes the ring hold a row of chroma.
    fn hold(&mut self, chroma: Plane, row: u32) -> Option<()> {
        let slot = slot(row);
        let held = self.held.get_mut(slot)?;
        if *held != row {
            *held = row;
            let wide = self.wide();
            let place = self.ring.get_mut(slot)?;
            let read = self.source.read(chroma.at(row, self.x), place.get_mut(..wide)?);
            repeat_last(self.pixels, wide, place)?;
            read.then_some(())?;
        }
        Some(())
    }

    fn read(&self, plane: Plane, row: u32, out: &mut [u8]) -> Option<()> {
        self.source.read(plane.at(row, self.x), out).then_some(())
    }
}

/// Where a row of chroma is held.
const fn slot(row: u32) -> usize {
    (row % 3) as usize
}

/// Appends the last pair of a row of chroma to it, if there is none to the right.
fn repeat_last(pixels: usize, wide: usize, chroma: &mut [u8]) -> Option<()> {
    if wide < pixels + 2 {
        let last: [u8; 2] = *chroma.get(wide - 2..)?.first_chunk()?;
        *chroma.get_mut(wide..)?.first_chunk_mut()? = last;
    }
    Some(())
}
