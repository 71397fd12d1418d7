//! The object manager: types, reference counts, names.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    collections::BTreeMap,
};

use ks_sys::*;

use super::{
    bugcheck, dispatcher, handle, io, lock_order,
    machine::{Machine, lock},
    string::units,
    thread::Thread,
    work,
};

/// `OBJ_CASE_INSENSITIVE` of ntdef.h.
pub const OBJ_CASE_INSENSITIVE: u32 = 0x40;
/// `OBJ_KERNEL_HANDLE` of ntdef.h.
pub const OBJ_KERNEL_HANDLE: u32 = 0x200;

/// A type of objects.
pub struct ObjectType {
    /// The last handle is gone.
    pub(super) close: unsafe fn(PVOID),
    /// The last reference is gone; the memory is freed afterwards.
    end: unsafe fn(PVOID),
    /// What the generic access rights mean: read, write, execute, all.
    pub(super) generic: [u32; 4],
}

/// A type's address where a driver imports it from (`IoFileObjectType` is a variable).
pub(super) struct TypePointer(#[allow(dead_code, reason = "drivers read it")] pub &'static ObjectType);

unsafe fn nothing(_: PVOID) {}

/// `EVENT_ALL_ACCESS` of winnt.h.
pub(super) const EVENT_ALL: u32 = 0x1F_0003;

/// Files.
pub(super) static FILE: ObjectType = ObjectType {
    close: io::file::cleanup,
    end: io::file::close,
    generic: [FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, 0x1F_01FF],
};
/// Events.
pub(super) static EVENT: ObjectType =
    ObjectType { close: nothing, end: nothing, generic: [0x2_0001, 0x2_0002, 0x12_0000, EVENT_ALL] };
/// Semaphores.
pub(super) static SEMAPHORE: ObjectType =
    ObjectType { close: nothing, end: nothing, generic: [0x2_0001, 0x2_0002, 0x12_0000, 0x1F_0003] };
/// Devices.
pub(super) static DEVICE: ObjectType = ObjectType { close: nothing, end: nothing, generic: [0x1F_01FF; 4] };
/// Drivers.
pub(super) static DRIVER: ObjectType = ObjectType { close: nothing, end: nothing, generic: [0x1F_01FF; 4] };
/// Keys of the registry.
pub(super) static KEY: ObjectType =
    ObjectType { close: nothing, end: nothing, generic: [0x2_0019, 0x2_0006, 0x2_0019, 0xF_003F] };
/// Threads.
pub(super) static THREAD: ObjectType = ObjectType { close: nothing, end: nothing, generic: [0x1F_FFFF; 4] };

pub(super) static FILE_POINTER: TypePointer = TypePointer(&FILE);
pub(super) static EVENT_POINTER: TypePointer = TypePointer(&EVENT);
pub(super) static SEMAPHORE_POINTER: TypePointer = TypePointer(&SEMAPHORE);

const MAGIC: u64 = 0x4A62_4F20_744E_6772;

/// What lies before the body of every object.
#[repr(C, align(16))]
pub(super) struct Header {
    magic: u64,
    pub kind: &'static ObjectType,
    pub references: i64,
    pub handles: i64,
    layout: Layout,
    name: String,
}

/// The objects of one machine.
#[derive(Default)]
pub(super) struct Objects {
    live: usize,
    /// Names in `\Device` and the like.
    names: BTreeMap<String, usize>,
}

/// The header of an object; a pointer that is no live object is fatal.
pub(super) unsafe fn header<'a>(body: PVOID) -> &'a mut Header {
    // SAFETY: every object's body follows its header.
    let header = unsafe { &mut *body.byte_sub(size_of::<Header>()).cast::<Header>() };
    if header.magic != MAGIC {
        bugcheck::stop(("ObjectReference", 0x18), "the pointer is no live object (REFERENCE_BY_POINTER)");
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
    // Threads live as long as the machine.
    lock(&machine.objects).live += usize::from(!std::ptr::eq(kind, &THREAD));
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
        let start = &raw const *header as usize;
        lock_order::gone(&(start..start + layout.size()));
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
        objects.names.iter().find_map(|(name, body)| Some((*body, prefix(path, name)?)))
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

/// What the generic rights mean for files. (`nf-ntddk-iogetfileobjectgenericmapping.md`)
pub fn IoGetFileObjectGenericMapping() -> PGENERIC_MAPPING {
    static MAPPING: GENERIC_MAPPING = GENERIC_MAPPING {
        GenericRead: FILE.generic[0],
        GenericWrite: FILE.generic[1],
        GenericExecute: FILE.generic[2],
        GenericAll: FILE.generic[3],
    };
    (&raw const MAPPING).cast_mut()
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

/// Whether the type is the wanted one; NULL is any.
pub(super) fn is_type(kind: &'static ObjectType, wanted: POBJECT_TYPE) -> bool {
    wanted.is_null() || std::ptr::eq(kind, wanted.cast_const().cast())
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

/// Drops the reference that a request has had. Windows does it in an APC of the requester's, never inside of the call of
/// the driver that completes the request: the end of the object would be a request for that driver.
pub(super) unsafe fn dereference_later(object: PVOID) {
    // SAFETY: the caller's object, whose reference it gives up.
    unsafe {
        let in_driver = Thread::current().callbacks.try_borrow().is_ok_and(|active| !active.is_empty());
        if in_driver && header(object).references == 1 {
            let body = object as usize;
            work::queue("end of a request", move || {
                ObfDereferenceObject(body as PVOID);
            });
        } else {
            ObfDereferenceObject(object);
        }
    }
}

/// Drops a reference (macro in the headers).
pub unsafe fn ObDereferenceObject(Object: PVOID) -> LONG_PTR {
    // SAFETY: the caller's object, whose reference it gives up.
    unsafe { ObfDereferenceObject(Object) }
}

/// Whether two counted strings name the same path.
pub(super) unsafe fn same_path(first: *const UNICODE_STRING, second: &str) -> bool {
    // SAFETY: the caller's string.
    prefix(unsafe { units(first) }, second) == Some(unsafe { units(first) }.len())
}

/// Open handles and live objects, for leak checks: (handles, objects).
pub fn handles_and_objects() -> (usize, usize) {
    (handle::open(), lock(&Machine::current().objects).live)
}

/// Whether the object is of the type.
pub(super) unsafe fn is_of(Object: PVOID, kind: &'static ObjectType) -> bool {
    // SAFETY: the caller's object.
    std::ptr::eq(unsafe { header(Object) }.kind, kind)
}
