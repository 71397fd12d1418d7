//! A request of the driver's own.

use core::ptr::null_mut;

use ks_sys::{KEVENT, NTSTATUS, PDEVICE_OBJECT, PIRP, PKSDEVICE, PVOID};
use wdk_sys::{
    _EVENT_TYPE::NotificationEvent,
    _KWAIT_REASON::Executive,
    _MODE::KernelMode,
    DEVICE_CAPABILITIES, IRP_MJ_PNP, IRP_MN_QUERY_CAPABILITIES, STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_NOT_SUPPORTED,
    ntddk::{IoAllocateIrp, IoFreeIrp, IofCallDriver, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject},
};

use crate::{
    ddi::{IoGetNextIrpStackLocation, IoSetCancelRoutine, IoSetCompletionRoutine, KeRaiseIrqlToDpcLevel},
    mutant,
};

/// Asks the device below what it can do. PASSIVE_LEVEL.
///
/// # Safety
///
/// A live, started device.
#[inline(never)]
pub unsafe fn exercise(device: PKSDEVICE) {
    let mut done = KEVENT::default();
    let mut capabilities = DEVICE_CAPABILITIES {
        Size: size_of::<DEVICE_CAPABILITIES>() as u16,
        Version: 1,
        Address: u32::MAX,
        UINumber: u32::MAX,
        ..DEVICE_CAPABILITIES::default()
    };
    // SAFETY: the device below lives as long as this one; the request, which nobody else has, is freed when it is back, and
    // what it refers to lives as long.
    unsafe {
        let below = (*device).NextDeviceObject;
        if mutant::once("IrpLocations") {
            let _ = IofCallDriver(below, IoAllocateIrp(0, 0));
        }
        let irp = IoAllocateIrp((*below).StackSize, 0);
        if irp.is_null() {
            return;
        }
        KeInitializeEvent(&raw mut done, NotificationEvent, 0);
        (*irp).IoStatus.__bindgen_anon_1.Status = STATUS_NOT_SUPPORTED;
        let next = IoGetNextIrpStackLocation(irp);
        (*next).MajorFunction = IRP_MJ_PNP as u8;
        (*next).MinorFunction = IRP_MN_QUERY_CAPABILITIES as u8;
        (*next).Parameters.DeviceCapabilities.Capabilities = &raw mut capabilities;
        IoSetCompletionRoutine(irp, Some(completed), (&raw mut done).cast());
        if mutant::once("IoCallDriver") {
            IoSetCancelRoutine(irp, Some(cancel));
        }
        let _ = IofCallDriver(below, irp);
        let _ = KeWaitForSingleObject((&raw mut done).cast(), Executive, KernelMode as i8, 0, null_mut());
        IoFreeIrp(irp);
        if mutant::once("IrpFreedTwice") {
            IoFreeIrp(irp);
        }
    }
}

unsafe extern "C" fn cancel(_device: PDEVICE_OBJECT, _irp: PIRP) {}

unsafe extern "C" fn completed(_device: PDEVICE_OBJECT, _irp: PIRP, done: PVOID) -> NTSTATUS {
    // SAFETY: the event of who waits.
    unsafe { KeSetEvent(done.cast(), 0, 0) };
    if mutant::once("CompletionRoutine") {
        // SAFETY: always allowed; never to be left like this.
        let _ = unsafe { KeRaiseIrqlToDpcLevel() };
    }
    STATUS_MORE_PROCESSING_REQUIRED
}
