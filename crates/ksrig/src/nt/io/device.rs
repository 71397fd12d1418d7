//! Device objects and driver objects.

use ks_sys::*;

/// Makes a device object. (`nf-wdm-iocreatedevice.md`)
pub unsafe fn IoCreateDevice(
    DriverObject: PDRIVER_OBJECT,
    DeviceExtensionSize: ULONG,
    DeviceName: PUNICODE_STRING,
    DeviceType: ULONG,
    DeviceCharacteristics: ULONG,
    Exclusive: BOOLEAN,
    DeviceObject: *mut PDEVICE_OBJECT,
) -> NTSTATUS {
    todo!()
}

/// Deletes a device object (it ends when the last reference is gone).
pub unsafe fn IoDeleteDevice(DeviceObject: PDEVICE_OBJECT) {
    todo!()
}

/// Attaches a device to the top of a stack and gives the device it sits on; NULL when it cannot.
pub unsafe fn IoAttachDeviceToDeviceStack(SourceDevice: PDEVICE_OBJECT, TargetDevice: PDEVICE_OBJECT) -> PDEVICE_OBJECT {
    todo!()
}

/// Detaches what is attached to this device.
pub unsafe fn IoDetachDevice(TargetDevice: PDEVICE_OBJECT) {
    todo!()
}

/// The top of the stack, referenced.
pub unsafe fn IoGetAttachedDeviceReference(DeviceObject: PDEVICE_OBJECT) -> PDEVICE_OBJECT {
    todo!()
}

/// The top of the stack.
pub unsafe fn IoGetAttachedDevice(DeviceObject: PDEVICE_OBJECT) -> PDEVICE_OBJECT {
    todo!()
}

/// The top of the stack a file was opened on.
pub unsafe fn IoGetRelatedDeviceObject(FileObject: PFILE_OBJECT) -> PDEVICE_OBJECT {
    todo!()
}

/// Memory of a driver for a client; STATUS_OBJECT_NAME_COLLISION if it has one.
pub unsafe fn IoAllocateDriverObjectExtension(
    DriverObject: PDRIVER_OBJECT,
    ClientIdentificationAddress: PVOID,
    DriverObjectExtensionSize: ULONG,
    DriverObjectExtension: *mut PVOID,
) -> NTSTATUS {
    todo!()
}

/// That memory, or NULL.
pub unsafe fn IoGetDriverObjectExtension(DriverObject: PDRIVER_OBJECT, ClientIdentificationAddress: PVOID) -> PVOID {
    todo!()
}

/// A property of the device below this physical device object. (`nf-wdm-iogetdeviceproperty.md`)
pub unsafe fn IoGetDeviceProperty(
    DeviceObject: PDEVICE_OBJECT,
    DeviceProperty: DEVICE_REGISTRY_PROPERTY,
    BufferLength: ULONG,
    PropertyBuffer: PVOID,
    ResultLength: PULONG,
) -> NTSTATUS {
    todo!()
}

/// Says that the relations of a device have changed.
pub unsafe fn IoInvalidateDeviceRelations(DeviceObject: PDEVICE_OBJECT, Type: DEVICE_RELATION_TYPE) {
    todo!()
}
