//! Opening files: the create services. `Nt…` takes the caller's mode from its thread, `Zw…` is kernel mode.

use std::ptr::null_mut;

use ks_sys::*;

use super::{build, call, device, device::IoGetRelatedDeviceObject, irp::IoGetNextIrpStackLocation};
use crate::nt::{
    bugcheck,
    event::KeInitializeEvent,
    handle::{ObReferenceObjectByHandle, create_handle},
    list::InitializeListHead,
    machine::Machine,
    object::{self, IoFileObjectType, OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, ObfDereferenceObject},
    pool::ExAllocatePoolWithTag,
    string::units,
    thread::{KERNEL_MODE, Process, Thread, as_kernel_mode},
    trace, user,
};

/// What a create request asks for, captured from the caller.
struct Open {
    name: Vec<u16>,
    root: HANDLE,
    attributes: ULONG,
    access: ACCESS_MASK,
    file_attributes: ULONG,
    share: ULONG,
    disposition: ULONG,
    options: ULONG,
    mode: KPROCESSOR_MODE,
    force_check: bool,
}

/// Copies and checks the caller's object attributes.
unsafe fn capture(
    attributes: POBJECT_ATTRIBUTES,
    mode: KPROCESSOR_MODE,
) -> Result<OBJECT_ATTRIBUTES, NTSTATUS> {
    user::probe(mode, attributes.cast(), size_of::<OBJECT_ATTRIBUTES>(), 8)?;
    // SAFETY: probed, or the kernel caller's promise.
    let captured = unsafe { *attributes.as_ref().ok_or(STATUS_INVALID_PARAMETER)? };
    if captured.Length as usize != size_of::<OBJECT_ATTRIBUTES>() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Ok(captured)
}

unsafe fn capture_name(name: PUNICODE_STRING, mode: KPROCESSOR_MODE) -> Result<Vec<u16>, NTSTATUS> {
    if name.is_null() {
        return Ok(Vec::new());
    }
    user::probe(mode, name.cast(), size_of::<UNICODE_STRING>(), 8)?;
    // SAFETY: probed, or the kernel caller's promise.
    let string = unsafe { *name };
    if string.Length % 2 != 0 {
        return Err(STATUS_OBJECT_NAME_INVALID);
    }
    user::probe(mode, string.Buffer.cast(), usize::from(string.Length), 2)?;
    // SAFETY: probed, or the kernel caller's promise.
    Ok(unsafe { units(&raw const string) }.to_vec())
}

/// A new file object for the request; the rest of the name is its own.
unsafe fn file_object(
    open: &Open,
    device: PDEVICE_OBJECT,
    related: PFILE_OBJECT,
    name: &[u16],
) -> Result<PFILE_OBJECT, NTSTATUS> {
    let number = Machine::current().ordinal("file");
    let body = object::create(&object::FILE, size_of::<FILE_OBJECT>(), format!("file {number}"));
    let file: PFILE_OBJECT = body.cast();
    let any = |bits: ULONG| BOOLEAN::from(open.access & bits != 0);
    // SAFETY: the body is a zeroed file object; the name's buffer has room for the name.
    unsafe {
        (*file).Type = IO_TYPE_FILE as CSHORT;
        (*file).Size = size_of::<FILE_OBJECT>() as CSHORT;
        (*file).RelatedFileObject = related;
        (*file).ReadAccess = any(FILE_READ_ACCESS | GENERIC_READ | GENERIC_ALL);
        (*file).WriteAccess = any(2 | GENERIC_WRITE | GENERIC_ALL);
        (*file).DeleteAccess = any(0x1_0000 | GENERIC_ALL);
        (*file).SharedRead = BOOLEAN::from(open.share & 1 != 0);
        (*file).SharedWrite = BOOLEAN::from(open.share & 2 != 0);
        (*file).SharedDelete = BOOLEAN::from(open.share & 4 != 0);
        if open.options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT) != 0 {
            (*file).Flags |= FO_SYNCHRONOUS_IO;
            if open.options & FILE_SYNCHRONOUS_IO_ALERT != 0 {
                (*file).Flags |= FO_ALERTABLE_IO;
            }
        }
        if open.attributes & OBJ_CASE_INSENSITIVE == 0 {
            (*file).Flags |= FO_OPENED_CASE_SENSITIVE;
        }
        KeInitializeEvent(&raw mut (*file).Lock, _EVENT_TYPE::SynchronizationEvent, 1);
        KeInitializeEvent(&raw mut (*file).Event, _EVENT_TYPE::NotificationEvent, 0);
        InitializeListHead(&raw mut (*file).IrpList);
        if !name.is_empty() {
            let bytes = 2 * name.len();
            let buffer =
                ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, bytes as SIZE_T, u32::from_le_bytes(*b"IoNm"));
            if buffer.is_null() {
                ObfDereferenceObject(body);
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            buffer.cast::<u16>().copy_from_nonoverlapping(name.as_ptr(), name.len());
            (*file).FileName = UNICODE_STRING {
                Length: bytes as USHORT,
                MaximumLength: bytes as USHORT,
                Buffer: buffer.cast(),
            };
        }
        (*file).DeviceObject = device;
        device::add_file(device);
    }
    Ok(file)
}

/// Opens the file: the create request to the top of the device's stack.
unsafe fn open(open: &Open) -> Result<(PFILE_OBJECT, ULONG_PTR), NTSTATUS> {
    let mut related: PFILE_OBJECT = null_mut();
    // SAFETY: a local variable.
    unsafe {
        if !open.root.is_null() {
            let mut body = null_mut();
            let status = ObReferenceObjectByHandle(
                open.root,
                0,
                IoFileObjectType(),
                open.mode,
                &raw mut body,
                null_mut(),
            );
            if status < 0 {
                return Err(status);
            }
            related = body.cast();
        }
        let result = open_relative(open, related);
        if !related.is_null() {
            ObfDereferenceObject(related.cast());
        }
        result
    }
}

unsafe fn open_relative(open: &Open, related: PFILE_OBJECT) -> Result<(PFILE_OBJECT, ULONG_PTR), NTSTATUS> {
    let (device, rest) = if related.is_null() {
        if open.name.first() != Some(&u16::from(b'\\')) {
            return Err(STATUS_OBJECT_PATH_SYNTAX_BAD);
        }
        let (body, rest) = object::resolve(&open.name).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        // SAFETY: only devices have names.
        (body.cast::<DEVICE_OBJECT>(), rest)
    } else {
        // SAFETY: the related file object is referenced.
        (unsafe { (*related).DeviceObject }, 0)
    };
    // SAFETY: the device is alive: it has a name, or an open file.
    unsafe {
        let file = file_object(open, device, related, &open.name[rest..])?;
        let outcome = create_request(open, file);
        (*file).RelatedFileObject = null_mut();
        let status = outcome.__bindgen_anon_1.Status;
        if status < 0 {
            // The file was never open: the driver gets no cleanup and no close.
            ObfDereferenceObject(file.cast());
            return Err(status);
        }
        (*file).Flags |= FO_FILE_OPEN;
        Ok((file, outcome.Information))
    }
}

unsafe fn create_request(open: &Open, file: PFILE_OBJECT) -> IO_STATUS_BLOCK {
    // SAFETY: all-zero is what an access state without a subject looks like.
    let mut state: ACCESS_STATE = unsafe { std::mem::zeroed() };
    (state.OriginalDesiredAccess, state.RemainingDesiredAccess) = (open.access, open.access);
    let mut context = IO_SECURITY_CONTEXT {
        SecurityQos: null_mut(),
        AccessState: &raw mut state,
        DesiredAccess: open.access,
        FullCreateOptions: open.options,
    };
    // SAFETY: the device is alive as long as the file object; the structures outlive the request.
    unsafe {
        let top = IoGetRelatedDeviceObject(file);
        let request = build::allocate_for_thread(top, open.mode);
        if request.is_null() {
            let mut none = IO_STATUS_BLOCK::default();
            none.__bindgen_anon_1.Status = STATUS_INSUFFICIENT_RESOURCES;
            return none;
        }
        (*request).Flags |= IRP_CREATE_OPERATION | IRP_SYNCHRONOUS_API;
        (*request).Tail.Overlay.OriginalFileObject = file;
        let location = IoGetNextIrpStackLocation(request);
        (*location).MajorFunction = IRP_MJ_CREATE as UCHAR;
        (*location).FileObject = file;
        (*location).Flags =
            if open.attributes & OBJ_CASE_INSENSITIVE == 0 { SL_CASE_SENSITIVE as UCHAR } else { 0 };
        if open.force_check {
            (*location).Flags |= SL_FORCE_ACCESS_CHECK as UCHAR;
        }
        let parameters = &mut (*location).Parameters.Create;
        parameters.SecurityContext = &raw mut context;
        parameters.Options = open.options & 0xFF_FFFF | open.disposition << 24;
        parameters.FileAttributes = open.file_attributes as USHORT;
        parameters.ShareAccess = open.share as USHORT;
        if trace::enabled() {
            build::trace_request(request, "CREATE", file, &readable(&open.name));
        }
        call::send_and_wait(top, request)
    }
}

/// A file name for the log: a KS pin's name goes on in binary behind its GUID.
fn readable(name: &[u16]) -> String {
    let end = if name.first() == Some(&u16::from(b'{')) { name.len().min(38) } else { name.len() };
    String::from_utf16_lossy(&name[..end])
}

/// An argument that is not played: a driver that gives it ends the run, a client gets `status`.
fn refuse(given: bool, what: &str, mode: KPROCESSOR_MODE, status: NTSTATUS) -> Result<(), NTSTATUS> {
    match (given, mode) {
        (false, _) => Ok(()),
        (true, KERNEL_MODE) => bugcheck::not_emulated(what),
        (true, _) => Err(status),
    }
}

/// Opens a file object on a device by name, or relative to another file (`RootDirectory`): the rest of the
/// name goes to the driver as raw counted units (a KS pin's name ends in a KSPIN_CONNECT). PASSIVE_LEVEL.
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
    let mode = Thread::current().previous_mode();
    let result = || {
        user::probe(mode, FileHandle.cast(), size_of::<HANDLE>(), 8)?;
        user::probe(mode, IoStatusBlock.cast(), size_of::<IO_STATUS_BLOCK>(), 8)?;
        if CreateDisposition > 5 {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let has_attributes = EaLength != 0 || !EaBuffer.is_null();
        refuse(has_attributes, "NtCreateFile with extended attributes", mode, STATUS_EAS_NOT_SUPPORTED)?;
        let has_size = !AllocationSize.is_null();
        refuse(has_size, "NtCreateFile with an AllocationSize", mode, STATUS_NOT_SUPPORTED)?;
        // SAFETY: the caller's structures, probed where they are a user's.
        unsafe {
            let attributes = capture(ObjectAttributes, mode)?;
            let request = Open {
                name: capture_name(attributes.ObjectName, mode)?,
                root: attributes.RootDirectory,
                attributes: attributes.Attributes,
                access: DesiredAccess,
                file_attributes: FileAttributes,
                share: ShareAccess,
                disposition: CreateDisposition,
                options: CreateOptions,
                mode,
                force_check: false,
            };
            create_file(&request, FileHandle, IoStatusBlock)
        }
    };
    result().err().unwrap_or(STATUS_SUCCESS)
}

unsafe fn create_file(request: &Open, handle: PHANDLE, iosb: PIO_STATUS_BLOCK) -> Result<(), NTSTATUS> {
    // SAFETY: the caller has checked its pointers.
    unsafe {
        let (file, information) = open(request)?;
        let kernel = request.attributes & OBJ_KERNEL_HANDLE != 0 && request.mode == KERNEL_MODE;
        let process = if kernel { Process::System } else { Thread::current().process() };
        handle.write(create_handle(file.cast(), request.access | SYNCHRONIZE, process));
        (*file).Flags |= FO_HANDLE_CREATED;
        ObfDereferenceObject(file.cast());
        let mut status = IO_STATUS_BLOCK { Information: information, ..IO_STATUS_BLOCK::default() };
        status.__bindgen_anon_1.Status = STATUS_SUCCESS;
        iosb.write(status);
    }
    Ok(())
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
    // SAFETY: the caller's promise.
    as_kernel_mode(|| unsafe {
        NtCreateFile(
            FileHandle,
            DesiredAccess,
            ObjectAttributes,
            IoStatusBlock,
            AllocationSize,
            FileAttributes,
            ShareAccess,
            CreateDisposition,
            CreateOptions,
            EaBuffer,
            EaLength,
        )
    })
}

/// The same for drivers; Options may hold IO_FORCE_ACCESS_CHECK and IO_NO_PARAMETER_CHECKING (then kernel
/// mode). (`nf-ntddk-iocreatefile.md`)
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
    // SAFETY: the caller's promise. ASSUMED: the structures are a driver's, so they are not probed; the mode
    // of the request is KernelMode unless an access check is forced.
    let result = || unsafe {
        for (given, what) in [
            (EaLength != 0 || !EaBuffer.is_null(), "IoCreateFile with extended attributes"),
            (!AllocationSize.is_null(), "IoCreateFile with an AllocationSize"),
            (CreateFileType != 0, "IoCreateFile of a CreateFileType other than CreateFileTypeNone"),
            (!InternalParameters.is_null(), "IoCreateFile with InternalParameters"),
        ] {
            refuse(given, what, KERNEL_MODE, STATUS_NOT_SUPPORTED)?;
        }
        let attributes = capture(ObjectAttributes, KERNEL_MODE)?;
        let request = Open {
            name: capture_name(attributes.ObjectName, KERNEL_MODE)?,
            root: attributes.RootDirectory,
            attributes: attributes.Attributes,
            access: DesiredAccess,
            file_attributes: FileAttributes,
            share: ShareAccess,
            disposition: Disposition,
            options: CreateOptions,
            mode: KERNEL_MODE,
            force_check: Options & IO_FORCE_ACCESS_CHECK != 0,
        };
        create_file(&request, FileHandle, IoStatusBlock)
    };
    result().err().unwrap_or(STATUS_SUCCESS)
}
