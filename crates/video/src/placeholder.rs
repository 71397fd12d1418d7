//! The picture that is shown while nobody sends one.
//!
//! The mark of loopcam on a dark, bluish grey, and below it, where there is room for them, the
//! words NO SIGNAL. Two beads run round the loops of the mark, so that one sees that the camera
//! lives. The first and the last row are the [stamp].

use crate::circle::Point;
use crate::colour::Colour;
use crate::font::{NO_SIGNAL, SIZE};
use crate::format::{Format, Geometry, Layout};
use crate::mark::Mark;
use crate::memory::Sink;
use crate::packed::pack;
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
    let rows = 1..format.geometry.height() - 1;
    let scene = Scene::new(format.geometry, number);
    let mut samples = [0; PIXELS];
    match format.layout() {
        Layout::SemiPlanar { luma, chroma } => {
            for y in rows {
                if scene.is_plain(y) {
                    let ground = scene.ground(y).y;
                    if !sink.fill(luma.at(y, 0), luma.stride as usize, ground) {
                        return false;
                    }
                    continue;
                }
                for span in spans(width) {
                    scene.luma(span.x, y, &mut samples);
                    let painted = samples
                        .get(..span.pixels)
                        .is_some_and(|samples| sink.write(luma.at(y, span.x), samples));
                    if !painted {
                        return false;
                    }
                }
            }
            for y in 0..chroma.rows {
                for span in spans(width) {
                    // Between the two rows that share it.
                    scene.chroma(span.x, 4 * y + 2, &mut samples);
                    let painted = samples
                        .get(..span.pixels)
                        .is_some_and(|samples| sink.write(chroma.at(y, span.x), samples));
                    if !painted {
                        return false;
                    }
                }
            }
        }
        Layout::Packed(plane) => {
            let mut chroma = [0; PIXELS];
            let mut packed = [0; 2 * PIXELS];
            for y in rows {
                for span in spans(width) {
                    scene.luma(span.x, y, &mut samples);
                    scene.chroma(span.x, 2 * y + 1, &mut chroma);
                    pack(&samples, &chroma, &mut packed);
                    let painted = packed
                        .get(..2 * span.pixels)
                        .is_some_and(|samples| sink.write(plane.at(y, 2 * span.x), samples));
                    if !painted {
                        return false;
                    }
                }
            }
        }
    }
    true
}

/// The ground at the top; the luma falls off towards the bottom.
const GROUND: Colour = Colour::new(54, 135, 124);
/// By how much.
const FALL: u32 = 22;
/// The luma of the words.
const WORDS: u8 = 150;

/// What is seen, apart from how it lies in memory.
struct Scene {
    /// By how much the ground darkens per row, in 65536ths.
    fall: u32,
    mark: Mark,
    words: Option<Words>,
}

impl Scene {
    fn new(geometry: Geometry, number: u32) -> Self {
        let (width, height) = (geometry.width(), geometry.height());
        let words = Words::new(geometry);
        // In half pixels. Without words the mark has the picture for itself.
        let (radius, y) = if words.is_some() {
            (height * 2 * 9 / 64, height * 2 * 27 / 64)
        } else {
            (height * 2 * 7 / 32, height)
        };
        let radius = radius.min(width * 2 * 7 / 32);
        let turn = number.wrapping_mul(2).to_le_bytes()[0];
        Self {
            fall: (FALL << 16).checked_div(height).unwrap_or(0),
            mark: Mark::new(Point { x: width, y }, radius, turn),
            words,
        }
    }

    /// The ground of a row.
    const fn ground(&self, y: u32) -> Colour {
        let [_, fall, ..] = (self.fall * y).to_be_bytes();
        Colour { y: GROUND.y.saturating_sub(fall), ..GROUND }
    }

    /// Whether there is nothing but ground in a row.
    fn is_plain(&self, y: u32) -> bool {
        !self.mark.has_row(2 * y + 1) && self.words.as_ref().is_none_or(|words| !words.has_row(y))
    }

    /// Draws the luma of the span that begins at pixel `start` of row `y`.
    fn luma(&self, start: u32, y: u32, luma: &mut Samples) {
        let ground = self.ground(y);
        luma.fill(ground.y);
        if let Some(words) = &self.words {
            words.draw(start, y, luma);
        }
        let y = 2 * y + 1;
        if self.mark.has_row(y) {
            let (from, to) = self.mark.pixels();
            let first = start.max(from);
            let row = self.mark.row(ground, y);
            let pixels = part(luma, start, from, to).iter_mut();
            for (sample, x) in pixels.zip((2 * first + 1..).step_by(2)) {
                *sample = row.at(x).y;
            }
        }
    }

    /// Draws the chroma of the span that begins at pixel `start`, at height `y` in half pixels.
    fn chroma(&self, start: u32, y: u32, chroma: &mut Samples) {
        for pair in chroma.as_chunks_mut().0 {
            *pair = [GROUND.cb, GROUND.cr];
        }
        if self.mark.has_row(y) {
            let (from, to) = self.mark.pixels();
            let first = start.max(from);
            let row = self.mark.row(GROUND, y);
            let pairs = part(chroma, start, from, to).as_chunks_mut().0.iter_mut();
            for (pair, x) in pairs.zip((2 * first + 2..).step_by(4)) {
                let seen = row.at(x);
                *pair = [seen.cb, seen.cr];
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
}

impl Words {
    /// The words below the middle of the picture, if there is room.
    fn new(geometry: Geometry) -> Option<Self> {
        let (width, height) = (geometry.width(), geometry.height());
        let scale = (height / 180).min(width / 160).max(1);
        // The last letter is not followed by its space.
        let length = (NO_SIGNAL.len() as u32 * SIZE - 3) * scale;
        if height < 64 || width < length + 8 {
            return None;
        }
        Some(Self { x: (width - length) / 2, y: height * 46 / 64, scale })
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
                    part(luma, start, x, x + self.scale).fill(WORDS);
                }
                x += self.scale;
            }
        }
    }
}
