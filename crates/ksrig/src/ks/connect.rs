//! Connecting a source pin to a sink pin (section 4 of the contract).

use std::sync::atomic::Ordering;

use ks_sys::{
    _MODE::KernelMode, HANDLE, IOCTL_KS_HANDSHAKE, KSHANDSHAKE, KSPIN_DATAFLOW, NTSTATUS, PFILE_OBJECT,
    PKSPIN, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
};

use super::{
    call::{PIN_CONNECT, PIN_DISCONNECT, driver_call},
    filter::Filter,
    handshake, irp, mutex,
    object::{Object, Pin},
    options::{ConnectError, Options},
    pipe,
    synchronous::KsSynchronousIoControlDevice,
};
use crate::nt::{IoFileObjectType, Machine, ObReferenceObjectByHandle, trace, violation};

const CONNECTING: mutex::Rule = mutex::Rule::private("KsConnecting");

struct Connecting(mutex::Mutex);

impl Default for Connecting {
    fn default() -> Self {
        Self(mutex::Mutex::new(CONNECTING))
    }
}

/// One connection is made at a time, for that needs the control mutexes of two filters (R4.11): two threads
/// that connect two filters crosswise would wait for each other. Passive level, before the source's control mutex.
pub fn connecting() -> mutex::Guard<'static> {
    Machine::current().extension::<Connecting>().0.acquire()
}

fn options() -> &'static Options {
    Machine::current().extension::<Options>()
}

/// R4.3: the sink's file object, referenced in the creator's process and access mode.
///
/// ASSUMED: no particular access is asked of the handle.
pub fn reference_sink(handle: HANDLE, mode: i8) -> Result<PFILE_OBJECT, NTSTATUS> {
    let mut file = std::ptr::null_mut();
    // SAFETY: any value may be tried as a handle; the place is ours.
    let status = unsafe {
        ObReferenceObjectByHandle(handle, 0, IoFileObjectType(), mode, &mut file, std::ptr::null_mut())
    };
    if status < 0 { Err(status) } else { Ok(file.cast()) }
}

/// What can be told about the sink before the driver is called.
pub fn check_sink(filter: &Filter, pin_id: u32, sink: PFILE_OBJECT) -> Result<(), NTSTATUS> {
    let refuse = |why: &str, status| {
        trace::event("connect_refused", filter.name(), why);
        Err(status)
    };
    let sink = match irp::object_of(sink) {
        Some(Object::Pin(sink)) => sink,
        // R4.3: it must be the handle of a pin.
        Some(_) => return refuse("PinToHandle is no pin", STATUS_INVALID_PARAMETER),
        // Another driver's file object: the handshake will tell.
        None => return Ok(()),
    };
    // 10.10: the sink comes first.
    if sink.is_source() {
        return refuse("PinToHandle is a source pin", STATUS_INVALID_PARAMETER);
    }
    // R4.17, 10.12: the same control mutex cannot be taken twice.
    if std::ptr::eq(sink.filter(), filter) {
        violation::report(
            "KsConnectSameFilter",
            0,
            sink.name(),
            "source and sink are pins of the same filter instance",
        );
        return Err(STATUS_INVALID_PARAMETER);
    }
    // R2.15. ASSUMED: the pages do not say that two data sources or two data sinks are refused.
    let flow = |descriptor: *const ks_sys::KSPIN_DESCRIPTOR_EX| {
        // SAFETY: the descriptor lives as long as its filter.
        unsafe { (*descriptor).PinDescriptor.DataFlow }
    };
    let own = filter.pin_descriptor(pin_id).map(flow);
    if own == Some(flow(sink.descriptor())) {
        let what = if own == Some(KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN) { "data sinks" } else { "data sources" };
        return refuse(&format!("both pins are {what}"), STATUS_INVALID_PARAMETER);
    }
    // R4.15, 10.11: one source per sink; no Connect.
    if sink.peer().is_some() {
        return refuse("the sink has a source already", options().second_source);
    }
    Ok(())
}

/// R4.6, R4.9: asks the file object for its AVStream pin. Only AVStream answers.
fn shake_hands(source: &Pin) -> Result<&'static Pin, NTSTATUS> {
    let mut input =
        KSHANDSHAKE { ProtocolId: handshake::CONNECTION, Argument1: source.ks().cast(), ..zeroed() };
    let mut output = zeroed();
    let mut returned = 0;
    let length = size_of::<KSHANDSHAKE>() as u32;
    // SAFETY: the sink's file object is referenced; both buffers have the length.
    let status = unsafe {
        KsSynchronousIoControlDevice(
            source.connected_file(),
            KernelMode as i8,
            IOCTL_KS_HANDSHAKE,
            (&raw mut input).cast(),
            length,
            (&raw mut output).cast(),
            length,
            &mut returned,
        )
    };
    if status < 0 { Err(status) } else { Ok(Pin::of(output.Argument1.cast::<ks_sys::KSPIN>() as PKSPIN)) }
}

fn zeroed() -> KSHANDSHAKE {
    // SAFETY: all zero is a valid KSHANDSHAKE.
    unsafe { std::mem::zeroed() }
}

/// Handshake, link, Connect (R4.13). [`connecting`] and the source's control mutex are held; passive level.
pub fn establish(source: &'static Pin) -> NTSTATUS {
    let sink = match shake_hands(source) {
        Ok(sink) => sink,
        Err(status @ STATUS_INSUFFICIENT_RESOURCES) => return status,
        // ASSUMED: whatever else the answer is, the peer does not speak the handshake (R4.5).
        Err(status) => return external(source, status),
    };
    // Before its pipe is waited for: that of a connected sink is also its source's, maybe one of this filter.
    if sink.peer().is_some() {
        trace::event("connect_refused", source.name(), "the sink has a source already");
        return options().second_source;
    }
    // No change of the sink's state while its pipe gets a second member.
    let _pipe = pipe::lock(sink);
    // R4.11: the control mutex of the sink's filter as well.
    let control = sink.filter().control().acquire();
    link(source, sink);
    let mut status = match sink.dispatch().and_then(|dispatch| dispatch.Connect) {
        // SAFETY: the driver's callback with its own pin.
        // R4.10: on the sink, and for AVStream's own sources only.
        Some(connect) => driver_call(PIN_CONNECT, sink.name(), || unsafe { connect(sink.ks()) }),
        None => STATUS_SUCCESS,
    };
    // R4.12: what is invalid fails the connection, whatever an error does.
    let invalid = status == STATUS_PENDING;
    if invalid {
        status = STATUS_UNSUCCESSFUL;
    }
    let values: [(&'static str, &dyn std::fmt::Display); 2] =
        [("source", &source.name()), ("status", &format_args!("{status:#010x}"))];
    trace::event_with("connect", sink.name(), "", &values);
    if status < 0 {
        unlink(source, sink);
        drop(control);
        if options().connect_error == ConnectError::FallsBack && !invalid {
            return external(source, status);
        }
        // R4.14: exactly that status; no Disconnect for a Connect that failed.
        return status;
    }
    sink.connected.store(true, Ordering::Relaxed);
    STATUS_SUCCESS
}

/// Kind C: frames will go by IRPs (R4.27).
fn external(source: &Pin, status: NTSTATUS) -> NTSTATUS {
    source.set_external();
    trace::event("connect_external", source.name(), format_args!("the sink answered {status:#010x}"));
    STATUS_SUCCESS
}

/// R4.19: the link is recorded before Connect is called.
fn link(source: &'static Pin, sink: &'static Pin) {
    *source.peer.lock().expect("never poisoned") = Some(sink);
    *sink.peer.lock().expect("never poisoned") = Some(source);
}

fn unlink(source: &Pin, sink: &Pin) {
    *source.peer.lock().expect("never poisoned") = None;
    *sink.peer.lock().expect("never poisoned") = None;
}

/// The source goes: Disconnect on its sink, once per successful Connect (R4.16), and the link ends.
/// Nothing happens for pins without a link. Passive level, no control mutex held.
pub fn dissolve(source: &'static Pin) {
    if !source.is_source() {
        return;
    }
    let _pipe = pipe::lock(source);
    let Some(sink) = source.peer() else { return };
    let _control = sink.filter().control().acquire();
    if sink.connected.swap(false, Ordering::Relaxed) {
        if let Some(disconnect) = sink.dispatch().and_then(|dispatch| dispatch.Disconnect) {
            // SAFETY: the driver's callback with its own pin.
            driver_call(PIN_DISCONNECT, sink.name(), || unsafe { disconnect(sink.ks()) });
        }
        trace::event_with("disconnect", sink.name(), "", &[("source", &source.name())]);
    }
    unlink(source, sink);
}
