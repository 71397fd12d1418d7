//! Pieces of rows into a picture.

use crate::chroma::average;
use crate::cutter::Cutter;
use crate::encoding::Encoding;
use crate::fetch::{Line, padded};
use crate::format::{Format, Layout};
use crate::memory::Sink;
use crate::packed::pack;
use crate::rgb;

/// Writes pieces of rows, pair by pair.
pub(crate) struct Emit<'a> {
    layout: Layout,
    /// What luma and chroma mean.
    encoding: Encoding,
    /// Chroma of every pixel: RGB.
    chroma: [&'a mut [u8]; 2],
    /// A row as it goes to the sink: YUY2, and pixels of four bytes.
    row: &'a mut [u8],
    /// The same with three.
    compact: &'a mut [u8],
}

impl<'a> Emit<'a> {
    /// The scratch memory that pieces of `pixels` pixels take.
    pub(crate) const fn bytes(format: Format, pixels: usize) -> usize {
        padded(pixels)
            * match format.layout() {
                Layout::SemiPlanar { .. } => 0,
                Layout::Packed(_) => 2,
                Layout::Rgb { bytes, .. } => {
                    if bytes == 3 {
                        9
                    } else {
                        6
                    }
                }
            }
    }

    /// Ready to write pieces of up to `pixels` pixels.
    pub(crate) fn new(
        format: Format,
        encoding: Encoding,
        pixels: usize,
        cutter: &mut Cutter<'a>,
    ) -> Option<Self> {
        let room = padded(pixels);
        let layout = format.layout();
        let (row, compact): (&mut [u8], &mut [u8]) = match layout {
            Layout::SemiPlanar { .. } => (&mut [], &mut []),
            Layout::Packed(_) => (cutter.cut(2 * room)?, &mut []),
            Layout::Rgb { bytes: 3, .. } => (cutter.cut(4 * room)?, cutter.cut(3 * room)?),
            Layout::Rgb { .. } => (cutter.cut(4 * room)?, &mut []),
        };
        let chroma: [&mut [u8]; 2] = match layout {
            Layout::Rgb { .. } => [cutter.cut(room)?, cutter.cut(room)?],
            _ => [&mut [], &mut []],
        };
        Some(Self { layout, encoding, chroma, row, compact })
    }

    /// Writes `pixels` pixels, from `x` on, of rows `y` and the next. `shared` says that the chroma of the first line is
    /// that of both; `y` is even then.
    pub(crate) fn pair<S: Sink + ?Sized>(
        &mut self,
        sink: &mut S,
        (x, y): (u32, u32),
        pixels: usize,
        lines: &mut [Line<'_>; 2],
        shared: bool,
    ) -> Option<()> {
        if let Layout::SemiPlanar { luma, chroma } = self.layout {
            let [upper, lower] = lines;
            if !shared {
                average(upper.chroma, lower.chroma);
            }
            sink.write(luma.at(y, x), upper.luma.get(..pixels)?).then_some(())?;
            sink.write(luma.at(y + 1, x), lower.luma.get(..pixels)?).then_some(())?;
            return sink.write(chroma.at(y / 2, x), upper.chroma.get(..pixels)?).then_some(());
        }
        for (line, y) in lines.iter().zip(y..) {
            match self.layout {
                Layout::SemiPlanar { .. } => {}
                Layout::Packed(plane) => {
                    pack(line.luma, line.chroma, self.row);
                    sink.write(plane.at(y, 2 * x), self.row.get(..2 * pixels)?).then_some(())?;
                }
                Layout::Rgb { .. } => {
                    let [cb, cr] = &mut self.chroma;
                    rgb::spread(line.chroma, line.chroma.get(2..)?, cb, cr);
                    rgb::pixels(self.encoding, line.luma, cb, cr, self.row);
                    self.rgb(sink, (x, y), pixels)?;
                }
            }
        }
        Some(())
    }

    /// Writes `pixels` pixels of four bytes, as they are.
    pub(crate) fn pixels<S: Sink + ?Sized>(
        &mut self,
        sink: &mut S,
        place: (u32, u32),
        pixels: usize,
        row: &[u8],
    ) -> Option<()> {
        self.row.get_mut(..4 * pixels)?.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        self.rgb(sink, place, pixels)
    }

    /// Writes what is in the row.
    fn rgb<S: Sink + ?Sized>(&mut self, sink: &mut S, (x, y): (u32, u32), pixels: usize) -> Option<()> {
        let Layout::Rgb { plane, bytes } = self.layout else { return None };
        let row = if bytes == 3 {
            rgb::compact(self.row, self.compact);
            self.compact.get(..3 * pixels)?
        } else {
            self.row.get(..4 * pixels)?
        };
        sink.write(plane.at(y, bytes * x), row).then_some(())
    }
}
