//! Where the writer and the readers of a device meet.

use avstream::{Error, Result, Shared, Slots, SpinLock, Subscribers};
use video::Format;

/// What the writer shares with the readers.
pub struct Hub {
    /// The writer's newest picture, in the writer's buffer.
    pub frames: Shared<Slots>,
    /// The running capture pins.
    pub readers: Shared<Subscribers>,
    writer: SpinLock<Writer>,
}

struct Writer {
    is_claimed: bool,
    /// What it writes; `None` while it does not run.
    live: Option<Format>,
}

impl Hub {
    /// A hub without writer and readers.
    pub fn new() -> Result<Self> {
        let writer = Writer { is_claimed: false, live: None };
        Ok(Self { frames: Slots::new()?, readers: Subscribers::new()?, writer: SpinLock::new(writer) })
    }

    /// Becomes the device's one writer.
    ///
    /// # Errors
    ///
    /// [`Error::SHARING_VIOLATION`]: there is another.
    pub fn claim(hub: &Shared<Self>) -> Result<Claim> {
        let mut writer = hub.writer.lock();
        if writer.is_claimed {
            return Err(Error::SHARING_VIOLATION);
        }
        writer.is_claimed = true;
        Ok(Claim(hub.clone()))
    }

    /// What the writer writes; `None` if nobody does.
    pub fn live(&self) -> Option<Format> {
        self.writer.lock().live
    }

    /// Whether somebody is the writer, running or not.
    pub fn is_claimed(&self) -> bool {
        self.writer.lock().is_claimed
    }

    /// The writer runs from now on.
    pub fn start(&self, format: Format) {
        self.writer.lock().live = Some(format);
        self.readers.attempt_processing(true);
    }

    /// The writer does not run any more: the readers are on their own.
    pub fn stop(&self) {
        self.writer.lock().live = None;
        self.frames.clear();
        self.readers.attempt_processing(true);
    }
}

/// The right to be the writer; given back when dropped.
pub struct Claim(Shared<Hub>);

impl Drop for Claim {
    fn drop(&mut self) {
        *self.0.writer.lock() = Writer { is_claimed: false, live: None };
    }
}
