//! What a Process callback says.

use crate::ffi::{NTSTATUS, STATUS_PENDING, STATUS_SUCCESS};

/// How processing goes on. It has no errors: the page of the callback knows only these two answers.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/stream/restarting-processing-in-avstream>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Processed {
    /// Call again while there are frames (`STATUS_SUCCESS`). To be said only after progress: otherwise
    /// the class driver calls for ever.
    Continue,
    /// Do not call before the next trigger (`STATUS_PENDING`): a frame that arrives at an empty queue,
    /// or an attempt to process.
    Wait,
}

impl Processed {
    pub(crate) const fn status(self) -> NTSTATUS {
        match self {
            Self::Continue => STATUS_SUCCESS,
            Self::Wait => STATUS_PENDING,
        }
    }
}
