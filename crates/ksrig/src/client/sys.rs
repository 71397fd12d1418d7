//! The border: the only file of the client that calls the kernel. Everything a request needs is copied into
//! the user process's memory, as a program's own data lies there.

use std::mem::offset_of;

use ks_sys::*;

use super::Status;
use super::bytes;
use crate::nt::thread::Process;
use crate::nt::{self, io, user};

/// A macro that the bindings lack.
const EVENT_ALL_ACCESS: u32 = 0x1F_0003;
/// `OBJ_CASE_INSENSITIVE`, a macro that the bindings lack.
const OBJ_CASE_INSENSITIVE: u32 = 0x40;

/// A handle of the user process; closed on drop.
#[derive(Debug)]
pub struct Handle(usize);

/// What `NtCreateFile` reads and writes, in one piece of user memory.
#[repr(C)]
struct Open {
    handle: HANDLE,
    iosb: IO_STATUS_BLOCK,
    attributes: OBJECT_ATTRIBUTES,
    name: UNICODE_STRING,
}

impl Handle {
    /// Opens a file object by name, relative to `root` if there is one. The name is given as the bytes that
    /// stand in the `UNICODE_STRING`: for pins they are not text.
    pub fn open(root: Option<usize>, name: &[u8], access: u32) -> Result<Self, Status> {
        nt::sched::explored_point();
        let len = u16::try_from(name.len()).map_err(|_| Status(STATUS_OBJECT_NAME_INVALID))?;
        let mut memory = user::Buffer::new(size_of::<Open>() + name.len().max(2));
        memory.bytes_mut()[size_of::<Open>()..][..name.len()].copy_from_slice(name);
        let at = |offset: usize| memory.address().wrapping_byte_add(offset);
        let open = Open {
            handle: std::ptr::null_mut(),
            iosb: IO_STATUS_BLOCK::default(),
            attributes: OBJECT_ATTRIBUTES {
                Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
                RootDirectory: root.unwrap_or(0) as HANDLE,
                ObjectName: at(offset_of!(Open, name)).cast(),
                Attributes: OBJ_CASE_INSENSITIVE,
                SecurityDescriptor: std::ptr::null_mut(),
                SecurityQualityOfService: std::ptr::null_mut(),
            },
            name: UNICODE_STRING { Length: len, MaximumLength: len, Buffer: at(size_of::<Open>()).cast() },
        };
        // SAFETY: `memory` has room for an `Open` at its start and is aligned for anything.
        unsafe { memory.address().cast::<Open>().write(open) };
        // SAFETY: all pointers lead into `memory`, which lives as long as the call.
        let status = unsafe {
            nt::NtCreateFile(
                at(offset_of!(Open, handle)).cast(),
                access,
                at(offset_of!(Open, attributes)).cast(),
                at(offset_of!(Open, iosb)).cast(),
                std::ptr::null_mut(),
                0,
                0,
                FILE_OPEN,
                0,
                std::ptr::null_mut(),
                0,
            )
        };
        Status(status).check()?;
        let at = offset_of!(Open, handle);
        Ok(Self(bytes::read::<u64>(&memory.bytes()[at..]).unwrap_or_default() as usize))
    }

    /// The handle's value.
    pub fn value(&self) -> usize {
        self.0
    }

    /// The handle's value; it is the caller's to close.
    pub fn into_value(self) -> usize {
        std::mem::ManuallyDrop::new(self).0
    }

    /// A device control request with copies of the buffers, waited for. An empty buffer is a null pointer.
    pub fn control(&self, code: u32, input: &[u8], output: &mut [u8]) -> (Status, usize) {
        control(self.0, code, input, output)
    }
}

/// As [`Handle::control`], for any handle value.
pub fn control(handle: usize, code: u32, input: &[u8], output: &mut [u8]) -> (Status, usize) {
    nt::sched::explored_point();
    let given = user::Buffer::from_bytes(input);
    let mut taken = user::Buffer::from_bytes(output);
    let address = |buffer: &user::Buffer| match buffer.len() {
        0 => std::ptr::null_mut(),
        _ => buffer.address(),
    };
    // SAFETY: both buffers live until the request is done.
    let (status, information) = unsafe {
        io::request::device_io_control(
            handle as HANDLE,
            code,
            address(&given),
            input.len() as u32,
            address(&taken),
            output.len() as u32,
        )
    };
    output.copy_from_slice(taken.bytes_mut());
    (Status(status), information)
}

impl Drop for Handle {
    fn drop(&mut self) {
        nt::sched::explored_point();
        // SAFETY: closing a handle twice or an unknown one is answered with a status.
        unsafe { nt::NtClose(self.0 as HANDLE) };
    }
}

/// Closes a handle value: for tests of closed handles.
pub fn close(handle: usize) -> Status {
    // SAFETY: any value may be given.
    Status(unsafe { nt::NtClose(handle as HANDLE) })
}

/// A handle in one process for the object of a handle in another, with the same rights.
pub fn duplicate(from: Process, handle: usize, to: Process) -> Result<usize, Status> {
    nt::handle::duplicate(from, handle as HANDLE, to).map(|copy| copy as usize).map_err(Status)
}

/// A new event, not set, that stays set once it is: its handle.
pub fn event() -> usize {
    let mut place = user::Buffer::new(size_of::<HANDLE>());
    // SAFETY: the variable lives as long as the call.
    let status = unsafe {
        nt::user_event::NtCreateEvent(
            place.address().cast(),
            EVENT_ALL_ACCESS,
            std::ptr::null_mut(),
            _EVENT_TYPE::NotificationEvent,
            0,
        )
    };
    debug_assert!(status >= 0);
    bytes::read::<u64>(place.bytes_mut()).unwrap_or_default() as usize
}

/// Whether an object is set, waited for no longer than so many 100 ns units.
pub fn is_set(handle: usize, units: u64) -> bool {
    let mut timeout = LARGE_INTEGER { QuadPart: -(units as i64) };
    // SAFETY: any handle may be given.
    unsafe { nt::user_event::NtWaitForSingleObject(handle as HANDLE, 0, &raw mut timeout) == STATUS_SUCCESS }
}
