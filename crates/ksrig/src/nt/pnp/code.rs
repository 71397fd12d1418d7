//! Where the code of drivers lies: for signal handlers, which can wait for nobody.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Images that are loaded at the same time, at most.
const MOST: usize = 64;

/// The ranges of the images of one machine; an empty one is free.
pub struct Code {
    ranges: [(AtomicUsize, AtomicUsize); MOST],
    /// So many of them have ever been used.
    used: AtomicUsize,
}

impl Default for Code {
    fn default() -> Self {
        let ranges = [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; MOST];
        Self { ranges, used: AtomicUsize::new(0) }
    }
}

impl Code {
    /// An image is there.
    pub fn add(&self, range: &Range<usize>) {
        let free = self.ranges.iter().position(|(_, end)| end.load(Ordering::Relaxed) == 0);
        let free = free.expect("fewer images than that");
        let (start, end) = &self.ranges[free];
        start.store(range.start, Ordering::Relaxed);
        end.store(range.end, Ordering::Release);
        self.used.fetch_max(free + 1, Ordering::Release);
    }

    /// It is gone.
    pub fn remove(&self, range: &Range<usize>) {
        for (start, end) in &self.ranges {
            if start.load(Ordering::Relaxed) == range.start {
                end.store(0, Ordering::Release);
            }
        }
    }

    /// Whether an address lies in one.
    pub fn contains(&self, address: usize) -> bool {
        let within = |(start, end): &(AtomicUsize, AtomicUsize)| {
            address < end.load(Ordering::Acquire) && address >= start.load(Ordering::Relaxed)
        };
        self.ranges[..self.used.load(Ordering::Acquire)].iter().any(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address lies in a range from when it is added until it is removed, and another one may take its place.
    #[test]
    fn ranges_come_and_go() {
        let code = Code::default();
        let within = || [0x0FFF, 0x1000, 0x1FFF, 0x2000, 0x5000].map(|address| code.contains(address));
        assert_eq!(within(), [false; 5]);
        code.add(&(0x1000..0x2000));
        assert_eq!(within(), [false, true, true, false, false]);
        code.add(&(0x5000..0x6000));
        code.remove(&(0x1000..0x2000));
        assert_eq!(within(), [false, false, false, false, true]);
        code.add(&(0x1000..0x2000));
        assert_eq!(within(), [false, true, true, false, true]);
    }
}
