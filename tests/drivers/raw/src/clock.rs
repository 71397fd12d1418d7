//! The clock of the variant `clock`: a straight line over the system's time, whatever the pin's state is.

use core::{
    ptr::null_mut,
    sync::atomic::{AtomicI64, Ordering},
};

use ks_sys::{KSCLOCK_DISPATCH, PKSPIN};
use wdk_sys::ntddk::KeQueryPerformanceCounter;

use crate::Constant;

/// The clock's time when the system's is 0; how much it goes on while the system's goes on by 1000; what is added to the
/// system's time when the clock says it, which is wrong unless it is 0.
static LINE: [AtomicI64; 3] = [AtomicI64::new(0), AtomicI64::new(1000), AtomicI64::new(0)];

/// Sets the three numbers.
pub fn set(line: [i64; 3]) {
    for (place, number) in LINE.iter().zip(line) {
        place.store(number, Ordering::Relaxed);
    }
}

/// The clock's dispatch table.
pub static DISPATCH: Constant<KSCLOCK_DISPATCH> = Constant(KSCLOCK_DISPATCH {
    SetTimer: None,
    CancelTimer: None,
    CorrelatedTime: Some(correlated_time),
    Resolution: None,
});

unsafe extern "C" fn correlated_time(_pin: PKSPIN, system_time: *mut i64) -> i64 {
    // SAFETY: any IRQL; the frequency is not asked for. The rig's counter counts 100 ns.
    let counter = unsafe { KeQueryPerformanceCounter(null_mut()) };
    // SAFETY: every view of the union is numbers of the same 64 bits.
    let now = unsafe { counter.QuadPart };
    let [start, rate, error] = LINE.each_ref().map(|place| place.load(Ordering::Relaxed));
    // SAFETY: the caller's place.
    unsafe { system_time.write(now + error) };
    start + now * rate / 1000
}
