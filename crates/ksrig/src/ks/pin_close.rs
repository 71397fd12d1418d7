//! Closing a pin (R3.12, R3.13, R4.16).

use ks_sys::{NTSTATUS, PIRP, STATUS_PENDING, STATUS_SUCCESS};

use super::{
    call::{PIN_CLOSE, driver_call},
    connect, event_entry, irp,
    object::Pin,
    options::Options,
    state,
};
use crate::nt::{Machine, complete, trace};

/// Closes a pin; completes the request. Passive level, no mutex held.
pub fn close(pin: &'static Pin, irp: PIRP) -> NTSTATUS {
    // R3.13: down to STOP first.
    state::walk_down(pin);
    // R3.12, R7.25: events go before Close.
    pin.events().free(pin.file_object());
    if options().disconnect_before_close {
        connect::dissolve(pin);
    }
    let status = {
        let _control = pin.filter().control().acquire();
        let status = match pin.dispatch().and_then(|dispatch| dispatch.Close) {
            // SAFETY: the driver's callback with its own pin.
            Some(close) => driver_call(PIN_CLOSE, pin.name(), || unsafe { close(pin.ks(), irp) }),
            None => STATUS_SUCCESS,
        };
        if irp::is_pending(irp, status, pin.name(), "Close") {
            return STATUS_PENDING;
        }
        status
    };
    closed(pin, irp, status)
}

fn options() -> &'static Options {
    Machine::current().extension::<Options>()
}

/// Close is over, at once or through KsCompletePendingRequest. Passive level, no mutex held.
pub(super) fn closed(pin: &'static Pin, irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    // R4.16, 10.1b: by default Disconnect comes after the source's Close; a second call does nothing.
    connect::dissolve(pin);
    let control = pin.filter().control().acquire();
    pin.empty();
    drop(control);
    trace::event("pin_close", pin.name(), format_args!("{status:#010x}"));
    event_entry::report_left(pin.file_object(), pin.name());
    // Gives up the references to the sink and the filter, which may close now (R4.4, T4.6).
    pin.end();
    // SAFETY: the request is ours. A close cannot fail: the file object goes anyway.
    unsafe { complete(irp, STATUS_SUCCESS, 0) }
}
