//! Which samples make up a sample of another size, along one direction.

/// One, as a weight.
pub(crate) const UNIT: u32 = 1 << 14;
/// One, as a position.
const ONE: i64 = 1 << 16;

/// From so many samples to so many others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    from: u32,
    to: u32,
    /// In which part of the space that it stands for a sample lies, from its beginning: 2 for the half, 4 for a quarter.
    place: i64,
    /// How far a sample reaches to each side.
    reach: i64,
    /// How many samples are weighed for one, at most.
    pub(crate) taps: usize,
}

impl Axis {
    /// Pixels, which lie in the middle of their space.
    pub(crate) fn luma(from: u32, to: u32) -> Self {
        Self::new(from, to, 2)
    }

    /// Chroma of pairs, which lies where the left one of two pixels does.
    pub(crate) fn chroma(from: u32, to: u32) -> Self {
        Self::new(from, to, 4)
    }

    fn new(from: u32, to: u32, place: i64) -> Self {
        let ratio = (i64::from(from) * ONE).checked_div(i64::from(to)).unwrap_or(0);
        let reach = ratio.max(ONE);
        // As many whole numbers as there can be between two that are so far apart, both left out.
        let taps = ((2 * reach + ONE - 1) >> 16).unsigned_abs() as usize;
        Self { from, to, place, reach, taps: taps.min(from as usize) }
    }

    /// The weights of sample `index`, which are sixteen bits each, and the first sample that they are for. Together they
    /// are [`UNIT`]. Beyond an edge the last sample goes on.
    pub(crate) fn weigh(&self, index: u32, weights: &mut [[u8; 2]]) -> u32 {
        let last = i64::from(self.from) - 1;
        let at = (self.place * i64::from(index) + 1) * i64::from(self.from) * ONE;
        let at = at.checked_div(self.place * i64::from(self.to)).unwrap_or(0);
        let at = at - ONE.checked_div(self.place).unwrap_or(0);
        // Open at both ends.
        let first = ((at - self.reach) >> 16) + 1;
        let end = (at + self.reach - 1) >> 16;
        // Not `clamp`, which panics where it cannot be proved that the bounds are in order.
        let start = first.min(last + 1 - self.taps as i64).max(0);
        let weight = |sample: i64| self.reach - ((sample << 16) - at).abs();
        let total: i64 = (first..=end).map(weight).sum();
        weights.fill([0; 2]);
        // What the weights so far should be together, so that all of them are one.
        let (mut sum, mut given) = (0, 0);
        for sample in first..=end {
            sum += weight(sample);
            let due = (sum * i64::from(UNIT) + total / 2).checked_div(total).unwrap_or(0);
            let place = usize::try_from(sample.min(last).max(0) - start).ok();
            if let Some(place) = place.and_then(|place| weights.get_mut(place)) {
                *place = (u16::from_le_bytes(*place) + (due - given) as u16).to_le_bytes();
            }
            given = due;
        }
        start.unsigned_abs() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn weights(axis: Axis, index: u32) -> (u32, Vec<u32>) {
        let mut weights = vec![[9; 2]; axis.taps];
        let start = axis.weigh(index, &mut weights);
        (start, weights.into_iter().map(|w| u16::from_le_bytes(w).into()).collect())
    }

    #[test]
    fn weights_are_one_together_and_within_the_samples() {
        for (from, to) in
            [(16, 16), (16, 3840), (3840, 16), (1920, 640), (640, 1920), (8, 1), (1, 8), (1080, 1078)]
        {
            for axis in [Axis::luma(from, to), Axis::chroma(from, to)] {
                for index in 0..to {
                    let (start, weights) = weights(axis, index);
                    assert_eq!(weights.iter().sum::<u32>(), UNIT, "{axis:?} {index}");
                    assert!(start as usize + weights.len() <= from as usize, "{axis:?} {index}");
                }
            }
        }
    }

    #[test]
    fn equal_size_is_each_sample_itself() {
        for axis in [Axis::luma(20, 20), Axis::chroma(20, 20)] {
            for index in 0..20 {
                let (start, weights) = weights(axis, index);
                assert_eq!(weights[(index - start) as usize], UNIT);
            }
        }
    }

    #[test]
    fn half_and_double_are_the_textbook_weights() {
        let eighths = |(start, weights): (u32, Vec<u32>)| {
            (start, weights.into_iter().map(|w| w * 8 / UNIT).collect::<Vec<_>>())
        };
        assert_eq!(eighths(weights(Axis::luma(100, 50), 10)), (19, vec![1, 3, 3, 1]));
        assert_eq!(eighths(weights(Axis::luma(50, 100), 20)), (9, vec![2, 6]));
        assert_eq!(eighths(weights(Axis::luma(50, 100), 21)), (10, vec![6, 2]));
        // A quarter to the left of the middle of a sample twice as wide is a quarter of a sample to the right.
        assert_eq!(eighths(weights(Axis::chroma(100, 50), 10)).0, 19);
    }
}
