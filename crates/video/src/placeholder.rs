//! The picture that is shown while nobody sends one.
//!
//! The mark of loopcam on a dark, bluish grey, and below it, where there is room for them, the
//! words NO SIGNAL. Two beads run round the loops of the mark, so that one sees that the camera
//! lives. The first and the last row are the [stamp].

use crate::canvas::Canvas;
use crate::circle::Point;
use crate::colour::Colour;
use crate::font::{NO_SIGNAL, SIZE};
use crate::format::{Format, Geometry};
use crate::mark::{self, Mark};
use crate::memory::Sink;
use crate::runs::{Grid, Runs};
use crate::span::{PIXELS, Samples, part, spans};
use crate::stamp;

/// Paints the placeholder for frame `number`.
///
/// Every byte of the picture is written once. Returns `false`, and paints nothing, if a picture of
/// this format does not fit into `sink`; or `false` when the sink refuses a write.
pub fn paint(format: Format, number: u32, sink: &mut (impl Sink + ?Sized)) -> bool {
    if !stamp::draw(format, number, sink) {
        return false;
    }
    let width = format.geometry.width();
    let height = format.geometry.height();
    let scene = Scene::new(format, number);
    let mut luma = [0; PIXELS];
    let mut chroma = [0; PIXELS];
    let mut canvas = Canvas::new(format, sink);
    if canvas.is_shared() {
        for y in 1..height - 1 {
            if scene.is_plain(y) {
                if !canvas.fill(width, y, scene.ground(y).y) {
                    return false;
                }
                continue;
            }
            let row = scene.row(2 * y + 1, y, Grid::LUMA);
            for span in spans(width) {
                row.luma(span.x, &mut luma);
                canvas.load(&luma, &chroma);
                if !canvas.luma(span, y) {
                    return false;
                }
            }
        }
        for y in 0..canvas.chroma_rows() {
            // Between the two rows that share it.
            let row = scene.row(4 * y + 2, 2 * y, Grid::CHROMA);
            for span in spans(width) {
                row.chroma(span.x, &mut chroma);
                canvas.load(&luma, &chroma);
                if !canvas.chroma(span, y) {
                    return false;
                }
            }
        }
        return true;
    }
    // The luma of a row of nothing but ground, while the canvas has it.
    let mut plain = None;
    for y in 1..height - 1 {
        let ground = scene.is_plain(y).then(|| scene.ground(y).y);
        if ground.is_some() && ground == plain {
            if !spans(width).all(|span| canvas.luma(span, y)) {
                return false;
            }
            continue;
        }
        plain = ground;
        let (bright, coloured) = (scene.row(2 * y + 1, y, Grid::LUMA), scene.row(2 * y + 1, y, Grid::CHROMA));
        for span in spans(width) {
            bright.luma(span.x, &mut luma);
            coloured.chroma(span.x, &mut chroma);
            canvas.load(&luma, &chroma);
            if !canvas.luma(span, y) {
                return false;
            }
        }
    }
    true
}

/// The ground at the top; the luma falls off towards the bottom.
const GROUND: Colour = Colour::new(54, 135, 124);
/// By how much.
const FALL: u8 = 22;
/// The luma of the words.
const WORDS: u8 = 150;

/// What is seen, apart from how it lies in memory.
struct Scene {
    /// The ground at the top.
    ground: Colour,
    /// By how much the ground darkens per row, in 65536ths.
    fall: u32,
    mark: Mark,
    words: Option<Words>,
}

impl Scene {
    fn new(format: Format, number: u32) -> Self {
        let geometry = format.geometry;
        let (width, height) = (geometry.width(), geometry.height());
        let words = Words::new(geometry, Colour { y: WORDS, ..Colour::WHITE }.encoded(format.encoding()).y);
        // In half pixels. Without words the mark has the picture for itself.
        let (radius, y) = if words.is_some() {
            (height * 2 * 9 / 64, height * 2 * 27 / 64)
        } else {
            (height * 2 * 7 / 32, height)
        };
        let radius = radius.min(width * 2 * 7 / 32);
        let turn = number.wrapping_mul(2).to_le_bytes()[0];
        let ground = GROUND.encoded(format.encoding());
        let bottom = Colour { y: GROUND.y - FALL, ..GROUND }.encoded(format.encoding());
        Self {
            ground,
            fall: (u32::from(ground.y.saturating_sub(bottom.y)) << 16).checked_div(height).unwrap_or(0),
            mark: Mark::new(Point { x: width, y }, radius, turn, format.encoding()),
            words,
        }
    }

    /// The ground of a row.
    const fn ground(&self, y: u32) -> Colour {
        let [_, fall, ..] = (self.fall * y).to_be_bytes();
        Colour { y: self.ground.y.saturating_sub(fall), ..self.ground }
    }

    /// Whether there is nothing but ground in a row.
    fn is_plain(&self, y: u32) -> bool {
        !self.mark.has_row(2 * y + 1) && self.words.as_ref().is_none_or(|words| !words.has_row(y))
    }

    /// What is seen at height `height`, in half pixels, on the ground of pixel row `y`.
    fn row(&self, height: u32, y: u32, grid: Grid) -> Row<'_> {
        let ground = self.ground(y);
        let mut runs = Runs::new();
        if self.mark.has_row(height) {
            self.mark.divide(height, grid, &mut runs);
        }
        Row { ground, y, words: self.words.as_ref(), mark: self.mark.row(ground, height), runs, grid }
    }
}

/// What is seen along one row.
struct Row<'a> {
    ground: Colour,
    y: u32,
    words: Option<&'a Words>,
    mark: mark::Row<'a>,
    /// Where the mark changes.
    runs: Runs,
    grid: Grid,
}

impl Row<'_> {
    /// Draws the luma of the span that begins at pixel `start`.
    fn luma(&self, start: u32, luma: &mut Samples) {
        luma.fill(self.ground.y);
        if let Some(words) = self.words {
            words.draw(start, self.y, luma);
        }
        for (from, to) in self.runs.iter() {
            let first = start.max(from);
            let run = part(luma, start, from, to);
            if run.is_empty() {
                continue;
            }
            let x = self.grid.middle(first);
            if self.mark.is_solid(x) {
                run.fill(self.mark.at(x).y);
            } else {
                for (sample, x) in run.iter_mut().zip(first..) {
                    *sample = self.mark.at(self.grid.middle(x)).y;
                }
            }
        }
    }

    /// Draws the chroma of the span that begins at pixel `start`.
    fn chroma(&self, start: u32, chroma: &mut Samples) {
        for pair in chroma.as_chunks_mut().0 {
            *pair = [self.ground.cb, self.ground.cr];
        }
        for (from, to) in self.runs.iter() {
            let first = (start / 2).max(from);
            let run = part(chroma, start, 2 * from, 2 * to).as_chunks_mut().0;
            if run.is_empty() {
                continue;
            }
            let x = self.grid.middle(first);
            if self.mark.is_solid(x) {
                let seen = self.mark.at(x);
                run.fill([seen.cb, seen.cr]);
            } else {
                for (pair, x) in run.iter_mut().zip(first..) {
                    let seen = self.mark.at(self.grid.middle(x));
                    *pair = [seen.cb, seen.cr];
                }
            }
        }
    }
}

/// The words, at one place.
struct Words {
    x: u32,
    y: u32,
    /// How many pixels wide and high one pixel of a letter is.
    scale: u32,
    luma: u8,
}

impl Words {
    /// The words below the middle of the picture, if there is room.
    fn new(geometry: Geometry, luma: u8) -> Option<Self> {
        let (width, height) = (geometry.width(), geometry.height());
        let scale = (height / 180).min(width / 160).max(1);
        // The last letter is not followed by its space.
        let length = (NO_SIGNAL.len() as u32 * SIZE - 3) * scale;
        if height < 64 || width < length + 8 {
            return None;
        }
        Some(Self { x: (width - length) / 2, y: height * 46 / 64, scale, luma })
    }

    fn has_row(&self, y: u32) -> bool {
        (self.y..self.y + SIZE * self.scale).contains(&y)
    }

    /// Draws them over the luma of the span that begins at pixel `start` of row `y`.
    fn draw(&self, start: u32, y: u32, luma: &mut Samples) {
        if !self.has_row(y) {
            return;
        }
        let line = (y - self.y).checked_div(self.scale).unwrap_or(0) as usize;
        let mut x = self.x;
        for glyph in NO_SIGNAL {
            let dots = glyph.get(line).copied().unwrap_or(0);
            for column in 0..SIZE {
                if dots << column & 0x80 != 0 {
                    part(luma, start, x, x + self.scale).fill(self.luma);
                }
                x += self.scale;
            }
        }
    }
}
