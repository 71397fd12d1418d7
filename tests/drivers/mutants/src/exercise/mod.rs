//! The kernel's services, used as their pages say; and the places where mutants do not.

mod irp;
pub mod levels;
pub mod locks;
pub mod mdl;
mod pool;
pub mod registry;
mod removal;
mod wrong;

use ks_sys::{PIRP, PKSDEVICE, PKSPIN};

/// What a thread may do at PASSIVE_LEVEL.
///
/// # Safety
///
/// A live, started device; PASSIVE_LEVEL.
#[inline(always)]
pub unsafe fn at_passive(device: PKSDEVICE) {
    pool::exercise();
    mdl::exercise();
    levels::exercise();
    removal::exercise();
    // SAFETY: the caller's promise.
    unsafe { locks::exercise(device) };
}

/// What the handler of a property may do, with no mutex held.
///
/// # Safety
///
/// A live, started device, and the handler's request; PASSIVE_LEVEL.
#[inline(always)]
pub unsafe fn in_handler(device: PKSDEVICE, request: PIRP) {
    pool::lookaside();
    // SAFETY: the caller's promise.
    unsafe {
        locks::without_mutexes(device);
        irp::exercise(device);
        wrong::exercise(device, request);
    }
}

/// What a DPC may do.
///
/// # Safety
///
/// A live pin; DISPATCH_LEVEL.
#[inline(always)]
pub unsafe fn at_dispatch(pin: PKSPIN) {
    // SAFETY: the caller's promise.
    unsafe { levels::in_dpc(pin) };
}
