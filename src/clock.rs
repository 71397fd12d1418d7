//! The time that is stamped on frames.

use avstream::{ffi::IKsReferenceClock, interface::Owned, time};

/// The graph's clock, if it has one.
pub type Reference = Option<Owned<IKsReferenceClock>>;

/// The graph's clock if it has one; otherwise the time that the stream has spent in RUN.
pub struct Clock {
    reference: Reference,
    /// Time spent in RUN before `since`.
    elapsed: i64,
    /// Since when it runs.
    since: Option<i64>,
}

impl Clock {
    /// A clock that stands at 0.
    pub const STOPPED: Self = Self { reference: None, elapsed: 0, since: None };

    /// The way from STOP to ACQUIRE, with the graph's clock, or back, without. Not to have one is normal.
    ///
    /// Gives the clock that was there, to be dropped without a lock.
    pub fn reset(&mut self, reference: Reference) -> Reference {
        core::mem::replace(self, Self { reference, ..Self::STOPPED }).reference
    }

    /// The way from PAUSE to RUN.
    pub fn run(&mut self) {
        self.since = Some(time::now());
    }

    /// The way from RUN to PAUSE.
    pub fn pause(&mut self) {
        let running = self.since.take().map_or(0, |since| time::now().wrapping_sub(since));
        self.elapsed = self.elapsed.wrapping_add(running);
    }

    /// What is needed to tell the time.
    pub fn face(&self) -> Face {
        Face { reference: self.reference.clone(), elapsed: self.elapsed, since: self.since }
    }
}

/// A clock's face, to be looked at without a lock.
pub struct Face {
    reference: Reference,
    elapsed: i64,
    since: Option<i64>,
}

impl Face {
    /// The time, in 100 ns.
    pub fn time(&self) -> i64 {
        let running = || self.since.map_or(0, |since| time::now().wrapping_sub(since));
        let reference = self.reference.as_ref().and_then(Owned::time);
        reference.unwrap_or_else(|| self.elapsed.wrapping_add(running()))
    }
}
