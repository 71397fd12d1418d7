//! Device control: the services a client calls, and the cancelling of what is pending.

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    build,
    call::{self, IofCallDriver},
    cancel::IoCancelIrp,
    device::IoGetRelatedDeviceObject,
    irp::{self, IoFreeIrp, IoGetNextIrpStackLocation},
};
use crate::nt::{
    bugcheck,
    event::{KeClearEvent, KeSetEvent},
    handle::ObReferenceObjectByHandle,
    object::{self, IoFileObjectType, ObfDereferenceObject},
    sched,
    thread::{Thread, USER_MODE, as_kernel_mode},
    user,
};

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
        bugcheck::not_emulated("NtDeviceIoControlFile with an APC routine");
    }
    let buffers = (InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength);
    // SAFETY: the caller's handles and buffers.
    unsafe {
        start(FileHandle, Event, IoStatusBlock, IoControlCode, buffers)
            .map_or_else(|status| status, |started| started.0)
    }
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
        check(ObReferenceObjectByHandle(
            handle,
            access,
            IoFileObjectType(),
            mode,
            &raw mut body,
            null_mut(),
        ))?;
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
            call::wait(&raw mut (*file).Lock);
        }
        KeClearEvent(&raw mut (*file).Event);
        let top = IoGetRelatedDeviceObject(file);
        let request = build::allocate_for_thread(top, mode);
        let set = if request.is_null() {
            Err(STATUS_INSUFFICIENT_RESOURCES)
        } else {
            build::set_buffers(request, code, input, input_length, output, output_length)
        };
        if let Err(status) = set {
            if synchronous {
                KeSetEvent(&raw mut (*file).Lock, 0, 0);
            }
            if !request.is_null() {
                IoFreeIrp(request);
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
        let location = IoGetNextIrpStackLocation(request);
        (*location).MajorFunction = IRP_MJ_DEVICE_CONTROL as UCHAR;
        (*location).FileObject = file;
        build::trace_request(request, "DEVICE_CONTROL", file, &format!("code {code:#x}"));
        let number = irp::number_of(request);
        // The request holds a reference of the file; this service needs one of its own.
        object::ObfReferenceObject(body);
        let mut status = IofCallDriver(top, request);
        if synchronous {
            if status == STATUS_PENDING {
                call::wait(&raw mut (*file).Event);
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
        let status =
            ObReferenceObjectByHandle(FileHandle, 0, IoFileObjectType(), mode, &raw mut body, null_mut());
        if status < 0 {
            return status;
        }
        let pending = || irp::of_file(body.cast(), Some(thread.id()));
        for request in pending() {
            // An earlier one's cancel routine may have completed a later one.
            if pending().contains(&request) {
                IoCancelIrp(request);
            }
        }
        while !pending().is_empty() {
            sched::sleep(10_000);
        }
        ObfDereferenceObject(body);
        let mut outcome = IO_STATUS_BLOCK::default();
        outcome.__bindgen_anon_1.Status = STATUS_SUCCESS;
        IoStatusBlock.write(outcome);
    }
    STATUS_SUCCESS
}
