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
    let (counter, frequency) = (quad(&counter), quad(&frequency));
    if frequency <= 0 || counter < 0 {
        return 0;
    }
    // In two parts: the product of the whole would overflow.
    let seconds = counter.checked_div(frequency).unwrap_or(0);
    let rest = counter.checked_rem(frequency).unwrap_or(0);
    let fraction = rest.wrapping_mul(SECOND).checked_div(frequency).unwrap_or(0);
    seconds.wrapping_mul(SECOND).wrapping_add(fraction)
}
