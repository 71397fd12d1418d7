//! What opens and closes the gate of a filter-centric filter (R6.30, R6.38).
//!
//! Its inputs are real inputs of the real gate: the states of the pins are one, and each pin that needs frames is one,
//! directly or through the gate that it is attached to. Each exists from the pin's ACQUIRE to its STOP: pins in STOP do
//! not hold the filter back.

use std::{
    collections::BTreeMap,
    ptr::null_mut,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
};

use ks_sys::{
    KSGATE, KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING, KSPIN_FLAG_PROCESS_IF_ANY_IN_RUN_STATE,
    KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY, KSPIN_FLAG_SOME_FRAMES_REQUIRED_FOR_PROCESSING, KSSTATE, PKSGATE,
    PKSPIN,
};

use super::{
    gate::{self, Gate},
    object::{Filter, Pin},
    processing,
};
use crate::nt::{bugcheck, violation};

/// A pin's input: "the leading edge is on a frame".
#[derive(Default)]
pub struct FrameInput {
    /// The gate whose input it is; null while there is none.
    gate: AtomicPtr<KSGATE>,
    /// Whether that is an OR gate.
    or: AtomicBool,
    /// The gate of `KsPinAttach…Gate`, and whether it is an OR gate.
    attached: Mutex<Option<(usize, bool)>>,
}

impl FrameInput {
    /// The input goes on or off.
    pub(super) fn turn(&self, on: bool) {
        let gate = self.gate.load(Ordering::Acquire);
        if on {
            gate::turn_input_on(gate);
        } else {
            gate::turn_input_off(gate);
        }
    }
}

/// The inputs that a filter has itself.
#[derive(Default)]
pub struct Inputs {
    /// Whether the states of the pins are an input that is off.
    states_off: Mutex<bool>,
    /// The implicit OR gates of pin types with SOME_FRAMES_REQUIRED, and how many pins each has now.
    some: Mutex<BTreeMap<u32, (Box<Gate>, u32)>>,
    /// The gates that pins are attached to, and by how many.
    attached: Mutex<BTreeMap<usize, u32>>,
}

/// Whether the states of the pins let the filter process (R2.10, section 2.3).
fn states(filter: &Filter) -> bool {
    let pins = filter.pins();
    let mut flagged = false;
    let mut runs = false;
    for pin in &pins {
        let reached = pin.transport().reached();
        if reached == KSSTATE::KSSTATE_STOP {
            continue;
        }
        if reached < processing::minimum(pin) {
            return false;
        }
        if pin.flags() & KSPIN_FLAG_PROCESS_IF_ANY_IN_RUN_STATE != 0 {
            flagged = true;
            runs |= reached == KSSTATE::KSSTATE_RUN;
        }
    }
    if flagged && !runs {
        return false;
    }
    (0..filter.descriptor().PinDescriptorsCount).all(|id| {
        // SAFETY: the descriptor lives as long as the filter.
        let (necessary, flags) = unsafe {
            let descriptor = &*filter.pin_descriptor(id).expect("below the count");
            (descriptor.InstancesNecessary as usize, descriptor.Flags)
        };
        let minimum = if flags & KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY != 0 {
            KSSTATE::KSSTATE_RUN
        } else {
            KSSTATE::KSSTATE_PAUSE
        };
        let ready = pins.iter().filter(|pin| {
            // SAFETY: the public structure lives as long as the pin.
            unsafe { (*pin.ks()).Id == id && pin.transport().reached() >= minimum }
        });
        ready.count() >= necessary
    })
}

/// The state of a pin, or the set of pins, has changed. Nothing for a pin-centric filter.
pub(super) fn refresh(filter: &Filter) {
    if !filter.is_centric() {
        return;
    }
    let mut off = filter.inputs.states_off.lock().expect("never poisoned");
    let now_off = !states(filter);
    if std::mem::replace(&mut *off, now_off) == now_off {
        return;
    }
    let gate = filter.processor().gate().ks();
    if now_off {
        gate::turn_input_off(gate);
    } else {
        gate::turn_input_on(gate);
    }
}

/// A pin has its queue, which is empty: its input comes to be, off.
pub(super) fn join(pin: &Pin) {
    let filter = pin.filter();
    if !filter.is_centric() || pin.flags() & KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING != 0 {
        return;
    }
    let own = filter.processor().gate().ks();
    let attached = *pin.transport().input.attached.lock().expect("never poisoned");
    let (gate, or) = match attached {
        Some((gate, or)) => (gate as PKSGATE, or),
        None if pin.flags() & KSPIN_FLAG_SOME_FRAMES_REQUIRED_FOR_PROCESSING != 0 => {
            let mut some = filter.inputs.some.lock().expect("never poisoned");
            let (gate, pins) = some.entry(type_of(pin)).or_insert_with(|| (Box::new(Gate::or(own)), 0));
            *pins += 1;
            if *pins == 1 {
                gate::turn_input_off(own);
            }
            (gate.ks(), true)
        }
        None => (own, false),
    };
    let input = &pin.transport().input;
    input.or.store(or, Ordering::Relaxed);
    if !or {
        gate::turn_input_off(gate);
    }
    input.gate.store(gate, Ordering::Release);
}

/// A pin's queue is gone: so is its input.
pub(super) fn leave(pin: &Pin) {
    let input = &pin.transport().input;
    let gate = input.gate.swap(null_mut(), Ordering::AcqRel);
    if gate.is_null() {
        return;
    }
    let filter = pin.filter();
    let on = pin.transport().has_frames();
    // An AND gate counts the inputs that are off, an OR gate those that are on.
    match (input.or.load(Ordering::Relaxed), on) {
        (false, false) => gate::turn_input_on(gate),
        (true, true) => gate::turn_input_off(gate),
        _ => {}
    }
    let mut some = filter.inputs.some.lock().expect("never poisoned");
    if let Some((_, pins)) = some.get_mut(&type_of(pin)).filter(|(own, _)| own.ks() == gate) {
        *pins -= 1;
        // Without pins it is closed, and no input any more.
        if *pins == 0 {
            gate::turn_input_on(filter.processor().gate().ks());
        }
    }
}

fn type_of(pin: &Pin) -> u32 {
    // SAFETY: the public structure lives as long as the pin.
    unsafe { (*pin.ks()).Id }
}

/// The pin goes: what it was attached to is detached.
pub(super) fn detach(pin: &Pin) {
    let Some((gate, _)) = pin.transport().input.attached.lock().expect("never poisoned").take() else {
        return;
    };
    let filter = pin.filter();
    let mut attached = filter.inputs.attached.lock().expect("never poisoned");
    let Some(pins) = attached.get_mut(&gate) else { return };
    *pins -= 1;
    if *pins == 0 {
        attached.remove(&gate);
        let gate = gate as PKSGATE;
        if !gate::is_open(gate) {
            gate::turn_input_on(filter.processor().gate().ks());
        }
        // SAFETY: the minidriver's gate lives until it is detached.
        unsafe { (*gate).NextGate = null_mut() };
    }
}

fn attach(pin: PKSPIN, gate: PKSGATE, or: bool) {
    let call = if or { "KsPinAttachOrGate" } else { "KsPinAttachAndGate" };
    let pin = Pin::of(pin);
    let filter = pin.filter();
    if !filter.is_centric() {
        bugcheck::not_emulated(&format!("{call} on a pin of a pin-centric filter"));
    }
    if pin.transport().queue().is_some() {
        let message = format_args!("{call} after the pin left STOP; it has no effect");
        violation::report("KsPinAttachGate", 0, pin.name(), message);
        return;
    }
    if pin.flags() & KSPIN_FLAG_SOME_FRAMES_REQUIRED_FOR_PROCESSING != 0 {
        let message =
            format_args!("{call} on a pin with SOME_FRAMES_REQUIRED_FOR_PROCESSING; it has no effect");
        violation::report("KsPinAttachGate", 0, pin.name(), message);
        return;
    }
    detach(pin);
    if gate.is_null() {
        return;
    }
    let own = filter.processor().gate().ks();
    let mut attached = filter.inputs.attached.lock().expect("never poisoned");
    let pins = attached.entry(gate as usize).or_default();
    *pins += 1;
    // SAFETY: the caller's gate is initialised.
    if *pins == 1 && unsafe { (*gate).NextGate.is_null() } {
        // SAFETY: as above.
        unsafe { (*gate).NextGate = own };
        if !gate::is_open(gate) {
            gate::turn_input_off(own);
        }
    }
    *pin.transport().input.attached.lock().expect("never poisoned") = Some((gate as usize, or));
}

/// Makes the pin an input of an AND gate, and that gate an input of the filter's; NULL undoes it. Before the pin
/// leaves STOP. PASSIVE_LEVEL. (`nf-ks-kspinattachandgate.md`)
///
/// # Safety
/// The gate is initialised, and lives until it is detached or the pin goes.
#[allow(non_snake_case)]
pub unsafe fn KsPinAttachAndGate(Pin: PKSPIN, AndGate: PKSGATE) {
    attach(Pin, AndGate, false);
}

/// Makes the pin an input of an OR gate, and that gate an input of the filter's AND gate; NULL undoes it. Before the
/// pin leaves STOP. PASSIVE_LEVEL. (`nf-ks-kspinattachorgate.md`)
///
/// # Safety
/// The gate is initialised, and lives until it is detached or the pin goes.
#[allow(non_snake_case)]
pub unsafe fn KsPinAttachOrGate(Pin: PKSPIN, OrGate: PKSGATE) {
    attach(Pin, OrGate, true);
}
