//! Time, in KS's unit of 100 nanoseconds.

use crate::{
    ffi::KeQueryPerformanceCounter,
    raw::{large, quad},
};

/// One second.
pub const SECOND: i64 = 10_000_000;

/// The time since some moment in the past; it never goes back. Any IRQL.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/nf-ntifs-kequeryperformancecounter>
#[must_use]
pub fn now() -> i64 {
    let mut frequency = large(0);
    // SAFETY: callable at any IRQL.
    let counter = unsafe { KeQueryPerformanceCounter(&mut frequency) };
    units(quad(&counter), quad(&frequency))
}

/// So many ticks, of which a second has `frequency`.
fn units(counter: i64, frequency: i64) -> i64 {
    // What most machines count by: no division.
    if frequency == SECOND {
        return counter;
    }
    if frequency <= 0 || counter < 0 {
        return 0;
    }
    // In two parts: the product of the whole would overflow.
    let seconds = counter.checked_div(frequency).unwrap_or(0);
    let rest = counter.checked_rem(frequency).unwrap_or(0);
    let fraction = rest.wrapping_mul(SECOND).checked_div(frequency).unwrap_or(0);
    seconds.wrapping_mul(SECOND).wrapping_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the frequency is, and for centuries.
    #[test]
    fn ticks_are_units() {
        const CENTURIES: i64 = 300 * 365 * 86_400;
        for frequency in [1, 1000, 3_579_545, SECOND, 24_000_000, 3_000_000_000] {
            for seconds in [0, 1, 86_400, CENTURIES] {
                let Some(counter) = frequency.checked_mul(seconds) else { continue };
                assert_eq!(units(counter, frequency), seconds * SECOND, "{frequency}");
                let half = counter + frequency / 2;
                let rest = (frequency / 2) as i128 * i128::from(SECOND) / i128::from(frequency);
                assert_eq!(
                    i128::from(units(half, frequency)),
                    i128::from(seconds * SECOND) + rest,
                    "{frequency}"
                );
            }
        }
        assert_eq!(units(5, 0), 0, "no counter");
    }
}
