//! Timers.

use ks_sys::*;

/// Initialises a notification timer.
pub unsafe fn KeInitializeTimer(Timer: PKTIMER) {
    todo!()
}

/// Initialises a timer.
pub unsafe fn KeInitializeTimerEx(Timer: PKTIMER, Type: TIMER_TYPE) {
    todo!()
}

/// Starts a one-shot timer; TRUE when it was running.
pub unsafe fn KeSetTimer(Timer: PKTIMER, DueTime: LARGE_INTEGER, Dpc: PKDPC) -> BOOLEAN {
    todo!()
}

/// Starts a timer that is periodic if Period (ms) is not 0; TRUE when it was running.
pub unsafe fn KeSetTimerEx(Timer: PKTIMER, DueTime: LARGE_INTEGER, Period: LONG, Dpc: PKDPC) -> BOOLEAN {
    todo!()
}

/// Stops a timer; TRUE when it was running.
pub unsafe fn KeCancelTimer(Timer: PKTIMER) -> BOOLEAN {
    todo!()
}

/// The state of a timer.
pub unsafe fn KeReadStateTimer(Timer: PKTIMER) -> BOOLEAN {
    todo!()
}
