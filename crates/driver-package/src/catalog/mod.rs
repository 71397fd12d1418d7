//! Security catalogs: signed lists of the files of a package.
//!
//! A catalog is a PKCS #7 `SignedData` around a trust list whose subjects are files, each named by its digest.
//! [`create`] makes the one of a package and [`Builder`] any, the same
//! bytes from the same input; [`Catalog::parse`] reads one. Version 1 names members by
//! SHA-1 and is understood by every Windows; version 2 by SHA-256, by Windows 8 and later.
//!
//! The format is Microsoft's, and not documented as a whole; it is that of catalogs that Windows ships.

mod build;
mod member;
mod name_value;
mod package;
mod platform;
mod read;
mod trust_list;

use std::fmt;

pub(crate) use self::build::digest;
pub use self::{
    build::{Builder, Error},
    member::Member,
    name_value::NameValue,
    package::{PackageError, create},
    platform::Platform,
    read::{Catalog, NotACatalog},
};
use crate::digest::Digest;

/// The two kinds of catalogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Members by SHA-1.
    V1,
    /// Members by SHA-256; Windows 8 and later.
    V2,
}

impl Version {
    /// What names the members.
    pub fn digest(self) -> Digest {
        match self {
            Self::V1 => Digest::Sha1,
            Self::V2 => Digest::Sha256,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "1",
            Self::V2 => "2",
        })
    }
}
