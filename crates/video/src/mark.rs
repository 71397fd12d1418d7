//! The mark of loopcam: two interlocked loops, with a bead running round each.

use crate::circle::{Disc, Point, Ring};
use crate::colour::Colour;

const LEFT: Colour = Colour::new(150, 140, 72);
const RIGHT: Colour = Colour::new(128, 168, 106);
const BEAD: Colour = Colour::new(226, 130, 126);

/// The mark, ready to be drawn at one place. All lengths are in half pixels.
pub(crate) struct Mark {
    middle: Point,
    left: Point,
    right: Point,
    left_bead: Point,
    right_bead: Point,
    band: Ring,
    /// The band with what is kept free on both sides of it.
    gap: Ring,
    bead: Disc,
    /// The bead with what is kept free around it.
    bead_gap: Disc,
    /// How far from the middle it reaches to the left and right.
    reach_x: u32,
    /// How far from the middle it reaches up and down.
    reach_y: u32,
}

impl Mark {
    /// The mark with loops of `radius` around `middle`, the beads `turn` / 256 round.
    pub(crate) fn new(middle: Point, radius: u32, turn: u8) -> Self {
        let apart = radius * 5 / 8;
        let thickness = (radius / 8).max(2);
        let gap = (radius / 16).max(1);
        let left = Point { x: middle.x.saturating_sub(apart), y: middle.y };
        let right = Point { x: middle.x + apart, y: middle.y };
        let bead = thickness + gap;
        Self {
            middle,
            left,
            right,
            // The loops turn against each other, like wheels that mesh.
            left_bead: left.towards(turn.wrapping_neg().wrapping_add(128), radius),
            right_bead: right.towards(turn, radius),
            band: Ring::new(radius, thickness),
            gap: Ring::new(radius, thickness + gap),
            bead: Disc::new(bead),
            bead_gap: Disc::new(bead + gap),
            reach_x: apart + radius + bead + gap + 2,
            reach_y: radius + bead + gap + 2,
        }
    }

    /// Whether it reaches this row.
    pub(crate) const fn has_row(&self, y: u32) -> bool {
        self.middle.y.abs_diff(y) <= self.reach_y
    }

    /// The pixels of a row that it may reach: from the first up to, not including, the second.
    /// Both are even, so that these are whole pairs.
    pub(crate) const fn pixels(&self) -> (u32, u32) {
        let from = self.middle.x.saturating_sub(self.reach_x);
        let to = self.middle.x + self.reach_x;
        (from / 4 * 2, to / 4 * 2 + 2)
    }

    /// What is seen at a point where there would be `ground` without the mark.
    #[inline]
    pub(crate) fn over(&self, ground: Colour, at: Point) -> Colour {
        let left = (LEFT, at.distance2(self.left));
        let right = (RIGHT, at.distance2(self.right));
        let mut seen = ground;
        if !self.gap.misses(left.1) || !self.gap.misses(right.1) {
            // The loops cross above and below the middle: each is on top once.
            let (below, above) = if at.y < self.middle.y { (right, left) } else { (left, right) };
            seen = seen.under(below.0, self.band.cover(below.1));
            seen = seen.under(ground, self.gap.cover(above.1));
            seen = seen.under(above.0, self.band.cover(above.1));
        }
        for bead in [self.left_bead, self.right_bead] {
            let distance2 = at.distance2(bead);
            if !self.bead_gap.misses(distance2) {
                seen = seen.under(ground, self.bead_gap.cover(distance2));
                seen = seen.under(BEAD, self.bead.cover(distance2));
            }
        }
        seen
    }
}
