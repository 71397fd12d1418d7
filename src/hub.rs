//! Where the writer and the readers of a device meet.

use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use avstream::{Error, Listeners, Result, Shared, Slots, SpinLock, Subscribers, time};
use video::Format;

use crate::{
    camera::Reader, controls::Controls, formats::Stream, own_set, picture, placeholder::Placeholder,
    roster::Roster,
};

/// What the writer shares with the readers.
pub struct Hub {
    /// The writer's newest picture, in the writer's buffer.
    pub frames: Shared<Slots>,
    /// The running capture pins.
    pub readers: Subscribers,
    /// The open capture pins.
    pub roster: Roster<SpinLock<Reader>>,
    /// What is shown without a writer.
    pub placeholder: Placeholder,
    /// How pictures are changed on their way.
    pub controls: Controls,
    /// Whether the camera has been taken away.
    is_removed: AtomicBool,
    /// The clients of the camera, who can be told of changes.
    pub listeners: Listeners,
    /// How often they were.
    changes: AtomicU32,
    /// How many there were.
    clients: AtomicU64,
    /// Whether somebody has the right to write.
    is_claimed: AtomicBool,
    /// What the writer writes, as the mark of its pictures; 0 while it does not run.
    live: AtomicU64,
    /// The time from one of its pictures to the next, in 100 ns.
    interval: AtomicI64,
    /// When it gave its last picture, or began to run.
    sign: AtomicI64,
    /// When the last picture came.
    arrival: AtomicI64,
    /// Milliseconds of silence after which a writer is taken for gone.
    timeout: AtomicU32,
}

/// Looks at a silent writer during the time that it is given.
const LOOKS: i64 = 4;
/// Pictures that may be missing, however short the time-out is.
const PATIENCE: i64 = 3;
const MILLISECOND: i64 = time::SECOND / 1000;

impl Hub {
    /// The time-out until somebody sets another.
    pub const DEFAULT_TIMEOUT: u32 = 1000;

    /// A hub without writer and readers.
    pub fn new() -> Result<Self> {
        Ok(Self {
            frames: Slots::new()?,
            readers: Subscribers::new()?,
            roster: Roster::new(),
            placeholder: Placeholder::new(),
            controls: Controls::new(),
            listeners: Listeners::new()?,
            is_removed: AtomicBool::new(false),
            changes: AtomicU32::new(0),
            clients: AtomicU64::new(0),
            is_claimed: AtomicBool::new(false),
            live: AtomicU64::new(0),
            interval: AtomicI64::new(0),
            sign: AtomicI64::new(0),
            arrival: AtomicI64::new(0),
            timeout: AtomicU32::new(Self::DEFAULT_TIMEOUT),
        })
    }

    /// Becomes the device's one writer.
    ///
    /// # Errors
    ///
    /// [`Error::SHARING_VIOLATION`]: there is another. [`Error::DEVICE_REMOVED`]: the camera has been taken away.
    pub fn claim(hub: &Shared<Self>) -> Result<Claim> {
        hub.check()?;
        if hub.is_claimed.swap(true, Ordering::AcqRel) {
            return Err(Error::SHARING_VIOLATION);
        }
        hub.changed();
        Ok(Claim(hub.clone()))
    }

    /// The camera is taken away: nobody gets or gives another picture.
    pub fn remove(&self) {
        self.is_removed.store(true, Ordering::Release);
        self.set_silent();
        self.frames.clear();
        self.wake_readers();
        for reader in self.roster.iter() {
            reader.lock().rest_for_good();
        }
    }

    /// Whether the camera is still there.
    ///
    /// # Errors
    ///
    /// [`Error::DEVICE_REMOVED`]: it has been taken away.
    pub fn check(&self) -> Result {
        if self.is_removed.load(Ordering::Acquire) { Err(Error::DEVICE_REMOVED) } else { Ok(()) }
    }

    /// What the writer writes; `None` if nobody does, or has done so for too long.
    pub fn writer(&self) -> Option<Stream> {
        let format = self.live()?;
        self.is_written().then(|| Stream { format, interval: self.interval() })
    }

    /// Whether somebody writes, and has not been silent for too long.
    pub fn is_written(&self) -> bool {
        if self.live.load(Ordering::Acquire) == 0 {
            return false;
        }
        let silence = time::now().wrapping_sub(self.sign.load(Ordering::Acquire));
        // Whoever looks at the writer looks again after this time, and is not to be late then.
        silence <= self.patience().wrapping_sub(self.watch())
    }

    /// When the last picture came, on the scale of [`time::now`].
    pub fn arrival(&self) -> i64 {
        self.arrival.load(Ordering::Acquire)
    }

    /// What the writer writes, even if it is silent; `None` if nobody does.
    pub fn live(&self) -> Option<Format> {
        picture::format(self.live.load(Ordering::Acquire))
    }

    /// The time from one of the writer's pictures to the next, in 100 ns; of the last writer if there is none.
    pub fn interval(&self) -> i64 {
        self.interval.load(Ordering::Relaxed)
    }

    /// Whether somebody is the writer, running or not.
    pub fn is_claimed(&self) -> bool {
        self.is_claimed.load(Ordering::Acquire)
    }

    /// The writer has given a picture: at a time, on the scale of [`time::now`].
    pub fn arrive(&self, stream: Stream, time: i64) {
        self.arrival.store(time, Ordering::Release);
        self.set_live(stream, time);
    }

    /// The writer writes this, from a time on.
    pub fn set_live(&self, stream: Stream, time: i64) {
        self.sign.store(time, Ordering::Release);
        self.interval.store(stream.interval, Ordering::Relaxed);
        self.live.store(picture::mark(stream.format), Ordering::Release);
    }

    /// The writer writes no more. When its last picture came is still known, and at which
    /// interval: readers may have missed some.
    pub fn set_silent(&self) {
        self.live.store(0, Ordering::Release);
    }

    /// Milliseconds of silence after which readers see the placeholder; or three of the writer's pictures, if they take
    /// longer.
    pub fn timeout(&self) -> u32 {
        self.timeout.load(Ordering::Relaxed)
    }

    /// Sets the time-out, from the next look at the writer on.
    pub fn set_timeout(&self, milliseconds: u32) {
        self.timeout.store(milliseconds, Ordering::Relaxed);
    }

    /// How long a writer may be silent, in 100 ns.
    fn patience(&self) -> i64 {
        let timeout = i64::from(self.timeout()).wrapping_mul(MILLISECOND);
        timeout.max(self.interval().wrapping_mul(PATIENCE))
    }

    /// Between looks at a writer, in 100 ns.
    pub fn watch(&self) -> i64 {
        self.patience().checked_div(LOOKS).unwrap_or(0)
    }

    /// The writer has come or gone: the readers are to see what they do now.
    pub fn wake_readers(&self) {
        self.readers.attempt_processing(true);
        self.changed();
    }

    /// Tells whoever waits for it that something of what the camera tells about itself has changed. IRQL ≤ DISPATCH_LEVEL;
    /// no spin lock may be held.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        own_set::tell(&self.listeners);
    }

    /// How often something has changed; it begins again after 2^32 times.
    pub fn changes(&self) -> u32 {
        self.changes.load(Ordering::Acquire)
    }

    /// The number of a new client.
    pub fn next_client(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed)
    }
}

/// The right to be the writer; given back when dropped.
pub struct Claim(Shared<Hub>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.set_silent();
        self.0.is_claimed.store(false, Ordering::Release);
        self.0.changed();
    }
}
