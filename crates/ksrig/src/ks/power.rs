//! Power requests (section 1.3 of the contract), as far as loading and removing a device needs them.

use ks_sys::{
    _POWER_STATE_TYPE::DevicePowerState, _SYSTEM_POWER_STATE::PowerSystemUnspecified, IRP_MN_QUERY_POWER,
    IRP_MN_SET_POWER, NTSTATUS, PIRP, STATUS_SUCCESS,
};

use super::{
    call::{DEVICE_QUERY_POWER, DEVICE_SET_POWER, driver_call, driver_status},
    device::Device,
    irp,
    pnp::under_mutex,
};
use crate::nt::{IoSkipCurrentIrpStackLocation, PoCallDriver, PoStartNextPowerIrp, complete, trace};

/// Tells the driver of a device power state and passes the request down.
///
/// System states are only noted (R1.18); streams are not paused by it yet (R1.16).
pub fn dispatch(device: &'static Device, irp: PIRP) -> NTSTATUS {
    // SAFETY: the request is ours.
    let (minor, power) =
        unsafe { (u32::from((*irp::stack(irp)).MinorFunction), (*irp::stack(irp)).Parameters.Power) };
    let table = device.dispatch();
    // SAFETY: the public structure lives as long as the device.
    let (from, system) = unsafe { ((*device.ks()).DevicePowerState, (*device.ks()).SystemPowerState) };
    match minor {
        IRP_MN_QUERY_POWER if power.Type == DevicePowerState => {
            // SAFETY: the type says which member it is.
            let to = unsafe { power.State.DeviceState };
            let status = match table.and_then(|table| table.QueryPower) {
                Some(query) => under_mutex(device, || {
                    driver_status(DEVICE_QUERY_POWER, device.name(), || {
                        let action = power.ShutdownType;
                        // SAFETY: the driver's callback with its own device.
                        unsafe { query(device.ks(), irp, to, from, PowerSystemUnspecified, system, action) }
                    })
                }),
                None => STATUS_SUCCESS,
            };
            if status < 0 {
                // SAFETY: the request is ours.
                unsafe {
                    PoStartNextPowerIrp(irp);
                    return complete(irp, status, 0);
                }
            }
        }
        IRP_MN_SET_POWER if power.Type == DevicePowerState => {
            // SAFETY: the type says which member it is.
            let to = unsafe { power.State.DeviceState };
            if let Some(set) = table.and_then(|table| table.SetPower) {
                under_mutex(device, || {
                    // SAFETY: the driver's callback with its own device.
                    driver_call(DEVICE_SET_POWER, device.name(), || unsafe {
                        set(device.ks(), irp, to, from)
                    });
                });
            }
            trace::event("device_power", device.name(), to);
            // SAFETY: the public structure lives as long as the device.
            unsafe { (*device.ks()).DevicePowerState = to };
        }
        IRP_MN_SET_POWER => {
            // SAFETY: the other type; the public structure lives as long as the device.
            unsafe { (*device.ks()).SystemPowerState = power.State.SystemState };
        }
        _ => {}
    }
    // SAFETY: the request is ours.
    unsafe {
        PoStartNextPowerIrp(irp);
        (*irp).IoStatus.__bindgen_anon_1.Status = STATUS_SUCCESS;
        IoSkipCurrentIrpStackLocation(irp);
        PoCallDriver((*device.ks()).NextDeviceObject, irp)
    }
}
