//! The time that is stamped on frames: the moment that a picture is of, as the graph's clock showed it then.

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

/// The last stamp of a stream that has none: all others are later, and not negative.
pub const NONE: i64 = -1;

/// A clock's time and the system's at the same moment, in 100 ns.
#[derive(Clone, Copy)]
pub struct Moment {
    time: i64,
    system: i64,
}

impl Moment {
    /// What the graph's clock shows now; `None` if it does not say.
    fn of(clock: &Owned<IKsReferenceClock>) -> Option<Self> {
        let (time, system) = clock.correlated_time()?;
        let now = time::now();
        // A clock of any driver: what is not the system's time is not taken for it.
        let is_now = (0..time::SECOND).contains(&now.wrapping_sub(system));
        Some(Self { time, system: if is_now { system } else { now } })
    }

    /// What the clock showed at a moment between this one and `now`, if it went evenly.
    fn time_at(self, system: i64, now: Self) -> i64 {
        let passed = now.system.wrapping_sub(self.system).max(0);
        let age = now.system.wrapping_sub(system).clamp(0, passed);
        let went = now.time.wrapping_sub(self.time).max(0);
        let ago = (i128::from(age) * i128::from(went)).checked_div(passed.into()).unwrap_or(0);
        now.time.wrapping_sub(i64::try_from(ago).unwrap_or(0))
    }
}

/// The graph's clock if it has one; otherwise the time that the stream has spent in RUN.
pub struct Clock {
    reference: Reference,
    /// Time spent in RUN before `start`.
    elapsed: i64,
    /// Since when it runs.
    start: Option<Moment>,
}

impl Clock {
    /// A clock that stands at 0.
    pub const STOPPED: Self = Self { reference: None, elapsed: 0, start: None };

    /// The way from STOP to ACQUIRE, with the graph's clock, or back, without.
    ///
    /// Gives the clock that was there, to be dropped without a lock.
    pub fn reset(&mut self, reference: Reference) -> Reference {
        core::mem::replace(self, Self { reference, ..Self::STOPPED }).reference
    }

    /// The way from PAUSE to RUN, at what [`Face::now`] has said.
    pub const fn run(&mut self, start: Moment) {
        self.start = Some(start);
    }

    /// The way from RUN to PAUSE.
    pub fn pause(&mut self) {
        let ran = self.start.take().map_or(0, |start| time::now().wrapping_sub(start.system));
        self.elapsed = self.elapsed.wrapping_add(ran);
    }

    /// What is needed to tell the time.
    pub fn face(&self) -> Face {
        Face { reference: self.reference.clone(), elapsed: self.elapsed, start: self.start }
    }
}

/// A clock's face, to be looked at without a lock.
pub struct Face {
    reference: Reference,
    elapsed: i64,
    start: Option<Moment>,
}

impl Face {
    /// What the graph's clock shows now, if there is one that does.
    fn graph(&self) -> Option<Moment> {
        Moment::of(self.reference.as_deref()?)
    }

    /// What the clock shows before it runs.
    pub fn now(&self) -> Moment {
        self.graph().unwrap_or_else(|| Moment { time: self.elapsed, system: time::now() })
    }

    /// The stamp of a picture of a moment, on the scale of [`time::now`]: what the clock showed then. What is from before
    /// RUN is stamped with its beginning, and everything later than `last`, the stamp before ([`NONE`] if there is none), whatever
    /// the graph's clock does.
    ///
    /// The page warns that a clock is less accurate while states change, as it is when RUN begins. That is no more
    /// than the other end of the scale: what counts is how far a moment lies back from now, in the clock's own rate.
    pub fn stamp(&self, moment: i64, last: i64) -> i64 {
        let earliest = last.wrapping_add(1);
        let Some(start) = self.start else { return earliest };
        let time = match self.graph() {
            Some(now) => start.time_at(moment, now),
            None => start.time.wrapping_add(moment.wrapping_sub(start.system).max(0)),
        };
        time.max(earliest)
    }
}
