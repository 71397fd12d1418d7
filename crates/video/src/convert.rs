//! From any picture to any other: pixel format, size, encoding, and the controls of a camera.

use crate::adjust::Adjust;
use crate::cutter::Cutter;
use crate::emit::Emit;
use crate::encoding::{Encoding, Matrix, Range};
use crate::fetch::{Fetch, Line};
use crate::fit::{Area, fit};
use crate::format::{Format, Layout, PixelFormat};
use crate::memory::{Sink, Source};
use crate::recode::Recode;
use crate::rgb::BLOCK;
use crate::{copy, letterbox, scale};

/// The way from pictures of one format to pictures of another.
///
/// *Equal formats* are copied. *Equal pixel formats* of one encoding and size are copied row by row. From *RGB* to YUV
/// chroma is taken at the left pixel of each pair, a half of it and a quarter of each neighbour, and from both rows where
/// rows share it; the other way, the right pixel of a pair has the mean of its pair's chroma and the next one's. From
/// *YUY2 to NV12* rows share the mean of their chroma, and from *NV12 to YUY2* they have three quarters of their own and
/// one of that of the nearest other pair of rows. Halves are rounded up. Luma stays as it is unless the encoding changes
/// or the picture is adjusted, and with it the [stamp](crate::stamp). RGB loses nothing but the fourth byte.
///
/// *Another size* is [fitted](fit) in, black around it, by bilinear interpolation; on the way down each pixel
/// is the mean of all that it covers, weighted by the distance.
// ASSUMED: chroma is sited with the left pixel of a pair and between the rows, as in MPEG-2; no page on NV12 or YUY2 in
// kernel streaming says where it is.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    from: Format,
    to: Format,
    area: Area,
    /// What luma and chroma mean before they are changed, and after it.
    between: [Encoding; 2],
    recode: Option<Recode>,
}

impl Conversion {
    /// The scratch memory with which every conversion between pictures of equal size is possible.
    pub const MIN_SCRATCH: usize = 2048;

    /// The way from `from` to `to`, with the picture adjusted.
    #[must_use]
    pub fn new(from: Format, to: Format, adjust: Adjust) -> Self {
        // Between two pictures of RGB, adjustment is done where least is lost.
        let between = match (from.pixel.is_rgb(), to.pixel.is_rgb()) {
            (false, _) => from.encoding(),
            (true, false) => to.encoding(),
            (true, true) => Encoding { matrix: Matrix::Bt601, range: Range::Full },
        };
        let after = if to.pixel.is_rgb() { between } else { to.encoding() };
        Self {
            from,
            to,
            area: fit(from.geometry, to.geometry),
            between: [between, after],
            recode: Recode::new(between, after, adjust),
        }
    }

    /// Whether the picture goes through byte by byte, so that a plain copy of the memory does the same.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.from == self.to && self.recode.is_none()
    }

    /// Whether it goes through row by row.
    fn is_row_copy(&self) -> bool {
        self.from.pixel == self.to.pixel && self.is_same_size() && self.recode.is_none()
    }

    fn is_same_size(&self) -> bool {
        self.from.geometry == self.to.geometry
    }

    /// The scratch memory, in bytes, with which pictures are converted in whole rows. Between equal sizes less will
    /// do, down to [`MIN_SCRATCH`](Self::MIN_SCRATCH): rows are then converted piece by piece, a little slower, and some
    /// pixels are read twice where pieces meet.
    #[must_use]
    pub fn scratch(&self) -> usize {
        if self.is_same_size() {
            self.piece_bytes(self.from.geometry.width() as usize).max(Self::MIN_SCRATCH)
        } else {
            scale::bytes(self.from, self.to, self.area)
        }
    }

    /// Converts a picture.
    ///
    /// No byte outside the pixels of the sink is written, and every one of them once. Returns `false`, and writes
    /// nothing, if one of the pictures does not fit into its memory or the scratch memory is too small; or `false` when
    /// the memory refuses a piece.
    pub fn run(
        &self,
        source: &(impl Source + ?Sized),
        sink: &mut (impl Sink + ?Sized),
        scratch: &mut [u8],
    ) -> bool {
        if !self.from.fits(source.len()) || !self.to.fits(sink.len()) {
            return false;
        }
        if self.is_row_copy() {
            return copy::rows(self.from, source, self.to, sink, scratch).is_some();
        }
        if self.is_same_size() {
            return self.in_pieces(source, sink, scratch).is_some();
        }
        if scratch.len() < scale::bytes(self.from, self.to, self.area) {
            return false;
        }
        letterbox::draw(self.to, self.area, sink).is_some() && self.scaled(source, sink, scratch).is_some()
    }

    /// The scratch memory for pieces of `pixels` pixels.
    fn piece_bytes(&self, pixels: usize) -> usize {
        Fetch::<[u8]>::bytes(self.from, pixels) + Emit::bytes(self.to, pixels) + 2 * Line::bytes(pixels)
    }

    /// The widest pieces that the scratch memory has room for.
    fn piece(&self, scratch: usize) -> usize {
        let width = self.from.geometry.width() as usize;
        if self.piece_bytes(width) <= scratch {
            return width;
        }
        // Linear in the number of blocks.
        let one = self.piece_bytes(BLOCK);
        let more = self.piece_bytes(2 * BLOCK) - one;
        let blocks = scratch.saturating_sub(one).checked_div(more).unwrap_or(0);
        if scratch < one { 0 } else { (1 + blocks) * BLOCK }
    }

    /// Equal sizes.
    fn in_pieces(
        &self,
        source: &(impl Source + ?Sized),
        sink: &mut (impl Sink + ?Sized),
        scratch: &mut [u8],
    ) -> Option<()> {
        let width = self.from.geometry.width();
        let most = self.piece(scratch.len());
        if most == 0 {
            return None;
        }
        let [before, after] = self.between;
        let mut cutter = Cutter(scratch);
        let mut fetch = Fetch::new(self.from, source, before, most, &mut cutter)?;
        let mut emit = Emit::new(self.to, after, most, &mut cutter)?;
        let mut lines = [Line::cut(&mut cutter, most)?, Line::cut(&mut cutter, most)?];
        let shared = self.to.pixel == PixelFormat::Nv12;
        let plain = self.from.pixel.is_rgb() && self.to.pixel.is_rgb() && self.recode.is_none();
        let mut x = 0;
        while x < width {
            let pixels = most.min((width - x) as usize);
            fetch.turn_to(x, pixels);
            for y in (0..self.from.geometry.height()).step_by(2) {
                if plain {
                    for y in [y, y + 1] {
                        emit.pixels(sink, (x, y), pixels, fetch.pixels(y)?)?;
                    }
                    continue;
                }
                if shared {
                    fetch.pair(y / 2, &mut lines)?;
                } else {
                    let [upper, lower] = &mut lines;
                    fetch.line(y, upper)?;
                    fetch.line(y + 1, lower)?;
                }
                self.recode(&mut lines, shared);
                emit.pair(sink, (x, y), pixels, &mut lines, shared)?;
            }
            x += pixels as u32;
        }
        Some(())
    }

    /// Another size.
    fn scaled(
        &self,
        source: &(impl Source + ?Sized),
        sink: &mut (impl Sink + ?Sized),
        scratch: &mut [u8],
    ) -> Option<()> {
        let area = self.area;
        let width = area.width as usize;
        let [before, after] = self.between;
        let mut cutter = Cutter(scratch);
        let mut lines = [Line::cut(&mut cutter, width)?, Line::cut(&mut cutter, width)?];
        let mut emit = Emit::new(self.to, after, width, &mut cutter)?;
        let mut scale = scale::Scale::new(self.from, source, before, area, &mut cutter)?;
        for y in (0..area.height).step_by(2) {
            for (line, y) in lines.iter_mut().zip(y..) {
                scale.line(y, line)?;
            }
            self.recode(&mut lines, false);
            emit.pair(sink, (area.x, area.y + y), width, &mut lines, false)?;
        }
        Some(())
    }

    fn recode(&self, [upper, lower]: &mut [Line<'_>; 2], shared: bool) {
        let Some(recode) = &self.recode else { return };
        recode.luma(upper.luma, upper.chroma);
        recode.luma(lower.luma, if shared { &*upper.chroma } else { &*lower.chroma });
        recode.chroma(upper.chroma);
        if !shared {
            recode.chroma(lower.chroma);
        }
    }
}

/// Converts a picture as it is: [`Conversion`] without adjustment.
pub fn convert(
    from: Format,
    source: &(impl Source + ?Sized),
    to: Format,
    sink: &mut (impl Sink + ?Sized),
    scratch: &mut [u8],
) -> bool {
    Conversion::new(from, to, Adjust::NEUTRAL).run(source, sink, scratch)
}

/// Rows of both planes, for what goes by planes.
pub(crate) fn planes(layout: Layout) -> [Option<crate::format::Plane>; 2] {
    match layout {
        Layout::SemiPlanar { luma, chroma } => [Some(luma), Some(chroma)],
        Layout::Packed(plane) | Layout::Rgb { plane, .. } => [Some(plane), None],
    }
}
