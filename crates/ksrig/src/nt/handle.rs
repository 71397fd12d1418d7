//! Handles: one table for each process.

use std::collections::BTreeMap;

use ks_sys::*;

use super::{
    exports,
    machine::{Machine, lock},
    object::{OBJ_KERNEL_HANDLE, ObfDereferenceObject, ObjectType, header, is_type},
    thread::{KERNEL_MODE, Process, Thread, USER_MODE, as_kernel_mode},
    violation,
};

struct Entry {
    body: usize,
    access: ACCESS_MASK,
}

/// The handle tables of one machine.
#[derive(Default)]
pub(super) struct Handles {
    /// By process: handle to entry. Kernel handles are the system process's.
    tables: [BTreeMap<u64, Entry>; 3],
    next: [u64; 3],
}

/// Open handles, for leak checks.
pub(super) fn open() -> usize {
    lock(&Machine::current().handles).tables.iter().map(BTreeMap::len).sum()
}

/// The bit that tells kernel handles; the address is sign-extended.
const KERNEL_HANDLE: u64 = 0xFFFF_FFFF_8000_0000;

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
    let mut handles = lock(&Machine::current().handles);
    let table = process as usize;
    handles.next[table] += 4;
    let number = handles.next[table] | if process == Process::System { KERNEL_HANDLE } else { 0 };
    handles.tables[table].insert(number, Entry { body: body as usize, access });
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

/// What Driver Verifier says of the handles that a driver references.
fn check_reference(handle: u64, mode: KPROCESSOR_MODE, found: bool) {
    if !exports::called_by_driver() {
        return;
    }
    let kernel = handle & KERNEL_HANDLE == KERNEL_HANDLE;
    let (code, message) = match mode {
        _ if handle == 0 => (0xF5, "the handle is NULL"),
        KERNEL_MODE if found && !kernel && Thread::current().process() != Process::System => {
            (0xF6, "a program's handle is referenced in KernelMode")
        }
        USER_MODE if kernel && Thread::current().process() == Process::System => {
            (0xF7, "a handle of the kernel is referenced in UserMode, in the system process")
        }
        _ => return,
    };
    violation::report("HandleReference", code, "ObReferenceObjectByHandle", message);
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
            let handles = lock(&Machine::current().handles);
            handles.tables[table].get(&handle).map(|entry| (entry.body as PVOID, entry.access))
        });
        check_reference(handle, AccessMode, found.is_some());
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
        .and_then(|table| lock(&thread.machine().handles).tables[table].remove(&handle));
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

/// What `NtDuplicateObject` does with DUPLICATE_SAME_ACCESS: a handle in one process for the object that a handle of
/// the same or another one names. STATUS_INVALID_HANDLE.
pub fn duplicate(from: Process, handle: HANDLE, to: Process) -> Result<HANDLE, NTSTATUS> {
    let found = lock(&Machine::current().handles).tables[from as usize]
        .get(&(handle as u64))
        .map(|entry| (entry.body as PVOID, entry.access));
    let (body, access) = found.ok_or(STATUS_INVALID_HANDLE)?;
    // SAFETY: the table holds live objects.
    Ok(unsafe { create_handle(body, access, to) })
}

/// Closes all handles of a process, the oldest first, as the end of the process does.
pub fn close_all(process: Process) {
    let next = || lock(&Machine::current().handles).tables[process as usize].keys().next().copied();
    Thread::current().with(process, USER_MODE, || {
        while let Some(handle) = next() {
            // SAFETY: a handle of the process.
            let _ = unsafe { NtClose(handle as HANDLE) };
        }
    });
}

/// Closes a handle with previous mode KernelMode.
pub unsafe fn ZwClose(Handle: HANDLE) -> NTSTATUS {
    // SAFETY: the caller's handle.
    as_kernel_mode(|| unsafe { NtClose(Handle) })
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::nt::{
        MachineOptions, as_kernel,
        object::{ExEventObjectType, IoFileObjectType, handles_and_objects},
        thread::KERNEL_MODE,
        user_event::create_event,
    };

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

    /// A duplicate in another process is that process's: the object lives until the last of both is closed, and the end
    /// of a process closes its own alone.
    #[test]
    fn duplicates_live_in_their_process() {
        let machine = Machine::new(MachineOptions::default());
        let before = handles_and_objects();
        let handle = create_event(_EVENT_TYPE::NotificationEvent, false);
        let copies: Vec<_> =
            (0..3).map(|_| duplicate(Process::User, handle, Process::Other).unwrap()).collect();
        assert_eq!(
            duplicate(Process::Other, handle, Process::User).err(),
            None,
            "the numbers are each process's own"
        );
        assert_eq!(duplicate(Process::User, 0x7777 as HANDLE, Process::Other), Err(STATUS_INVALID_HANDLE));
        // SAFETY: handles of the calling process, or none.
        unsafe {
            assert_eq!(NtClose(copies[2]), STATUS_INVALID_HANDLE);
            assert_eq!(NtClose(handle), STATUS_SUCCESS);
            assert_eq!(crate::nt::thread::as_other(|| NtClose(copies[2])), STATUS_SUCCESS);
        }
        let own = duplicate(Process::Other, copies[0], Process::User).unwrap();
        close_all(Process::Other);
        assert_eq!(duplicate(Process::Other, copies[0], Process::User), Err(STATUS_INVALID_HANDLE));
        close_all(Process::User);
        // SAFETY: as above.
        assert_eq!(unsafe { NtClose(own) }, STATUS_INVALID_HANDLE);
        assert_eq!(handles_and_objects(), before);
        machine.shutdown();
    }
}
