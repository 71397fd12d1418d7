//! Where along a row something changes.

/// The places of samples along a row, in half pixels: they are 2 to the power of `shift` apart, and the middle of the
/// first is at `middle`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    shift: u32,
    middle: u32,
}

impl Grid {
    /// Pixels.
    pub(crate) const LUMA: Self = Self { shift: 1, middle: 1 };
    /// Pairs of pixels.
    pub(crate) const CHROMA: Self = Self { shift: 2, middle: 2 };

    /// The first sample whose middle is at `x` or to the right of it.
    pub(crate) const fn first(self, x: u32) -> u32 {
        (x + (1 << self.shift) - 1).saturating_sub(self.middle) >> self.shift
    }

    /// The first sample whose middle is to the right of `x`.
    pub(crate) const fn after(self, x: u32) -> u32 {
        self.first(x + 1)
    }

    /// The middle of a sample.
    pub(crate) const fn middle(self, sample: u32) -> u32 {
        (sample << self.shift) + self.middle
    }
}

/// The most changes: to the left and the right of twelve discs, and of what each hides.
const MOST: usize = 4 * 12;

/// The samples of a row at which something changes, in order.
pub(crate) struct Runs {
    changes: [u32; MOST],
    count: usize,
}

impl Runs {
    pub(crate) const fn new() -> Self {
        Self { changes: [0; MOST], count: 0 }
    }

    /// Adds a change.
    pub(crate) fn add(&mut self, change: u32) {
        let Some(place) = self.changes.get_mut(self.count) else { return };
        *place = change;
        self.count += 1;
        // Until what is before it is not behind it.
        let mut at = self.count - 1;
        while let Some([before, here]) =
            at.checked_sub(1).and_then(|from| self.changes.get_mut(from..)).and_then(<[u32]>::first_chunk_mut)
            && *before > *here
        {
            core::mem::swap(before, here);
            at -= 1;
        }
    }

    /// The runs between changes: the first sample of each, and the one behind its last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let changes = self.changes.get(..self.count).unwrap_or_default();
        changes.iter().copied().zip(changes.iter().copied().skip(1)).filter(|(from, to)| from < to)
    }
}
