//! What can go wrong.

use std::fmt;

/// A block of the resource, named by its key, would be longer than its own length field can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The block's key.
    pub key: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` does not fit a version resource: at most 64 KB", self.key)
    }
}

impl std::error::Error for Error {}
