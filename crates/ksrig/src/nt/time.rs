//! Clocks, all on virtual time.

use ks_sys::*;

/// The frequency of the performance counter, in Hz.
pub const FREQUENCY: u64 = 10_000_000;

/// The performance counter (10 MHz) and, if asked for, its frequency.
pub unsafe fn KeQueryPerformanceCounter(PerformanceFrequency: PLARGE_INTEGER) -> LARGE_INTEGER {
    todo!()
}

/// The 100 ns units of one clock tick.
pub fn KeQueryTimeIncrement() -> ULONG {
    156_250
}

/// 100 ns units since boot.
pub fn KeQueryInterruptTime() -> ULONGLONG {
    todo!()
}

/// 100 ns units since 1601.
pub unsafe fn KeQuerySystemTime(CurrentTime: PLARGE_INTEGER) {
    todo!()
}
