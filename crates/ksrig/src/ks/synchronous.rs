//! KsSynchronousIoControlDevice: an I/O control to a file object, and waiting for it.

use std::ptr::null_mut;

use ks_sys::{
    _EVENT_TYPE::NotificationEvent, _KWAIT_REASON::Executive, _MODE::KernelMode, GUID, IO_STATUS_BLOCK,
    IOCTL_KS_PROPERTY, KEVENT, KPROCESSOR_MODE, KSIDENTIFIER__bindgen_ty_1__bindgen_ty_1, KSPROPERTY,
    KSPROPERTY_TYPE_GET, NTSTATUS, PFILE_OBJECT, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_BUFFER_SIZE, STATUS_PENDING,
};

use crate::nt::{
    IoBuildDeviceIoControlRequest, IoCallDriver, IoGetNextIrpStackLocation, IoGetRelatedDeviceObject,
    KeInitializeEvent, KeWaitForSingleObject,
};

/// Sends an I/O control and waits for its end. Passive level.
///
/// # Safety
/// The file object is referenced, the buffers have their sizes.
pub unsafe fn KsSynchronousIoControlDevice(
    FileObject: PFILE_OBJECT,
    RequestorMode: KPROCESSOR_MODE,
    IoControl: u32,
    InBuffer: PVOID,
    InSize: u32,
    OutBuffer: PVOID,
    OutSize: u32,
    BytesReturned: *mut u32,
) -> NTSTATUS {
    // SAFETY: all zero is a valid KEVENT to initialize, and an IO_STATUS_BLOCK.
    let (mut event, mut status_block) =
        unsafe { (Box::new(std::mem::zeroed::<KEVENT>()), Box::new(std::mem::zeroed::<IO_STATUS_BLOCK>())) };
    // SAFETY: event and status block stay where they are until the request has ended.
    unsafe {
        KeInitializeEvent(&mut *event, NotificationEvent, 0);
        let device = IoGetRelatedDeviceObject(FileObject);
        let irp = IoBuildDeviceIoControlRequest(
            IoControl,
            device,
            InBuffer,
            InSize,
            OutBuffer,
            OutSize,
            0,
            &mut *event,
            &mut *status_block,
        );
        if irp.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        (*irp).RequestorMode = RequestorMode;
        (*IoGetNextIrpStackLocation(irp)).FileObject = FileObject;
        let mut status = IoCallDriver(device, irp);
        if status == STATUS_PENDING {
            KeWaitForSingleObject((&raw mut *event).cast(), Executive, KernelMode as i8, 0, null_mut());
            status = status_block.__bindgen_anon_1.Status;
        }
        if !BytesReturned.is_null() {
            *BytesReturned = status_block.Information as u32;
        }
        status
    }
}

/// The value of a property of known size: what comes back with another length is STATUS_INVALID_BUFFER_SIZE. Passive
/// level.
///
/// # Safety
/// The file object is referenced; every answer that its driver gives is a value of `T`.
pub unsafe fn get_property<T: Copy>(file: PFILE_OBJECT, set: &GUID, id: u32) -> Result<T, NTSTATUS> {
    // SAFETY: all zero is a valid value of both.
    let (mut property, mut value) = unsafe { (std::mem::zeroed::<KSPROPERTY>(), std::mem::zeroed::<T>()) };
    property.__bindgen_anon_1.__bindgen_anon_1 =
        KSIDENTIFIER__bindgen_ty_1__bindgen_ty_1 { Set: *set, Id: id, Flags: KSPROPERTY_TYPE_GET };
    let mut returned = 0;
    // SAFETY: the caller's promise; the buffers have their sizes.
    let status = unsafe {
        KsSynchronousIoControlDevice(
            file,
            KernelMode as i8,
            IOCTL_KS_PROPERTY,
            (&raw mut property).cast(),
            size_of::<KSPROPERTY>() as u32,
            (&raw mut value).cast(),
            size_of::<T>() as u32,
            &raw mut returned,
        )
    };
    match status {
        0.. if returned as usize == size_of::<T>() => Ok(value),
        0.. => Err(STATUS_INVALID_BUFFER_SIZE),
        _ => Err(status),
    }
}
