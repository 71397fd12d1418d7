//! Opening and closing files, device control: the system services a client calls.
//! `Nt…` takes the caller's mode from its thread, `Zw…` is kernel mode.

use std::ptr::null_mut;

use ks_sys::*;

use crate::nt::{
    KeClearEvent, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject,
    io::{device, irp},
    machine::Machine,
    object::{self, IoFileObjectType, OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, ObReferenceObjectByHandle, ObfDereferenceObject},
    pool::{ExAllocatePoolWithTag, ExFreePool},
    string::{text, units},
    thread::{KERNEL_MODE, Process, Thread, USER_MODE, as_kernel_mode},
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
unsafe fn capture(attributes: POBJECT_ATTRIBUTES, mode: KPROCESSOR_MODE) -> Result<OBJECT_ATTRIBUTES, NTSTATUS> {
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
unsafe fn file_object(open: &Open, device: PDEVICE_OBJECT, related: PFILE_OBJECT, name: &[u16]) -> Result<PFILE_OBJECT, NTSTATUS> {
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
        crate::nt::InitializeListHead(&raw mut (*file).IrpList);
        if !name.is_empty() {
            let bytes = 2 * name.len();
            let buffer = ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, bytes as SIZE_T, u32::from_le_bytes(*b"IoNm"));
            if buffer.is_null() {
                ObfDereferenceObject(body);
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            buffer.cast::<u16>().copy_from_nonoverlapping(name.as_ptr(), name.len());
            (*file).FileName =
                UNICODE_STRING { Length: bytes as USHORT, MaximumLength: bytes as USHORT, Buffer: buffer.cast() };
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
            let status =
                ObReferenceObjectByHandle(open.root, 0, IoFileObjectType(), open.mode, &raw mut body, null_mut());
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
        let top = crate::nt::IoGetRelatedDeviceObject(file);
        let request = irp::allocate_for_thread(top, open.mode);
        if request.is_null() {
            let mut none = IO_STATUS_BLOCK::default();
            none.__bindgen_anon_1.Status = STATUS_INSUFFICIENT_RESOURCES;
            return none;
        }
        (*request).Flags |= IRP_CREATE_OPERATION | IRP_SYNCHRONOUS_API;
        (*request).Tail.Overlay.OriginalFileObject = file;
        let location = crate::nt::IoGetNextIrpStackLocation(request);
        (*location).MajorFunction = IRP_MJ_CREATE as UCHAR;
        (*location).FileObject = file;
        (*location).Flags = if open.attributes & OBJ_CASE_INSENSITIVE == 0 { SL_CASE_SENSITIVE as UCHAR } else { 0 };
        if open.force_check {
            (*location).Flags |= SL_FORCE_ACCESS_CHECK as UCHAR;
        }
        let parameters = &mut (*location).Parameters.Create;
        parameters.SecurityContext = &raw mut context;
        parameters.Options = open.options & 0xFF_FFFF | open.disposition << 24;
        parameters.FileAttributes = open.file_attributes as USHORT;
        parameters.ShareAccess = open.share as USHORT;
        if trace::enabled() {
            irp::trace_request(request, "CREATE", file, &readable(&open.name));
        }
        irp::send_and_wait(top, request)
    }
}

/// A file name for the log: a KS pin's name goes on in binary behind its GUID.
fn readable(name: &[u16]) -> String {
    let end = if name.first() == Some(&u16::from(b'{')) { name.len().min(38) } else { name.len() };
    String::from_utf16_lossy(&name[..end])
}

/// IRP_MJ_CLEANUP: the last handle of the file is gone.
pub(in crate::nt) unsafe fn cleanup(body: PVOID) {
    // SAFETY: the object manager's promise.
    unsafe {
        let file: PFILE_OBJECT = body.cast();
        if (*file).Flags & FO_FILE_OPEN != 0 {
            notify(file, IRP_MJ_CLEANUP, "CLEANUP");
            (*file).Flags |= FO_CLEANUP_COMPLETE;
        }
    }
}

/// IRP_MJ_CLOSE: the last reference of the file is gone.
pub(in crate::nt) unsafe fn close(body: PVOID) {
    // SAFETY: the object manager's promise.
    unsafe {
        let file: PFILE_OBJECT = body.cast();
        if (*file).Flags & FO_FILE_OPEN != 0 {
            notify(file, IRP_MJ_CLOSE, "CLOSE");
        }
        if !(*file).FileName.Buffer.is_null() {
            ExFreePool((*file).FileName.Buffer.cast());
        }
        if !(*file).DeviceObject.is_null() {
            device::remove_file((*file).DeviceObject);
        }
    }
}

unsafe fn notify(file: PFILE_OBJECT, major: u32, what: &str) {
    // SAFETY: the file is open, so its device is alive.
    unsafe {
        let top = crate::nt::IoGetRelatedDeviceObject(file);
        // These cannot fail, so neither may their allocation.
        let request = irp::allocate_for_thread(top, KERNEL_MODE);
        (*request).Flags |= IRP_SYNCHRONOUS_API | if major == IRP_MJ_CLOSE { IRP_CLOSE_OPERATION } else { 0 };
        (*request).Tail.Overlay.OriginalFileObject = file;
        let location = crate::nt::IoGetNextIrpStackLocation(request);
        (*location).MajorFunction = major as UCHAR;
        (*location).FileObject = file;
        irp::trace_request(request, what, file, "");
        irp::send_and_wait(top, request);
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
    _AllocationSize: PLARGE_INTEGER,
    FileAttributes: ULONG,
    ShareAccess: ULONG,
    CreateDisposition: ULONG,
    CreateOptions: ULONG,
    _EaBuffer: PVOID,
    EaLength: ULONG,
) -> NTSTATUS {
    let mode = Thread::current().previous_mode();
    let result = || {
        user::probe(mode, FileHandle.cast(), size_of::<HANDLE>(), 8)?;
        user::probe(mode, IoStatusBlock.cast(), size_of::<IO_STATUS_BLOCK>(), 8)?;
        if CreateDisposition > 5 || EaLength != 0 {
            return Err(STATUS_INVALID_PARAMETER);
        }
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
        handle.write(object::create_handle(file.cast(), request.access | SYNCHRONIZE, process));
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
    _AllocationSize: PLARGE_INTEGER,
    FileAttributes: ULONG,
    ShareAccess: ULONG,
    Disposition: ULONG,
    CreateOptions: ULONG,
    _EaBuffer: PVOID,
    _EaLength: ULONG,
    _CreateFileType: CREATE_FILE_TYPE,
    _InternalParameters: PVOID,
    Options: ULONG,
) -> NTSTATUS {
    // SAFETY: the caller's promise. ASSUMED: the structures are a driver's, so they are not probed; the mode
    // of the request is KernelMode unless an access check is forced.
    let result = || unsafe {
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

/// Sends a device control request; STATUS_PENDING when the driver keeps it and the file is asynchronous.
/// The request completes into IoStatusBlock and signals Event (or the file object). PASSIVE_LEVEL.
/// (`nf-ntifs-ntdeviceiocontrolfile.md`)
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
    let _ = ApcContext;
    if ApcRoutine.is_some() {
        crate::nt::bugcheck::not_emulated("NtDeviceIoControlFile with an APC routine");
    }
    let buffers = (InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength);
    // SAFETY: the caller's handles and buffers.
    unsafe { start(FileHandle, Event, IoStatusBlock, IoControlCode, buffers).map_or_else(|status| status, |started| started.0) }
}

type Buffers = (PVOID, ULONG, PVOID, ULONG);

/// Starts a device control request; gives the status and the number of its IRP.
pub(in crate::nt) unsafe fn start(
    handle: HANDLE,
    event: HANDLE,
    iosb: PIO_STATUS_BLOCK,
    code: ULONG,
    (input, input_length, output, output_length): Buffers,
) -> Result<(NTSTATUS, PIRP, u64), NTSTATUS> {
    let mode = Thread::current().previous_mode();
    // The access that the code asks for, as rights of a file.
    let access = code >> 14 & 3;
    // SAFETY: the caller's handles and buffers; what the request needs is referenced until it is complete.
    unsafe {
        user::probe(mode, iosb.cast(), size_of::<IO_STATUS_BLOCK>(), 8)?;
        if mode == USER_MODE && code & 3 != METHOD_NEITHER {
            user::probe(mode, input, input_length as usize, 1)?;
            user::probe(mode, output, output_length as usize, 1)?;
        }
        let mut body = null_mut();
        check(ObReferenceObjectByHandle(handle, access, IoFileObjectType(), mode, &raw mut body, null_mut()))?;
        let file: PFILE_OBJECT = body.cast();
        let mut event_body = null_mut();
        if !event.is_null() {
            let kind = object::ExEventObjectType();
            let status = ObReferenceObjectByHandle(event, 2, kind, mode, &raw mut event_body, null_mut());
            if status < 0 {
                ObfDereferenceObject(body);
                return Err(status);
            }
            KeClearEvent(event_body.cast());
        }
        let synchronous = (*file).Flags & FO_SYNCHRONOUS_IO != 0;
        if synchronous {
            wait(&raw mut (*file).Lock);
        }
        KeClearEvent(&raw mut (*file).Event);
        let top = crate::nt::IoGetRelatedDeviceObject(file);
        let request = irp::allocate_for_thread(top, mode);
        let set = if request.is_null() {
            Err(STATUS_INSUFFICIENT_RESOURCES)
        } else {
            irp::set_buffers(request, code, input, input_length, output, output_length)
        };
        if let Err(status) = set {
            if synchronous {
                KeSetEvent(&raw mut (*file).Lock, 0, 0);
            }
            if !request.is_null() {
                crate::nt::IoFreeIrp(request);
            }
            if !event_body.is_null() {
                ObfDereferenceObject(event_body);
            }
            ObfDereferenceObject(body);
            return Err(status);
        }
        irp::with_info(request, |info| (info.file, info.event) = (file as usize, !event_body.is_null()));
        (*request).UserIosb = iosb;
        (*request).UserEvent = event_body.cast();
        (*request).Tail.Overlay.OriginalFileObject = file;
        let location = crate::nt::IoGetNextIrpStackLocation(request);
        (*location).MajorFunction = IRP_MJ_DEVICE_CONTROL as UCHAR;
        (*location).FileObject = file;
        irp::trace_request(request, "DEVICE_CONTROL", file, &format!("code {code:#x}"));
        let number = irp::number_of(request);
        // The request holds a reference of the file; this service needs one of its own.
        object::ObfReferenceObject(body);
        let mut status = crate::nt::IofCallDriver(top, request);
        if synchronous {
            if status == STATUS_PENDING {
                wait(&raw mut (*file).Event);
                status = (*file).FinalStatus;
            }
            KeSetEvent(&raw mut (*file).Lock, 0, 0);
        }
        ObfDereferenceObject(body);
        Ok((status, request, number))
    }
}

fn check(status: NTSTATUS) -> Result<(), NTSTATUS> {
    if status < 0 { Err(status) } else { Ok(()) }
}

unsafe fn wait(event: PKEVENT) {
    // SAFETY: the caller's event.
    unsafe { KeWaitForSingleObject(event.cast(), _KWAIT_REASON::Executive, KERNEL_MODE, 0, null_mut()) };
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
    // SAFETY: the caller's promise.
    as_kernel_mode(|| unsafe {
        NtDeviceIoControlFile(
            FileHandle,
            Event,
            ApcRoutine,
            ApcContext,
            IoStatusBlock,
            IoControlCode,
            InputBuffer,
            InputBufferLength,
            OutputBuffer,
            OutputBufferLength,
        )
    })
}

/// Cancels the requests that the calling thread has pending on the file, and waits for them.
/// (`nf-ntifs-ntcancelio` family: the service behind CancelIo.)
pub unsafe fn NtCancelIoFile(FileHandle: HANDLE, IoStatusBlock: PIO_STATUS_BLOCK) -> NTSTATUS {
    let thread = Thread::current();
    let mode = thread.previous_mode();
    if let Err(status) = user::probe(mode, IoStatusBlock.cast(), size_of::<IO_STATUS_BLOCK>(), 8) {
        return status;
    }
    // SAFETY: local variables, the caller's status block.
    unsafe {
        let mut body = null_mut();
        let status = ObReferenceObjectByHandle(FileHandle, 0, IoFileObjectType(), mode, &raw mut body, null_mut());
        if status < 0 {
            return status;
        }
        let pending = || irp::of_file(body.cast(), Some(thread.id()));
        for request in pending() {
            // An earlier one's cancel routine may have completed a later one.
            if pending().contains(&request) {
                crate::nt::IoCancelIrp(request);
            }
        }
        while !pending().is_empty() {
            crate::nt::sched::sleep(10_000);
        }
        ObfDereferenceObject(body);
        let mut outcome = IO_STATUS_BLOCK::default();
        outcome.__bindgen_anon_1.Status = STATUS_SUCCESS;
        IoStatusBlock.write(outcome);
    }
    STATUS_SUCCESS
}

/// Requests pending on a file object, of all threads (not an NT function).
pub unsafe fn pending_on(FileObject: PFILE_OBJECT) -> Vec<PIRP> {
    irp::of_file(FileObject, None)
}

/// The file's name as text, for logs.
pub unsafe fn file_name(FileObject: PFILE_OBJECT) -> String {
    // SAFETY: the caller's file object.
    unsafe { text(&raw const (*FileObject).FileName) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{
        NtClose,
        handles_and_objects,
        io::{
            fixture::{self, DOUBLE, FAIL, KEEP},
            interface::interfaces,
            mdl::mdls_in_use,
            request::{Request, device_io_control},
        },
        sched, violation,
    };

    fn link() -> String {
        interfaces(&KSCATEGORY_CAPTURE)[0].link.clone()
    }

    /// Create reaches the driver with the name behind the link and the caller's mode; cleanup comes with the
    /// last handle, close with the last reference; a refused create has neither; nothing is left.
    #[test]
    fn file_life() {
        let machine = fixture::machine(8, 1);
        let device = fixture::device();
        let before = handles_and_objects();
        let file = fixture::open(null_mut(), &link(), 0).unwrap();
        let child = fixture::open(file, "{child}\\binary\0name", 0).unwrap();
        assert_eq!(device.open_files(), 2);
        assert_eq!(fixture::open(file, "refuse", 0), Err(STATUS_ACCESS_DENIED));
        assert_eq!(fixture::open(null_mut(), "\\??\\nothing", 0), Err(STATUS_OBJECT_NAME_NOT_FOUND));
        assert_eq!(fixture::open(null_mut(), "relative", 0), Err(STATUS_OBJECT_PATH_SYNTAX_BAD));
        assert_eq!(fixture::open(0x40 as HANDLE, "x", 0), Err(STATUS_INVALID_HANDLE));
        // SAFETY: handles of this process.
        unsafe {
            let mut body = null_mut();
            ObReferenceObjectByHandle(child, 0, IoFileObjectType(), USER_MODE, &raw mut body, null_mut());
            assert_eq!(NtClose(child), STATUS_SUCCESS);
            fixture::log("closed");
            ObfDereferenceObject(body);
            assert_eq!(NtClose(file), STATUS_SUCCESS);
        }
        let expected = [
            "create \\Camera mode 1",
            "create {child}\\binary\0name mode 1",
            "create refuse mode 1",
            "cleanup",
            "closed",
            "close",
            "cleanup",
            "close",
        ];
        assert_eq!(fixture::take_log(), expected);
        assert_eq!(handles_and_objects(), before);
        assert!(violation::take().is_empty());
        machine.shutdown();
    }

    /// Buffered requests copy in and out; errors come back; user pointers outside of user memory are refused;
    /// a closed handle is refused.
    #[test]
    fn device_control() {
        let machine = fixture::machine(0, 1);
        fixture::device();
        for options in [0, FILE_SYNCHRONOUS_IO_NONALERT] {
            let file = fixture::open(null_mut(), &link(), options).unwrap();
            let buffer = user::Buffer::from_bytes(&21_u32.to_le_bytes());
            let mut local = 21_u32;
            let local = (&raw mut local).cast();
            let address = buffer.address();
            // SAFETY: the buffers live until the requests are done.
            unsafe {
                assert_eq!(device_io_control(file, DOUBLE, address, 4, address, 4), (STATUS_SUCCESS, 4));
                assert_eq!(buffer.bytes(), 42_u32.to_le_bytes());
                assert_eq!(device_io_control(file, DOUBLE, local, 4, address, 4), (STATUS_ACCESS_VIOLATION, 0));
                assert_eq!(device_io_control(file, KEEP, local, 4, null_mut(), 0), (STATUS_ACCESS_VIOLATION, 0));
                assert_eq!(device_io_control(file, FAIL, address, 4, address, 4), (STATUS_INVALID_PARAMETER, 0));
                NtClose(file);
                assert_eq!(device_io_control(file, FAIL, null_mut(), 0, null_mut(), 0), (STATUS_INVALID_HANDLE, 0));
            }
        }
        machine.shutdown();
    }

    /// A pending request is done when the driver lets it go, or when it is cancelled: by itself, with the
    /// thread's other ones, by being dropped. A thread can wait for it on a synchronous file too.
    #[test]
    fn pending_requests() {
        let machine = fixture::machine(4, 3);
        fixture::device();
        let before = (handles_and_objects(), mdls_in_use());
        let file = fixture::open(null_mut(), &link(), 0).unwrap();
        let buffer = user::Buffer::new(4);
        // SAFETY: the buffer lives until the requests are done.
        let keep = || unsafe { Request::device_io_control(file, KEEP, buffer.address(), 4, null_mut(), 0) };
        let request = keep();
        assert_eq!(request.wait_for(1000), None);
        fixture::let_go(STATUS_SUCCESS);
        assert_eq!(request.wait(), (STATUS_SUCCESS, 7));
        let requests = [keep(), keep()];
        requests[0].cancel();
        assert_eq!(requests[0].wait(), (STATUS_CANCELLED, 0));
        requests[0].cancel();
        assert!(!requests[1].is_done());
        let iosb = user::Buffer::new(16);
        // SAFETY: the handle is open.
        unsafe { assert_eq!(NtCancelIoFile(file, iosb.address().cast()), STATUS_SUCCESS) };
        assert_eq!(requests[1].wait(), (STATUS_CANCELLED, 0));
        drop(keep());
        let synchronous = fixture::open(null_mut(), &link(), FILE_SYNCHRONOUS_IO_NONALERT).unwrap() as usize;
        let address = buffer.address() as usize;
        let thread = machine.spawn("reader", move || {
            // SAFETY: the buffer outlives the thread.
            unsafe { device_io_control(synchronous as HANDLE, KEEP, address as PVOID, 4, null_mut(), 0) }
        });
        sched::settle();
        assert!(!thread.is_done());
        fixture::let_go(STATUS_DEVICE_NOT_READY);
        assert_eq!(thread.join(), (STATUS_DEVICE_NOT_READY, 7));
        drop((request, requests));
        // SAFETY: open handles.
        unsafe {
            NtClose(file);
            NtClose(synchronous as HANDLE);
        }
        // One more object: the reader's thread.
        assert_eq!((handles_and_objects().0, mdls_in_use()), (before.0.0, before.1));
        assert!(violation::take().is_empty());
        machine.shutdown();
    }

    /// Completion and cancellation race in every order that the seeds give: each request ends once.
    #[test]
    fn cancel_races() {
        for seed in 0..30 {
            let machine = fixture::machine(2, seed);
            fixture::device();
            let file = fixture::open(null_mut(), &link(), 0).unwrap() as usize;
            let buffer = user::Buffer::new(4);
            let address = buffer.address() as usize;
            let other = machine.spawn("completer", move || {
                for _ in 0..20 {
                    sched::yield_now();
                    fixture::let_go(STATUS_SUCCESS);
                }
            });
            for _ in 0..10 {
                // SAFETY: the buffer lives until the requests are done.
                let request = unsafe {
                    Request::device_io_control(file as HANDLE, KEEP, address as PVOID, 4, null_mut(), 0)
                };
                sched::yield_now();
                request.cancel();
                let (status, _) = request.wait();
                assert!(matches!(status, STATUS_SUCCESS | STATUS_CANCELLED), "{status:#x}");
            }
            other.join();
            // SAFETY: an open handle.
            unsafe { NtClose(file as HANDLE) };
            assert!(violation::take().is_empty());
            machine.shutdown();
        }
    }
}
