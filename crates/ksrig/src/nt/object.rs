//! The object manager: reference counts, handles, names.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    collections::BTreeMap,
};

use ks_sys::*;

use super::{
    bugcheck,
    dispatcher::{self, KeInitializeEvent, KeWaitForSingleObject},
    io,
    machine::{Machine, lock},
    string::units,
    thread::{KERNEL_MODE, Process, Thread, USER_MODE, as_kernel_mode},
    user, work,
};

/// `OBJ_CASE_INSENSITIVE` of ntdef.h.
pub const OBJ_CASE_INSENSITIVE: u32 = 0x40;
/// `OBJ_KERNEL_HANDLE` of ntdef.h.
pub const OBJ_KERNEL_HANDLE: u32 = 0x200;

/// A type of objects.
pub struct ObjectType {
    /// The last handle is gone.
    close: unsafe fn(PVOID),
    /// The last reference is gone; the memory is freed afterwards.
    end: unsafe fn(PVOID),
    /// What the generic access rights mean: read, write, execute, all.
    generic: [u32; 4],
}

/// A type's address where a driver imports it from (`IoFileObjectType` is a variable).
pub(super) struct TypePointer(#[allow(dead_code, reason = "drivers read it")] pub &'static ObjectType);

unsafe fn nothing(_: PVOID) {}

const EVENT_ALL: u32 = 0x1F_0003;

/// Files.
pub(super) static FILE: ObjectType = ObjectType {
    close: io::file::cleanup,
    end: io::file::close,
    generic: [FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, 0x1F_01FF],
};
/// Events.
pub(super) static EVENT: ObjectType = ObjectType {
    close: nothing,
    end: nothing,
    generic: [0x2_0001, 0x2_0002, 0x12_0000, EVENT_ALL],
};
/// Semaphores.
pub(super) static SEMAPHORE: ObjectType =
    ObjectType { close: nothing, end: nothing, generic: [0x2_0001, 0x2_0002, 0x12_0000, 0x1F_0003] };
/// Devices.
pub(super) static DEVICE: ObjectType =
    ObjectType { close: nothing, end: nothing, generic: [0x1F_01FF; 4] };
/// Drivers.
pub(super) static DRIVER: ObjectType =
    ObjectType { close: nothing, end: nothing, generic: [0x1F_01FF; 4] };
/// Threads.
pub(super) static THREAD: ObjectType =
    ObjectType { close: nothing, end: nothing, generic: [0x1F_FFFF; 4] };

pub(super) static FILE_POINTER: TypePointer = TypePointer(&FILE);
pub(super) static EVENT_POINTER: TypePointer = TypePointer(&EVENT);
pub(super) static SEMAPHORE_POINTER: TypePointer = TypePointer(&SEMAPHORE);

const MAGIC: u64 = 0x4A62_4F20_744E_6772;

/// What lies before the body of every object.
#[repr(C, align(16))]
struct Header {
    magic: u64,
    kind: &'static ObjectType,
    references: i64,
    handles: i64,
    layout: Layout,
    name: String,
}

struct Entry {
    body: usize,
    access: ACCESS_MASK,
}

/// The objects and handle tables of one machine.
#[derive(Default)]
pub(super) struct Objects {
    live: usize,
    /// By process: handle to entry. Kernel handles are the system process's.
    tables: [BTreeMap<u64, Entry>; 2],
    next: [u64; 2],
    /// Names in `\Device` and the like.
    names: BTreeMap<String, usize>,
}

/// The bit that tells kernel handles; the address is sign-extended.
const KERNEL_HANDLE: u64 = 0xFFFF_FFFF_8000_0000;

unsafe fn header<'a>(body: PVOID) -> &'a mut Header {
    // SAFETY: every object's body follows its header.
    let header = unsafe { &mut *body.byte_sub(size_of::<Header>()).cast::<Header>() };
    if header.magic != MAGIC {
        bugcheck::stop("bug check 0x18", "the pointer is no live object (REFERENCE_BY_POINTER)");
    }
    header
}

fn create_in(machine: &Machine, kind: &'static ObjectType, bytes: usize, name: String) -> PVOID {
    let layout = Layout::from_size_align(size_of::<Header>() + bytes, 16).expect("objects are small");
    // SAFETY: the layout has a size.
    let block = unsafe { alloc_zeroed(layout) };
    if block.is_null() {
        std::alloc::handle_alloc_error(layout);
    }
    let header = Header { magic: MAGIC, kind, references: 1, handles: 0, layout, name };
    // SAFETY: the block has room for the header, and the body behind it.
    let body = unsafe {
        block.cast::<Header>().write(header);
        block.add(size_of::<Header>())
    };
    lock(&machine.objects).live += 1;
    body.cast()
}

/// A new object with a zeroed body and one reference.
pub(super) fn create(kind: &'static ObjectType, bytes: usize, name: String) -> PVOID {
    create_in(Machine::current(), kind, bytes, name)
}

/// The object of a thread that is being made.
pub(super) fn thread_object(machine: &Machine, name: &str) -> usize {
    // What the opaque KTHREAD has; nobody looks behind the header.
    const BYTES: usize = 0x400;
    let body = create_in(machine, &THREAD, BYTES, format!("thread {name}"));
    // SAFETY: the body is large enough.
    unsafe { dispatcher::initialize_thread_header(body as usize) };
    body as usize
}

unsafe fn end(body: PVOID) {
    // SAFETY: the last reference is gone; the type's routine knows the body.
    unsafe {
        let kind = header(body).kind;
        (kind.end)(body);
        let header = header(body);
        header.magic = 0;
        let layout = header.layout;
        let block: *mut Header = header;
        block.drop_in_place();
        dealloc(block.cast(), layout);
    }
    lock(&Machine::current().objects).live -= 1;
}

/// The log name of an object ("file 3").
pub unsafe fn object_name(Object: PVOID) -> String {
    if Object.is_null() {
        return "nothing".to_owned();
    }
    // SAFETY: the caller's object.
    unsafe { header(Object) }.name.clone()
}

/// Gives an object a name in the name space; false when it is taken.
pub(super) fn insert_name(path: &str, body: PVOID) -> bool {
    let mut objects = lock(&Machine::current().objects);
    let key = path.to_uppercase();
    let free = !objects.names.contains_key(&key);
    if free {
        objects.names.insert(key, body as usize);
    }
    free
}

/// Takes an object out of the name space.
pub(super) fn remove_names(body: PVOID) {
    lock(&Machine::current().objects).names.retain(|_, named| *named != body as usize);
}

/// The object a path leads to, and where the rest of the path begins.
pub(super) fn resolve(path: &[u16]) -> Option<(PVOID, usize)> {
    let (body, rest) = io::interface::resolve(path).or_else(|| {
        let objects = lock(&Machine::current().objects);
        let found = objects.names.iter().find_map(|(name, body)| Some((*body, prefix(path, name)?)));
        found
    })?;
    Some((body as PVOID, rest))
}

/// The length of `name` if the path begins with it as whole components, without regard to case.
pub(super) fn prefix(path: &[u16], name: &str) -> Option<usize> {
    let length = name.encode_utf16().count();
    let start = path.get(..length)?;
    let ends = path.get(length).is_none_or(|unit| *unit == u16::from(b'\\'));
    let same = String::from_utf16_lossy(start).to_uppercase() == name.to_uppercase();
    (ends && same).then_some(length)
}

/// `IoFileObjectType`.
pub fn IoFileObjectType() -> POBJECT_TYPE {
    (&raw const FILE).cast_mut().cast()
}

/// `ExEventObjectType`.
pub fn ExEventObjectType() -> POBJECT_TYPE {
    (&raw const EVENT).cast_mut().cast()
}

/// `ExSemaphoreObjectType`.
pub fn ExSemaphoreObjectType() -> POBJECT_TYPE {
    (&raw const SEMAPHORE).cast_mut().cast()
}

fn is_type(kind: &'static ObjectType, wanted: POBJECT_TYPE) -> bool {
    wanted.is_null() || std::ptr::eq(kind, wanted.cast_const().cast())
}

/// What the generic rights mean for the type.
fn map_access(kind: &ObjectType, access: ACCESS_MASK) -> ACCESS_MASK {
    let rights = [GENERIC_READ, GENERIC_WRITE, GENERIC_EXECUTE, GENERIC_ALL];
    let mut mapped = access & !rights.iter().fold(0, |all, right| all | right);
    for (right, meaning) in rights.iter().zip(kind.generic) {
        if access & right != 0 {
            mapped |= meaning;
        }
    }
    mapped
}

/// A new handle for an object, which takes over nothing: the object is referenced once more.
pub(super) unsafe fn create_handle(body: PVOID, access: ACCESS_MASK, process: Process) -> HANDLE {
    // SAFETY: the caller's object.
    let header = unsafe { header(body) };
    header.references += 1;
    header.handles += 1;
    let access = map_access(header.kind, access);
    let mut objects = lock(&Machine::current().objects);
    let table = process as usize;
    objects.next[table] += 4;
    let number = objects.next[table] | if process == Process::System { KERNEL_HANDLE } else { 0 };
    objects.tables[table].insert(number, Entry { body: body as usize, access });
    number as HANDLE
}

fn table_of(handle: u64, mode: KPROCESSOR_MODE) -> Option<usize> {
    let kernel = handle & KERNEL_HANDLE == KERNEL_HANDLE;
    match (kernel, mode) {
        // User mode cannot use kernel handles.
        (true, USER_MODE) => None,
        (true, _) => Some(Process::System as usize),
        (false, _) => Some(Thread::current().process() as usize),
    }
}

/// The object of a handle, referenced. STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH,
/// STATUS_ACCESS_DENIED. PASSIVE_LEVEL. (`nf-wdm-obreferenceobjectbyhandle.md`)
pub unsafe fn ObReferenceObjectByHandle(
    Handle: HANDLE,
    DesiredAccess: ACCESS_MASK,
    ObjectType: POBJECT_TYPE,
    AccessMode: KPROCESSOR_MODE,
    Object: *mut PVOID,
    HandleInformation: POBJECT_HANDLE_INFORMATION,
) -> NTSTATUS {
    let handle = Handle as u64;
    // SAFETY: the caller's variables; the table holds live objects.
    unsafe {
        Object.write(std::ptr::null_mut());
        let found = table_of(handle, AccessMode).and_then(|table| {
            let objects = lock(&Machine::current().objects);
            objects.tables[table].get(&handle).map(|entry| (entry.body as PVOID, entry.access))
        });
        let Some((body, access)) = found else { return STATUS_INVALID_HANDLE };
        let header = header(body);
        if !is_type(header.kind, ObjectType) {
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        if AccessMode == USER_MODE && map_access(header.kind, DesiredAccess) & !access != 0 {
            return STATUS_ACCESS_DENIED;
        }
        if !HandleInformation.is_null() {
            HandleInformation.write(OBJECT_HANDLE_INFORMATION { HandleAttributes: 0, GrantedAccess: access });
        }
        header.references += 1;
        Object.write(body);
    }
    STATUS_SUCCESS
}

/// References an object of a type. STATUS_OBJECT_TYPE_MISMATCH.
pub unsafe fn ObReferenceObjectByPointer(
    Object: PVOID,
    _DesiredAccess: ACCESS_MASK,
    ObjectType: POBJECT_TYPE,
    _AccessMode: KPROCESSOR_MODE,
) -> NTSTATUS {
    // SAFETY: the caller's object.
    let header = unsafe { header(Object) };
    if !is_type(header.kind, ObjectType) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    header.references += 1;
    STATUS_SUCCESS
}

/// References an object; gives the new count. IRQL <= DISPATCH_LEVEL.
pub unsafe fn ObfReferenceObject(Object: PVOID) -> LONG_PTR {
    // SAFETY: the caller's object.
    let header = unsafe { header(Object) };
    header.references += 1;
    header.references
}

/// References an object (macro in the headers).
pub unsafe fn ObReferenceObject(Object: PVOID) -> LONG_PTR {
    // SAFETY: the caller's object.
    unsafe { ObfReferenceObject(Object) }
}

/// Drops a reference; the last one ends the object (on a worker thread when the IRQL is above PASSIVE).
/// Gives the new count. IRQL <= DISPATCH_LEVEL.
pub unsafe fn ObfDereferenceObject(Object: PVOID) -> LONG_PTR {
    // SAFETY: the caller's object, whose reference it gives up.
    unsafe {
        let header = header(Object);
        header.references -= 1;
        let left = header.references;
        if left == 0 {
            if Thread::current().irql() > PASSIVE_LEVEL as KIRQL {
                let body = Object as usize;
                work::queue("end of an object", move || end(body as PVOID));
            } else {
                end(Object);
            }
        }
        left
    }
}

/// Drops a reference (macro in the headers).
pub unsafe fn ObDereferenceObject(Object: PVOID) -> LONG_PTR {
    // SAFETY: the caller's object, whose reference it gives up.
    unsafe { ObfDereferenceObject(Object) }
}

/// Makes a handle for an object in the calling process (with OBJ_KERNEL_HANDLE a kernel handle).
pub unsafe fn ObOpenObjectByPointer(
    Object: PVOID,
    HandleAttributes: ULONG,
    _PassedAccessState: PACCESS_STATE,
    DesiredAccess: ACCESS_MASK,
    ObjectType: POBJECT_TYPE,
    _AccessMode: KPROCESSOR_MODE,
    Handle: PHANDLE,
) -> NTSTATUS {
    let kernel = HandleAttributes & OBJ_KERNEL_HANDLE != 0;
    let process = if kernel { Process::System } else { Thread::current().process() };
    // SAFETY: the caller's object and variable.
    unsafe {
        if !is_type(header(Object).kind, ObjectType) {
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        Handle.write(create_handle(Object, DesiredAccess, process));
    }
    STATUS_SUCCESS
}

/// Closes a handle of the calling process, from user mode or kernel mode as the thread's previous mode says.
/// The last handle of a file sends IRP_MJ_CLEANUP. PASSIVE_LEVEL.
pub unsafe fn NtClose(Handle: HANDLE) -> NTSTATUS {
    let thread = Thread::current();
    let handle = Handle as u64;
    let entry = table_of(handle, thread.previous_mode())
        .and_then(|table| lock(&thread.machine().objects).tables[table].remove(&handle));
    let Some(entry) = entry else { return STATUS_INVALID_HANDLE };
    let body = entry.body as PVOID;
    // SAFETY: the handle kept the object alive until here.
    unsafe {
        let header = header(body);
        header.handles -= 1;
        if header.handles == 0 {
            (header.kind.close)(body);
        }
        ObfDereferenceObject(body);
    }
    STATUS_SUCCESS
}

/// Closes a handle with previous mode KernelMode.
pub unsafe fn ZwClose(Handle: HANDLE) -> NTSTATUS {
    // SAFETY: the caller's handle.
    as_kernel_mode(|| unsafe { NtClose(Handle) })
}

/// A new event object of the calling process, and its handle.
pub(super) fn create_event(kind: EVENT_TYPE, state: bool) -> HANDLE {
    let body = create(&EVENT, size_of::<KEVENT>(), String::from("event"));
    // SAFETY: the body is an event's size; the handle takes its own reference.
    unsafe {
        KeInitializeEvent(body.cast(), kind, BOOLEAN::from(state));
        let handle = create_handle(body, EVENT_ALL, Thread::current().process());
        ObfDereferenceObject(body);
        handle
    }
}

/// Makes an event object and a handle for it.
pub unsafe fn NtCreateEvent(
    EventHandle: PHANDLE,
    _DesiredAccess: ACCESS_MASK,
    _ObjectAttributes: POBJECT_ATTRIBUTES,
    EventType: EVENT_TYPE,
    InitialState: BOOLEAN,
) -> NTSTATUS {
    let mode = Thread::current().previous_mode();
    if let Err(status) = user::probe(mode, EventHandle.cast(), size_of::<HANDLE>(), 8) {
        return status;
    }
    // SAFETY: the caller's variable, probed.
    unsafe { EventHandle.write(create_event(EventType, InitialState != 0)) };
    STATUS_SUCCESS
}

/// Waits for the object of a handle (a file: for its last request).
pub unsafe fn NtWaitForSingleObject(Handle: HANDLE, Alertable: BOOLEAN, Timeout: PLARGE_INTEGER) -> NTSTATUS {
    let mut body = std::ptr::null_mut();
    let mode = Thread::current().previous_mode();
    // SAFETY: local variables; the object is referenced during the wait.
    unsafe {
        let status =
            ObReferenceObjectByHandle(Handle, SYNCHRONIZE, std::ptr::null_mut(), mode, &raw mut body, std::ptr::null_mut());
        if status < 0 {
            return status;
        }
        let kind = header(body).kind;
        let object = if std::ptr::eq(kind, &FILE) { (&raw mut (*body.cast::<FILE_OBJECT>()).Event).cast() } else { body };
        let status = KeWaitForSingleObject(object, _KWAIT_REASON::UserRequest, KERNEL_MODE, Alertable, Timeout);
        ObfDereferenceObject(body);
        status
    }
}

/// Signals the event of a handle.
pub unsafe fn NtSetEvent(EventHandle: HANDLE, PreviousState: PLONG) -> NTSTATUS {
    let mut body = std::ptr::null_mut();
    let mode = Thread::current().previous_mode();
    // SAFETY: local variables; the event is referenced.
    unsafe {
        let status =
            ObReferenceObjectByHandle(EventHandle, 2, ExEventObjectType(), mode, &raw mut body, std::ptr::null_mut());
        if status < 0 {
            return status;
        }
        let old = dispatcher::KeSetEvent(body.cast(), 0, 0);
        if !PreviousState.is_null() {
            PreviousState.write(old);
        }
        ObfDereferenceObject(body);
    }
    STATUS_SUCCESS
}

/// Whether two counted strings name the same path.
pub(super) unsafe fn same_path(first: *const UNICODE_STRING, second: &str) -> bool {
    // SAFETY: the caller's string.
    prefix(unsafe { units(first) }, second) == Some(unsafe { units(first) }.len())
}

/// Open handles and live objects, for leak checks: (handles, objects).
pub fn handles_and_objects() -> (usize, usize) {
    let objects = lock(&Machine::current().objects);
    (objects.tables.iter().map(BTreeMap::len).sum(), objects.live)
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::nt::{MachineOptions, as_kernel};

    /// A handle keeps its object alive; type, access and mode are checked with the documented statuses; a
    /// closed handle is invalid.
    #[test]
    fn handles() {
        let machine = Machine::new(MachineOptions::default());
        let before = handles_and_objects();
        let handle = create_event(_EVENT_TYPE::NotificationEvent, false);
        let reference = |handle, access, kind, mode| {
            let mut body = null_mut();
            // SAFETY: a local variable.
            let status =
                unsafe { ObReferenceObjectByHandle(handle, access, kind, mode, &raw mut body, null_mut()) };
            (status, body)
        };
        assert_eq!(reference(handle, 0, IoFileObjectType(), KERNEL_MODE).0, STATUS_OBJECT_TYPE_MISMATCH);
        assert_eq!(reference(handle, 0x100, ExEventObjectType(), USER_MODE).0, STATUS_ACCESS_DENIED);
        assert_eq!(reference(handle, 0x100, ExEventObjectType(), KERNEL_MODE).0, STATUS_SUCCESS);
        let (status, body) = reference(handle, SYNCHRONIZE, null_mut(), USER_MODE);
        assert_eq!(status, STATUS_SUCCESS);
        let mut kernel = null_mut();
        // SAFETY: the object is alive; each reference is given up once.
        unsafe {
            let attributes = OBJ_KERNEL_HANDLE;
            ObOpenObjectByPointer(body, attributes, null_mut(), 0, null_mut(), KERNEL_MODE, &raw mut kernel);
            assert_eq!(reference(kernel, 0, null_mut(), USER_MODE).0, STATUS_INVALID_HANDLE);
            assert_eq!(NtClose(kernel), STATUS_INVALID_HANDLE);
            assert_eq!(as_kernel(|| ZwClose(kernel)), STATUS_SUCCESS);
            assert_eq!(NtClose(handle), STATUS_SUCCESS);
            assert_eq!(NtClose(handle), STATUS_INVALID_HANDLE);
            assert_eq!(ObfDereferenceObject(body), 1);
            assert_eq!(ObfDereferenceObject(body), 0);
        }
        assert_eq!(handles_and_objects(), before);
        machine.shutdown();
    }
}
