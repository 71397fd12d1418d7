//! Opening clocks, allocators and topology nodes: what follows the class in the name of the create request (section 0.4
//! of the contract), and the kernel's functions that make such requests.

use std::ptr::null_mut;

use ks_sys::{
    ACCESS_MASK, FILE_OPEN, GENERIC_READ, GENERIC_WRITE, GUID, HANDLE, IO_STATUS_BLOCK, KSALLOCATOR_FRAMING,
    KSALLOCATOR_FRAMING_EX, KSCLOCK_CREATE, KSNAME_Allocator, KSNAME_Clock, KSNAME_TopologyNode,
    KSNODE_CREATE, NTSTATUS, OBJECT_ATTRIBUTES, PHANDLE, PIRP, PKSALLOCATOR_FRAMING, PKSCLOCK_CREATE,
    PKSNODE_CREATE, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, UNICODE_STRING,
    guid,
};

use super::{
    allocator::{self, Allocator},
    child::What,
    descriptor,
    factory::guid_text,
    irp,
    object::{Object, Pin},
    subject::Subject,
};
use crate::nt::{ZwCreateFile, string};

/// The class of allocators with a long framing, which the headers at hand lack (section 0.4 of the contract).
pub const KSNAME_ALLOCATOR_EX: GUID = guid(0x091B_B63B_603F_11D1_B067_00A0_C906_2802);

/// The bytes behind the class's backslash, as a structure at least.
fn parameters<T: Copy>(irp: PIRP) -> Result<T, NTSTATUS> {
    // SAFETY: a create request has a file object with a name.
    let name = unsafe { string::units(&raw const (*irp::file_object(irp)).FileName) };
    let backslash = u16::from(b'\\');
    let name = name.strip_prefix(&[backslash]).unwrap_or(name);
    let start = name.iter().position(|&unit| unit == backslash).map_or(name.len(), |place| place + 1);
    let rest = &name[start..];
    if size_of_val(rest) < size_of::<T>() {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    // SAFETY: that many bytes are there; every bit pattern is a value of the structures that are asked for.
    Ok(unsafe { rest.as_ptr().cast::<T>().read_unaligned() })
}

/// A clock on a pin (R7.2). STATUS_NOT_FOUND when the pin offers none: ASSUMED, as for a class without a create item.
pub fn clock(pin: &'static Pin, irp: PIRP) -> Result<What, NTSTATUS> {
    let create: KSCLOCK_CREATE = parameters(irp)?;
    if create.CreateFlags != 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if pin.clock().offered() { Ok(What::Clock) } else { Err(STATUS_NOT_FOUND) }
}

/// An allocator on a pin.
pub fn allocator(pin: &'static Pin, irp: PIRP) -> Result<What, NTSTATUS> {
    let framing: KSALLOCATOR_FRAMING = parameters(irp)?;
    if framing.Reserved != 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Allocator::new(pin, framing).map(What::Allocator)
}

/// An allocator on a pin, with a long framing; its first item counts (R7.7).
pub fn allocator_ex(pin: &'static Pin, irp: PIRP) -> Result<What, NTSTATUS> {
    let framing: KSALLOCATOR_FRAMING_EX = parameters(irp)?;
    if framing.CountItems == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Allocator::new(pin, allocator::short(&framing)).map(What::Allocator)
}

/// A topology node of a filter (R7.35).
pub fn node(parent: Object, irp: PIRP) -> Result<What, NTSTATUS> {
    let create: KSNODE_CREATE = parameters(irp)?;
    let subject = Subject::of_object(parent).ok_or(STATUS_INVALID_PARAMETER)?;
    if create.CreateFlags != 0 || descriptor::node(subject.filter().descriptor(), create.Node).is_none() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Ok(What::Node(create.Node))
}

/// Opens an object by its class and a structure, relative to a handle. Passive level.
unsafe fn open<T: Copy>(
    parent: HANDLE,
    class: &GUID,
    create: *const T,
    access: ACCESS_MASK,
    place: PHANDLE,
) -> NTSTATUS {
    let mut name: Vec<u8> =
        guid_text(class).encode_utf16().chain([u16::from(b'\\')]).flat_map(u16::to_le_bytes).collect();
    // SAFETY: the caller's structure.
    name.extend(unsafe { std::slice::from_raw_parts(create.cast::<u8>(), size_of::<T>()) });
    let length = name.len() as u16;
    let mut string =
        UNICODE_STRING { Length: length, MaximumLength: length, Buffer: name.as_mut_ptr().cast() };
    let mut attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        RootDirectory: parent,
        ObjectName: &raw mut string,
        Attributes: 0x40, // OBJ_CASE_INSENSITIVE
        SecurityDescriptor: null_mut(),
        SecurityQualityOfService: null_mut(),
    };
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: all pointers are good for the time of the call; the place is the caller's.
    unsafe {
        ZwCreateFile(
            place,
            access,
            &raw mut attributes,
            &raw mut block,
            null_mut(),
            0,
            0,
            FILE_OPEN,
            0,
            null_mut(),
            0,
        )
    }
}

/// `KsCreateClock`: opens a clock on a pin. Passive level.
///
/// # Safety
/// The pointers are good.
pub unsafe fn KsCreateClock(
    ConnectionHandle: HANDLE,
    ClockCreate: PKSCLOCK_CREATE,
    ClockHandle: PHANDLE,
) -> NTSTATUS {
    // SAFETY: the caller's pointers.
    unsafe { open(ConnectionHandle, &KSNAME_Clock, ClockCreate, GENERIC_READ, ClockHandle) }
}

/// `KsCreateAllocator`: opens an allocator on a sink pin. Passive level.
///
/// # Safety
/// The pointers are good.
pub unsafe fn KsCreateAllocator(
    ConnectionHandle: HANDLE,
    AllocatorFraming: PKSALLOCATOR_FRAMING,
    AllocatorHandle: PHANDLE,
) -> NTSTATUS {
    let access = GENERIC_READ | GENERIC_WRITE;
    // SAFETY: the caller's pointers.
    unsafe { open(ConnectionHandle, &KSNAME_Allocator, AllocatorFraming, access, AllocatorHandle) }
}

/// `KsCreateTopologyNode`: opens a topology node of a filter. Passive level.
///
/// # Safety
/// The pointers are good.
pub unsafe fn KsCreateTopologyNode(
    ParentHandle: HANDLE,
    NodeCreate: PKSNODE_CREATE,
    DesiredAccess: ACCESS_MASK,
    NodeHandle: PHANDLE,
) -> NTSTATUS {
    // SAFETY: the caller's pointers.
    unsafe { open(ParentHandle, &KSNAME_TopologyNode, NodeCreate, DesiredAccess, NodeHandle) }
}
