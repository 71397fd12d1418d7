//! KsCompletePendingRequest: the driver ends a request that it had kept (R1.14).

use std::sync::Mutex;

use ks_sys::{IRP_MJ_CLOSE, IRP_MJ_CREATE, NTSTATUS, PASSIVE_LEVEL, PIRP};

use super::{call::driver_error, filter, irp, object::Object, pin_close, pin_open};
use crate::nt::{KeGetCurrentIrql, Machine, complete, work};

/// Requests that the driver ended before its callback had returned, by address.
#[derive(Default)]
struct Early(Mutex<Vec<usize>>);

/// Whether the driver has ended this request in the callback that just returned. The control mutex that was
/// held around the callback is still held.
pub(super) fn ended_early(irp: PIRP) -> bool {
    let mut early = Machine::current().extension::<Early>().0.lock().expect("never poisoned");
    let place = early.iter().position(|&other| other == irp as usize);
    place.map(|place| early.remove(place)).is_some()
}

/// `KsCompletePendingRequest`: finishes an IRP whose callback returned STATUS_PENDING, or is about to; the caller
/// has set `IoStatus.Status`. At most dispatch level.
///
/// # Safety
/// The driver owns the IRP.
pub unsafe fn KsCompletePendingRequest(Irp: PIRP) {
    // Whoever holds the control mutex may be in the very callback that keeps the request: object and IRP are still
    // looked at when it returns. The worker waits for the mutex.
    let object = irp::object_of(irp::file_object(Irp));
    let filter = object.and_then(filter::of_object);
    // SAFETY: the IRP is still the driver's.
    let major = u32::from(unsafe { (*irp::stack(Irp)).MajorFunction });
    let held = filter.is_some_and(|filter| filter.control().held_by_current_thread());
    let early = held && matches!(major, IRP_MJ_CREATE | IRP_MJ_CLOSE);
    if early {
        Machine::current().extension::<Early>().0.lock().expect("never poisoned").push(Irp as usize);
    }
    if early || u32::from(KeGetCurrentIrql()) > PASSIVE_LEVEL {
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
        // A property, a method or an event, for stream requests are ended by the queue (R7.16).
        // SAFETY: the driver kept the request and gives it back. The length is what the driver had set.
        _ => unsafe { complete(irp, status, (*irp).IoStatus.Information as usize) },
    };
}
