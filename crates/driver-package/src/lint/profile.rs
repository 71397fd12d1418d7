//! Whose rules apply.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// For which Windows a package is: the oldest, and how strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Windows XP x64 and later. InfVerif's `/k`.
    Xp,
    /// Windows 7 and later. InfVerif's `/k`.
    Windows7,
    /// Windows 10 and later, with a universal INF. InfVerif's `/u`.
    Windows10,
    /// A Windows Driver: Windows 10 1709 and later, isolated, fit for memory integrity. InfVerif's `/w`.
    WindowsDriver,
}

impl Profile {
    /// All of them, the oldest Windows first.
    pub const ALL: [Self; 4] = [Self::Xp, Self::Windows7, Self::Windows10, Self::WindowsDriver];

    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xp => "xp",
            Self::Windows7 => "windows7",
            Self::Windows10 => "windows10",
            Self::WindowsDriver => "windows-driver",
        }
    }

    /// The oldest Windows that it is about: major, minor, build.
    pub fn oldest(self) -> (u32, u32, u32) {
        match self {
            Self::Xp => (5, 2, 0),
            Self::Windows7 => (6, 1, 0),
            Self::Windows10 => (10, 0, 0),
            Self::WindowsDriver => (10, 0, 16299),
        }
    }

    /// What a package whose oldest target is this (major, minor, build) has to hold to.
    ///
    /// A Windows Driver is one that begins with Windows 10 1709 (16299), the first that runs drivers from the driver
    /// store: <https://learn.microsoft.com/windows-hardware/drivers/develop/run-from-driver-store>.
    pub fn for_oldest(version: (u32, u32, u32)) -> Self {
        match version {
            (10, 0, build) if build < 16299 => Self::Windows10,
            (10.., ..) => Self::WindowsDriver,
            (6, 1.., _) | (7..10, ..) => Self::Windows7,
            _ => Self::Xp,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|profile| profile.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no such profile; there are: {names}")
        })
    }
}
