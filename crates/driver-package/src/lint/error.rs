//! What keeps a package from being checked.

use std::{io, path::PathBuf};

/// A folder or a file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub struct Error {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}
