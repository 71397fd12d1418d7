//! A rule.

use std::fmt;

use serde::Serialize;

use super::{Findings, ImageFile, InfFile, Package, Profile, SignedFile};
use crate::catalog::Catalog;

/// One thing that must hold.
#[derive(Clone, Copy)]
pub struct Rule {
    /// InfVerif's number, or letters and two digits.
    pub code: &'static str,
    /// What must hold, in a few words.
    pub title: &'static str,
    /// How grave it is.
    pub levels: Levels,
    /// The page that says so, below `https://learn.microsoft.com/windows-hardware/drivers/`; with `win32/` before it,
    /// below `https://learn.microsoft.com/windows/win32/`.
    pub page: &'static str,
    /// Looks for what breaks it.
    pub check: Check,
}

impl Rule {
    /// The address of the page.
    pub fn url(&self) -> String {
        match self.page.strip_prefix("win32/") {
            Some(page) => format!("https://learn.microsoft.com/windows/win32/{page}"),
            None => format!("https://learn.microsoft.com/windows-hardware/drivers/{}", self.page),
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Copy)]
pub enum Check {
    /// The package as a whole.
    Package(fn(&Package, &mut Findings<'_>)),
    /// Each INF file.
    Inf(fn(&InfFile, &mut Findings<'_>)),
    /// Each image.
    Image(fn(&ImageFile, &mut Findings<'_>)),
    /// Each catalog that can be read.
    Catalog(fn(&Catalog, &mut Findings<'_>)),
    /// Each signature in images and catalogs.
    Signature(fn(&SignedFile, &mut Findings<'_>)),
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Right in some cases, but often a sign of something else.
    Warning,
    /// Must be mended.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// How grave a rule's findings are, by profile. Where there is nothing, the rule does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels([Option<Severity>; Profile::ALL.len()]);

impl Levels {
    /// An error everywhere.
    pub const ERROR: Self = Self([Some(Severity::Error); Profile::ALL.len()]);
    /// A warning everywhere.
    pub const WARNING: Self = Self([Some(Severity::Warning); Profile::ALL.len()]);

    /// One by one, in the order of [`Profile::ALL`].
    pub const fn each(levels: [Option<Severity>; Profile::ALL.len()]) -> Self {
        Self(levels)
    }

    /// As InfVerif's page has them for `/k`, `/u` and `/w`.
    pub const fn infverif(k: Option<Severity>, u: Option<Severity>, w: Option<Severity>) -> Self {
        Self([k, k, u, w])
    }

    /// What it is for a profile.
    pub fn of(self, profile: Profile) -> Option<Severity> {
        self.0[profile as usize]
    }
}
