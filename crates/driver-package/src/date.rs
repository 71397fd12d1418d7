//! Days.

use std::{fmt, time::Duration};

use der::DateTime;

/// A day, as in an INF's DriverVer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// From 1970 to 2049, which is as far as a catalog's kind of time reaches.
    pub year: u16,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

impl Date {
    /// Whether there is such a day, and a catalog can hold it.
    pub fn is_valid(self) -> bool {
        self.midnight().is_some()
    }

    /// The day, in UTC, of a number of seconds since 1970, if a catalog can hold it.
    pub fn from_unix(seconds: u64) -> Option<Self> {
        let time = DateTime::from_unix_duration(Duration::from_secs(seconds)).ok()?;
        let date = Self { year: time.year(), month: time.month(), day: time.day() };
        date.is_valid().then_some(date)
    }

    /// Its first second.
    pub(crate) fn midnight(self) -> Option<DateTime> {
        let time = DateTime::new(self.year, self.month, self.day, 0, 0, 0).ok()?;
        (self.year < 2050).then_some(time)
    }
}

/// As an INF has it.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}/{:02}/{:04}", self.month, self.day, self.year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_since_1970() {
        let day = |days: u64| Date::from_unix(days * 86400 + 86399).map(|date| date.to_string());
        assert_eq!(day(0).as_deref(), Some("01/01/1970"));
        assert_eq!(day(11016).as_deref(), Some("02/29/2000"));
        assert_eq!(day(20781).as_deref(), Some("11/24/2026"));
        assert_eq!(day(80 * 366), None);
        assert_eq!(Date::from_unix(u64::MAX), None);
    }
}
