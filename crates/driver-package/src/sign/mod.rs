//! Signs images and catalogs with Authenticode: SHA-1 for Windows XP to 7, SHA-256 for what came later.
//!
//! `osslsigncode` does it, with one certificate and one signature per file: two signatures in one driver are known not
//! to load before KB3081436. `openssl` makes the certificate for tests and opens PFX files.

mod error;
mod identity;
mod tool;

pub use self::{error::Error, identity::Identity};
