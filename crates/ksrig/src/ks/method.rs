//! IOCTL_KS_METHOD: from the request to the handler (R7.18).

use ks_sys::{
    GUID, GUID_NULL, KSIDENTIFIER, KSM_NODE, KSMETHOD, KSMETHOD_ITEM, KSMETHOD_SET,
    KSMETHOD_TYPE_BASICSUPPORT, KSMETHOD_TYPE_MODIFY, KSMETHOD_TYPE_READ, KSMETHOD_TYPE_SETSUPPORT,
    KSMETHOD_TYPE_SOURCE, KSMETHOD_TYPE_TOPOLOGY, KSMETHOD_TYPE_WRITE, NTSTATUS, PFNKSHANDLER, PIRP, PVOID,
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
    STATUS_PENDING, STATUS_PROPSET_NOT_FOUND, STATUS_SOME_NOT_MAPPED, STATUS_SUCCESS, is_equal_guid,
};

use super::{
    automation::{self, Tables},
    buffers::{Buffers, Copies},
    call::{METHOD, METHOD_SUPPORT, driver_call},
    irp,
    options::Options,
    property_request::{Request, parts},
    subject::Subject,
};
use crate::nt::{Machine, bugcheck, callback::CallbackKind, trace};

/// A method that AVStream itself has.
pub struct Method {
    /// Its id in the set.
    pub id: u32,
    /// `KSMETHOD_TYPE_…`: what happens to the data.
    pub flags: u32,
    /// The least length of the data.
    pub min_data: u32,
    /// Runs it. It may keep the request (STATUS_PENDING), marked pending.
    pub run: fn(&mut Request) -> NTSTATUS,
}

/// A method set that AVStream itself has.
pub struct Set {
    /// The set.
    pub guid: GUID,
    /// Its methods.
    pub items: &'static [Method],
}

/// AVStream's own methods of a kind of object.
pub type Defaults = &'static [Set];

enum Found {
    Driver(*const KSMETHOD_SET, *const KSMETHOD_ITEM),
    Own(&'static Method),
}

impl Found {
    /// The least lengths of the input and of the data.
    fn minimum(&self) -> (usize, usize) {
        match self {
            // SAFETY: the driver's item.
            Self::Driver(_, item) => unsafe { ((**item).MinMethod as usize, (**item).MinData as usize) },
            Self::Own(method) => (size_of::<KSMETHOD>(), method.min_data as usize),
        }
    }

    fn flags(&self) -> u32 {
        match self {
            // SAFETY: the driver's item.
            Self::Driver(_, item) => unsafe { (**item).Flags },
            Self::Own(method) => method.flags,
        }
    }
}

/// Finds a method; the statuses are those of properties (R7.12 by analogy).
fn find(tables: &Tables, set: &GUID, id: u32) -> Result<Found, NTSTATUS> {
    let mut known = false;
    for candidate in automation::method_sets(tables.driver) {
        // SAFETY: the table's set.
        if !is_equal_guid(unsafe { &*candidate.Set }, set) {
            continue;
        }
        known = true;
        let mut items = automation::method_items(tables.driver, candidate);
        // SAFETY: the table's item.
        if let Some(item) = items.find(|&item| unsafe { (*item).MethodId } == id) {
            return Ok(Found::Driver(candidate, item));
        }
    }
    for candidate in tables.methods.iter().filter(|own| is_equal_guid(&own.guid, set)) {
        known = true;
        if let Some(method) = candidate.items.iter().find(|method| method.id == id) {
            return Ok(Found::Own(method));
        }
    }
    Err(if known { STATUS_NOT_FOUND } else { STATUS_PROPSET_NOT_FOUND })
}

/// Answers an I/O control; the caller completes it, unless it is pending. The second value is the length of the
/// answer. Passive level.
pub fn ioctl(subject: Subject, irp: PIRP) -> (NTSTATUS, usize) {
    let length = irp::control(irp).InputBufferLength as usize;
    if length < size_of::<KSMETHOD>() {
        return (STATUS_INVALID_BUFFER_SIZE, 0);
    }
    // What is copied is the item's to say; it is known after the lookup only, so everything is copied in.
    let buffers = match Buffers::capture(irp, |_| Copies { into: true, out: true }) {
        Ok(buffers) => buffers,
        Err(status) => return (status, 0),
    };
    let mut request = Request::new(subject, irp, &buffers);
    // SAFETY: at least a KSMETHOD.
    let (set, id, flags) = parts(unsafe { &*request.property });
    let (status, copy_out) = dispatch(&mut request, &set, id, flags);
    if trace::enabled() {
        let detail = format!("{} {id} flags {flags:#x} {status:#010x}", super::factory::guid_text(&set));
        trace::event("method", subject.name(), detail);
    }
    if status != STATUS_PENDING {
        buffers.finish(status, if copy_out { request.information } else { 0 });
    }
    (status, request.information)
}

/// The status, and whether the data is an answer.
fn dispatch(request: &mut Request, set: &GUID, id: u32, flags: u32) -> (NTSTATUS, bool) {
    let node = if flags & KSMETHOD_TYPE_TOPOLOGY == 0 {
        request.subject.node()
    } else if request.property_length < size_of::<KSM_NODE>() {
        return (STATUS_INVALID_BUFFER_SIZE, false);
    } else {
        Some(request.input::<KSM_NODE>().NodeId)
    };
    let tables = match automation::of(request.subject, node) {
        Ok(tables) => tables,
        Err(status) => return (status, false),
    };
    let verb = flags & !KSMETHOD_TYPE_TOPOLOGY;
    if verb == KSMETHOD_TYPE_SETSUPPORT {
        return (sets(request, &tables, set), true);
    }
    let found = match find(&tables, set, id) {
        Ok(found) => found,
        Err(status) => return (status, false),
    };
    if verb == KSMETHOD_TYPE_BASICSUPPORT {
        return (basic(request, &found), true);
    }
    // The directions, SEND among them, are the low bits: what counts is what the item says (KSMETHOD's page).
    if verb & !(KSMETHOD_TYPE_MODIFY | KSMETHOD_TYPE_SOURCE) != 0 {
        return (STATUS_INVALID_PARAMETER, false);
    }
    let out = found.flags() & KSMETHOD_TYPE_WRITE != 0;
    (run(request, &found), out)
}

fn run(request: &mut Request, found: &Found) -> NTSTATUS {
    let (min_method, min_data) = found.minimum();
    if request.property_length < min_method {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    if request.data_length < min_data {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let flags = found.flags();
    if flags & KSMETHOD_TYPE_SOURCE != 0 {
        bugcheck::not_emulated("a method with KSMETHOD_TYPE_SOURCE: its data is locked where it lies");
    }
    if flags & KSMETHOD_TYPE_READ == 0 {
        // KSMETHOD_ITEM: no data is copied to the system buffer.
        // SAFETY: the output's copy has that length.
        unsafe { std::ptr::write_bytes(request.data, 0, request.data_length) };
    }
    match found {
        Found::Own(method) => (method.run)(request),
        Found::Driver(set, item) => {
            // SAFETY: the driver's item.
            let handler = unsafe { (**item).__bindgen_anon_1.MethodHandler };
            let around = Machine::current().extension::<Options>().control_around_handlers;
            let _control = around.then(|| request.subject.filter().control().acquire());
            call(request, *set, *item, handler, METHOD)
        }
    }
}

/// Calls a driver's handler, which sets the length of its answer in the IRP (R7.16).
fn call(
    request: &mut Request,
    set: *const KSMETHOD_SET,
    item: *const KSMETHOD_ITEM,
    handler: PFNKSHANDLER,
    kind: CallbackKind,
) -> NTSTATUS {
    let Some(handler) = handler else { return STATUS_NOT_FOUND };
    let data: PVOID = if request.data_length == 0 { std::ptr::null_mut() } else { request.data.cast() };
    // SAFETY: the request is ours; the places are AVStream's.
    unsafe {
        *irp::driver_context(request.irp, 0) = set.cast_mut().cast();
        *irp::driver_context(request.irp, 2) = (*item).Flags as usize as PVOID;
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

/// SETSUPPORT: the list of sets for GUID_NULL, else whether the set is there.
fn sets(request: &mut Request, tables: &Tables, set: &GUID) -> NTSTATUS {
    // SAFETY: the table's sets.
    let driver = automation::method_sets(tables.driver).iter().map(|set| unsafe { *set.Set });
    let all = automation::distinct(driver.chain(tables.methods.iter().map(|set| set.guid)));
    if is_equal_guid(set, &GUID_NULL) {
        let bytes = all.as_ptr().cast::<u8>();
        // SAFETY: the list's bytes.
        return request
            .answer_bytes(unsafe { std::slice::from_raw_parts(bytes, size_of_val(all.as_slice())) });
    }
    if all.iter().any(|other| is_equal_guid(other, set)) { STATUS_SUCCESS } else { STATUS_PROPSET_NOT_FOUND }
}

/// BASICSUPPORT: the method's support handler, else the item's flags to a ULONG.
fn basic(request: &mut Request, found: &Found) -> NTSTATUS {
    if let Found::Driver(set, item) = found {
        // SAFETY: the driver's item.
        let support = unsafe { (**item).SupportHandler };
        if support.is_some() {
            let status = call(request, *set, *item, support, METHOD_SUPPORT);
            // R7.16: "seen, but let the calling helper finish it".
            if status != STATUS_SOME_NOT_MAPPED {
                return status;
            }
        }
    }
    // ASSUMED: the flags are the answer, as the access flags are for a property; nobody has to take it.
    match request.data_length {
        0 => STATUS_SUCCESS,
        1..4 => STATUS_BUFFER_TOO_SMALL,
        _ => request.answer(&found.flags()),
    }
}

/// `KsDispatchSpecificMethod`: runs another handler for a method request that was dispatched before. Passive level.
///
/// # Safety
/// A method handler was called for the IRP, which has not ended.
pub unsafe fn KsDispatchSpecificMethod(Irp: PIRP, Handler: PFNKSHANDLER) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { super::property::dispatch_specific(Irp, Handler, METHOD) }
}
