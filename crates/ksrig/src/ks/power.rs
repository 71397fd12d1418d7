//! Power requests (section 1.3 of the contract).

use ks_sys::{
    _DEVICE_POWER_STATE::PowerDeviceD0, _POWER_STATE_TYPE::DevicePowerState,
    _SYSTEM_POWER_STATE::PowerSystemUnspecified, DEVICE_POWER_STATE, IRP_MN_QUERY_POWER, IRP_MN_SET_POWER,
    NTSTATUS, PIRP, STATUS_SUCCESS,
};

use super::{
    call::{DEVICE_QUERY_POWER, DEVICE_SET_POWER, driver_call, driver_status},
    device::Device,
    irp,
    options::Options,
    pnp::under_mutex,
    sleep, state,
};
use crate::nt::{IoSkipCurrentIrpStackLocation, Machine, PoCallDriver, PoStartNextPowerIrp, complete, trace};

/// Down: running pins to PAUSE, then the sleep callbacks, then SetPower. Up: SetPower, the wake callbacks, the pins back
/// to RUN; or the pins first (R1.16).
fn change(device: &'static Device, irp: PIRP, to: DEVICE_POWER_STATE, from: DEVICE_POWER_STATE) {
    let asleep = to != PowerDeviceD0;
    let was_asleep = device.set_asleep(asleep);
    let first = Machine::current().extension::<Options>().run_before_power;
    if asleep && !was_asleep {
        device.each_pin(state::power_changed);
        sleep::tell(device, to);
    } else if was_asleep && !asleep && first {
        device.each_pin(state::power_changed);
    }
    if let Some(set) = device.dispatch().and_then(|table| table.SetPower) {
        under_mutex(device, || {
            // SAFETY: the driver's callback with its own device.
            driver_call(DEVICE_SET_POWER, device.name(), || unsafe { set(device.ks(), irp, to, from) });
        });
    }
    trace::event("device_power", device.name(), to);
    // R1.18
    // SAFETY: the public structure lives as long as the device.
    unsafe { (*device.ks()).DevicePowerState = to };
    if was_asleep && !asleep {
        sleep::tell(device, to);
        if !first {
            device.each_pin(state::power_changed);
        }
    }
}

/// Tells the driver of a device power state and passes the request down. System states are only noted (R1.18).
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
            change(device, irp, unsafe { power.State.DeviceState }, from);
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
