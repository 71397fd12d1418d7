//! KsCompletePendingRequest: the driver ends a request that it had kept (R1.14).

use ks_sys::{IRP_MJ_CLOSE, IRP_MJ_CREATE, NTSTATUS, PASSIVE_LEVEL, PIRP};

use super::{call::driver_error, filter, irp, object::Object, pin_close, pin_open};
use crate::nt::{KeGetCurrentIrql, complete, work};

/// `KsCompletePendingRequest`: finishes an IRP whose callback returned STATUS_PENDING; the caller has set
/// `IoStatus.Status`. At most dispatch level.
///
/// # Safety
/// The driver owns the IRP.
pub unsafe fn KsCompletePendingRequest(Irp: PIRP) {
    if u32::from(KeGetCurrentIrql()) > PASSIVE_LEVEL {
        let irp = Irp as usize;
        work::queue("KsCompletePendingRequest", move || finish(irp as PIRP));
    } else {
        finish(Irp);
    }
}

fn finish(irp: PIRP) {
    // SAFETY: the IRP is still the driver's, which set the status.
    let (status, major): (NTSTATUS, u32) =
        unsafe { ((*irp).IoStatus.__bindgen_anon_1.Status, u32::from((*irp::stack(irp)).MajorFunction)) };
    match (major, irp::object_of(irp::file_object(irp))) {
        (IRP_MJ_CREATE, Some(Object::Filter(filter))) => filter::opened(filter, irp, status),
        (IRP_MJ_CREATE, Some(Object::Pin(pin))) => pin_open::opened(pin, irp, status),
        (IRP_MJ_CLOSE, Some(Object::Filter(filter))) => filter::closed(filter, irp, status),
        (IRP_MJ_CLOSE, Some(Object::Pin(pin))) => pin_close::closed(pin, irp, status),
        (IRP_MJ_CREATE | IRP_MJ_CLOSE, _) => driver_error(
            "KsMarkPendingIrp",
            "KsCompletePendingRequest: the request is for no AVStream object",
        ),
        // SAFETY: the driver kept the request and gives it back. The length is what the driver had set.
        _ => unsafe { complete(irp, status, (*irp).IoStatus.Information as usize) },
    };
}
