//! The date of a package: of the sources, not of the build.

use std::{env, process::Command};

use anyhow::{Context, Result, anyhow};
use driver_package::date::Date;

use crate::{house, process};

/// `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>), or the time of the last commit.
pub fn seconds() -> Result<String> {
    if let Ok(seconds) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(seconds);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(house::root());
    let seconds = process::output(&mut git)
        .context("the date of the last commit is not known: give one with --date or SOURCE_DATE_EPOCH")?;
    Ok(seconds.trim().to_owned())
}

/// The day of that.
pub fn of_sources() -> Result<Date> {
    let seconds = seconds()?;
    let date = seconds.parse().ok().map(of_unix_time).filter(|date| date.is_valid());
    date.with_context(|| {
        format!("SOURCE_DATE_EPOCH is `{seconds}`: it should be seconds since 1970, before 2050")
    })
}

/// `2026-12-31`.
pub fn parse(text: &str) -> Result<Date> {
    let date = || {
        let mut parts = text.split('-');
        let date = Date {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
        };
        (parts.next().is_none() && date.is_valid()).then_some(date)
    };
    date().ok_or_else(|| anyhow!("a day between 1970 and 2049, as 2026-12-31"))
}

/// The day in the Gregorian calendar, counted in eras of 400 years that begin in March.
fn of_unix_time(seconds: u32) -> Date {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    // Seconds of 32 bits end in 2106.
    Date { year: (era * 400 + year_of_era + later) as u16, month: month as u8, day: day as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: u16, month: u8, day: u8) -> Date {
        Date { year, month, day }
    }

    #[test]
    fn days_of_seconds() {
        assert_eq!(of_unix_time(0), date(1970, 1, 1));
        assert_eq!(of_unix_time(86_399), date(1970, 1, 1));
        assert_eq!(of_unix_time(951_782_400), date(2000, 2, 29));
        assert_eq!(of_unix_time(1_740_787_200), date(2025, 3, 1));
        assert_eq!(of_unix_time(1_798_675_200), date(2026, 12, 31));
        assert_eq!(of_unix_time(u32::MAX), date(2106, 2, 7));
    }

    #[test]
    fn days_of_texts() {
        assert_eq!(parse("2026-12-31").unwrap(), date(2026, 12, 31));
        for wrong in ["", "2026", "2026-02-30", "2050-01-01", "1-2-3-4", "12/31/2026"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
