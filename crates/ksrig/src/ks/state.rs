//! Stepping pins through STOP, ACQUIRE, PAUSE and RUN (R5.1 to R5.14, R4.35 to R4.37).
//!
//! A client commands pins one by one (`DeviceState`); a pipe is where the lowest of its members was
//! told to be (R4.37), and its minidrivers are taken there in single steps (`ClientState`).

use ks_sys::{
    KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING,
    KSSTATE::{self, KSSTATE_ACQUIRE, KSSTATE_PAUSE, KSSTATE_RUN, KSSTATE_STOP},
    KSSTREAM_HEADER_OPTIONSF_FLUSHONPAUSE as FLUSH_ON_PAUSE, NTSTATUS, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

use super::{
    call::{driver_call, driver_status},
    circuit::Circuit,
    frame::Frame,
    inputs,
    object::Pin,
    pipe,
    processing::{self, Subject},
    queue::Queue,
};
use crate::nt::{
    callback::{CallbackKind, Group},
    trace,
};

const SET_DEVICE_STATE: CallbackKind = CallbackKind::no_pending("PinSetDeviceState", Group::Pin);
const FILTER_RESET: CallbackKind = CallbackKind::new("FilterReset", Group::Filter);
const RESET: CallbackKind = CallbackKind::new("PinReset", Group::Pin);

/// The state the pin was last told to go to (R5.2).
pub fn get(pin: &Pin) -> KSSTATE::Type {
    // SAFETY: the public structure lives as long as the pin.
    unsafe { (*pin.ks()).DeviceState }
}

/// The state the pin may be in: what it was told, but no pin runs while its device sleeps (R1.16).
fn allowed(pin: &Pin) -> KSSTATE::Type {
    let most = if pin.filter().device().asleep() { KSSTATE_PAUSE } else { KSSTATE_RUN };
    get(pin).min(most)
}

/// The device of a pin went to sleep, or woke up: it goes down to PAUSE, or where it was told to be. PASSIVE_LEVEL, no
/// filter control mutex held.
pub(super) fn power_changed(pin: &'static Pin) {
    let _pipe = pipe::lock(pin);
    if pin.transport().is_standard(pin) {
        settle(pin, true);
    } else if client_state(pin) > allowed(pin) || pin.transport().suspended() {
        let (from, to) = (client_state(pin), allowed(pin));
        // The command stays what it was.
        if from != to && tell(pin, from, to) >= 0 {
            reach(pin, to);
        }
        pin.transport().set_suspended(pin.filter().device().asleep());
    }
}

/// The state the minidriver is in.
fn client_state(pin: &Pin) -> KSSTATE::Type {
    // SAFETY: the public structure lives as long as the pin.
    unsafe { (*pin.ks()).ClientState }
}

fn command(pin: &Pin, state: KSSTATE::Type) {
    let _control = pin.filter().control().acquire();
    // SAFETY: the public structure lives as long as the pin; the control mutex is held.
    unsafe { (*pin.ks()).DeviceState = state };
}

/// A client sets KSPROPERTY_CONNECTION_STATE. PASSIVE_LEVEL, no filter control mutex held.
///
/// Errors are those of `SetDeviceState`, unchanged (R5.5); other successes are passed on too (10.18).
pub fn set(pin: &'static Pin, state: KSSTATE::Type) -> NTSTATUS {
    if !(KSSTATE_STOP..=KSSTATE_RUN).contains(&state) {
        return STATUS_INVALID_PARAMETER;
    }
    let _pipe = pipe::lock(pin);
    if trace::enabled() {
        trace::event("state", pin.name(), format_args!("is told {}", name(state)));
    }
    if !pin.transport().is_standard(pin) {
        return jump(pin, state);
    }
    command(pin, state);
    settle(pin, false)
}

/// Takes a pin down to STOP before it is closed (R3.13) and waits until nothing runs for it any more.
/// PASSIVE_LEVEL, no filter control mutex held.
pub fn walk_down(pin: &'static Pin) {
    {
        let _pipe = pipe::lock(pin);
        if client_state(pin) != KSSTATE_STOP {
            // 10.28
            trace::event("state", pin.name(), format_args!("is closed in {}", name(client_state(pin))));
        }
        if pin.transport().is_standard(pin) {
            if get(pin) != KSSTATE_STOP {
                command(pin, KSSTATE_STOP);
            }
            settle(pin, true);
        } else {
            jump(pin, KSSTATE_STOP);
        }
    }
    pin.transport().processor().drain();
}

/// Without standard transport the change is passed on as it is (R5.3).
fn jump(pin: &'static Pin, state: KSSTATE::Type) -> NTSTATUS {
    let from = client_state(pin);
    if from == state {
        // R5.7
        return STATUS_SUCCESS;
    }
    let status = tell(pin, from, state);
    if status >= 0 {
        command(pin, state);
        reach(pin, state);
    }
    status
}

/// From now on processing goes by this state.
fn reach(pin: &Pin, state: KSSTATE::Type) {
    pin.transport().reach(state);
    inputs::refresh(pin.filter());
}

/// Takes the members of the pin's pipe to where the lowest of them was told to be, a step at a time.
///
/// A step up that fails leaves the pipe in the last good state, and that is what the pin was told to go to (10.15).
/// `forced`: a step down is made even if the minidriver objects, for the pin goes away.
fn settle(pin: &'static Pin, forced: bool) -> NTSTATUS {
    let members = pipe::members(pin);
    let mut result = STATUS_SUCCESS;
    loop {
        let target = members.iter().map(|member| allowed(member)).min().unwrap_or(KSSTATE_STOP);
        let highest = members.iter().map(|member| client_state(member)).max().unwrap_or(KSSTATE_STOP);
        let lowest = members.iter().map(|member| client_state(member)).min().unwrap_or(KSSTATE_STOP);
        let status = if highest > target {
            // R4.37: down from source to sink.
            let status = step_down(&members, highest, forced);
            if status < 0 {
                command(pin, client_state(pin));
                return if result < 0 { result } else { status };
            }
            status
        } else if lowest < target {
            let status = step_up(&members, lowest);
            if status < 0 {
                // The others go back with it, in the next round.
                command(pin, lowest);
            }
            status
        } else {
            return result;
        };
        if result >= 0 && status != STATUS_SUCCESS {
            result = status;
        }
    }
}

/// One step up for all that are at this state, sink first.
fn step_up(members: &[&'static Pin], from: KSSTATE::Type) -> NTSTATUS {
    let to = from + 1;
    let mut result = STATUS_SUCCESS;
    for &member in members {
        if client_state(member) != from {
            continue;
        }
        if to == KSSTATE_ACQUIRE {
            // R5.10: the queue is there before the minidriver hears of it.
            let _mutex = Subject::of(member).processor().mutex().acquire();
            if member.transport().queue().is_none() {
                member.transport().set_queue(Some(Queue::new(member)));
                inputs::join(member);
            }
        }
        let status = tell(member, from, to);
        if status < 0 {
            if to == KSSTATE_ACQUIRE {
                remove_queue(member);
            }
            return status;
        }
        reach(member, to);
        result = if status == STATUS_SUCCESS { result } else { status };
    }
    match to {
        KSSTATE_ACQUIRE => {
            if let Err(status) = join(members) {
                return status;
            }
        }
        KSSTATE_PAUSE | KSSTATE_RUN => {
            if let Some(circuit) = members[0].transport().circuit() {
                circuit.resume();
            }
        }
        _ => {}
    }
    for &member in members {
        // R6.29a, R5.11.
        if processing::minimum(member) == to && member.flags() & KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING == 0 {
            processing::arrival(member);
        }
    }
    result
}

/// One step down for all that are at this state, source first.
fn step_down(members: &[&'static Pin], from: KSSTATE::Type, forced: bool) -> NTSTATUS {
    let to = from - 1;
    let mut result = STATUS_SUCCESS;
    if to == KSSTATE_ACQUIRE
        && let Some(circuit) = members[0].transport().circuit()
    {
        circuit.pause();
    }
    for &member in members.iter().rev() {
        if client_state(member) != from {
            continue;
        }
        // No processing begins in a state that is being left.
        reach(member, to);
        let status = tell(member, from, to);
        if status < 0 {
            if !forced {
                reach(member, from);
                if to == KSSTATE_ACQUIRE
                    && let Some(circuit) = member.transport().circuit()
                {
                    circuit.resume();
                }
                return status;
            }
            // SAFETY: the public structure lives as long as the pin.
            unsafe { (*member.ks()).ClientState = to };
            member.clock().follow(to);
            continue;
        }
        result = if status == STATUS_SUCCESS { result } else { status };
    }
    if to == KSSTATE_PAUSE {
        members.iter().for_each(|member| flush_on_pause(member));
    }
    if to == KSSTATE_STOP {
        part(members);
    }
    result
}

/// R5.18: frames with FLUSHONPAUSE are dropped.
///
/// ASSUMED: their requests come back cancelled, those with other frames as well stay.
fn flush_on_pause(pin: &Pin) {
    if let Some(queue) = pin.transport().queue() {
        // SAFETY: the headers live as long as their request.
        let flag = |frame: &Frame| unsafe { (*frame.header).OptionsFlags } & FLUSH_ON_PAUSE != 0;
        queue.cancel(|request| request.frames.iter().all(flag));
    }
}

/// Calls `SetDeviceState` (R5.4, R5.5).
///
/// ASSUMED: Process may be under way meanwhile, since no page says that one waits for the other and each has its own mutex.
fn tell(pin: &'static Pin, from: KSSTATE::Type, to: KSSTATE::Type) -> NTSTATUS {
    let _control = pin.filter().control().acquire();
    let ks = pin.ks();
    // SAFETY: the public structure lives as long as the pin; the control mutex is held.
    unsafe { (*ks).ClientState = to };
    let status = match pin.dispatch().and_then(|dispatch| dispatch.SetDeviceState) {
        // SAFETY: the minidriver's routine, the control mutex held.
        Some(set) => driver_status(SET_DEVICE_STATE, pin.name(), || unsafe { set(ks, to, from) }),
        None => STATUS_SUCCESS,
    };
    if status < 0 {
        // SAFETY: as above.
        unsafe { (*ks).ClientState = from };
    } else {
        pin.clock().follow(to);
    }
    if trace::enabled() {
        let (from, to) = (name(from), name(to));
        let outcome = if status < 0 { "refuses" } else { "goes" };
        trace::event_with("state", pin.name(), outcome, &[("from", &from), ("to", &to)]);
    }
    status
}

/// Makes the circuit of a connection (R4.25).
fn join(members: &[&'static Pin]) -> Result<(), NTSTATUS> {
    let connected = members.len() == 2 || members[0].is_external();
    if !connected || members[0].transport().circuit().is_some() {
        return Ok(());
    }
    let circuit = Circuit::build(members)?;
    for member in members {
        member.transport().set_circuit(Some(circuit.clone()));
    }
    Ok(())
}

/// All members are in STOP: what is left in their queues goes back, and the pipe is gone (10.17).
fn part(members: &[&'static Pin]) {
    for &member in members.iter().rev() {
        let Some(queue) = member.transport().queue() else { continue };
        // Waits for a Process that began before.
        let mutex = Subject::of(member).processor().mutex().acquire();
        queue.close();
        drop(mutex);
        reset(member);
    }
    if let Some(circuit) = members[0].transport().circuit() {
        circuit.drain();
    }
    for &member in members {
        remove_queue(member);
        member.transport().set_circuit(None);
    }
}

/// Takes a queue away, empty or not.
fn remove_queue(pin: &'static Pin) {
    let _mutex = Subject::of(pin).processor().mutex().acquire();
    if let Some(queue) = pin.transport().set_queue(None) {
        queue.close();
        queue.retire();
        inputs::leave(pin);
    }
}

/// Calls the pin's `Reset`, or that of its filter-centric filter (R2.4, R5.15, R5.17): its queue was flushed or its
/// reset state changed.
pub(super) fn reset(pin: &'static Pin) {
    let filter = pin.filter();
    let _control = filter.control().acquire();
    if filter.is_centric() {
        if let Some(reset) = filter.dispatch().and_then(|dispatch| dispatch.Reset) {
            // SAFETY: the minidriver's routine, the control mutex held; what it returns is ignored.
            driver_call(FILTER_RESET, filter.name(), || unsafe {
                reset(filter.ks());
            });
        }
    } else if let Some(reset) = pin.dispatch().and_then(|dispatch| dispatch.Reset) {
        // SAFETY: the minidriver's routine, the control mutex held.
        driver_call(RESET, pin.name(), || unsafe { reset(pin.ks()) });
    }
}

fn name(state: KSSTATE::Type) -> &'static str {
    match state {
        KSSTATE_STOP => "STOP",
        KSSTATE_ACQUIRE => "ACQUIRE",
        KSSTATE_PAUSE => "PAUSE",
        KSSTATE_RUN => "RUN",
        _ => "no state",
    }
}
