//! Gates: the `KsGate…` DDIs, which are inline functions of ks.h and exports of nothing (contract
//! R0.1, R0.4; `stream/flow-control-gates-in-avstream.md`).
//!
//! A gate is open while its count is above zero. Its state is an input of the next gate in its chain.
//! Any IRQL. A gate pointer is null or points at a live gate, as do those of the gates behind it.

use core::sync::atomic::{AtomicI32, Ordering::SeqCst};

use crate::{KSGATE, PKSGATE};

/// The gate's count.
///
/// # Safety
///
/// `gate` points at a gate that lives as long as the reference is used.
const unsafe fn count<'a>(gate: PKSGATE) -> &'a AtomicI32 {
    // SAFETY: the caller's promise; the offset is inside the structure.
    let count = unsafe { &raw mut (*gate).Count };
    // SAFETY: `LONG` has the size and alignment of `AtomicI32`; everybody changes the count by
    // interlocked operations only.
    unsafe { AtomicI32::from_ptr(count) }
}

/// Adds `step` to each count along the chain, for as long as that changes the gate's state.
///
/// # Safety
///
/// As [`KsGateTurnInputOn`].
unsafe fn propagate(mut gate: PKSGATE, step: i32, changed: i32) {
    while !gate.is_null() {
        // SAFETY: the caller's promise, and the chain's gates live as long as its head.
        let count = unsafe { count(gate) };
        if count.fetch_add(step, SeqCst) + step != changed {
            return;
        }
        // SAFETY: as above.
        gate = unsafe { (*gate).NextGate };
    }
}

/// Turns on one input of a gate, and of the gates behind it as their states change.
///
/// # Safety
///
/// `gate` is null or points at a live gate whose chain is live.
#[allow(non_snake_case)]
pub unsafe fn KsGateTurnInputOn(gate: PKSGATE) {
    // SAFETY: the caller's promise.
    unsafe { propagate(gate, 1, 1) };
}

/// Turns off one input of a gate, and of the gates behind it as their states change.
///
/// # Safety
///
/// As [`KsGateTurnInputOn`].
#[allow(non_snake_case)]
pub unsafe fn KsGateTurnInputOff(gate: PKSGATE) {
    // SAFETY: the caller's promise.
    unsafe { propagate(gate, -1, 0) };
}

/// Closes a gate whose count is exactly 1; true for the one caller that did.
///
/// # Safety
///
/// `gate` points at a live gate whose chain is live.
#[allow(non_snake_case)]
#[must_use]
pub unsafe fn KsGateCaptureThreshold(gate: PKSGATE) -> bool {
    // SAFETY: the caller's promise.
    let count = unsafe { count(gate) };
    let captured = count.compare_exchange(1, 0, SeqCst, SeqCst).is_ok();
    if captured {
        // SAFETY: the caller's promise.
        let next = unsafe { (*gate).NextGate };
        // SAFETY: the caller's promise: the chain is live.
        unsafe { KsGateTurnInputOff(next) };
    }
    captured
}

/// Whether a gate is open at this moment.
///
/// # Safety
///
/// `gate` points at a live gate.
#[allow(non_snake_case)]
#[must_use]
pub unsafe fn KsGateGetStateUnsafe(gate: PKSGATE) -> bool {
    // SAFETY: the caller's promise.
    let count = unsafe { count(gate) };
    count.load(SeqCst) > 0
}

/// An AND gate without inputs, which is open, before `next` (an OR gate or null).
///
/// # Safety
///
/// `next` is null or points at a gate that outlives the new one and has a live chain.
#[allow(non_snake_case)]
#[must_use]
pub unsafe fn KsGateInitializeAnd(next: PKSGATE) -> KSGATE {
    // SAFETY: the caller's promise: an open gate is an input that is on.
    unsafe { KsGateTurnInputOn(next) };
    KSGATE { Count: 1, NextGate: next }
}

#[cfg(test)]
mod tests {
    use core::ptr::null_mut;

    use super::*;

    /// R0.4, R6.38: count = 1 - off inputs; the state travels along the chain.
    #[test]
    fn an_and_gate_opens_when_all_its_inputs_are_on() {
        let mut or = KSGATE { Count: 0, NextGate: null_mut() };
        // SAFETY: both gates live until the end of the test.
        let mut and = unsafe { KsGateInitializeAnd(&raw mut or) };
        let and = &raw mut and;
        let or = &raw mut or;
        // SAFETY: as above.
        let open = |gate| unsafe { KsGateGetStateUnsafe(gate) };
        let states = || (open(and), open(or));
        assert_eq!(states(), (true, true));
        // SAFETY: as above.
        unsafe { KsGateTurnInputOff(and) };
        // SAFETY: as above.
        unsafe { KsGateTurnInputOff(and) };
        assert_eq!(states(), (false, false));
        // SAFETY: as above.
        unsafe { KsGateTurnInputOn(and) };
        assert_eq!(states(), (false, false));
        // SAFETY: as above.
        unsafe { KsGateTurnInputOn(and) };
        assert_eq!(states(), (true, true));
    }

    /// R0.4: the threshold goes to one caller, and only from 1 to 0.
    #[test]
    fn the_threshold_is_captured_once() {
        let mut and = KSGATE { Count: 1, NextGate: null_mut() };
        // SAFETY: the gate lives until the end of the test.
        assert!(unsafe { KsGateCaptureThreshold(&raw mut and) });
        // SAFETY: as above.
        assert!(!unsafe { KsGateCaptureThreshold(&raw mut and) });
        and.Count = 2;
        // SAFETY: as above.
        assert!(!unsafe { KsGateCaptureThreshold(&raw mut and) });
    }
}
