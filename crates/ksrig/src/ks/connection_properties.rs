//! KSPROPSETID_Connection, KSPROPSETID_Stream and KSPROPSETID_StreamInterface on a pin (R7.20).
//!
//! A format may be set in any state, once more just before RUN too (R3.15).

use std::sync::atomic::Ordering;

use ks_sys::{
    HANDLE, KSALLOCATOR_FRAMING, KSPIN_FLAG_FIXED_FORMAT, KSPRIORITY,
    KSPROPERTY_CONNECTION::*,
    KSPROPERTY_STREAM::{
        KSPROPERTY_STREAM_ALLOCATOR, KSPROPERTY_STREAM_MASTERCLOCK, KSPROPERTY_STREAM_PIPE_ID,
    },
    KSPROPERTY_STREAMINTERFACE::KSPROPERTY_STREAMINTERFACE_HEADERSIZE,
    KSPROPSETID_Connection, KSPROPSETID_Stream, KSPROPSETID_StreamInterface, KSSTATE, NTSTATUS,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, STATUS_SUCCESS,
};

use super::{
    allocator, allocator_requests,
    automation::{Handler, Item, Set},
    format::{self, Format},
    master_clock, narrow,
    object::Pin,
    property_request::Request,
    state,
    subject::Subject,
    validate::check_format,
};
use crate::nt::trace;

const PROPERTY: u32 = 0x18;

const fn item(id: i32, min_data: u32, get: Option<Handler>, set: Option<Handler>, control: bool) -> Item {
    Item { id: id as u32, min_property: PROPERTY, min_data, get, set, control, handle: false }
}

/// A property whose value is a handle.
const fn handle_item(id: i32, get: Handler, set: Handler) -> Item {
    Item { handle: true, ..item(id, size_of::<HANDLE>() as u32, Some(get), Some(set), true) }
}

/// The handle in a request.
fn handle(request: &Request) -> HANDLE {
    if narrow::is_narrow(request.irp) { narrow::handle(request.value()) } else { request.value_as() }
}

/// Answers with a handle.
fn answer_handle(request: &mut Request, handle: usize) -> NTSTATUS {
    if narrow::is_narrow(request.irp) { request.answer(&(handle as u32)) } else { request.answer(&handle) }
}

/// KSPROPSETID_Connection.
pub const CONNECTION: Set = Set {
    guid: KSPROPSETID_Connection,
    items: &[
        // The state machine takes the mutexes that it needs.
        item(KSPROPERTY_CONNECTION_STATE, 4, Some(get_state), Some(set_state), false),
        item(KSPROPERTY_CONNECTION_PRIORITY, 8, Some(get_priority), Some(set_priority), true),
        item(KSPROPERTY_CONNECTION_DATAFORMAT, 0, Some(get_format), Some(set_format), true),
        item(
            KSPROPERTY_CONNECTION_ALLOCATORFRAMING,
            size_of::<KSALLOCATOR_FRAMING>() as u32,
            Some(get_framing),
            None,
            true,
        ),
        item(KSPROPERTY_CONNECTION_ALLOCATORFRAMING_EX, 0, Some(get_framing_ex), None, true),
        item(KSPROPERTY_CONNECTION_ACQUIREORDERING, 4, Some(get_acquire_ordering), None, true),
    ],
};

/// KSPROPSETID_Stream (R7.20).
pub const STREAM: Set = Set {
    guid: KSPROPSETID_Stream,
    items: &[
        handle_item(KSPROPERTY_STREAM_ALLOCATOR, get_null, set_allocator),
        handle_item(KSPROPERTY_STREAM_MASTERCLOCK, get_null, set_master_clock),
        handle_item(KSPROPERTY_STREAM_PIPE_ID, get_pipe_id, set_pipe_id),
    ],
};

/// KSPROPSETID_StreamInterface.
pub const INTERFACE: Set = Set {
    guid: KSPROPSETID_StreamInterface,
    items: &[item(KSPROPERTY_STREAMINTERFACE_HEADERSIZE, 4, Some(get_header_size), None, true)],
};

fn with(request: &mut Request, body: impl FnOnce(&mut Request, &'static Pin) -> NTSTATUS) -> NTSTATUS {
    match request.subject {
        Subject::Pin(pin) => body(request, pin),
        _ => STATUS_INVALID_PARAMETER,
    }
}

/// R5.2
fn get_state(request: &mut Request) -> NTSTATUS {
    with(request, |request, pin| request.answer(&state::get(pin)))
}

fn set_state(request: &mut Request) -> NTSTATUS {
    let to = request.value_as::<KSSTATE::Type>();
    // ASSUMED: a value that is no state is a wrong parameter.
    if !(KSSTATE::KSSTATE_STOP..=KSSTATE::KSSTATE_RUN).contains(&to) {
        return STATUS_INVALID_PARAMETER;
    }
    with(request, |_, pin| state::set(pin, to))
}

fn get_priority(request: &mut Request) -> NTSTATUS {
    // SAFETY: the public structure lives as long as the pin.
    with(request, |request, pin| request.answer(&unsafe { (*pin.ks()).ConnectionPriority }))
}

fn set_priority(request: &mut Request) -> NTSTATUS {
    let priority = request.value_as::<KSPRIORITY>();
    with(request, |_, pin| {
        // SAFETY: as above; the control mutex is held.
        unsafe { (*pin.ks()).ConnectionPriority = priority };
        STATUS_SUCCESS
    })
}

/// R3.14: the present format, with its attribute list behind it.
fn get_format(request: &mut Request) -> NTSTATUS {
    with(request, |request, pin| {
        let bytes = pin.format.lock().expect("never poisoned").bytes();
        request.answer_bytes(&bytes)
    })
}

/// R3.14
fn set_format(request: &mut Request) -> NTSTATUS {
    with(request, |request, pin| {
        if pin.flags() & KSPIN_FLAG_FIXED_FORMAT != 0 {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        let format = match Format::parse(request.value()) {
            Ok(format) => format,
            Err(status) => return status,
        };
        // SAFETY: the descriptor in force.
        if let Err(status) = check_format(&format, unsafe { &(*pin.descriptor()).PinDescriptor }) {
            return status;
        }
        let status = format::set(pin, format);
        trace::event("pin_format", pin.name(), format_args!("{status:#010x}"));
        status
    })
}

/// R7.7: the short form is the first item.
fn get_framing(request: &mut Request) -> NTSTATUS {
    with(request, |request, pin| {
        // SAFETY: the descriptor's framing, or null.
        let Some(framing) = (unsafe { pin.framing().as_ref() }) else { return STATUS_NOT_FOUND };
        let short = allocator::short(framing);
        request.answer(&short)
    })
}

/// R7.7
fn get_framing_ex(request: &mut Request) -> NTSTATUS {
    with(request, |request, pin| {
        let framing = pin.framing();
        // SAFETY: the descriptor's framing, or null.
        let Some(header) = (unsafe { framing.as_ref() }) else { return STATUS_NOT_FOUND };
        let items = (header.CountItems as usize).max(1);
        let length = size_of_val(header) + (items - 1) * size_of_val(&header.FramingItem[0]);
        // SAFETY: the driver's structure has that many items.
        let bytes = unsafe { std::slice::from_raw_parts(framing.cast::<u8>(), length) };
        request.answer_bytes(bytes)
    })
}

/// ASSUMED: AVStream's own answer is FALSE, the order does not matter (R4.35).
fn get_acquire_ordering(request: &mut Request) -> NTSTATUS {
    request.answer(&0u32)
}

/// R7.3, R4.31: always NULL; success means that a clock or an allocator can be set.
fn get_null(request: &mut Request) -> NTSTATUS {
    answer_handle(request, 0)
}

fn requestor_mode(request: &Request) -> i8 {
    // SAFETY: the request is ours.
    unsafe { (*request.irp).RequestorMode }
}

fn set_master_clock(request: &mut Request) -> NTSTATUS {
    let handle = handle(request);
    with(request, |request, pin| master_clock::set(pin, handle, requestor_mode(request)))
}

fn set_allocator(request: &mut Request) -> NTSTATUS {
    let handle = handle(request);
    with(request, |request, pin| allocator_requests::assign(pin, handle, requestor_mode(request)))
}

/// R4.32: what ksproxy stores here comes back unchanged; nobody else looks at it.
fn get_pipe_id(request: &mut Request) -> NTSTATUS {
    with(request, |request, pin| answer_handle(request, pin.pipe_id.load(Ordering::Relaxed)))
}

fn set_pipe_id(request: &mut Request) -> NTSTATUS {
    let id = handle(request) as usize;
    with(request, |_, pin| {
        pin.pipe_id.store(id, Ordering::Relaxed);
        STATUS_SUCCESS
    })
}

fn get_header_size(request: &mut Request) -> NTSTATUS {
    // SAFETY: the public structure lives as long as the pin.
    let size = |pin: &Pin| unsafe { (*pin.ks()).StreamHeaderSize };
    let is_narrow = narrow::is_narrow(request.irp);
    with(request, |request, pin| {
        let size = size(pin);
        request.answer(&if is_narrow { narrow::header_size(size) } else { size })
    })
}
