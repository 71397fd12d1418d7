//! Which picture is which.

/// Counts the pictures of a stream, and those among them that nobody saw.
#[derive(Clone, Copy)]
pub struct Counter {
    /// The number of the last picture; the first is 1.
    pub picture: i64,
    /// How many there were that nobody saw.
    pub dropped: i64,
    /// Whether there were such since the last picture that was seen.
    gap: bool,
}

impl Counter {
    /// Before the first picture.
    pub const ZERO: Self = Self { picture: 0, dropped: 0, gap: false };

    /// A picture is shown, after `missed` that are not.
    pub fn show(&mut self, missed: u64) {
        self.miss(missed);
        self.picture = self.picture.wrapping_add(1);
    }

    /// Pictures that are not shown.
    pub fn miss(&mut self, missed: u64) {
        self.picture = self.picture.wrapping_add_unsigned(missed);
        self.dropped = self.dropped.wrapping_add_unsigned(missed);
        self.gap |= missed > 0;
    }

    /// Whether pictures are missing before the one that is seen now; none are missing afterwards.
    pub fn take_gap(&mut self) -> bool {
        core::mem::take(&mut self.gap)
    }

    /// The low bits of the number, as stamps carry it.
    pub fn stamp(self) -> u32 {
        let [a, b, c, d, ..] = self.picture.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}
