//! Driver packages without Windows: reads and stamps INF files and checks a package as InfVerif and Windows would.
//!
//! * [`inf`] reads INF files and makes them from `.inx` sources;
//! * [`catalog`] makes and reads security catalogs, [`image`] reads what of a PE file matters for them;
//! * [`sign`] signs images and catalogs, with a certificate for tests or a given one; [`pkcs7`], [`spc`] and [`asn1`]
//!   read signatures and verify them;
//! * [`lint`] checks a package: `lint::lint_package`.
//!
//! A package is made and signed in this order; the images may be signed before or after the catalog is made, the INF must
//! be as it will be:
//!
//! ```no_run
//! # use std::path::Path;
//! # use driver_package::{catalog, digest::Digest, sign::Identity};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = Identity::for_tests(Path::new("/home/me/.local/share/me"), "My tests", Digest::Sha256)?;
//! identity.sign(Path::new("package/my.sys"), Digest::Sha256)?;
//! let catalog = catalog::create(Path::new("package/my.inf"), catalog::Version::V1)?;
//! identity.sign(&catalog, Digest::Sha256)?;
//! std::fs::write("my.cer", identity.certificate()?)?;
//! # Ok(())
//! # }
//! ```
//!
//! Works on any driver package. Windows is not asked: every rule rests on a page of the documentation, which it names.

#![forbid(unsafe_code)]

pub mod asn1;
pub mod catalog;
pub mod date;
pub mod digest;
pub mod image;
pub mod inf;
pub mod lint;
mod oid;
pub mod pkcs7;
pub mod sign;
pub mod spc;
pub mod version;
