//! The mark of loopcam: two interlocked loops, with a bead running round each.

use crate::circle::{Disc, Point, Ring};
use crate::colour::Colour;
use crate::encoding::Encoding;
use crate::runs::{Grid, Runs};

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
    /// Of the left loop, of the right one, and of the beads.
    colours: [Colour; 3],
    /// How far from the middle it reaches up and down.
    reach_y: u32,
}

impl Mark {
    /// The mark with loops of `radius` around `middle`, the beads `turn` / 256 round, in samples of `encoding`.
    pub(crate) fn new(middle: Point, radius: u32, turn: u8, encoding: Encoding) -> Self {
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
            colours: [LEFT, RIGHT, BEAD].map(|colour| colour.encoded(encoding)),
            reach_y: radius + bead + gap + 2,
        }
    }

    /// Whether it reaches this row.
    pub(crate) const fn has_row(&self, y: u32) -> bool {
        self.middle.y.abs_diff(y) <= self.reach_y
    }

    /// Puts the places of a row where the mark begins or ends to be, or to be solid, into `runs`.
    pub(crate) fn divide(&self, y: u32, grid: Grid, runs: &mut Runs) {
        for (point, discs) in [
            (self.left, self.gap.discs()),
            (self.left, self.band.discs()),
            (self.right, self.gap.discs()),
            (self.right, self.band.discs()),
            (self.left_bead, [self.bead_gap, self.bead]),
            (self.right_bead, [self.bead_gap, self.bead]),
        ] {
            for reach in discs.into_iter().flat_map(|disc| disc.reaches(point.y.abs_diff(y))).flatten() {
                runs.add(grid.first(point.x.saturating_sub(reach)));
                runs.add(grid.after(point.x + reach));
            }
        }
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
        let Mark { gap, bead, bead_gap, colours: [.., beads], .. } = *self.mark;
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
                seen = seen.under(beads, bead.cover(distance2));
            }
        }
        seen
    }

    /// Whether what is seen at `x` is seen all around, up to where the mark [divides](Mark::divide) the row.
    pub(crate) fn is_solid(&self, x: u32) -> bool {
        let Mark { band, gap, bead, bead_gap, .. } = *self.mark;
        let (left, right) = (self.left.distance2(x), self.right.distance2(x));
        let loops = [gap, band].into_iter().all(|ring| !ring.is_soft(left) && !ring.is_soft(right));
        let soft = |near: &Near| [bead, bead_gap].into_iter().any(|disc| disc.is_soft(near.distance2(x)));
        loops && !self.beads.iter().any(soft)
    }

    /// What is seen of the loops at these distances from their middles.
    #[inline]
    fn loops(&self, left: u32, right: u32) -> Colour {
        let Mark { band, gap, colours: [of_left, of_right, _], .. } = *self.mark;
        let (left, right) = ((of_left, left), (of_right, right));
        // The loops cross above and below the middle: each is on top once.
        let (below, above) = if self.upper { (right, left) } else { (left, right) };
        self.ground
            .under(below.0, band.cover(below.1))
            .under(self.ground, gap.cover(above.1))
            .under(above.0, band.cover(above.1))
    }
}
