//! IOCTL_KS_ENABLE_EVENT and IOCTL_KS_DISABLE_EVENT (R7.23 to R7.27), and the functions that drivers call for events.

use ks_sys::{
    GUID, GUID_NULL, KSEVENT, KSEVENT_ITEM, KSEVENT_SET, KSEVENT_TYPE_BASICSUPPORT, KSEVENT_TYPE_ENABLE,
    KSEVENT_TYPE_ENABLEBUFFERED, KSEVENT_TYPE_ONESHOT, KSEVENT_TYPE_QUERYBUFFER, KSEVENT_TYPE_SETSUPPORT,
    KSEVENT_TYPE_TOPOLOGY, KSEVENTDATA, KSEVENTS_LOCKTYPE, KSIDENTIFIER, KSQUERYBUFFER, NTSTATUS,
    PFILE_OBJECT, PFNKSGENERATEEVENTCALLBACK, PIRP, PKSEVENT_ENTRY, PKSEVENTDATA, PLIST_ENTRY, PVOID,
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_FOUND, STATUS_PENDING, STATUS_PROPSET_NOT_FOUND, STATUS_SOME_NOT_MAPPED, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL, is_equal_guid,
};

use super::{
    automation::{self, Events},
    buffers::{Buffers, Copies},
    call::{EVENT_ADD, EVENT_GENERATE, EVENT_SUPPORT, driver_call, driver_error},
    event_entry::{self, Enable},
    event_list::Named,
    irp, narrow,
    object::Object,
    property_request::parts,
    subject::Subject,
};
use crate::nt::trace;

/// Answers IOCTL_KS_ENABLE_EVENT; the caller completes it, unless it is pending. The second value is the length of
/// the answer. Passive level.
pub fn enable(subject: Subject, irp: PIRP) -> (NTSTATUS, usize) {
    let length = irp::control(irp).InputBufferLength as usize;
    // R7.27: without a KSEVENT the sets are asked for.
    if length != 0 && length < size_of::<KSEVENT>() {
        return (STATUS_INVALID_BUFFER_SIZE, 0);
    }
    let enables = |flags: u32| {
        let verb = flags & !KSEVENT_TYPE_TOPOLOGY;
        let kinds = KSEVENT_TYPE_ENABLE | KSEVENT_TYPE_ONESHOT | KSEVENT_TYPE_ENABLEBUFFERED;
        verb & kinds != 0 && verb & !kinds == 0
    };
    let copies = |input: &[u8]| match flags_of(input) {
        Some(flags) if enables(flags) => Copies { into: true, out: false },
        _ => Copies { into: false, out: true },
    };
    let buffers = match Buffers::capture(irp, copies) {
        Ok(buffers) => buffers,
        Err(status) => return (status, 0),
    };
    let event = event_of(&buffers);
    let (set, id, flags) = event.as_ref().map_or((GUID_NULL, 0, KSEVENT_TYPE_SETSUPPORT), parts);
    let answer = || -> Result<(NTSTATUS, usize), NTSTATUS> {
        let events = automation::of(subject, node(subject, &buffers, flags)?)?.events;
        match flags & !KSEVENT_TYPE_TOPOLOGY {
            KSEVENT_TYPE_SETSUPPORT => Ok(sets(&buffers, &set, &events)),
            KSEVENT_TYPE_BASICSUPPORT => Ok(basic(subject, irp, &buffers, &events.find(&set, id)?)),
            KSEVENT_TYPE_QUERYBUFFER => Ok(query_buffer(subject, irp, &buffers)),
            _ if enables(flags) => {
                let found = events.find(&set, id)?;
                Ok((enable_found(subject, irp, &buffers, &found, flags), 0))
            }
            // More than one verb, or none.
            _ => Err(STATUS_INVALID_PARAMETER),
        }
    };
    let (status, information) = answer().unwrap_or_else(|status| (status, 0));
    if trace::enabled() {
        let detail = format!("{} {id} flags {flags:#x} {status:#010x}", super::factory::guid_text(&set));
        trace::event("event_request", subject.name(), detail);
    }
    if status != STATUS_PENDING {
        buffers.finish(status, information);
    }
    (status, information)
}

fn flags_of(input: &[u8]) -> Option<u32> {
    let flags = input.get(20..24)?;
    Some(u32::from_le_bytes(flags.try_into().expect("four bytes")))
}

fn event_of(buffers: &Buffers) -> Option<KSEVENT> {
    // SAFETY: the copy has that length and is aligned to 8.
    (buffers.input_length >= size_of::<KSEVENT>()).then(|| unsafe { *buffers.input.cast::<KSEVENT>() })
}

fn node(subject: Subject, buffers: &Buffers, flags: u32) -> Result<Option<u32>, NTSTATUS> {
    if flags & KSEVENT_TYPE_TOPOLOGY == 0 {
        return Ok(subject.node());
    }
    if buffers.input_length < size_of::<ks_sys::KSE_NODE>() {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    // SAFETY: the copy has that length and is aligned to 8.
    Ok(Some(unsafe { (*buffers.input.cast::<ks_sys::KSE_NODE>()).NodeId }))
}

/// An event that was found in a table.
pub struct Found {
    /// Its set.
    pub set: *const KSEVENT_SET,
    /// The event.
    pub item: *const KSEVENT_ITEM,
    /// Whether it is AVStream's own.
    pub own: bool,
}

/// The answer to SETSUPPORT: the list of sets for GUID_NULL, else whether the set is there.
fn sets(buffers: &Buffers, set: &GUID, events: &Events) -> (NTSTATUS, usize) {
    let all = events.sets();
    if !is_equal_guid(set, &GUID_NULL) {
        let known = all.iter().any(|other| is_equal_guid(other, set));
        return (if known { STATUS_SUCCESS } else { STATUS_PROPSET_NOT_FOUND }, 0);
    }
    let length = size_of_val(all.as_slice());
    match buffers.data_length {
        0 if length > 0 => (STATUS_BUFFER_OVERFLOW, length),
        room if room < length => (STATUS_BUFFER_TOO_SMALL, 0),
        _ => {
            // SAFETY: the output's copy has room for them.
            unsafe { std::ptr::copy_nonoverlapping(all.as_ptr().cast::<u8>(), buffers.data, length) };
            (STATUS_SUCCESS, length)
        }
    }
}

/// The answer to BASICSUPPORT: the event's support handler, else success. ASSUMED: the answer has no bytes, since a
/// KSEVENT's page speaks of support alone.
fn basic(subject: Subject, irp: PIRP, buffers: &Buffers, found: &Found) -> (NTSTATUS, usize) {
    // SAFETY: the item lives as long as its object.
    let Some(handler) = (unsafe { (*found.item).SupportHandler }) else { return (STATUS_SUCCESS, 0) };
    // SAFETY: the request is ours; the places are AVStream's.
    unsafe {
        *irp::driver_context(irp, 0) = found.set.cast_mut().cast();
        *irp::driver_context(irp, 3) = found.item.cast_mut().cast();
        (*irp).IoStatus.Information = 0;
    }
    let data: PVOID = if buffers.data_length == 0 { std::ptr::null_mut() } else { buffers.data.cast() };
    // SAFETY: the driver's handler with the aligned copies.
    let status = driver_call(EVENT_SUPPORT, subject.name(), || unsafe {
        handler(irp, buffers.input.cast::<KSIDENTIFIER>(), data)
    });
    match status {
        STATUS_PENDING => (status, 0),
        STATUS_SOME_NOT_MAPPED => (STATUS_SUCCESS, 0),
        // SAFETY: the request is still ours.
        _ => (status, unsafe { (*irp).IoStatus.Information } as usize),
    }
}

/// Enables an event (R7.23, R7.24).
fn enable_found(subject: Subject, irp: PIRP, buffers: &Buffers, found: &Found, flags: u32) -> NTSTATUS {
    // SAFETY: the item lives as long as its object.
    let item = unsafe { &*found.item };
    let least = (item.DataInput as usize).max(size_of::<KSEVENTDATA>());
    // SAFETY: the copy has that length.
    let given = unsafe { std::slice::from_raw_parts(buffers.data, buffers.data_length) };
    let mut wide = match narrow::is_narrow(irp) {
        true => narrow::event_data(given).unwrap_or_default(),
        false => Vec::new(),
    };
    let (data, length): (PKSEVENTDATA, usize) = match narrow::is_narrow(irp) {
        true => (wide.as_mut_ptr().cast(), size_of_val(wide.as_slice())),
        false => (buffers.data.cast(), buffers.data_length),
    };
    if length < least {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: the request is ours.
    let (mode, client) = unsafe { ((*irp).RequestorMode, (*irp).UserBuffer.cast()) };
    let file = irp::file_object(irp);
    let object = subject.name();
    let request = Enable { file, object, mode, client, flags, set: found.set, item: found.item };
    // SAFETY: the copy has that length and is aligned to 8.
    let entry = match request.entry(unsafe { &*data }) {
        Ok(entry) => entry,
        Err(status) => return status,
    };
    // SAFETY: the request is ours; the places are AVStream's.
    unsafe {
        *irp::driver_context(irp, 0) = entry.cast();
        *irp::driver_context(irp, 3) = found.item.cast_mut().cast();
    }
    let status = match item.AddHandler {
        // SAFETY: the entry is in no list.
        None => unsafe {
            subject.events().named().add(entry);
            STATUS_SUCCESS
        },
        // SAFETY: AVStream's own handler.
        Some(handler) if found.own => unsafe { handler(irp, data, entry) },
        // SAFETY: the driver's handler with its own entry.
        Some(handler) => driver_call(EVENT_ADD, subject.name(), || unsafe { handler(irp, data, entry) }),
    };
    if status < 0 {
        // SAFETY: a handler that fails has not added the entry.
        unsafe { event_entry::discard(entry) };
    }
    status
}

/// KSEVENT_TYPE_QUERYBUFFER: the next notification of a buffered event.
fn query_buffer(subject: Subject, irp: PIRP, buffers: &Buffers) -> (NTSTATUS, usize) {
    let at = size_of::<KSEVENT>();
    // SAFETY: the copy has that length.
    let input = unsafe { std::slice::from_raw_parts(buffers.input, buffers.input_length) };
    let client = if narrow::is_narrow(irp) {
        // The pointer, and one that is reserved.
        let Some(pointer) = input.get(at..at + 8) else { return (STATUS_INVALID_BUFFER_SIZE, 0) };
        narrow::handle(pointer) as u32 as usize as PKSEVENTDATA
    } else if input.len() < size_of::<KSQUERYBUFFER>() {
        return (STATUS_INVALID_BUFFER_SIZE, 0);
    } else {
        // SAFETY: the copy has that length and is aligned to 8.
        unsafe { (*buffers.input.cast::<KSQUERYBUFFER>()).EventData }
    };
    let file = irp::file_object(irp);
    let list = subject.events().named();
    // SAFETY: the list is AVStream's own; entries in it are alive; the output's copy has its length.
    unsafe {
        list.locked(|| {
            let wanted = |entry: &PKSEVENT_ENTRY| {
                let entry = &**entry;
                entry.FileObject == file
                    && std::ptr::eq(entry.EventData, client)
                    && entry.Flags & ks_sys::KSEVENT_ENTRY_BUFFERED != 0
            };
            match list.live().iter().find(|entry| wanted(entry)) {
                Some(&entry) => {
                    let place = std::slice::from_raw_parts_mut(buffers.data, buffers.data_length);
                    event_entry::next_buffered(entry, place)
                }
                None => (STATUS_UNSUCCESSFUL, 0),
            }
        })
    }
}

/// Answers IOCTL_KS_DISABLE_EVENT: the pointer to the KSEVENTDATA is what counts (R7.25). Passive level.
pub fn disable(subject: Subject, irp: PIRP) -> NTSTATUS {
    let control = irp::control(irp);
    let length = control.InputBufferLength as usize;
    let client: PKSEVENTDATA = control.Type3InputBuffer.cast();
    let least = if narrow::is_narrow(irp) { narrow::EVENT_DATA } else { size_of::<KSEVENTDATA>() };
    let status = match length {
        0 => disable_in(subject, irp, std::ptr::null_mut()),
        _ if length < least => STATUS_INVALID_BUFFER_SIZE,
        // Not all events by mistake.
        _ if client.is_null() => STATUS_INVALID_PARAMETER,
        _ => disable_in(subject, irp, client),
    };
    trace::event("event_disable", subject.name(), format_args!("{status:#010x}"));
    status
}

fn disable_in(subject: Subject, irp: PIRP, client: PKSEVENTDATA) -> NTSTATUS {
    // SAFETY: the list is AVStream's own.
    unsafe { subject.events().named().disable(irp::file_object(irp), client) }
}

/// The list of a filter or pin that the driver names.
fn list_of(object: PVOID) -> Named {
    match Subject::of_object(Object::of(object)) {
        Some(subject) => subject.events().named(),
        None => driver_error("KsInvalidObject", "only filters and pins have events"),
    }
}

/// `KsAddEvent`: adds an entry to the list of a filter or a pin. Passive level.
///
/// # Safety
/// The entry is one that an add handler was given, and in no list.
pub unsafe fn KsAddEvent(Object: PVOID, EventEntry: PKSEVENT_ENTRY) {
    // SAFETY: the caller's promise.
    unsafe { list_of(Object).add(EventEntry) };
}

/// `KsDefaultAddEventHandler`: as `KsAddEvent`, for the object that the IRP is for. Passive level, in an add handler.
///
/// # Safety
/// As for `KsAddEvent`.
pub unsafe fn KsDefaultAddEventHandler(
    Irp: PIRP,
    _EventData: PKSEVENTDATA,
    EventEntry: PKSEVENT_ENTRY,
) -> NTSTATUS {
    let Some(subject) = Subject::of(irp::file_object(Irp)) else { return STATUS_INVALID_PARAMETER };
    // SAFETY: the caller's promise.
    unsafe { subject.events().named().add(EventEntry) };
    STATUS_SUCCESS
}

unsafe fn bytes<'a>(data: PVOID, length: u32) -> &'a [u8] {
    if data.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: the caller's buffer.
    unsafe { std::slice::from_raw_parts(data.cast(), length as usize) }
}

/// `KsGenerateEvents`: notifies the clients of all entries that fit; the callback runs at dispatch level with the
/// list's lock held (R7.26). At most dispatch level.
///
/// # Safety
/// The pointers are good, and nonpageable.
pub unsafe fn KsGenerateEvents(
    Object: PVOID,
    EventSet: *const GUID,
    EventId: u32,
    DataSize: u32,
    Data: PVOID,
    CallBack: PFNKSGENERATEEVENTCALLBACK,
    CallBackContext: PVOID,
) {
    let name = Object::of(Object).name();
    // SAFETY: the caller's pointers.
    unsafe {
        list_of(Object).generate(EventSet.as_ref(), EventId, bytes(Data, DataSize), |entry| match CallBack {
            Some(callback) => driver_call(EVENT_GENERATE, name, || callback(CallBackContext, entry)) != 0,
            None => true,
        });
    }
}

/// `KsGenerateEvent`: notifies the client of one entry; a one-shot entry is gone afterwards. The list's lock is held.
///
/// # Safety
/// The entry lives.
pub unsafe fn KsGenerateEvent(EventEntry: PKSEVENT_ENTRY) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { event_entry::generate(EventEntry, &[]) }
}

/// `KsGenerateDataEvent`: the same with data for a buffered event.
///
/// # Safety
/// The entry lives, and the data.
pub unsafe fn KsGenerateDataEvent(EventEntry: PKSEVENT_ENTRY, DataSize: u32, Data: PVOID) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { event_entry::generate(EventEntry, bytes(Data, DataSize)) }
}

/// `KsGenerateEventList`: the event for every entry of a list that fits.
///
/// # Safety
/// List and lock are what they say.
pub unsafe fn KsGenerateEventList(
    Set: *mut GUID,
    EventId: u32,
    EventsList: PLIST_ENTRY,
    EventsFlags: KSEVENTS_LOCKTYPE::Type,
    EventsLock: PVOID,
) {
    let list = Named { head: EventsList, kind: EventsFlags, lock: EventsLock };
    // SAFETY: the caller's promise.
    unsafe { list.generate(Set.as_ref(), EventId, &[], |_| true) };
}

/// `KsFreeEventList`: disables all events of one client in a list. Passive level.
///
/// # Safety
/// List and lock are what they say.
pub unsafe fn KsFreeEventList(
    FileObject: PFILE_OBJECT,
    EventsList: PLIST_ENTRY,
    EventsFlags: KSEVENTS_LOCKTYPE::Type,
    EventsLock: PVOID,
) {
    let list = Named { head: EventsList, kind: EventsFlags, lock: EventsLock };
    // SAFETY: the caller's promise.
    unsafe { list.free(FileObject) };
}

/// `KsDisableEvent`: the answer to IOCTL_KS_DISABLE_EVENT from a list of the caller's. `STATUS_UNSUCCESSFUL` when the
/// event is not in it. Passive level.
///
/// # Safety
/// List and lock are what they say.
pub unsafe fn KsDisableEvent(
    Irp: PIRP,
    EventsList: PLIST_ENTRY,
    EventsFlags: KSEVENTS_LOCKTYPE::Type,
    EventsLock: PVOID,
) -> NTSTATUS {
    let list = Named { head: EventsList, kind: EventsFlags, lock: EventsLock };
    let control = irp::control(Irp);
    let data: PKSEVENTDATA = match control.InputBufferLength as usize {
        0 => std::ptr::null_mut(),
        length if length < size_of::<KSEVENTDATA>() => return STATUS_INVALID_BUFFER_SIZE,
        _ if control.Type3InputBuffer.is_null() => return STATUS_INVALID_PARAMETER,
        _ => control.Type3InputBuffer.cast(),
    };
    // SAFETY: the caller's promise.
    unsafe {
        (*Irp).IoStatus.Information = 0;
        list.disable(irp::file_object(Irp), data)
    }
}

/// `KsDiscardEvent`: frees an entry that is in no list. Passive level.
///
/// # Safety
/// Nobody uses the entry any more.
pub unsafe fn KsDiscardEvent(EventEntry: PKSEVENT_ENTRY) {
    // SAFETY: the caller's promise.
    unsafe { event_entry::discard(EventEntry) };
}

impl Events {
    /// Finds an event: `STATUS_PROPSET_NOT_FOUND` for an unknown set, `STATUS_NOT_FOUND` for an unknown id (R7.12 by
    /// analogy).
    pub fn find(&self, set: &GUID, id: u32) -> Result<Found, NTSTATUS> {
        let mut known = false;
        for (own, candidate) in self.all() {
            // SAFETY: the table's set.
            if !is_equal_guid(unsafe { &*candidate.Set }, set) {
                continue;
            }
            known = true;
            // SAFETY: the table's item.
            if let Some(item) = self.items(own, candidate).find(|&item| unsafe { (*item).EventId } == id) {
                return Ok(Found { set: candidate, item, own });
            }
        }
        Err(if known { STATUS_NOT_FOUND } else { STATUS_PROPSET_NOT_FOUND })
    }
}
