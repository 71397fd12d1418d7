//! IOCTL_KS_RESET_STATE: flushing a pin (R5.15 to R5.17).

use ks_sys::{
    KSRESET::{self, KSRESET_BEGIN, KSRESET_END},
    NTSTATUS, PIRP, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use super::{irp, object::Pin, pipe, state};
use crate::nt::{trace, user};

/// Sets the reset state of a pin. BEGIN: what is queued goes back and nothing is accepted; END: it is again.
/// It lasts across changes of state, and none happens meanwhile. PASSIVE_LEVEL, no lock held. The caller completes the IRP with the status.
///
/// # Safety
/// The IRP is a device control request for this pin with that code.
pub unsafe fn dispatch(pin: &'static Pin, irp: PIRP) -> NTSTATUS {
    match acquire(irp) {
        Ok(value) => set(pin, value),
        Err(status) => status,
    }
}

/// Probes and fetches the value (R5.16).
fn acquire(irp: PIRP) -> Result<KSRESET::Type, NTSTATUS> {
    let control = irp::control(irp);
    if (control.InputBufferLength as usize) < size_of::<KSRESET::Type>() {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    // SAFETY: the IRP is ours.
    let mode = unsafe { (*irp).RequestorMode };
    let input = control.Type3InputBuffer;
    user::probe(mode, input, size_of::<KSRESET::Type>(), align_of::<KSRESET::Type>() as u32)?;
    // SAFETY: the client's memory was probed.
    let value = unsafe { input.cast::<KSRESET::Type>().read() };
    if value == KSRESET_BEGIN || value == KSRESET_END { Ok(value) } else { Err(STATUS_INVALID_PARAMETER) }
}

fn set(pin: &'static Pin, value: KSRESET::Type) -> NTSTATUS {
    let _pipe = pipe::lock(pin);
    {
        let _control = pin.filter().control().acquire();
        // SAFETY: the public structure lives as long as the pin; the control mutex is held.
        let old = unsafe { std::mem::replace(&mut (*pin.ks()).ResetState, value) };
        if old == value {
            // ASSUMED: no change, no call.
            return STATUS_SUCCESS;
        }
    }
    let begins = value == KSRESET_BEGIN;
    if trace::enabled() {
        trace::event("reset", pin.name(), if begins { "begins" } else { "ends" });
    }
    let queue = pin.transport().queue();
    if let Some(queue) = &queue {
        queue.accept(!begins);
        if begins {
            queue.cancel(|_| true);
        }
    }
    state::reset(pin);
    if !begins
        && queue.is_some()
        && let Some(circuit) = pin.transport().circuit()
    {
        circuit.resume();
    }
    STATUS_SUCCESS
}
