//! IRPs that the I/O manager makes, and finishes.

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    irp::{IoAllocateIrp, IoFreeIrp, IoGetNextIrpStackLocation, irp_name, with_info},
    mdl::{IoAllocateMdl, MmProbeAndLockPages},
};
use crate::nt::{
    object::object_name,
    pool::ExAllocatePoolWithTag,
    thread::{KERNEL_MODE, Thread, USER_MODE},
    trace,
};

/// An IRP that the I/O manager finishes for the calling thread.
pub(in crate::nt) unsafe fn allocate_for_thread(device: PDEVICE_OBJECT, mode: KPROCESSOR_MODE) -> PIRP {
    // SAFETY: the caller's device object.
    unsafe {
        let irp = IoAllocateIrp((*device).StackSize, 0);
        if !irp.is_null() {
            let thread = Thread::current();
            let narrow = mode == USER_MODE && thread.is_narrow();
            with_info(irp, |info| (info.thread, info.narrow) = (Some(thread.id()), narrow));
            (*irp).RequestorMode = mode;
            (*irp).Tail.Overlay.Thread = thread.kthread().cast();
        }
        irp
    }
}

/// Puts the buffers of a device control request where its method says.
pub(in crate::nt) unsafe fn set_buffers(
    irp: PIRP,
    code: ULONG,
    input: PVOID,
    input_length: ULONG,
    output: PVOID,
    output_length: ULONG,
) -> Result<(), NTSTATUS> {
    // SAFETY: the caller's IRP and buffers.
    unsafe {
        let location = IoGetNextIrpStackLocation(irp);
        let parameters = &mut (*location).Parameters.DeviceIoControl;
        (parameters.OutputBufferLength, parameters.InputBufferLength) = (output_length, input_length);
        parameters.IoControlCode = code;
        parameters.Type3InputBuffer = null_mut();
        let method = code & 3;
        let system_length = match method {
            METHOD_NEITHER => {
                parameters.Type3InputBuffer = input;
                (*irp).UserBuffer = output;
                // For a driver that buffers the request itself, with the IRP's flags.
                with_info(irp, |info| info.output_length = output_length);
                return Ok(());
            }
            METHOD_BUFFERED => input_length.max(output_length),
            _ => input_length,
        };
        if system_length != 0 {
            let bytes = SIZE_T::from(system_length);
            let buffer = ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPool, bytes, u32::from_le_bytes(*b"IoSb"));
            if buffer.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            buffer.cast::<u8>().write_bytes(0, system_length as usize);
            std::ptr::copy_nonoverlapping(input.cast::<u8>(), buffer.cast(), input_length as usize);
            (*irp).AssociatedIrp.SystemBuffer = buffer;
            (*irp).Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
        }
        if method == METHOD_BUFFERED {
            if output_length != 0 {
                (*irp).UserBuffer = output;
                (*irp).Flags |= IRP_INPUT_OPERATION;
                with_info(irp, |info| info.output_length = output_length);
            }
        } else if output_length != 0 {
            let mdl = IoAllocateMdl(output, output_length, 0, 0, irp);
            let access = if method == METHOD_IN_DIRECT {
                _LOCK_OPERATION::IoReadAccess
            } else {
                _LOCK_OPERATION::IoWriteAccess
            };
            MmProbeAndLockPages(mdl, (*irp).RequestorMode, access)?;
        }
    }
    Ok(())
}

/// A device control request that completes into IoStatusBlock and signals Event; NULL when there is no
/// memory. PASSIVE_LEVEL. (`nf-wdm-iobuilddeviceiocontrolrequest.md`)
pub unsafe fn IoBuildDeviceIoControlRequest(
    IoControlCode: ULONG,
    DeviceObject: PDEVICE_OBJECT,
    InputBuffer: PVOID,
    InputBufferLength: ULONG,
    OutputBuffer: PVOID,
    OutputBufferLength: ULONG,
    InternalDeviceIoControl: BOOLEAN,
    Event: PKEVENT,
    IoStatusBlock: PIO_STATUS_BLOCK,
) -> PIRP {
    let internal = InternalDeviceIoControl != 0;
    let major = if internal { IRP_MJ_INTERNAL_DEVICE_CONTROL } else { IRP_MJ_DEVICE_CONTROL };
    // SAFETY: the caller's device object and buffers.
    unsafe {
        let irp = allocate_for_thread(DeviceObject, KERNEL_MODE);
        if irp.is_null() {
            return irp;
        }
        (*irp).UserEvent = Event;
        (*irp).UserIosb = IoStatusBlock;
        (*IoGetNextIrpStackLocation(irp)).MajorFunction = major as UCHAR;
        let set =
            set_buffers(irp, IoControlCode, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength);
        if set.is_err() {
            IoFreeIrp(irp);
            return null_mut();
        }
        irp
    }
}

/// A request that completes into IoStatusBlock and signals Event; NULL when there is no memory.
/// PASSIVE_LEVEL. (`nf-wdm-iobuildsynchronousfsdrequest.md`)
pub unsafe fn IoBuildSynchronousFsdRequest(
    MajorFunction: ULONG,
    DeviceObject: PDEVICE_OBJECT,
    Buffer: PVOID,
    Length: ULONG,
    StartingOffset: PLARGE_INTEGER,
    Event: PKEVENT,
    IoStatusBlock: PIO_STATUS_BLOCK,
) -> PIRP {
    // SAFETY: the caller's device object and buffers.
    unsafe {
        let irp = allocate_for_thread(DeviceObject, KERNEL_MODE);
        if irp.is_null() {
            return irp;
        }
        (*irp).UserEvent = Event;
        (*irp).UserIosb = IoStatusBlock;
        (*irp).UserBuffer = Buffer;
        let location = IoGetNextIrpStackLocation(irp);
        (*location).MajorFunction = MajorFunction as UCHAR;
        if matches!(MajorFunction, IRP_MJ_READ | IRP_MJ_WRITE) {
            (*location).Parameters.Read.Length = Length;
            if let Some(offset) = StartingOffset.as_ref() {
                (*location).Parameters.Read.ByteOffset = *offset;
            }
        }
        irp
    }
}

/// Logs the start of a request.
pub(in crate::nt) unsafe fn trace_request(irp: PIRP, what: &str, file: PFILE_OBJECT, detail: &str) {
    if trace::enabled() {
        // SAFETY: the caller's IRP and file object.
        let (name, file) = unsafe { (irp_name(irp), object_name(file.cast())) };
        trace::event_with("irp", name, detail, &[("function", &what), ("file", &file)]);
    }
}
