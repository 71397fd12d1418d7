//! Rows, piece by piece.

/// Pixels of a full span.
///
/// Whole vectors, and small enough for a few spans on a kernel stack.
pub(crate) const PIXELS: usize = 128;

/// One sample per pixel of a span: its luma, or Cb and Cr of its pairs in turn.
pub(crate) type Samples = [u8; PIXELS];

/// A piece of a row: loops run over all of [`PIXELS`], memory sees only those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its first pixel.
    pub(crate) x: u32,
    /// Its pixels, an even number from 2 to [`PIXELS`].
    pub(crate) pixels: usize,
}

/// The spans of a row, from left to right.
pub(crate) const fn spans(width: u32) -> Spans {
    Spans { x: 0, left: width as usize }
}

/// See [`spans`].
pub(crate) struct Spans {
    x: u32,
    left: usize,
}

impl Iterator for Spans {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        if self.left == 0 {
            return None;
        }
        let span = Span { x: self.x, pixels: self.left.min(PIXELS) };
        self.x += PIXELS as u32;
        self.left -= span.pixels;
        Some(span)
    }
}

/// The part of the span that begins at `start` which lies from pixel `from` up to, not including,
/// pixel `to`.
pub(crate) fn part(samples: &mut Samples, start: u32, from: u32, to: u32) -> &mut [u8] {
    let from = from.saturating_sub(start) as usize;
    let to = (to.saturating_sub(start) as usize).min(PIXELS);
    samples.get_mut(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_a_row_once() {
        for width in (16..=3840).step_by(2) {
            let mut x = 0;
            for span in spans(width) {
                assert_eq!(span.x, x);
                assert!((2..=PIXELS).contains(&span.pixels) && span.pixels % 2 == 0);
                x += span.pixels as u32;
            }
            assert_eq!(x, width);
        }
    }

    #[test]
    fn part_is_clipped_to_the_span() {
        let mut samples = [0; PIXELS];
        // The second span of a row.
        let start = PIXELS as u32;
        let mut len = |from, to| part(&mut samples, start, from, to).len();
        assert_eq!(len(0, 1920), PIXELS);
        assert_eq!(len(start, 2 * start), PIXELS);
        assert_eq!(len(start + 10, start + 12), 2);
        assert_eq!(len(0, start + 2), 2);
        assert_eq!(len(2 * start - 1, 1920), 1);
        assert_eq!(len(0, start), 0);
        assert_eq!(len(2 * start, 1920), 0);
        assert_eq!(len(start + 40, start + 30), 0);
    }
}
