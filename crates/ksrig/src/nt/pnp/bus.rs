//! The root bus: it owns the physical device objects.

use ks_sys::*;

use super::driver::driver_object;
use crate::nt::{
    ExAllocatePoolWithTag, ObfReferenceObject,
    io::{IoGetCurrentIrpStackLocation, complete},
    machine::{Machine, lock},
};

/// The driver object of the root bus, made at its first use.
pub(super) fn bus() -> PDRIVER_OBJECT {
    let machine = Machine::current();
    let known = lock(&machine.pnp).bus;
    if known != 0 {
        return known as PDRIVER_OBJECT;
    }
    let (object, names) = driver_object("PnpManager", None);
    std::mem::forget(names);
    // SAFETY: just made.
    unsafe {
        (*(object as PDRIVER_OBJECT)).MajorFunction[IRP_MJ_PNP as usize] = Some(bus_pnp);
        (*(object as PDRIVER_OBJECT)).MajorFunction[IRP_MJ_POWER as usize] = Some(bus_power);
    }
    lock(&machine.pnp).bus = object;
    object as PDRIVER_OBJECT
}

/// The root bus's answer to PnP requests for its devices.
unsafe extern "win64" fn bus_pnp(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over.
    unsafe {
        let location = IoGetCurrentIrpStackLocation(irp);
        let minor = u32::from((*location).MinorFunction);
        let status = match minor {
            IRP_MN_START_DEVICE
            | IRP_MN_STOP_DEVICE
            | IRP_MN_QUERY_STOP_DEVICE
            | IRP_MN_CANCEL_STOP_DEVICE
            | IRP_MN_QUERY_REMOVE_DEVICE
            | IRP_MN_CANCEL_REMOVE_DEVICE
            | IRP_MN_REMOVE_DEVICE
            | IRP_MN_SURPRISE_REMOVAL => STATUS_SUCCESS,
            IRP_MN_QUERY_CAPABILITIES => {
                let capabilities = (*location).Parameters.DeviceCapabilities.Capabilities;
                (*capabilities).Size = size_of::<DEVICE_CAPABILITIES>() as USHORT;
                let states = &mut (*capabilities).DeviceState;
                states[1] = _DEVICE_POWER_STATE::PowerDeviceD0;
                states[2..].fill(_DEVICE_POWER_STATE::PowerDeviceD3);
                STATUS_SUCCESS
            }
            IRP_MN_QUERY_DEVICE_RELATIONS
                if (*location).Parameters.QueryDeviceRelations.Type
                    == _DEVICE_RELATION_TYPE::TargetDeviceRelation =>
            {
                let memory = ExAllocatePoolWithTag(
                    _POOL_TYPE::PagedPool,
                    size_of::<DEVICE_RELATIONS>() as SIZE_T,
                    u32::from_le_bytes(*b"PnpR"),
                );
                ObfReferenceObject(device.cast());
                memory.cast::<DEVICE_RELATIONS>().write(DEVICE_RELATIONS { Count: 1, Objects: [device] });
                return complete(irp, STATUS_SUCCESS, memory as usize);
            }
            // A request that the bus does not know keeps the status it came with.
            _ => (*irp).IoStatus.__bindgen_anon_1.Status,
        };
        complete(irp, status, (*irp).IoStatus.Information as usize)
    }
}

unsafe extern "win64" fn bus_power(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over.
    unsafe {
        let minor = u32::from((*IoGetCurrentIrpStackLocation(irp)).MinorFunction);
        let known = matches!(minor, IRP_MN_SET_POWER | IRP_MN_QUERY_POWER);
        let status = if known { STATUS_SUCCESS } else { (*irp).IoStatus.__bindgen_anon_1.Status };
        complete(irp, status, 0)
    }
}
