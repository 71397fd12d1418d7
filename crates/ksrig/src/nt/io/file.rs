//! Opening and closing files, device control: the system services a client calls.
//! `Nt…` takes the caller's mode from its thread, `Zw…` is kernel mode.

use ks_sys::*;

/// Opens a file object on a device by name, or relative to another file (`RootDirectory`): the rest of the
/// name goes to the driver as raw counted units (a KS pin's name ends in a KSPIN_CONNECT).
/// (`nf-ntifs-ntcreatefile.md`)
pub unsafe fn NtCreateFile(
    FileHandle: PHANDLE,
    DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
    IoStatusBlock: PIO_STATUS_BLOCK,
    AllocationSize: PLARGE_INTEGER,
    FileAttributes: ULONG,
    ShareAccess: ULONG,
    CreateDisposition: ULONG,
    CreateOptions: ULONG,
    EaBuffer: PVOID,
    EaLength: ULONG,
) -> NTSTATUS {
    todo!()
}

/// The same with previous mode KernelMode.
pub unsafe fn ZwCreateFile(
    FileHandle: PHANDLE,
    DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
    IoStatusBlock: PIO_STATUS_BLOCK,
    AllocationSize: PLARGE_INTEGER,
    FileAttributes: ULONG,
    ShareAccess: ULONG,
    CreateDisposition: ULONG,
    CreateOptions: ULONG,
    EaBuffer: PVOID,
    EaLength: ULONG,
) -> NTSTATUS {
    todo!()
}

/// The same for drivers; Options may hold IO_FORCE_ACCESS_CHECK and IO_NO_PARAMETER_CHECKING (then kernel mode).
pub unsafe fn IoCreateFile(
    FileHandle: PHANDLE,
    DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
    IoStatusBlock: PIO_STATUS_BLOCK,
    AllocationSize: PLARGE_INTEGER,
    FileAttributes: ULONG,
    ShareAccess: ULONG,
    Disposition: ULONG,
    CreateOptions: ULONG,
    EaBuffer: PVOID,
    EaLength: ULONG,
    CreateFileType: CREATE_FILE_TYPE,
    InternalParameters: PVOID,
    Options: ULONG,
) -> NTSTATUS {
    todo!()
}

/// Sends a device control request; STATUS_PENDING when the driver keeps it and the file is asynchronous.
/// The request completes into IoStatusBlock and signals Event (or the file object).
pub unsafe fn NtDeviceIoControlFile(
    FileHandle: HANDLE,
    Event: HANDLE,
    ApcRoutine: PIO_APC_ROUTINE,
    ApcContext: PVOID,
    IoStatusBlock: PIO_STATUS_BLOCK,
    IoControlCode: ULONG,
    InputBuffer: PVOID,
    InputBufferLength: ULONG,
    OutputBuffer: PVOID,
    OutputBufferLength: ULONG,
) -> NTSTATUS {
    todo!()
}

/// The same with previous mode KernelMode.
pub unsafe fn ZwDeviceIoControlFile(
    FileHandle: HANDLE,
    Event: HANDLE,
    ApcRoutine: PIO_APC_ROUTINE,
    ApcContext: PVOID,
    IoStatusBlock: PIO_STATUS_BLOCK,
    IoControlCode: ULONG,
    InputBuffer: PVOID,
    InputBufferLength: ULONG,
    OutputBuffer: PVOID,
    OutputBufferLength: ULONG,
) -> NTSTATUS {
    todo!()
}

/// Cancels the requests that the calling thread has pending on the file, and waits for them.
pub unsafe fn NtCancelIoFile(FileHandle: HANDLE, IoStatusBlock: PIO_STATUS_BLOCK) -> NTSTATUS {
    todo!()
}

/// Requests pending on a file object, of all threads (not an NT function).
pub unsafe fn pending_on(FileObject: PFILE_OBJECT) -> Vec<PIRP> {
    todo!()
}
