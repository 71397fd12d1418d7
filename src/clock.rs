//! The time that is stamped on frames.

use avstream::{Control, Pin, Result, Shared, ffi::IKsReferenceClock, interface::Owned, time};

/// The graph's clock, if it has one. Shared, so that a reference can be taken with a spin lock held: that is no call
/// of somebody else's code.
pub type Reference = Option<Shared<Owned<IKsReferenceClock>>>;

/// The clock of the graph that a pin is in. Not to have one is normal.
///
/// # Errors
///
/// [`Error::INSUFFICIENT_RESOURCES`](avstream::Error::INSUFFICIENT_RESOURCES): there is no memory.
pub fn reference(pin: &Pin<'_, Control>) -> Result<Reference> {
    pin.reference_clock().ok().map(Shared::new).transpose()
}

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

    /// The way from STOP to ACQUIRE, with the graph's clock, or back, without.
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
        let reference = self.reference.as_ref().and_then(|clock| clock.time());
        reference.unwrap_or_else(|| self.elapsed.wrapping_add(running()))
    }
}
