//! IOCTL_KS_PROPERTY: from the request to the handler (R7.10 to R7.17).

use std::ffi::c_void;

use ks_sys::{
    _MODE::KernelMode, _POOL_TYPE::NonPagedPool, IOCTL_KS_PROPERTY, KSIDENTIFIER, KSMULTIPLE_ITEM, KSP_NODE,
    KSPROPERTY, KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_DEFAULTVALUES, KSPROPERTY_TYPE_GET,
    KSPROPERTY_TYPE_RELATIONS, KSPROPERTY_TYPE_SET, KSPROPERTY_TYPE_SETSUPPORT, KSPROPERTY_TYPE_TOPOLOGY,
    NTSTATUS, PIRP, PKSPROPERTY, PVOID, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
    STATUS_PENDING, STATUS_PROPSET_NOT_FOUND, STATUS_SUCCESS,
};

use super::{
    automation::{self, Defaults, Found, Verb},
    call::{PROPERTY_GET, PROPERTY_SET, driver_call, driver_error},
    descriptor, filter, irp,
    object::Object,
    options::Options,
    property_request::{Request, parts},
    property_support,
    synchronous::KsSynchronousIoControlDevice,
};
use crate::nt::{ExAllocatePoolWithTag, ExFreePool, Machine, bugcheck, trace, user, violation};

/// Answers an I/O control; the caller completes it. The second value is the length of the answer.
pub fn ioctl(object: Object, irp: PIRP) -> (NTSTATUS, usize) {
    let control = irp::control(irp);
    let (input_length, output_length) =
        (control.InputBufferLength as usize, control.OutputBufferLength as usize);
    // R7.12
    if input_length < size_of::<KSPROPERTY>() {
        return (STATUS_INVALID_BUFFER_SIZE, 0);
    }
    // SAFETY: the request is ours.
    let (mode, output) = unsafe { ((*irp).RequestorMode, (*irp).UserBuffer) };
    let probed = user::probe(mode, control.Type3InputBuffer, input_length, 1)
        .and_then(|()| user::probe(mode, output, output_length, 1));
    if let Err(status) = probed {
        return (status, 0);
    }
    // R7.11: handlers see system copies, the output's first.
    let data_space = output_length.next_multiple_of(8);
    // SAFETY: any size.
    let buffer = unsafe {
        ExAllocatePoolWithTag(NonPagedPool, (data_space + input_length) as u64, u32::from_le_bytes(*b"KSpp"))
    };
    if buffer.is_null() {
        return (STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    let data = buffer.cast::<u8>();
    // SAFETY: the buffer has room for both; the client's ranges were probed.
    let property = unsafe {
        std::ptr::write_bytes(data, 0, data_space);
        let property = data.add(data_space);
        std::ptr::copy_nonoverlapping(control.Type3InputBuffer.cast::<u8>(), property, input_length);
        property.cast::<KSPROPERTY>()
    };
    // SAFETY: copied above.
    let (_, _, flags) = parts(unsafe { &*property });
    if flags & KSPROPERTY_TYPE_SET != 0 && output_length > 0 {
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(output.cast::<u8>(), data, output_length) };
    }
    // SAFETY: the request is ours.
    let former = unsafe { std::mem::replace(&mut (*irp).AssociatedIrp.SystemBuffer, buffer) };
    let mut request = Request {
        object,
        irp,
        property,
        property_length: input_length,
        data,
        data_length: output_length,
        information: 0,
    };
    let status = dispatch(&mut request);
    // SAFETY: the request is ours.
    unsafe { (*irp).AssociatedIrp.SystemBuffer = former };
    if status == STATUS_PENDING {
        bugcheck::not_emulated("a property handler that returns STATUS_PENDING");
    }
    if status >= 0 && flags & KSPROPERTY_TYPE_SET == 0 {
        let length = request.information.min(output_length);
        // SAFETY: probed above.
        unsafe { std::ptr::copy_nonoverlapping(data, output.cast::<u8>(), length) };
    }
    // SAFETY: allocated above.
    unsafe { ExFreePool(buffer) };
    (status, request.information)
}

/// A property request of a kernel caller through `IKsControl`: the same result as the I/O control.
///
/// # Safety
/// The buffers have their lengths.
pub unsafe fn from_kernel(
    object: Object,
    property: PKSPROPERTY,
    property_length: u32,
    data: PVOID,
    data_length: u32,
    returned: &mut u32,
) -> NTSTATUS {
    // Devices and factories have no file object and no properties.
    let file = match object {
        Object::Filter(filter) => filter.file_object(),
        Object::Pin(pin) => pin.file_object(),
        Object::Device(_) | Object::Factory(_) => return STATUS_PROPSET_NOT_FOUND,
    };
    // R4.22: the handlers may take the control mutex of that filter.
    if filter::of_object(object).is_some_and(|filter| filter.control().held_by_current_thread()) {
        let message = "IKsControl::KsProperty while the control mutex of that filter is held";
        violation::report("KsFilterMutex", 0x8100A, object.name(), message);
    }
    // SAFETY: the file object lives as long as its AVStream object; the caller's buffers.
    unsafe {
        KsSynchronousIoControlDevice(
            file,
            KernelMode as i8,
            IOCTL_KS_PROPERTY,
            property.cast(),
            property_length,
            data,
            data_length,
            returned,
        )
    }
}

/// The node that the property request in an IRP is for; its copies are in the system buffer while a handler runs.
pub fn node_of_irp(irp: PIRP) -> Option<u32> {
    let control = irp::control(irp);
    // SAFETY: the request is the driver's for the time of the handler.
    let buffer = unsafe { (*irp).AssociatedIrp.SystemBuffer }.cast::<u8>();
    if buffer.is_null()
        || control.IoControlCode != IOCTL_KS_PROPERTY
        || (control.InputBufferLength as usize) < size_of::<KSP_NODE>()
    {
        return None;
    }
    // SAFETY: `ioctl` put the input's copy behind the output's.
    let node =
        unsafe { *buffer.add((control.OutputBufferLength as usize).next_multiple_of(8)).cast::<KSP_NODE>() };
    (parts(&node.Property).2 & KSPROPERTY_TYPE_TOPOLOGY != 0).then_some(node.NodeId)
}

/// The node that a request is for (R7.14), if it is for one.
pub fn node_of(request: &Request) -> Result<Option<u32>, NTSTATUS> {
    // SAFETY: at least a KSPROPERTY.
    let (_, _, flags) = parts(unsafe { &*request.property });
    if flags & KSPROPERTY_TYPE_TOPOLOGY == 0 {
        return Ok(None);
    }
    if request.property_length < size_of::<KSP_NODE>() {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    Ok(Some(request.input::<KSP_NODE>().NodeId))
}

fn dispatch(request: &mut Request) -> NTSTATUS {
    // SAFETY: at least a KSPROPERTY.
    let (set, id, flags) = parts(unsafe { &*request.property });
    let node = match node_of(request) {
        Ok(node) => node,
        Err(status) => return status,
    };
    // R7.10: the driver's table over AVStream's own; nodes have their own tables.
    let (table, defaults): (_, Defaults) = match node {
        None => automation::of(request.object),
        Some(id) => {
            let filter = filter::of_object(request.object);
            match filter.and_then(|filter| descriptor::node(filter.descriptor(), id)) {
                Some(node) => (node.AutomationTable, &[]),
                None => return STATUS_INVALID_PARAMETER,
            }
        }
    };
    let verb = flags & !KSPROPERTY_TYPE_TOPOLOGY;
    if verb == KSPROPERTY_TYPE_SETSUPPORT {
        return property_support::sets(request, &set, table, defaults);
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
        KSPROPERTY_TYPE_DEFAULTVALUES => property_support::default_values(request, &found),
        // R7.12: an unsupported verb.
        _ => STATUS_NOT_FOUND,
    };
    if trace::enabled() {
        let detail = format!("{} {id} verb {verb:#x} {status:#010x}", super::factory::guid_text(&set));
        trace::event("property", request.object.name(), detail);
    }
    status
}

/// The checks of R7.12 and the handler.
fn run(request: &mut Request, found: &Found, verb: Verb) -> NTSTATUS {
    let (min_property, min_data) = found.minimum();
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
            let filter = if item.control { filter::of_object(request.object) } else { None };
            let _control = filter.map(|filter| filter.control().acquire());
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
            let filter = if around { filter::of_object(request.object) } else { None };
            let _control = filter.map(|filter| filter.control().acquire());
            call_handler(request, *set, *item, handler, kind)
        }
    }
}

/// Calls a driver's handler, which sets the length of its answer in the IRP (R7.16).
pub fn call_handler(
    request: &mut Request,
    set: *const ks_sys::KSPROPERTY_SET,
    item: *const ks_sys::KSPROPERTY_ITEM,
    handler: ks_sys::PFNKSHANDLER,
    kind: crate::nt::callback::CallbackKind,
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
    let status = driver_call(kind, request.object.name(), || unsafe {
        handler(request.irp, request.property.cast::<KSIDENTIFIER>(), data)
    });
    // SAFETY: the request is still ours.
    request.information = unsafe { (*request.irp).IoStatus.Information } as usize;
    status
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
