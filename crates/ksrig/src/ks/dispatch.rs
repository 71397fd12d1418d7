//! The major functions that AVStream puts into a driver object (R1.1).

use ks_sys::{
    IOCTL_KS_DISABLE_EVENT, IOCTL_KS_ENABLE_EVENT, IOCTL_KS_HANDSHAKE, IOCTL_KS_METHOD, IOCTL_KS_PROPERTY,
    IOCTL_KS_READ_STREAM, IOCTL_KS_RESET_STATE, IOCTL_KS_WRITE_STREAM, IRP_MJ_CLEANUP, IRP_MJ_CLOSE,
    IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL, NTSTATUS,
    PDEVICE_OBJECT, PDRIVER_OBJECT, PIRP, STATUS_INVALID_DEVICE_REQUEST, STATUS_NO_SUCH_DEVICE,
    STATUS_PENDING, STATUS_SUCCESS,
};

use super::{
    allocator_requests, create, device::Device, event, filter, handshake, irp, master_clock, method,
    object::Object, pin_close, pnp, power, property, reset, stream_irp, subject::Subject, transport,
};
use crate::nt::{IoCallDriver, IoSkipCurrentIrpStackLocation, complete};

/// Fills the table of a driver object.
///
/// # Safety
/// The driver object is being initialized.
pub unsafe fn fill(driver: PDRIVER_OBJECT) {
    let functions: [(u32, unsafe extern "win64" fn(PDEVICE_OBJECT, PIRP) -> NTSTATUS); 7] = [
        (IRP_MJ_CREATE, create_irp),
        (IRP_MJ_CLOSE, close_irp),
        (IRP_MJ_CLEANUP, cleanup_irp),
        (IRP_MJ_DEVICE_CONTROL, device_control_irp),
        (IRP_MJ_PNP, pnp_irp),
        (IRP_MJ_POWER, power_irp),
        (IRP_MJ_SYSTEM_CONTROL, system_control_irp),
    ];
    for (major, function) in functions {
        // SAFETY: the caller's driver object.
        unsafe { (*driver).MajorFunction[major as usize] = Some(function) };
    }
}

fn fail(irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    // SAFETY: the request is ours.
    unsafe { complete(irp, status, 0) }
}

fn with_device(fdo: PDEVICE_OBJECT, irp: PIRP, body: impl FnOnce(&'static Device) -> NTSTATUS) -> NTSTATUS {
    match Device::of_fdo(fdo) {
        Some(device) => body(device),
        None => fail(irp, STATUS_NO_SUCH_DEVICE),
    }
}

pub(super) unsafe extern "win64" fn create_irp(fdo: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    with_device(fdo, irp, |device| create::dispatch(device, irp))
}

unsafe extern "win64" fn close_irp(_fdo: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    match Subject::of(irp::file_object(irp)) {
        Some(Subject::Filter(filter)) => filter::close(filter, irp),
        Some(Subject::Pin(pin)) => pin_close::close(pin, irp),
        Some(Subject::Child(child)) => child.close(irp),
        None => fail(irp, STATUS_SUCCESS),
    }
}

unsafe extern "win64" fn cleanup_irp(_fdo: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    let file = irp::file_object(irp);
    match Subject::of(file) {
        Some(Subject::Pin(pin)) => {
            pin.set_left();
            transport::cleanup(pin, file);
            master_clock::cleanup(pin);
        }
        Some(Subject::Child(child)) => allocator_requests::cleanup(child),
        Some(Subject::Filter(_)) | None => {}
    }
    fail(irp, STATUS_SUCCESS)
}

unsafe extern "win64" fn device_control_irp(_fdo: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    let Some(subject) = Subject::of(irp::file_object(irp)) else {
        return fail(irp, STATUS_INVALID_DEVICE_REQUEST);
    };
    let (status, information) = match (irp::control(irp).IoControlCode, subject) {
        (IOCTL_KS_PROPERTY, subject) => property::ioctl(subject, irp),
        (IOCTL_KS_METHOD, subject) => method::ioctl(subject, irp),
        (IOCTL_KS_ENABLE_EVENT, subject) => event::enable(subject, irp),
        (IOCTL_KS_DISABLE_EVENT, subject) => (event::disable(subject, irp), 0),
        (IOCTL_KS_HANDSHAKE, Subject::Pin(pin)) => handshake::ioctl(Object::Pin(pin), irp),
        (IOCTL_KS_READ_STREAM | IOCTL_KS_WRITE_STREAM, Subject::Pin(pin)) => {
            // SAFETY: a stream request on that pin.
            kept(unsafe { stream_irp::dispatch(pin, irp) }, irp)
        }
        (IOCTL_KS_RESET_STATE, Subject::Pin(pin)) => {
            // SAFETY: a reset request on that pin.
            kept(unsafe { reset::dispatch(pin, irp) }, irp)
        }
        _ => (STATUS_INVALID_DEVICE_REQUEST, 0),
    };
    if status == STATUS_PENDING {
        return status;
    }
    // SAFETY: the request is ours.
    unsafe { complete(irp, status, information) }
}

/// The transport has set the length of its answer itself, unless it kept the request.
fn kept(status: NTSTATUS, irp: PIRP) -> (NTSTATUS, usize) {
    if status == STATUS_PENDING {
        return (status, 0);
    }
    // SAFETY: the request is ours.
    (status, unsafe { (*irp).IoStatus.Information } as usize)
}

unsafe extern "win64" fn pnp_irp(fdo: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    with_device(fdo, irp, |device| pnp::dispatch(device, irp))
}

unsafe extern "win64" fn power_irp(fdo: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    with_device(fdo, irp, |device| power::dispatch(device, irp))
}

/// WMI: AVStream has none; the request goes down.
unsafe extern "win64" fn system_control_irp(fdo: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    with_device(fdo, irp, |device| pass_down(device, irp))
}

/// Hands a request to the next lower driver.
pub fn pass_down(device: &Device, irp: PIRP) -> NTSTATUS {
    // SAFETY: the request is ours; the device object below lives as long as the attachment.
    unsafe {
        IoSkipCurrentIrpStackLocation(irp);
        IoCallDriver((*device.ks()).NextDeviceObject, irp)
    }
}
