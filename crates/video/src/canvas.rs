//! Spans that are drawn, into a picture of any format.

use crate::encoding::Encoding;
use crate::format::{Format, Layout};
use crate::memory::Sink;
use crate::packed::pack;
use crate::rgb;
use crate::span::{PIXELS, Samples, Span};

/// A span of luma and chroma, ready to be written to any row. Each pair of pixels has the chroma of its own, in RGB too.
pub(crate) struct Canvas<'a, S: ?Sized> {
    layout: Layout,
    sink: &'a mut S,
    encoding: Encoding,
    /// The span as it lies in memory: luma and chroma, YUY2, or pixels.
    ink: [u8; 4 * PIXELS],
    compact: [u8; 3 * PIXELS],
}

impl<'a, S: Sink + ?Sized> Canvas<'a, S> {
    pub(crate) fn new(format: Format, sink: &'a mut S) -> Self {
        let encoding = format.encoding();
        Self { layout: format.layout(), sink, encoding, ink: [0; 4 * PIXELS], compact: [0; 3 * PIXELS] }
    }

    /// Whether rows share chroma.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.layout, Layout::SemiPlanar { .. })
    }

    /// How many rows of chroma there are of its own.
    pub(crate) const fn chroma_rows(&self) -> u32 {
        match self.layout {
            Layout::SemiPlanar { chroma, .. } => chroma.rows,
            _ => 0,
        }
    }

    /// Takes a span.
    pub(crate) fn load(&mut self, luma: &Samples, chroma: &Samples) {
        match self.layout {
            Layout::SemiPlanar { .. } => {
                let [one, two, ..] = self.ink.as_chunks_mut::<PIXELS>().0 else { return };
                (*one, *two) = (*luma, *chroma);
            }
            Layout::Packed(_) => pack(luma, chroma, &mut self.ink),
            Layout::Rgb { bytes, .. } => {
                let (mut cb, mut cr) = ([0; PIXELS], [0; PIXELS]);
                rgb::spread(chroma, chroma, &mut cb, &mut cr);
                rgb::pixels(self.encoding, luma, &cb, &cr, &mut self.ink);
                if bytes == 3 {
                    rgb::compact(&self.ink, &mut self.compact);
                }
            }
        }
    }

    /// Writes the span to a row: its luma where rows share chroma, all of it where they do not.
    pub(crate) fn luma(&mut self, span: Span, y: u32) -> bool {
        let (plane, bytes) = match self.layout {
            Layout::SemiPlanar { luma, .. } => (luma, 1),
            Layout::Packed(plane) => (plane, 2),
            Layout::Rgb { plane, bytes } => (plane, bytes),
        };
        let ink: &[u8] = if bytes == 3 { &self.compact } else { &self.ink };
        ink.get(..bytes as usize * span.pixels)
            .is_some_and(|ink| self.sink.write(plane.at(y, bytes * span.x), ink))
    }

    /// Writes the chroma of the span to a row of chroma.
    pub(crate) fn chroma(&mut self, span: Span, y: u32) -> bool {
        let Layout::SemiPlanar { chroma, .. } = self.layout else { return false };
        self.ink
            .get(PIXELS..PIXELS + span.pixels)
            .is_some_and(|ink| self.sink.write(chroma.at(y, span.x), ink))
    }

    /// Fills a row of luma.
    pub(crate) fn fill(&mut self, width: u32, y: u32, luma: u8) -> bool {
        let Layout::SemiPlanar { luma: plane, .. } = self.layout else { return false };
        self.sink.fill(plane.at(y, 0), width as usize, luma)
    }
}
