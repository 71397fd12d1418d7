//! Moving colour bars.
//!
//! Eight bars as wide as the picture, in the order of [`BARS`], move to the left and come in again
//! at the right: by two pixels per frame, and by two more for each 320 pixels of width above the
//! first, so that they take about the same time in every size. The first and the last row are the
//! [stamp].

use crate::canvas::Canvas;
use crate::colour::{BARS, Colour};
use crate::format::Format;
use crate::memory::Sink;
use crate::span::{PIXELS, Samples, spans};
use crate::stamp;

/// Paints the bars of frame `number`.
///
/// Every byte of the picture is written once. Returns `false`, and paints nothing, if a picture of
/// this format does not fit into `sink`; or `false` when the sink refuses a write.
pub fn paint(format: Format, number: u32, sink: &mut (impl Sink + ?Sized)) -> bool {
    if !stamp::draw(format, number, sink) {
        return false;
    }
    let rows = 1..format.geometry.height() - 1;
    let mut row = Row::new(format, number);
    let mut luma = [0; PIXELS];
    let mut chroma = [0; PIXELS];
    let mut canvas = Canvas::new(format, sink);
    // All rows are alike: each span is drawn once and written to all of them.
    for span in spans(format.geometry.width()) {
        row.draw(&mut luma, &mut chroma);
        canvas.load(&luma, &chroma);
        let painted = rows.clone().all(|y| canvas.luma(span, y))
            && (0..canvas.chroma_rows()).all(|y| canvas.chroma(span, y));
        if !painted {
            return false;
        }
    }
    true
}

/// A row of bars, drawn from left to right.
struct Row {
    width: u32,
    bars: [Colour; 8],
    /// Where the next pair comes from in a row that does not move.
    x: u32,
}

impl Row {
    fn new(format: Format, number: u32) -> Self {
        let width = format.geometry.width();
        let step = 2 * (width / 320).max(1);
        let way = u64::from(number) * u64::from(step);
        let x = way.checked_rem(u64::from(width)).and_then(|x| u32::try_from(x).ok()).unwrap_or(0);
        Self { width, bars: BARS.map(|bar| bar.encoded(format.encoding())), x }
    }

    fn draw(&mut self, luma: &mut Samples, chroma: &mut Samples) {
        let pairs = luma.as_chunks_mut().0.iter_mut().zip(chroma.as_chunks_mut().0);
        for (ys, c) in pairs {
            let Colour { y, cb, cr } = self.next();
            *ys = [y, y];
            *c = [cb, cr];
        }
    }

    /// The colour of the next pair.
    fn next(&mut self) -> Colour {
        // The last bar that begins at or before this pair.
        let mut colour = Colour::BLACK;
        let mut begin = 0;
        for bar in self.bars {
            if begin / 8 <= self.x {
                colour = bar;
            }
            begin += self.width;
        }
        self.x += 2;
        if self.x >= self.width {
            self.x = 0;
        }
        colour
    }
}
