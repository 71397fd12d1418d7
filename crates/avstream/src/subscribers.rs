//! Pins that are to process when another pin has something for them.

use core::ptr::NonNull;

use crate::{
    context::Control,
    error::{Error, Result},
    ffi::{KSPIN, KsPinAttemptProcessing},
    pin::Pin,
    roll::{Member, Roll},
    shared::Shared,
};

/// Pins that have asked to process when somebody says so. Clones have the same pins.
#[derive(Clone)]
pub struct Subscribers {
    roll: Shared<Roll<KSPIN>>,
}

/// One pin, which is among the subscribers or not. It is never among them after its end.
pub struct Subscription {
    member: Shared<Member<KSPIN>>,
}

impl Subscribers {
    /// Nobody yet.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new() -> Result<Self> {
        Ok(Self { roll: Roll::new()? })
    }

    /// Attempts to process every subscribed pin, one after the other: in this thread if it is at
    /// PASSIVE_LEVEL, unless `asynchronous`, and in work items otherwise. IRQL ≤ DISPATCH_LEVEL; no spin
    /// lock may be held.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kspinattemptprocessing>
    pub fn attempt_processing(&self, asynchronous: bool) {
        self.roll.each(|pin| {
            // SAFETY: in use, so that the pin has not ended.
            unsafe { KsPinAttemptProcessing(pin.as_ptr(), asynchronous.into()) };
        });
    }
}

impl Subscription {
    /// A subscription of a pin, which is not among the subscribers yet.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new(pin: &Pin<'_, Control>, home: Subscribers) -> Result<Self> {
        let raw = NonNull::new(pin.as_ptr()).ok_or(Error::INVALID_PARAMETER)?;
        let member = Member::new(raw, home.roll)?;
        pin.ends(member.clone())?;
        Ok(Self { member })
    }

    /// Is among the subscribers from now on. IRQL ≤ DISPATCH_LEVEL.
    pub fn join(&self) {
        self.member.join();
    }

    /// Is not among the subscribers any more; waits for whoever is attempting to process this pin just now.
    /// PASSIVE_LEVEL.
    pub fn leave(&self) {
        self.member.leave(false);
    }
}
