//! KsSynchronousIoControlDevice: an I/O control to a file object, and waiting for it.

use std::ptr::null_mut;

use ks_sys::{
    _EVENT_TYPE::NotificationEvent, _KWAIT_REASON::Executive, _MODE::KernelMode, IO_STATUS_BLOCK, KEVENT,
    KPROCESSOR_MODE, NTSTATUS, PFILE_OBJECT, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING,
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
