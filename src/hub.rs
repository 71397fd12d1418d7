//! Where the writer and the readers of a device meet.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use avstream::{Error, Result, Shared, Slots, Subscribers};
use video::Format;

use crate::picture;

/// What the writer shares with the readers.
pub struct Hub {
    /// The writer's newest picture, in the writer's buffer.
    pub frames: Shared<Slots>,
    /// The running capture pins.
    pub readers: Shared<Subscribers>,
    /// Whether somebody has the right to write.
    is_claimed: AtomicBool,
    /// What the writer writes, as the mark of its pictures; 0 while it does not run.
    live: AtomicU64,
}

impl Hub {
    /// A hub without writer and readers.
    pub fn new() -> Result<Self> {
        Ok(Self {
            frames: Slots::new()?,
            readers: Subscribers::new()?,
            is_claimed: AtomicBool::new(false),
            live: AtomicU64::new(0),
        })
    }

    /// Becomes the device's one writer.
    ///
    /// # Errors
    ///
    /// [`Error::SHARING_VIOLATION`]: there is another.
    pub fn claim(hub: &Shared<Self>) -> Result<Claim> {
        if hub.is_claimed.swap(true, Ordering::AcqRel) {
            return Err(Error::SHARING_VIOLATION);
        }
        Ok(Claim(hub.clone()))
    }

    /// What the writer writes; `None` if nobody does.
    pub fn live(&self) -> Option<Format> {
        picture::format(self.live.load(Ordering::Acquire))
    }

    /// Whether somebody is the writer, running or not.
    pub fn is_claimed(&self) -> bool {
        self.is_claimed.load(Ordering::Acquire)
    }

    /// Says what the writer writes; `None`: nothing any more.
    pub fn set_live(&self, format: Option<Format>) {
        self.live.store(format.map_or(0, picture::mark), Ordering::Release);
    }

    /// The writer has come or gone: the readers are to see what they do now.
    pub fn wake_readers(&self) {
        self.readers.attempt_processing(true);
    }
}

/// The right to be the writer; given back when dropped.
pub struct Claim(Shared<Hub>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.live.store(0, Ordering::Release);
        self.0.is_claimed.store(false, Ordering::Release);
    }
}
