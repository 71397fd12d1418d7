//! Gates: the `KsGate…` DDIs, which are inline functions of ks.h and exports of nothing (contract
//! R0.1, R0.4; `stream/flow-control-gates-in-avstream.md`).
//!
//! A gate is open while its count is above zero. Its state is an input of the next gate in its chain.
//! Any IRQL. A gate pointer is null or points at a live gate, as do those of the gates behind it.

use core::sync::atomic::{AtomicI32, Ordering::SeqCst};

use crate::{BOOLEAN, KSGATE, LONG, PKSGATE};

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

/// Initializes a gate that is an input of `NextGate`, null for none, and tells that gate if the state is the one to
/// propagate.
///
/// # Safety
///
/// `Gate` points at memory for a gate that nobody uses yet; `NextGate` is null or points at a gate that outlives it and
/// has a live chain.
#[allow(non_snake_case)]
pub unsafe fn KsGateInitialize(
    Gate: PKSGATE,
    InitialCount: LONG,
    NextGate: PKSGATE,
    StateToPropagate: BOOLEAN,
) {
    // SAFETY: the caller's promise.
    unsafe { Gate.write(KSGATE { Count: InitialCount, NextGate }) };
    match (InitialCount > 0, StateToPropagate != 0) {
        // SAFETY: the caller's promise.
        (true, true) => unsafe { KsGateTurnInputOn(NextGate) },
        // SAFETY: the caller's promise.
        (false, false) => unsafe { KsGateTurnInputOff(NextGate) },
        _ => {}
    }
}

/// Initializes an AND gate without inputs, which is open, before an OR gate or null.
///
/// # Safety
///
/// As [`KsGateInitialize`].
#[allow(non_snake_case)]
pub unsafe fn KsGateInitializeAnd(AndGate: PKSGATE, NextOrGate: PKSGATE) {
    // SAFETY: the caller's promise.
    unsafe { KsGateInitialize(AndGate, 1, NextOrGate, 1) };
}

/// Initializes an OR gate without inputs, which is closed, before an AND gate or null.
///
/// # Safety
///
/// As [`KsGateInitialize`].
#[allow(non_snake_case)]
pub unsafe fn KsGateInitializeOr(OrGate: PKSGATE, NextAndGate: PKSGATE) {
    // SAFETY: the caller's promise.
    unsafe { KsGateInitialize(OrGate, 0, NextAndGate, 0) };
}

/// What inputs mean to a gate: an AND gate counts those that are off, an OR gate those that are on. The others change
/// nothing.
macro_rules! inputs {
    ($($(#[$doc:meta])* $name:ident($gate:ident) $(= $turn:ident)?;)*) => {
        $($(#[$doc])*
        ///
        /// # Safety
        ///
        /// As [`KsGateTurnInputOn`].
        #[allow(non_snake_case)]
        pub unsafe fn $name($gate: PKSGATE) {
            let _ = $gate;
            $(
                // SAFETY: the caller's promise.
                unsafe { $turn($gate) };
            )?
        })*
    };
}

inputs! {
    /// Adds an input that is on to an AND gate (`nf-ks-ksgateaddoninputtoand.md`).
    KsGateAddOnInputToAnd(AndGate);
    /// Adds an input that is off to an AND gate (`nf-ks-ksgateaddoffinputtoand.md`).
    KsGateAddOffInputToAnd(AndGate) = KsGateTurnInputOff;
    /// Removes an input that is on from an AND gate (`nf-ks-ksgateremoveoninputfromand.md`).
    KsGateRemoveOnInputFromAnd(AndGate);
    /// Removes an input that is off from an AND gate (`nf-ks-ksgateremoveoffinputfromand.md`).
    KsGateRemoveOffInputFromAnd(AndGate) = KsGateTurnInputOn;
    /// Adds an input that is on to an OR gate (`nf-ks-ksgateaddoninputtoor.md`).
    KsGateAddOnInputToOr(OrGate) = KsGateTurnInputOn;
    /// Adds an input that is off to an OR gate (`nf-ks-ksgateaddoffinputtoor.md`).
    KsGateAddOffInputToOr(OrGate);
    /// Removes an input that is on from an OR gate (`nf-ks-ksgateremoveoninputfromor.md`).
    KsGateRemoveOnInputFromOr(OrGate) = KsGateTurnInputOff;
    /// Removes an input that is off from an OR gate (`nf-ks-ksgateremoveoffinputfromor.md`).
    KsGateRemoveOffInputFromOr(OrGate);
}

/// Ends an AND gate: it is no input of the gate behind it any more.
///
/// # Safety
///
/// `AndGate` points at a live gate whose chain is live; nobody uses it any more.
#[allow(non_snake_case)]
pub unsafe fn KsGateTerminateAnd(AndGate: PKSGATE) {
    // SAFETY: the caller's promise.
    let next = unsafe { (*AndGate).NextGate };
    // SAFETY: the caller's promise.
    if unsafe { KsGateGetStateUnsafe(AndGate) } {
        // SAFETY: the caller's promise.
        unsafe { KsGateRemoveOnInputFromOr(next) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { KsGateRemoveOffInputFromOr(next) };
    }
}

/// Ends an OR gate: it is no input of the gate behind it any more.
///
/// # Safety
///
/// As [`KsGateTerminateAnd`].
#[allow(non_snake_case)]
pub unsafe fn KsGateTerminateOr(OrGate: PKSGATE) {
    // SAFETY: the caller's promise.
    let next = unsafe { (*OrGate).NextGate };
    // SAFETY: the caller's promise.
    if unsafe { KsGateGetStateUnsafe(OrGate) } {
        // SAFETY: the caller's promise.
        unsafe { KsGateRemoveOnInputFromAnd(next) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { KsGateRemoveOffInputFromAnd(next) };
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::null_mut;

    use super::*;

    /// R0.4, R6.38: count = 1 - off inputs; the state travels along the chain.
    #[test]
    fn an_and_gate_opens_when_all_its_inputs_are_on() {
        let mut gates = [KSGATE { Count: 7, NextGate: null_mut() }; 2];
        let [or, and] = gates.each_mut().map(|gate| &raw mut *gate);
        // SAFETY: both gates live until the end of the test.
        unsafe { KsGateInitializeOr(or, null_mut()) };
        // SAFETY: as above.
        unsafe { KsGateInitializeAnd(and, or) };
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
        // SAFETY: as above.
        unsafe { KsGateTerminateAnd(and) };
        assert!(!open(or));
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
