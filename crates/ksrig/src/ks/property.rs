//! IOCTL_KS_PROPERTY: from the request to the handler (R7.10 to R7.17).

use std::ffi::c_void;

use ks_sys::{
    IOCTL_KS_ENABLE_EVENT, IOCTL_KS_METHOD, IOCTL_KS_PROPERTY, IRP_MJ_DEVICE_CONTROL, KSIDENTIFIER,
    KSMULTIPLE_ITEM, KSP_NODE, KSPROPERTY, KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_DEFAULTVALUES,
    KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_RELATIONS, KSPROPERTY_TYPE_SERIALIZERAW,
    KSPROPERTY_TYPE_SERIALIZESET, KSPROPERTY_TYPE_SERIALIZESIZE, KSPROPERTY_TYPE_SET,
    KSPROPERTY_TYPE_SETSUPPORT, KSPROPERTY_TYPE_TOPOLOGY, KSPROPERTY_TYPE_UNSERIALIZERAW,
    KSPROPERTY_TYPE_UNSERIALIZESET, NTSTATUS, PFNKSHANDLER, PIRP, PVOID, STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
    STATUS_PENDING, STATUS_PROPSET_NOT_FOUND, STATUS_SUCCESS,
};

use super::{
    automation::{self, Found, Verb},
    buffers::{Buffers, Copies, captured_input},
    call::{PROPERTY_GET, PROPERTY_SET, driver_call, driver_error},
    irp, narrow,
    object::Object,
    options::Options,
    property_request::{Request, parts},
    property_support, serialize,
    subject::Subject,
    synchronous::KsSynchronousIoControlDevice,
};
use crate::nt::{KERNEL_MODE, Machine, callback::CallbackKind, trace, violation};

/// Answers an I/O control; the caller completes it, unless it is pending: then the handler ends it (R7.16). The
/// second value is the length of the answer. Passive level.
pub fn ioctl(subject: Subject, irp: PIRP) -> (NTSTATUS, usize) {
    // R7.12
    if (irp::control(irp).InputBufferLength as usize) < size_of::<KSPROPERTY>() {
        return (STATUS_INVALID_BUFFER_SIZE, 0);
    }
    let copies = |input: &[u8]| {
        let flags = u32::from_le_bytes(input[20..24].try_into().expect("four bytes"));
        let into = flags & TAKES != 0;
        Copies { into, out: !into }
    };
    let buffers = match Buffers::capture(irp, copies) {
        Ok(buffers) => buffers,
        Err(status) => return (status, 0),
    };
    let mut request = Request::new(subject, irp, &buffers);
    let status = dispatch(&mut request);
    if status != STATUS_PENDING {
        buffers.finish(status, request.information);
    }
    (status, request.information)
}

/// The verbs that take a value.
const TAKES: u32 = KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_UNSERIALIZESET | KSPROPERTY_TYPE_UNSERIALIZERAW;

/// A request of a kernel caller through `IKsControl`: the same result as the I/O control.
///
/// # Safety
/// The buffers have their lengths.
pub unsafe fn from_kernel(
    object: Object,
    code: u32,
    input: PVOID,
    input_length: u32,
    data: PVOID,
    data_length: u32,
    returned: &mut u32,
) -> NTSTATUS {
    // Devices and factories have no file object, and answer nothing.
    let Some(subject) = Subject::of_object(object) else { return STATUS_PROPSET_NOT_FOUND };
    // R4.22: the handlers may take the control mutex of that filter.
    if subject.filter().control().held_by_current_thread() {
        let message = "a request through IKsControl while the control mutex of that filter is held";
        violation::report("KsFilterMutex", 0x8100A, object.name(), message);
    }
    // SAFETY: the file object lives as long as its AVStream object; the caller's buffers.
    unsafe {
        KsSynchronousIoControlDevice(
            subject.file_object(),
            KERNEL_MODE,
            code,
            input,
            input_length,
            data,
            data_length,
            returned,
        )
    }
}

/// The node that the request in an IRP is for: that of its handle, or that of a property, method or event request
/// whose handler runs (R7.14).
pub fn node_of_irp(irp: PIRP) -> Option<u32> {
    if let Some(node) = Subject::of(irp::file_object(irp)).and_then(|subject| subject.node()) {
        return Some(node);
    }
    // SAFETY: the driver owns the IRP.
    if u32::from(unsafe { (*irp::stack(irp)).MajorFunction }) != IRP_MJ_DEVICE_CONTROL
        || ![IOCTL_KS_PROPERTY, IOCTL_KS_METHOD, IOCTL_KS_ENABLE_EVENT]
            .contains(&irp::control(irp).IoControlCode)
    {
        return None;
    }
    // The three structures with a node, and their flags, are the same.
    // SAFETY: a KS request while a handler runs.
    let node = unsafe { captured_input::<KSP_NODE>(irp) }?;
    (parts(&node.Property).2 & KSPROPERTY_TYPE_TOPOLOGY != 0).then_some(node.NodeId)
}

/// The node that a request is for (R7.14), if it is for one.
pub fn node_of(request: &Request) -> Result<Option<u32>, NTSTATUS> {
    // SAFETY: at least a KSPROPERTY.
    let (_, _, flags) = parts(unsafe { &*request.property });
    if flags & KSPROPERTY_TYPE_TOPOLOGY == 0 {
        return Ok(request.subject.node());
    }
    if request.property_length < size_of::<KSP_NODE>() {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    Ok(Some(request.input::<KSP_NODE>().NodeId))
}

fn dispatch(request: &mut Request) -> NTSTATUS {
    // SAFETY: at least a KSPROPERTY.
    let (set, id, flags) = parts(unsafe { &*request.property });
    // R7.10: the driver's table over AVStream's own; nodes have their own tables.
    let tables = match node_of(request).and_then(|node| automation::of(request.subject, node)) {
        Ok(tables) => tables,
        Err(status) => return status,
    };
    let (table, defaults) = (tables.driver, tables.properties);
    let verb = flags & !KSPROPERTY_TYPE_TOPOLOGY;
    match verb {
        KSPROPERTY_TYPE_SETSUPPORT => return property_support::sets(request, &set, table, defaults),
        KSPROPERTY_TYPE_SERIALIZESET => return serialize::serialize(request, table, &set),
        KSPROPERTY_TYPE_UNSERIALIZESET => return serialize::unserialize(request, table, &set),
        _ => {}
    }
    let found = match automation::find(table, defaults, &set, id) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let status = match verb {
        KSPROPERTY_TYPE_GET => run(request, &found, Verb::Get),
        KSPROPERTY_TYPE_SET => run(request, &found, Verb::Set),
        KSPROPERTY_TYPE_BASICSUPPORT => property_support::basic(request, &found),
        KSPROPERTY_TYPE_RELATIONS => property_support::relations(request, &found),
        KSPROPERTY_TYPE_SERIALIZESIZE => serialize::size(request, &found),
        KSPROPERTY_TYPE_SERIALIZERAW | KSPROPERTY_TYPE_UNSERIALIZERAW => serialize::raw(request, &found),
        KSPROPERTY_TYPE_DEFAULTVALUES => property_support::default_values(request, &found),
        // R7.12: an unsupported verb.
        _ => STATUS_NOT_FOUND,
    };
    if trace::enabled() {
        let detail = format!("{} {id} verb {verb:#x} {status:#010x}", super::factory::guid_text(&set));
        trace::event("property", request.subject.name(), detail);
    }
    status
}

/// The checks of R7.12 and the handler.
fn run(request: &mut Request, found: &Found, verb: Verb) -> NTSTATUS {
    let (min_property, min_data) = found.minimum(narrow::is_narrow(request.irp));
    if request.property_length < min_property {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    // R7.17
    if !found.supports(verb) {
        return STATUS_NOT_FOUND;
    }
    if request.data_length < min_data {
        if verb == Verb::Get && request.data_length == 0 {
            request.information = min_data;
            return STATUS_BUFFER_OVERFLOW;
        }
        return STATUS_BUFFER_TOO_SMALL;
    }
    match found {
        Found::Default(item) => {
            let handler = match verb {
                Verb::Get => item.get,
                Verb::Set => item.set,
            };
            // 10.21: the control mutex is held for AVStream's own handlers, where they need the hierarchy stable.
            let _control = item.control.then(|| request.subject.filter().control().acquire());
            handler.map_or(STATUS_NOT_FOUND, |handler| handler(request))
        }
        Found::Driver(set, item) => {
            // SAFETY: the driver's item.
            let handler = unsafe {
                match verb {
                    Verb::Get => (**item).__bindgen_anon_1.GetPropertyHandler,
                    Verb::Set => (**item).__bindgen_anon_2.SetPropertyHandler,
                }
            };
            let kind = if verb == Verb::Get { PROPERTY_GET } else { PROPERTY_SET };
            let around = Machine::current().extension::<Options>().control_around_handlers;
            let _control = around.then(|| request.subject.filter().control().acquire());
            call_handler(request, *set, *item, handler, kind)
        }
    }
}

/// Calls a driver's handler, which sets the length of its answer in the IRP (R7.16).
pub fn call_handler(
    request: &mut Request,
    set: *const ks_sys::KSPROPERTY_SET,
    item: *const ks_sys::KSPROPERTY_ITEM,
    handler: PFNKSHANDLER,
    kind: CallbackKind,
) -> NTSTATUS {
    let Some(handler) = handler else { return STATUS_NOT_FOUND };
    let data: PVOID = if request.data_length == 0 { std::ptr::null_mut() } else { request.data.cast() };
    // SAFETY: the request is ours; the places are AVStream's.
    unsafe {
        *irp::driver_context(request.irp, 0) = set.cast_mut().cast();
        *irp::driver_context(request.irp, 3) = item.cast_mut().cast();
        (*request.irp).IoStatus.Information = 0;
    }
    // SAFETY: the driver's handler with the aligned copies.
    let status = driver_call(kind, request.subject.name(), || unsafe {
        handler(request.irp, request.property.cast::<KSIDENTIFIER>(), data)
    });
    if status != STATUS_PENDING {
        // SAFETY: the request is still ours.
        request.information = unsafe { (*request.irp).IoStatus.Information } as usize;
    }
    status
}

/// Runs another handler for a request that was dispatched before.
///
/// # Safety
/// A handler was called for the IRP, which has not ended.
pub unsafe fn dispatch_specific(irp: PIRP, handler: PFNKSHANDLER, kind: CallbackKind) -> NTSTATUS {
    let control = irp::control(irp);
    // SAFETY: the driver owns the IRP.
    let buffer = unsafe { (*irp).AssociatedIrp.SystemBuffer }.cast::<u8>();
    let (Some(handler), Some(subject), false) =
        (handler, Subject::of(irp::file_object(irp)), buffer.is_null())
    else {
        return STATUS_INVALID_PARAMETER;
    };
    let data_length = control.OutputBufferLength as usize;
    let data: PVOID = if data_length == 0 { std::ptr::null_mut() } else { buffer.cast() };
    // SAFETY: `Buffers::capture` put the input's copy behind the output's.
    driver_call(kind, subject.name(), || unsafe {
        handler(irp, buffer.add(data_length.next_multiple_of(8)).cast::<KSIDENTIFIER>(), data)
    })
}

/// `KsDispatchSpecificProperty`: runs another handler for a property request that was dispatched before, such as one
/// that ends what is pending. Passive level.
///
/// # Safety
/// A property handler was called for the IRP, which has not ended.
pub unsafe fn KsDispatchSpecificProperty(Irp: PIRP, Handler: PFNKSHANDLER) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { dispatch_specific(Irp, Handler, PROPERTY_GET) }
}

/// `KsHandleSizedListQuery`: answers a property whose value is a KSMULTIPLE_ITEM list (R7.13). Passive level, in
/// a property handler.
///
/// # Safety
/// `DataItems` has `DataItemsCount` items of `DataItemSize` bytes.
pub unsafe fn KsHandleSizedListQuery(
    Irp: PIRP,
    DataItemsCount: u32,
    DataItemSize: u32,
    DataItems: *const c_void,
) -> NTSTATUS {
    let whole = DataItemsCount
        .checked_mul(DataItemSize)
        .and_then(|items| Some((items, items.checked_add(size_of::<KSMULTIPLE_ITEM>() as u32)?)));
    let Some((items, size)) = whole else {
        let message = format_args!(
            "KsHandleSizedListQuery: {DataItemsCount} items of {DataItemSize} bytes do not fit into a ULONG"
        );
        driver_error("KsHandleSizedListQuery", message)
    };
    let length = irp::control(Irp).OutputBufferLength as usize;
    let header = KSMULTIPLE_ITEM { Size: size, Count: DataItemsCount };
    // SAFETY: the driver's IRP; the output's copy comes first in the system buffer; the caller's items.
    unsafe {
        let data = (*Irp).AssociatedIrp.SystemBuffer.cast::<u8>();
        let (status, information) = match length {
            0 => (STATUS_BUFFER_OVERFLOW, size as usize),
            4 => {
                data.cast::<u32>().write(size);
                (STATUS_SUCCESS, 4)
            }
            8 => {
                data.cast::<KSMULTIPLE_ITEM>().write(header);
                (STATUS_SUCCESS, 8)
            }
            _ if length < size as usize => (STATUS_BUFFER_TOO_SMALL, 0),
            _ => {
                data.cast::<KSMULTIPLE_ITEM>().write(header);
                let place = data.add(size_of_val(&header));
                std::ptr::copy_nonoverlapping(DataItems.cast::<u8>(), place, items as usize);
                (STATUS_SUCCESS, size as usize)
            }
        };
        (*Irp).IoStatus.Information = information as u64;
        status
    }
}
