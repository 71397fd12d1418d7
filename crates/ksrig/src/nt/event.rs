//! Events.

use ks_sys::*;

use super::dispatcher::{initialize_header, signaled};

/// Initialises an event.
pub unsafe fn KeInitializeEvent(Event: PRKEVENT, Type: EVENT_TYPE, State: BOOLEAN) {
    // SAFETY: the caller's memory has the size of an event.
    unsafe { initialize_header(Event as usize, Type as u8, LONG::from(State != 0), size_of::<KEVENT>()) };
}

/// Signals an event and gives its old state. IRQL <= DISPATCH_LEVEL (with Wait TRUE <= APC_LEVEL).
pub unsafe fn KeSetEvent(Event: PRKEVENT, _Increment: KPRIORITY, _Wait: BOOLEAN) -> LONG {
    // SAFETY: the caller's event.
    unsafe {
        let old = std::mem::replace(&mut (*Event).Header.SignalState, 1);
        signaled(Event as usize);
        old
    }
}

/// Sets an event to not signalled.
pub unsafe fn KeClearEvent(Event: PRKEVENT) {
    // SAFETY: the caller's event.
    unsafe { (*Event).Header.SignalState = 0 };
}

/// Sets an event to not signalled and gives its old state.
pub unsafe fn KeResetEvent(Event: PRKEVENT) -> LONG {
    // SAFETY: the caller's event.
    unsafe { std::mem::replace(&mut (*Event).Header.SignalState, 0) }
}

/// The state of an event.
pub unsafe fn KeReadStateEvent(Event: PRKEVENT) -> LONG {
    // SAFETY: the caller's event.
    unsafe { (*Event).Header.SignalState }
}
