//! Clocks: there are none yet.

use ks_sys::{KSPIN_FLAG_IMPLEMENT_CLOCK, NTSTATUS, PIKSREFERENCECLOCK, PKSPIN, STATUS_DEVICE_NOT_READY};

use super::object;
use crate::nt::bugcheck;

/// `KsPinGetReferenceClockInterface`: `STATUS_DEVICE_NOT_READY` for a pin without a master clock (R5.8). Passive level.
///
/// # Safety
/// `Interface` is a good pointer.
pub unsafe fn KsPinGetReferenceClockInterface(Pin: PKSPIN, Interface: *mut PIKSREFERENCECLOCK) -> NTSTATUS {
    if object::Pin::of(Pin).flags() & KSPIN_FLAG_IMPLEMENT_CLOCK != 0 {
        bugcheck::not_emulated("KsPinGetReferenceClockInterface on a pin that implements a clock");
    }
    // SAFETY: the caller's place.
    unsafe { *Interface = std::ptr::null_mut() };
    STATUS_DEVICE_NOT_READY
}
