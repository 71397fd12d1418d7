//! The states of a pin.

use crate::ffi::KSSTATE;

/// How far a pin is on its way from rest to streaming.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ne-ks-ksstate>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// At rest, with as few resources as possible.
    Stop,
    /// Resources are taken; there is a queue.
    Acquire,
    /// Frames are accepted; the clock stands still.
    Pause,
    /// Data flows.
    Run,
}

impl State {
    /// A value from C; one that is unknown counts as [`State::Stop`].
    pub(crate) const fn from_raw(state: KSSTATE::Type) -> Self {
        match state {
            KSSTATE::KSSTATE_ACQUIRE => Self::Acquire,
            KSSTATE::KSSTATE_PAUSE => Self::Pause,
            KSSTATE::KSSTATE_RUN => Self::Run,
            _ => Self::Stop,
        }
    }
}
