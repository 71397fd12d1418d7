//! Days.

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

    /// Its first second.
    pub(crate) fn midnight(self) -> Option<DateTime> {
        let time = DateTime::new(self.year, self.month, self.day, 0, 0, 0).ok()?;
        (self.year < 2050).then_some(time)
    }
}
