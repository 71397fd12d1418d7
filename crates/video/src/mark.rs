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

    /// The mark along one row, where there would be `ground` without it.
    pub(crate) const fn row(&self, ground: Colour, y: u32) -> Row<'_> {
        Row {
            mark: self,
            ground,
            upper: y < self.middle.y,
            left: Near::new(self.left, y),
            right: Near::new(self.right, y),
            beads: [Near::new(self.left_bead, y), Near::new(self.right_bead, y)],
        }
    }
}

/// How near a row comes to a point.
struct Near {
    x: u32,
    y2: u32,
}

impl Near {
    const fn new(point: Point, y: u32) -> Self {
        let y = point.y.abs_diff(y);
        Self { x: point.x, y2: y * y }
    }

    /// The square of the distance at `x`.
    const fn distance2(&self, x: u32) -> u32 {
        let x = self.x.abs_diff(x);
        x * x + self.y2
    }
}

/// The mark along one row.
pub(crate) struct Row<'a> {
    mark: &'a Mark,
    ground: Colour,
    /// Whether the row is above the middle.
    upper: bool,
    left: Near,
    right: Near,
    beads: [Near; 2],
}

impl Row<'_> {
    /// What is seen at `x`.
    #[inline]
    pub(crate) fn at(&self, x: u32) -> Colour {
        let Mark { gap, bead, bead_gap, .. } = self.mark;
        let mut seen = self.ground;
        let left = self.left.distance2(x);
        let right = self.right.distance2(x);
        if !gap.misses(left) || !gap.misses(right) {
            seen = self.loops(left, right);
        }
        for near in &self.beads {
            let distance2 = near.distance2(x);
            if !bead_gap.misses(distance2) {
                seen = seen.under(self.ground, bead_gap.cover(distance2));
                seen = seen.under(BEAD, bead.cover(distance2));
            }
        }
        seen
    }

    /// What is seen of the loops at these distances from their middles.
    #[inline]
    fn loops(&self, left: u32, right: u32) -> Colour {
        let Mark { band, gap, .. } = self.mark;
        let (left, right) = ((LEFT, left), (RIGHT, right));
        // The loops cross above and below the middle: each is on top once.
        let (below, above) = if self.upper { (right, left) } else { (left, right) };
        self.ground
            .under(below.0, band.cover(below.1))
            .under(self.ground, gap.cover(above.1))
            .under(above.0, band.cover(above.1))
    }
}
