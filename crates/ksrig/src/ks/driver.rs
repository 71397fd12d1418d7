//! KsInitializeDriver, KsAddDevice, unload (R1.1, R1.2).

use std::ptr::null_mut;

use ks_sys::{
    KSDEVICE_DESCRIPTOR, NTSTATUS, PDEVICE_OBJECT, PDRIVER_OBJECT, PUNICODE_STRING, PVOID, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
};

use super::{device::KsCreateDevice, dispatch};
use crate::nt::{IoAllocateDriverObjectExtension, IoGetDriverObjectExtension};

/// What the driver object's extension remembers.
struct Extension {
    descriptor: *const KSDEVICE_DESCRIPTOR,
}

/// The address by which the extension is found.
fn identification() -> PVOID {
    static TAG: u8 = 0;
    (&raw const TAG).cast_mut().cast()
}

/// `KsInitializeDriver`: makes the driver object AVStream's and remembers the device descriptor (null: devices
/// without factories). Passive level, in DriverEntry.
///
/// # Safety
/// The arguments of DriverEntry; the descriptor lives as long as the driver.
pub unsafe fn KsInitializeDriver(
    DriverObject: PDRIVER_OBJECT,
    _RegistryPath: PUNICODE_STRING,
    Descriptor: *const KSDEVICE_DESCRIPTOR,
) -> NTSTATUS {
    let mut extension: PVOID = null_mut();
    // SAFETY: the caller's driver object; the place is ours.
    let status = unsafe {
        IoAllocateDriverObjectExtension(
            DriverObject,
            identification(),
            size_of::<Extension>() as u32,
            &mut extension,
        )
    };
    if status < 0 {
        return status;
    }
    // SAFETY: the extension has the size; the driver object is being initialized.
    unsafe {
        extension.cast::<Extension>().write(Extension { descriptor: Descriptor });
        (*(*DriverObject).DriverExtension).AddDevice = Some(add_device);
        (*DriverObject).DriverUnload = Some(unload);
        dispatch::fill(DriverObject);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn add_device(driver: PDRIVER_OBJECT, pdo: PDEVICE_OBJECT) -> NTSTATUS {
    // SAFETY: an AddDevice routine's arguments.
    unsafe { KsAddDevice(driver, pdo) }
}

unsafe extern "win64" fn unload(driver: PDRIVER_OBJECT) {
    // SAFETY: an unload routine's argument.
    unsafe { KsNullDriverUnload(driver) }
}

/// `KsAddDevice`: the AddDevice routine of AVStream drivers. Passive level.
///
/// # Safety
/// The arguments of an AddDevice routine.
pub unsafe fn KsAddDevice(DriverObject: PDRIVER_OBJECT, PhysicalDeviceObject: PDEVICE_OBJECT) -> NTSTATUS {
    // SAFETY: the caller's driver object.
    let extension = unsafe { IoGetDriverObjectExtension(DriverObject, identification()).cast::<Extension>() };
    if extension.is_null() {
        return STATUS_UNSUCCESSFUL;
    }
    // SAFETY: written by KsInitializeDriver.
    unsafe { KsCreateDevice(DriverObject, PhysicalDeviceObject, (*extension).descriptor, 0, null_mut()) }
}

/// `KsNullDriverUnload`: an Unload routine that does nothing.
///
/// # Safety
/// None.
pub unsafe fn KsNullDriverUnload(_DriverObject: PDRIVER_OBJECT) {}
