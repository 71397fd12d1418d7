//! The object manager: reference counts, handles, names.

use ks_sys::*;

/// `IoFileObjectType`.
pub fn IoFileObjectType() -> POBJECT_TYPE {
    todo!()
}

/// `ExEventObjectType`.
pub fn ExEventObjectType() -> POBJECT_TYPE {
    todo!()
}

/// `ExSemaphoreObjectType`.
pub fn ExSemaphoreObjectType() -> POBJECT_TYPE {
    todo!()
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
    todo!()
}

/// References an object of a type. STATUS_OBJECT_TYPE_MISMATCH.
pub unsafe fn ObReferenceObjectByPointer(Object: PVOID, DesiredAccess: ACCESS_MASK, ObjectType: POBJECT_TYPE, AccessMode: KPROCESSOR_MODE) -> NTSTATUS {
    todo!()
}

/// References an object; gives the new count.
pub unsafe fn ObfReferenceObject(Object: PVOID) -> LONG_PTR {
    todo!()
}

/// References an object (macro in the headers).
pub unsafe fn ObReferenceObject(Object: PVOID) -> LONG_PTR {
    todo!()
}

/// Drops a reference; the last one ends the object. Gives the new count.
pub unsafe fn ObfDereferenceObject(Object: PVOID) -> LONG_PTR {
    todo!()
}

/// Drops a reference (macro in the headers).
pub unsafe fn ObDereferenceObject(Object: PVOID) -> LONG_PTR {
    todo!()
}

/// Makes a handle for an object in the calling process (system handles: OBJ_KERNEL_HANDLE).
pub unsafe fn ObOpenObjectByPointer(
    Object: PVOID,
    HandleAttributes: ULONG,
    PassedAccessState: PACCESS_STATE,
    DesiredAccess: ACCESS_MASK,
    ObjectType: POBJECT_TYPE,
    AccessMode: KPROCESSOR_MODE,
    Handle: PHANDLE,
) -> NTSTATUS {
    todo!()
}

/// Closes a handle of the calling process, from user mode or kernel mode as the thread's previous mode says.
pub unsafe fn NtClose(Handle: HANDLE) -> NTSTATUS {
    todo!()
}

/// Closes a handle with previous mode KernelMode.
pub unsafe fn ZwClose(Handle: HANDLE) -> NTSTATUS {
    todo!()
}

/// Makes an event object and a handle for it.
pub unsafe fn NtCreateEvent(
    EventHandle: PHANDLE,
    DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
    EventType: EVENT_TYPE,
    InitialState: BOOLEAN,
) -> NTSTATUS {
    todo!()
}

/// Waits for the object of a handle (a file: for its last request).
pub unsafe fn NtWaitForSingleObject(Handle: HANDLE, Alertable: BOOLEAN, Timeout: PLARGE_INTEGER) -> NTSTATUS {
    todo!()
}

/// The log name of an object ("file 3").
pub unsafe fn name(Object: PVOID) -> String {
    todo!()
}

/// Open handles and live objects, for leak checks: (handles, objects).
pub fn in_use() -> (usize, usize) {
    todo!()
}
