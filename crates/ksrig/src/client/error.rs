//! What can go wrong between a client and a driver, said so that a person knows what to do.

use super::Status;
use crate::nt::pnp;

/// A failure of a client's action.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The driver was not loaded.
    #[error("{driver} was not loaded: {reason}")]
    Load {
        /// Its file.
        driver: String,
        /// Why.
        reason: pnp::Error,
    },
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The kernel or the driver answered with a status.
    #[error("{action} failed: {status}")]
    Status {
        /// What was tried.
        action: String,
        /// The answer.
        status: Status,
    },
    /// No filter has this name.
    #[error("no filter {wanted:?}; there are: {known}")]
    NoFilter {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// The filter has no pin of this name.
    #[error("filter {filter} has no pin {wanted:?}; there are: {known}")]
    NoPin {
        /// The filter.
        filter: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// The pin does not offer the format.
    #[error("{pin} does not offer {format}; it offers: {known}")]
    NoFormat {
        /// The pin.
        pin: String,
        /// What was asked for.
        format: String,
        /// What there is.
        known: String,
    },
    /// Frames came back with an error, or did not come.
    #[error("{pin}: frame {frame}: {reason}")]
    Stream {
        /// The pin.
        pin: String,
        /// The number of the frame, from 0.
        frame: u64,
        /// What happened.
        reason: String,
    },
}

impl Error {
    /// The number of the code integrity check of Driver Verifier's that the driver's image does not pass.
    pub fn integrity(&self) -> Option<u32> {
        match self {
            Self::Load { reason: pnp::Error::Image(error), .. } => error.integrity(),
            _ => None,
        }
    }

    /// For `map_err`: a status with what was tried.
    pub fn status(action: impl Into<String>) -> impl FnOnce(Status) -> Self {
        let action = action.into();
        move |status| Self::Status { action, status }
    }
}
