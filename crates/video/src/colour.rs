//! Colours, in BT.601 limited range.

use crate::adjust::Adjust;
use crate::encoding::Encoding;
use crate::recode::Recode;

/// One colour, as the samples that make it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Luma: 16 is black, 235 is white.
    pub y: u8,
    /// Blue-difference chroma: 128 is none.
    pub cb: u8,
    /// Red-difference chroma: 128 is none.
    pub cr: u8,
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self::new(16, 128, 128);
    /// White, at full level.
    pub const WHITE: Self = Self::new(235, 128, 128);

    /// The colour with these samples.
    #[must_use]
    pub const fn new(y: u8, cb: u8, cr: u8) -> Self {
        Self { y, cb, cr }
    }

    /// The same colour in another encoding than BT.601 in limited range.
    pub(crate) fn encoded(self, encoding: Encoding) -> Self {
        let Some(recode) = Recode::new(Encoding::DEFAULT, encoding, Adjust::NEUTRAL) else { return self };
        let (mut luma, mut chroma) = ([self.y; 2], [self.cb, self.cr]);
        recode.luma(&mut luma, &chroma);
        recode.chroma(&mut chroma);
        let ([y, _], [cb, cr]) = (luma, chroma);
        Self { y, cb, cr }
    }

    /// This colour with another laid over it; `weight` is how much of it shows, up to [`OPAQUE`].
    pub(crate) const fn under(self, over: Self, weight: u16) -> Self {
        Self {
            y: mix(self.y, over.y, weight),
            cb: mix(self.cb, over.cb, weight),
            cr: mix(self.cr, over.cr, weight),
        }
    }
}

/// The weight at which nothing shines through.
pub(crate) const OPAQUE: u16 = 256;

/// The mean of two samples, rounded, with `weight` of [`OPAQUE`] for the second.
const fn mix(under: u8, over: u8, weight: u16) -> u8 {
    let sum = under as u16 * OPAQUE.wrapping_sub(weight) + over as u16 * weight + OPAQUE / 2;
    let [mean, _] = sum.to_be_bytes();
    mean
}

/// The eight colour bars from left to right, all of them at 75 % level.
pub const BARS: [Colour; 8] = [
    Colour::new(180, 128, 128), // white
    Colour::new(162, 44, 142),  // yellow
    Colour::new(131, 156, 44),  // cyan
    Colour::new(112, 72, 58),   // green
    Colour::new(84, 184, 198),  // magenta
    Colour::new(65, 100, 212),  // red
    Colour::new(35, 212, 114),  // blue
    Colour::new(16, 128, 128),  // black
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_the_eight_corners_of_rgb_at_75_percent() {
        // White, yellow, cyan, green, magenta, red, blue, black: green leaves last, blue toggles.
        let corners = [
            [1., 1., 1.],
            [1., 1., 0.],
            [0., 1., 1.],
            [0., 1., 0.],
            [1., 0., 1.],
            [1., 0., 0.],
            [0., 0., 1.],
            [0., 0., 0.],
        ];
        for (bar, rgb) in BARS.iter().zip(corners) {
            let [r, g, b] = rgb.map(|level: f64| level * 0.75);
            let y = 0.299 * r + 0.587 * g + 0.114 * b;
            let cb = (b - y) / 1.772;
            let cr = (r - y) / 1.402;
            let near = |sample: u8, exact: f64| (f64::from(sample) - exact).abs() <= 0.51;
            assert!(near(bar.y, 16. + 219. * y), "{bar:?}");
            assert!(near(bar.cb, 128. + 224. * cb), "{bar:?}");
            assert!(near(bar.cr, 128. + 224. * cr), "{bar:?}");
        }
    }

    #[test]
    fn nothing_and_everything_shows() {
        for bar in BARS {
            assert_eq!(bar.under(Colour::WHITE, 0), bar);
            assert_eq!(bar.under(Colour::WHITE, OPAQUE), Colour::WHITE);
            assert_eq!(bar.under(bar, OPAQUE / 3), bar);
        }
    }
}
