//! Opening a pin: validation, SetDataFormat, connection, Create (sections 3.2, 3.3 and 4.8 of the contract).
//!
//! The sink is there before its source is opened (R4.1).

use std::sync::atomic::Ordering;

use ks_sys::{
    KSPIN, NTSTATUS, PFILE_OBJECT, PIRP, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS,
};

use super::{
    call::{PIN_CLOSE, PIN_CREATE, driver_call},
    connect,
    filter::Filter,
    format, irp,
    mutex::Guard,
    narrow,
    object::Pin,
    options::Options,
    validate::Request,
};
use crate::nt::{Machine, ObfDereferenceObject, complete, pool, trace};

/// What is held while a pin is made; given back in this order.
struct Locks {
    /// The filter control mutex.
    _control: Guard<'static>,
    /// While a connection is ahead.
    connecting: Option<Guard<'static>>,
}

impl Locks {
    fn take(filter: &'static Filter, connects: bool) -> Self {
        let connecting = connects.then(connect::connecting);
        Self { _control: filter.control().acquire(), connecting }
    }
}

/// Opens a pin; completes the request. Passive level, no mutex held.
pub fn open(filter: &'static Filter, bytes: &[u8], irp: PIRP) -> NTSTATUS {
    match begin(filter, bytes, irp) {
        Ok((pin, locks)) => create(pin, locks, irp),
        Err(status) => {
            trace::event("pin_refused", filter.name(), format_args!("{status:#010x}"));
            // SAFETY: the request is ours.
            unsafe { complete(irp, status, 0) }
        }
    }
}

/// Everything before Create. On an error nothing is left.
fn begin(filter: &'static Filter, bytes: &[u8], irp: PIRP) -> Result<(&'static Pin, Locks), NTSTATUS> {
    let wide = narrow::is_narrow(irp).then(|| narrow::connect(bytes)).transpose()?;
    let request = Request::parse(wide.as_deref().unwrap_or(bytes))?;
    // SAFETY: the request is ours.
    let mode = unsafe { (*irp).RequestorMode };
    let mut locks = Locks::take(filter, request.is_source());
    request.check(filter, mode)?;
    // R4.3: a bad handle fails the create before the driver is called.
    let sink = if request.is_source() {
        connect::reference_sink(request.connect.PinToHandle, mode)?
    } else {
        std::ptr::null_mut()
    };
    if let Err(status) = check_sink(filter, &request, sink) {
        drop(locks);
        release(sink);
        return Err(status);
    }
    if pool::fails_now(size_of::<KSPIN>(), u32::from_le_bytes(*b"KSpn")) {
        drop(locks);
        release(sink);
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    // Section 3.3, step 1.
    let pin = Pin::new(filter, irp::file_object(irp), &request.connect, sink);
    // Step 2: SetDataFormat comes before Create.
    let mut status = format::set(pin, request.format);
    if status >= 0 && pin.is_source() && !options().connect_after_create {
        status = connect::establish(pin);
        locks.connecting = None;
    }
    if status < 0 {
        // R3.9: Create was not reached, so there is no Close.
        trace::event("pin_open", pin.name(), format_args!("{status:#010x}"));
        pin.empty();
        drop(locks);
        pin.end();
        return Err(status);
    }
    Ok((pin, locks))
}

fn check_sink(filter: &Filter, request: &Request, sink: PFILE_OBJECT) -> Result<(), NTSTATUS> {
    if sink.is_null() { Ok(()) } else { connect::check_sink(filter, request.connect.PinId, sink) }
}

fn release(sink: PFILE_OBJECT) {
    if !sink.is_null() {
        // SAFETY: referenced by `begin`.
        unsafe { ObfDereferenceObject(sink.cast()) };
    }
}

fn options() -> &'static Options {
    Machine::current().extension::<Options>()
}

/// Step 3: Create.
fn create(pin: &'static Pin, locks: Locks, irp: PIRP) -> NTSTATUS {
    let status = match pin.dispatch().and_then(|dispatch| dispatch.Create) {
        // SAFETY: the driver's callback with its own pin.
        Some(create) => driver_call(PIN_CREATE, pin.name(), || unsafe { create(pin.ks(), irp) }),
        None => STATUS_SUCCESS,
    };
    // R3.8
    if irp::is_pending(irp, status, pin.name(), "Create") {
        return STATUS_PENDING;
    }
    finish(pin, locks, irp, status)
}

/// Create is over through KsCompletePendingRequest. Passive level, no mutex held.
pub(super) fn opened(pin: &'static Pin, irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    let abandoned = pin.abandoned.lock().expect("never poisoned").take();
    if let Some(status) = abandoned {
        // It was the Close that was kept. The thread that called it may still be looking at the request.
        drop(pin.filter().control().acquire());
        return gone(pin, irp, status);
    }
    let connects = pin.is_source() && options().connect_after_create;
    finish(pin, Locks::take(pin.filter(), connects), irp, status)
}

fn finish(pin: &'static Pin, locks: Locks, irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    let mut status = status;
    let mut close_due = false;
    if status >= 0 && pin.is_source() && options().connect_after_create {
        let connected = connect::establish(pin);
        if connected < 0 {
            status = connected;
            close_due = true;
        }
    }
    trace::event("pin_open", pin.name(), format_args!("{status:#010x}"));
    if status >= 0 {
        pin.link_complete.store(true, Ordering::Relaxed);
        pin.filter().enter(pin);
        drop(locks);
        // SAFETY: the request is ours.
        return unsafe { complete(irp, status, 0) };
    }
    // R4.14: Create had succeeded.
    if close_due && abandon(pin, irp, status) == STATUS_PENDING {
        return STATUS_PENDING;
    }
    drop(locks);
    gone(pin, irp, status)
}

/// The pin of a create request that fails is taken apart. Passive level, no mutex held.
fn gone(pin: &'static Pin, irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    // T4.11: the sink that was connected before learns that the source is gone.
    connect::dissolve(pin);
    let control = pin.filter().control().acquire();
    pin.empty();
    drop(control);
    pin.end();
    // SAFETY: the request is ours.
    unsafe { complete(irp, status, 0) }
}

/// Close for a pin whose connection failed after its Create. STATUS_PENDING: the create request fails with that status
/// when the driver ends it. The control mutex is held.
fn abandon(pin: &'static Pin, irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    let Some(close) = pin.dispatch().and_then(|dispatch| dispatch.Close) else { return STATUS_SUCCESS };
    *pin.abandoned.lock().expect("never poisoned") = Some(status);
    // SAFETY: the driver's callback with its own pin.
    let closed = driver_call(PIN_CLOSE, pin.name(), || unsafe { close(pin.ks(), irp) });
    if irp::is_pending(irp, closed, pin.name(), "Close") {
        return STATUS_PENDING;
    }
    *pin.abandoned.lock().expect("never poisoned") = None;
    STATUS_SUCCESS
}
