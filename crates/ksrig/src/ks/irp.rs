//! Access to what lies inside an IRP.

use ks_sys::{
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_17 as DeviceIoControl, NTSTATUS, PFILE_OBJECT,
    PIO_STACK_LOCATION, PIRP, PVOID, SL_PENDING_RETURNED, STATUS_PENDING,
};

use super::{call::driver_error, object::Object, pending};
use crate::nt::{IoGetCurrentIrpStackLocation, violation};

/// The current stack location.
pub fn stack(irp: PIRP) -> PIO_STACK_LOCATION {
    // SAFETY: an IRP in a dispatch routine has a current location.
    unsafe { IoGetCurrentIrpStackLocation(irp) }
}

/// The file object that the request is about.
pub fn file_object(irp: PIRP) -> PFILE_OBJECT {
    // SAFETY: as in `stack`.
    unsafe { (*stack(irp)).FileObject }
}

/// The parameters of a device control request.
pub fn control(irp: PIRP) -> DeviceIoControl {
    // SAFETY: the caller's request is a device control.
    unsafe { (*stack(irp)).Parameters.DeviceIoControl }
}

/// One of the four places that AVStream uses for itself (`KSPROPERTY_SET_IRP_STORAGE` and the like).
pub fn driver_context(irp: PIRP, index: usize) -> *mut PVOID {
    // SAFETY: the union's member of an IRP that a driver owns.
    unsafe { &raw mut (*irp).Tail.Overlay.__bindgen_anon_1.__bindgen_anon_1.DriverContext[index] }
}

/// The AVStream object behind a file object; none for other drivers' files.
pub fn object_of(file: PFILE_OBJECT) -> Option<Object> {
    if file.is_null() {
        return None;
    }
    // SAFETY: a file object lives as long as a request on it.
    let context = unsafe { (*file).FsContext };
    super::object::Objects::kind(context).map(|_| Object::of(context))
}

/// A callback with an IRP returned PENDING: it must have marked the IRP (rule KsMarkPendingIrp).
/// The control mutex that was held around the callback is still held.
pub fn is_pending(irp: PIRP, status: NTSTATUS, object: &str, callback: &str) -> bool {
    let ended = pending::ended_early(irp);
    if status != STATUS_PENDING {
        if ended {
            let message = format!(
                "{callback} of {object} ended the request by KsCompletePendingRequest and returned {status:#010x}"
            );
            driver_error("KsMarkPendingIrp", message);
        }
        return false;
    }
    // SAFETY: the IRP is not completed before KsCompletePendingRequest; that waits for the mutex, on this thread too.
    if unsafe { u32::from((*stack(irp)).Control) } & SL_PENDING_RETURNED == 0 {
        let message = format!("{callback} returned STATUS_PENDING without IoMarkIrpPending");
        violation::report("KsMarkPendingIrp", 0, object, message);
    }
    true
}
