//! `DriverVer`: the date and the version of a package.

use std::{fmt, str::FromStr};

use super::Inf;
use crate::{date::Date, version::Version};

/// `DriverVer = mm/dd/yyyy,w.x.y.z`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/install/inf-driverver-directive>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DriverVer {
    /// When the package was made.
    pub date: Date,
    /// Its version. Parts that are left out are zero.
    pub version: Version,
}

impl fmt::Display for DriverVer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.date, self.version)
    }
}

/// What is no `DriverVer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADriverVer;

impl fmt::Display for NotADriverVer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not of the form mm/dd/yyyy,w.x.y.z with each part of the version at most 65535")
    }
}

impl FromStr for DriverVer {
    type Err = NotADriverVer;

    fn from_str(text: &str) -> Result<Self, NotADriverVer> {
        let (date, version) = text.split_once(',').ok_or(NotADriverVer)?;
        let date: Vec<&str> = date.trim().split(['/', '-']).collect();
        let &[month, day, year] = date.as_slice() else { return Err(NotADriverVer) };
        let date = Date { year: number(year)?, month: number(month)?, day: number(day)? };
        let mut parts = [0; 4];
        for (index, part) in version.trim().split('.').enumerate() {
            *parts.get_mut(index).ok_or(NotADriverVer)? = number(part)?;
        }
        if date.is_valid() { Ok(Self { date, version: Version(parts) }) } else { Err(NotADriverVer) }
    }
}

impl Inf {
    /// `DriverVer` of `[Version]` as it stands; empty if there is none.
    pub fn driver_ver(&self) -> String {
        let entry = self.entry("Version", "DriverVer");
        let values =
            entry.map(|entry| entry.values.iter().map(|value| value.text.as_str()).collect::<Vec<_>>());
        values.unwrap_or_default().join(",")
    }
}

/// Digits only: no sign.
fn number<T: FromStr>(text: &str) -> Result<T, NotADriverVer> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(NotADriverVer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_versions() {
        let parse = |text: &str| text.parse::<DriverVer>();
        let date = Date { year: 2026, month: 2, day: 28 };
        assert_eq!(
            parse("02/28/2026,1.2.3.65535"),
            Ok(DriverVer { date, version: Version([1, 2, 3, 65535]) })
        );
        assert_eq!(parse("02-28-2026, 1.2"), Ok(DriverVer { date, version: Version([1, 2, 0, 0]) }));
        for text in [
            "",
            "02/28/2026",
            "02/29/2026,1.0",
            "13/01/2026,1.0",
            "02/28/2026,1.2.3.4.5",
            "02/28/2026,65536",
            "2/3,1",
            "+2/28/2026,1",
        ] {
            assert_eq!(parse(text), Err(NotADriverVer), "{text}");
        }
    }
}
