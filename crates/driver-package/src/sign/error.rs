//! Why something cannot be signed.

use std::{io, path::PathBuf};

/// Why something cannot be signed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not installed.
    #[error("{0} is needed and cannot be started; on Debian: apt-get install {0}")]
    Tool(&'static str, #[source] io::Error),
    /// A program refused.
    #[error("{tool} could not {task}; it says:\n{output}")]
    Refused {
        /// Which.
        tool: &'static str,
        /// What it was to do.
        task: String,
        /// What it printed.
        output: String,
    },
    /// The password does not open the PFX file.
    #[error("the password does not open {}; give the one with which it was exported", .0.display())]
    Password(PathBuf),
    /// The file is no PFX.
    #[error("{} is no PFX (PKCS #12) file with a certificate and its key", .0.display())]
    NotPfx(PathBuf),
    /// The certificate is not fit for signing code.
    #[error("the certificate in {} cannot sign drivers: {why}", file.display())]
    Certificate {
        /// Where it is.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use {}", .0.display())]
    File(PathBuf, #[source] io::Error),
}
