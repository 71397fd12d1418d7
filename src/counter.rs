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
    /// Those that were seen, and their bytes.
    seen: (u64, u64),
}

impl Counter {
    /// Before the first picture.
    pub const ZERO: Self = Self { picture: 0, dropped: 0, gap: false, seen: (0, 0) };

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

    /// The last picture that was to be shown is not.
    pub fn lose(&mut self) {
        self.dropped = self.dropped.wrapping_add(1);
        self.gap = true;
    }

    /// The last picture was seen, with so many bytes.
    pub fn see(&mut self, size: u32) {
        let (count, bytes) = self.seen;
        self.seen = (count.wrapping_add(1), bytes.wrapping_add(size.into()));
    }

    /// The bytes of the pictures that were seen, on average.
    pub fn average_size(&self) -> u32 {
        let (count, bytes) = self.seen;
        bytes.checked_div(count).and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
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
