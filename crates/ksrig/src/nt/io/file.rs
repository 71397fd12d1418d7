//! The life of a file object after it has been opened.

use ks_sys::*;

use super::{build, call, device, device::IoGetRelatedDeviceObject, irp, irp::IoGetNextIrpStackLocation};
use crate::nt::{pool::ExFreePool, string::text, thread::KERNEL_MODE};

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
        let top = IoGetRelatedDeviceObject(file);
        // These cannot fail, so neither may their allocation.
        let request = build::allocate_for_thread(top, KERNEL_MODE);
        (*request).Flags |= IRP_SYNCHRONOUS_API | if major == IRP_MJ_CLOSE { IRP_CLOSE_OPERATION } else { 0 };
        (*request).Tail.Overlay.OriginalFileObject = file;
        let location = IoGetNextIrpStackLocation(request);
        (*location).MajorFunction = major as UCHAR;
        (*location).FileObject = file;
        build::trace_request(request, what, file, "");
        call::send_and_wait(top, request);
    }
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
