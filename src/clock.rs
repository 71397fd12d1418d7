//! The time that is stamped on frames.

use core::mem::replace;

use avstream::{Control, Pin, SpinLock, ffi::IKsReferenceClock, interface::Owned, time};

/// The graph's clock if it has one; otherwise the time that the stream has spent in RUN.
pub struct Clock(SpinLock<Inner>);

struct Inner {
    reference: Option<Owned<IKsReferenceClock>>,
    /// Time spent in RUN before this time.
    elapsed: i64,
    /// Since when it runs.
    since: Option<i64>,
}

impl Clock {
    /// A clock that stands at 0.
    pub const fn new() -> Self {
        Self(SpinLock::new(Inner { reference: None, elapsed: 0, since: None }))
    }

    /// The way from STOP to ACQUIRE: takes the graph's clock. Not to have one is normal.
    pub fn acquire(&self, pin: &Pin<'_, Control>) {
        self.set(pin.reference_clock().ok());
    }

    /// The way from ACQUIRE to STOP.
    pub fn release(&self) {
        self.set(None);
    }

    fn set(&self, reference: Option<Owned<IKsReferenceClock>>) {
        let old = {
            let mut inner = self.0.lock();
            inner.elapsed = 0;
            inner.since = None;
            replace(&mut inner.reference, reference)
        };
        // Without the lock: it may be the last reference.
        drop(old);
    }

    /// The way from PAUSE to RUN.
    pub fn run(&self) {
        self.0.lock().since = Some(time::now());
    }

    /// The way from RUN to PAUSE.
    pub fn pause(&self) {
        let mut inner = self.0.lock();
        inner.elapsed = inner.time();
        inner.since = None;
    }

    /// The time, in 100 ns.
    pub fn time(&self) -> i64 {
        let (reference, elapsed) = {
            let inner = self.0.lock();
            (inner.reference.clone(), inner.time())
        };
        reference.and_then(|reference| reference.time()).unwrap_or(elapsed)
    }
}

impl Inner {
    fn time(&self) -> i64 {
        let running = self.since.map_or(0, |since| time::now().wrapping_sub(since));
        self.elapsed.wrapping_add(running)
    }
}
