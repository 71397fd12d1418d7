//! Flow control gates (R0.4, R6.38).
//!
//! The minidriver turns them on and off behind the rig's back, by inline functions on `Count`: a
//! `KSGATE` here is the real structure, and every access to it is atomic.

use std::{
    cell::UnsafeCell,
    ptr::null_mut,
    sync::atomic::{AtomicI32, Ordering},
};

use ks_sys::{KSFILTER, KSGATE, KSPIN, PKSGATE};

use super::{
    object::{Filter as FilterObject, Pin as PinObject},
    processing::Subject,
};

/// A gate of the rig.
pub struct Gate(UnsafeCell<KSGATE>);

// SAFETY: the count is atomic; the link is set before the pin leaves STOP.
unsafe impl Send for Gate {}
// SAFETY: as above.
unsafe impl Sync for Gate {}

impl Gate {
    /// An open AND gate: count 1 (R6.38).
    pub const fn and() -> Self {
        Self(UnsafeCell::new(KSGATE { Count: 1, NextGate: null_mut() }))
    }

    /// A closed OR gate before an AND gate; that gate is not told.
    pub const fn or(next: PKSGATE) -> Self {
        Self(UnsafeCell::new(KSGATE { Count: 0, NextGate: next }))
    }

    /// The structure the minidriver sees.
    pub fn ks(&self) -> PKSGATE {
        self.0.get()
    }

    /// The count, by a glance.
    pub fn count(&self) -> i32 {
        count(self.ks()).load(Ordering::Acquire)
    }

    /// Whether it is open, by a glance.
    pub fn is_open(&self) -> bool {
        self.count() > 0
    }

    /// Closes an open gate and gives whether it was open: the way into processing (R6.31).
    pub fn capture(&self) -> bool {
        let captured = count(self.ks()).compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if captured {
            turn_input_off(next(self.ks()));
        }
        captured
    }

    /// Opens a captured gate again.
    pub fn open(&self) {
        turn_input_on(self.ks());
    }
}

fn count<'a>(gate: PKSGATE) -> &'a AtomicI32 {
    // SAFETY: gates live while they are linked (the minidriver's duty for its own ones).
    unsafe { AtomicI32::from_ptr(&raw mut (*gate).Count) }
}

fn next(gate: PKSGATE) -> PKSGATE {
    // SAFETY: as for `count`.
    unsafe { (*gate).NextGate }
}

/// `KsGateTurnInputOn`: an open gate is an input that is on for the next one.
pub fn turn_input_on(mut gate: PKSGATE) {
    while !gate.is_null() && count(gate).fetch_add(1, Ordering::AcqRel) + 1 == 1 {
        gate = next(gate);
    }
}

/// `KsGateTurnInputOff`.
pub fn turn_input_off(mut gate: PKSGATE) {
    while !gate.is_null() && count(gate).fetch_sub(1, Ordering::AcqRel) - 1 == 0 {
        gate = next(gate);
    }
}

/// Whether a gate is open, by a glance.
pub fn is_open(gate: PKSGATE) -> bool {
    count(gate).load(Ordering::Acquire) > 0
}

/// The gate that controls the pin's processing. Any IRQL. (`nf-ks-kspingetandgate.md`)
///
/// ASSUMED: for a pin of a filter-centric filter that is the filter's.
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinGetAndGate(Pin: *mut KSPIN) -> PKSGATE {
    Subject::of(PinObject::of(Pin)).processor().gate().ks()
}

/// The gate that controls the filter's processing. Any IRQL. (`nf-ks-ksfiltergetandgate.md`)
///
/// # Safety
/// The filter is live.
#[allow(non_snake_case)]
pub unsafe fn KsFilterGetAndGate(Filter: *mut KSFILTER) -> PKSGATE {
    FilterObject::of(Filter).processor().gate().ks()
}
