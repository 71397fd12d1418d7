//! Discs with soft edges, and the way round them.
//!
//! Lengths and positions are in half pixels: the middle of pixel (x, y) is (2 x + 1, 2 y + 1), and
//! the middle of a pair, which carries its chroma, is a whole number as well.

use crate::colour::OPAQUE;

/// A place in the picture, in half pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) x: u32,
    pub(crate) y: u32,
}

impl Point {
    /// The point at `radius` from here in direction `turn`: 256 steps clockwise from the top.
    pub(crate) fn towards(self, turn: u8, radius: u32) -> Self {
        let (right, x) = sine(turn, radius);
        let (up, y) = sine(turn.wrapping_add(64), radius);
        Self {
            x: if right { self.x.wrapping_add(x) } else { self.x.wrapping_sub(x) },
            y: if up { self.y.wrapping_sub(y) } else { self.y.wrapping_add(y) },
        }
    }
}

/// A disc whose edge is one pixel wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disc {
    /// The square of the distance from which it covers nothing.
    end: u32,
    /// How much the square differs from the inner to the outer end of the edge.
    edge: u32,
    /// [`OPAQUE`] / `edge`, in 65536ths.
    slope: u32,
}

impl Disc {
    pub(crate) const fn new(radius: u32) -> Self {
        // Half a pixel each way from the radius r: r² ± 2 r, but for the constant.
        let edge = 4 * radius;
        let slope = match ((OPAQUE as u32) << 16).checked_div(edge) {
            Some(slope) => slope,
            None => 0,
        };
        Self { end: radius * radius + edge / 2, edge, slope }
    }

    /// How much of a pixel it covers, of [`OPAQUE`], at a distance from its middle.
    pub(crate) fn cover(self, distance2: u32) -> u16 {
        if self.hides(distance2) {
            return OPAQUE;
        }
        let inside = self.end.saturating_sub(distance2);
        // Below the edge this is below OPAQUE, so that its whole part is one byte.
        let [_, cover, ..] = (inside * self.slope).to_be_bytes();
        u16::from(cover)
    }

    /// Whether it covers nothing of a pixel at this distance.
    pub(crate) const fn misses(self, distance2: u32) -> bool {
        distance2 >= self.end
    }

    /// Whether it covers a part of a pixel at this distance.
    pub(crate) const fn is_soft(self, distance2: u32) -> bool {
        !self.misses(distance2) && !self.hides(distance2)
    }

    /// How far to the left and right it covers anything, and how far all, in a row that is `y` from its middle.
    pub(crate) fn reaches(self, y: u32) -> [Option<u32>; 2] {
        // The distances whose squares are below `end`, and at most as much as is hidden.
        let reach =
            |above: u32| above.checked_sub(y * y).and_then(|left| left.checked_sub(1)).map(u32::isqrt);
        [reach(self.end), reach((self.end + 1).saturating_sub(self.edge).min(self.end))]
    }

    /// Whether it covers all of a pixel at this distance.
    const fn hides(self, distance2: u32) -> bool {
        distance2 + self.edge <= self.end && distance2 < self.end
    }
}

/// A disc with a hole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    outer: Disc,
    inner: Disc,
}

impl Ring {
    /// The ring whose middle line has this radius, `thickness` to each side of it.
    pub(crate) const fn new(radius: u32, thickness: u32) -> Self {
        Self { outer: Disc::new(radius + thickness), inner: Disc::new(radius.saturating_sub(thickness)) }
    }

    /// What it is made of: the disc and the hole.
    pub(crate) const fn discs(self) -> [Disc; 2] {
        [self.outer, self.inner]
    }

    /// Whether an edge of it is at this distance.
    pub(crate) const fn is_soft(self, distance2: u32) -> bool {
        self.outer.is_soft(distance2) || self.inner.is_soft(distance2)
    }

    /// How much of a pixel it covers, of [`OPAQUE`], at a distance from its middle.
    pub(crate) fn cover(self, distance2: u32) -> u16 {
        self.outer.cover(distance2).saturating_sub(self.inner.cover(distance2))
    }

    /// Whether it covers nothing of a pixel at this distance.
    pub(crate) const fn misses(self, distance2: u32) -> bool {
        self.outer.misses(distance2) || self.inner.hides(distance2)
    }
}

/// The sine of `turn` / 256 of a circle, times `length`: whether it is positive, and its magnitude.
fn sine(turn: u8, length: u32) -> (bool, u32) {
    let step = usize::from(turn % 64);
    let rising = turn & 64 == 0;
    let sine = QUARTER.get(if rising { step } else { 64 - step }).map_or(0, |sine| u32::from(*sine));
    (turn < 128, (length * sine + (1 << 14)) >> 15)
}

/// The sine from 0 to 90 degrees in 64 steps, in 32768ths.
const QUARTER: [u16; 65] = {
    // One step is 360 / 256 degrees; everything in 2³⁰ths.
    const COS: i64 = 1_073_418_433;
    const SIN: i64 = 26_350_943;
    let mut table = [0; 65];
    let (mut sine, mut cosine) = (0, 1 << 30);
    let mut i = 0;
    while i < table.len() {
        table[i] = ((sine + (1 << 14)) >> 15) as u16;
        (sine, cosine) = ((sine * COS + cosine * SIN) >> 30, (cosine * COS - sine * SIN) >> 30);
        i += 1;
    }
    table
};

/// The sine of an angle in hundredths of a degree, from -180 to 180 degrees, in 32768ths.
pub(crate) fn sine_of(angle: i32) -> i32 {
    // 256 steps of 65536 parts to the turn.
    let position = (u64::from(angle.unsigned_abs().min(18_000)) * (256 << 16) / 36_000) as u32;
    let position = if position > 64 << 16 { (128 << 16) - position } else { position };
    let at = |step: u32| QUARTER.get(step as usize).map_or(0, |sine| i32::from(*sine));
    let (step, part) = (position >> 16, (position & 0xFFFF).cast_signed() >> 2);
    let sine = at(step) + (((at(step + 1).max(at(step)) - at(step)) * part + (1 << 13)) >> 14);
    if angle < 0 { -sine } else { sine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_of_an_angle_is_exact_to_ten_thousandths() {
        for angle in -18_000..=18_000 {
            let shall = (f64::from(angle) / 100.).to_radians().sin();
            let is = f64::from(sine_of(angle)) / 32768.;
            assert!((is - shall).abs() < 2e-4, "{angle}: {is} {shall}");
        }
    }

    #[test]
    fn sine_is_exact_to_a_half() {
        for turn in 0..=255u8 {
            let (positive, magnitude) = sine(turn, 1000);
            let is = f64::from(magnitude) * if positive { 1. } else { -1. };
            let shall = 1000. * (f64::from(turn) * core::f64::consts::TAU / 256.).sin();
            assert!((is - shall).abs() <= 0.6, "{turn}: {is} {shall}");
        }
    }

    #[test]
    fn disc_reaches_as_far_as_it_covers() {
        for radius in 0..60 {
            let disc = Disc::new(radius);
            for y in 0..70 {
                let covered =
                    |least: u16| (0..70).take_while(|x: &u32| disc.cover(x * x + y * y) >= least).last();
                let [any, all] = disc.reaches(y);
                let seen = (0..70).take_while(|x: &u32| !disc.misses(x * x + y * y)).last();
                assert_eq!((any, all), (seen, covered(OPAQUE)), "{radius} {y}");
            }
        }
    }

    #[test]
    fn way_round_begins_at_the_top_and_goes_clockwise() {
        let middle = Point { x: 500, y: 500 };
        assert_eq!(middle.towards(0, 100), Point { x: 500, y: 400 });
        assert_eq!(middle.towards(64, 100), Point { x: 600, y: 500 });
        assert_eq!(middle.towards(128, 100), Point { x: 500, y: 600 });
        assert_eq!(middle.towards(192, 100), Point { x: 400, y: 500 });
    }

    #[test]
    fn disc_is_solid_inside_soft_at_the_edge_and_nothing_outside() {
        for radius in 2..500 {
            let disc = Disc::new(radius);
            assert_eq!(disc.cover(0), OPAQUE);
            let edge = disc.cover(radius * radius);
            assert!((OPAQUE / 2 - 2..=OPAQUE / 2).contains(&edge), "{radius} {edge}");
            assert_eq!(disc.cover((radius + 2) * (radius + 2)), 0);
            let mut last = OPAQUE;
            for distance2 in 0..(radius + 2) * (radius + 2) {
                let cover = disc.cover(distance2);
                assert!(cover <= last);
                assert_eq!(disc.misses(distance2), disc.end <= distance2);
                assert_eq!(disc.hides(distance2), cover == OPAQUE);
                last = cover;
            }
        }
        assert_eq!(Disc::new(0).cover(0), 0);
    }
}
