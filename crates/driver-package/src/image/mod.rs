//! Images (.sys, .dll): what of a PE file matters for a package.

mod certificates;
mod checksum;
mod hash;
mod layout;
mod version;

pub use self::{
    certificates::{CertificateTable, certificates},
    checksum::{Checksum, checksum},
    hash::{authenticode, page_hashes},
    layout::{Layout, NotAnImage},
    version::{VersionInfo, version_info},
};
