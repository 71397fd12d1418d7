//! Clocks, all on virtual time.

use ks_sys::*;

use super::sched;

/// The frequency of the performance counter, in Hz.
pub const FREQUENCY: u64 = 10_000_000;

/// The system time at boot, 100 ns units since 1601: 2024-01-01, the same in every run.
pub(super) const BOOT: u64 = 133_485_408_000_000_000;

/// The performance counter (10 MHz) and, if asked for, its frequency. Any IRQL.
pub unsafe fn KeQueryPerformanceCounter(PerformanceFrequency: PLARGE_INTEGER) -> LARGE_INTEGER {
    if !PerformanceFrequency.is_null() {
        // SAFETY: the caller's variable.
        unsafe { (*PerformanceFrequency).QuadPart = FREQUENCY as i64 };
    }
    LARGE_INTEGER { QuadPart: sched::now() as i64 }
}

/// The 100 ns units of one clock tick.
pub fn KeQueryTimeIncrement() -> ULONG {
    156_250
}

/// 100 ns units since boot.
pub fn KeQueryInterruptTime() -> ULONGLONG {
    sched::now()
}

/// 100 ns units since 1601.
pub unsafe fn KeQuerySystemTime(CurrentTime: PLARGE_INTEGER) {
    // SAFETY: the caller's variable.
    unsafe { (*CurrentTime).QuadPart = (BOOT + sched::now()) as i64 };
}
