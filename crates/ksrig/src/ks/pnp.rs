//! Plug and play requests (section 1.2 of the contract).

use std::sync::atomic::Ordering;

use ks_sys::{
    IRP_MN_CANCEL_REMOVE_DEVICE, IRP_MN_CANCEL_STOP_DEVICE, IRP_MN_QUERY_CAPABILITIES,
    IRP_MN_QUERY_INTERFACE, IRP_MN_QUERY_REMOVE_DEVICE, IRP_MN_QUERY_STOP_DEVICE, IRP_MN_REMOVE_DEVICE,
    IRP_MN_START_DEVICE, IRP_MN_STOP_DEVICE, IRP_MN_SURPRISE_REMOVAL, NTSTATUS, PCM_RESOURCE_LIST,
    PFNKSDEVICEIRP, PFNKSDEVICEIRPVOID, PIRP, STATUS_SUCCESS,
};

use super::{
    call::{self, driver_call, driver_status},
    create_item,
    device::{Device, KsTerminateDevice},
    dispatch::pass_down,
    irp,
    options::Options,
    state,
};
use crate::nt::{
    IoDeleteDevice, IoDetachDevice, IoForwardIrpSynchronously, Machine, callback::CallbackKind, complete,
    trace, work,
};

/// Answers a request or passes it down.
pub fn dispatch(device: &'static Device, irp: PIRP) -> NTSTATUS {
    // SAFETY: the request is ours.
    let minor = u32::from(unsafe { (*irp::stack(irp)).MinorFunction });
    let table = device.dispatch();
    match minor {
        IRP_MN_START_DEVICE => start(device, irp),
        IRP_MN_QUERY_STOP_DEVICE => {
            query(device, irp, call::DEVICE_QUERY_STOP, table.and_then(|table| table.QueryStop))
        }
        IRP_MN_QUERY_REMOVE_DEVICE => {
            device.set_leaving(true);
            query(device, irp, call::DEVICE_QUERY_REMOVE, table.and_then(|table| table.QueryRemove))
        }
        IRP_MN_CANCEL_STOP_DEVICE => {
            tell(device, irp, call::DEVICE_CANCEL_STOP, table.and_then(|table| table.CancelStop));
            succeed_and_pass(device, irp)
        }
        IRP_MN_CANCEL_REMOVE_DEVICE => {
            tell(device, irp, call::DEVICE_CANCEL_REMOVE, table.and_then(|table| table.CancelRemove));
            device.set_leaving(false);
            succeed_and_pass(device, irp)
        }
        IRP_MN_STOP_DEVICE => {
            stop(device);
            tell(device, irp, call::DEVICE_STOP, table.and_then(|table| table.Stop));
            create_item::stopped(device);
            succeed_and_pass(device, irp)
        }
        IRP_MN_SURPRISE_REMOVAL => {
            device.set_removed();
            disable(device);
            if Machine::current().extension::<Options>().removal_stops_pins {
                device.each_pin(state::walk_down);
            }
            tell(device, irp, call::DEVICE_SURPRISE_REMOVAL, table.and_then(|table| table.SurpriseRemoval));
            succeed_and_pass(device, irp)
        }
        IRP_MN_REMOVE_DEVICE => remove(device, irp),
        IRP_MN_QUERY_CAPABILITIES => capabilities(device, irp),
        IRP_MN_QUERY_INTERFACE => interface(device, irp),
        _ => pass_down(device, irp),
    }
}

/// Runs a callback for which the pages say that the device mutex is held (section 8.1).
pub(super) fn under_mutex<R>(device: &'static Device, body: impl FnOnce() -> R) -> R {
    let _mutex = device.acquire();
    let former = device.in_pnp.swap(true, Ordering::Relaxed);
    let result = body();
    device.in_pnp.store(former, Ordering::Relaxed);
    result
}

fn set_started(device: &Device, started: bool) {
    // SAFETY: the public structure lives as long as the device; the device mutex is held.
    unsafe { (*device.ks()).Started = u8::from(started) };
}

/// R1.9: the lower drivers first, then Start; then PostStart on a worker thread, then the interfaces (R1.11). It may
/// come again without a STOP (R1.12): then `Started` tells the driver so.
fn start(device: &'static Device, irp: PIRP) -> NTSTATUS {
    // SAFETY: the request is ours; it comes back to us.
    let mut status = unsafe {
        IoForwardIrpSynchronously((*device.ks()).NextDeviceObject, irp);
        (*irp).IoStatus.__bindgen_anon_1.Status
    };
    if status >= 0 {
        // SAFETY: the request is a START_DEVICE.
        let lists = unsafe { (*irp::stack(irp)).Parameters.StartDevice };
        let untranslated: PCM_RESOURCE_LIST = lists.AllocatedResources;
        let translated: PCM_RESOURCE_LIST = lists.AllocatedResourcesTranslated;
        status = under_mutex(device, || {
            let status = match device.dispatch().and_then(|table| table.Start) {
                // SAFETY: the driver's callback with its own device.
                Some(start) => driver_status(call::DEVICE_START, device.name(), || unsafe {
                    start(device.ks(), irp, translated, untranslated)
                }),
                None => STATUS_SUCCESS,
            };
            // R1.8
            if status >= 0 {
                device.post_start.begin();
                set_started(device, true);
            }
            status
        });
    }
    trace::event("device_start", device.name(), format_args!("{status:#010x}"));
    if status >= 0 {
        work::queue("KsPostStart", move || post_start(device));
    }
    // SAFETY: the request is ours.
    unsafe { complete(irp, status, 0) }
}

fn post_start(device: &'static Device) {
    let status = under_mutex(device, || match device.dispatch().and_then(|table| table.PostStart) {
        Some(post_start) => driver_status(call::DEVICE_POST_START, device.name(), || {
            // SAFETY: the driver's callback with its own device.
            unsafe { post_start(device.ks()) }
        }),
        None => STATUS_SUCCESS,
    });
    if status >= 0 {
        // R1.21: the factories that exist by now, and are not the driver's to enable.
        for factory in device.factories().into_iter().filter(|factory| factory.automatic) {
            factory.set_interfaces(true);
        }
    }
    trace::event("device_ready", device.name(), format_args!("{status:#010x}"));
    device.post_start.end(status);
}

fn disable(device: &Device) {
    for factory in device.factories() {
        factory.set_interfaces(false);
    }
}

/// R1.8, 10.30: nothing opens any more, and open pins go down to STOP.
fn stop(device: &'static Device) {
    device.post_start.wait();
    set_started(device, false);
    device.each_pin(state::walk_down);
}

/// A query may be vetoed (section 1.2); else the lower drivers are asked.
fn query(device: &'static Device, irp: PIRP, kind: CallbackKind, callback: PFNKSDEVICEIRP) -> NTSTATUS {
    let status = under_mutex(device, || match callback {
        // SAFETY: the driver's callback with its own device.
        Some(callback) => driver_status(kind, device.name(), || unsafe { callback(device.ks(), irp) }),
        None => STATUS_SUCCESS,
    });
    if status < 0 {
        // SAFETY: the request is ours.
        return unsafe { complete(irp, status, 0) };
    }
    succeed_and_pass(device, irp)
}

fn tell(device: &'static Device, irp: PIRP, kind: CallbackKind, callback: PFNKSDEVICEIRPVOID) {
    if let Some(callback) = callback {
        // SAFETY: the driver's callback with its own device.
        under_mutex(device, || driver_call(kind, device.name(), || unsafe { callback(device.ks(), irp) }));
    }
}

fn succeed_and_pass(device: &Device, irp: PIRP) -> NTSTATUS {
    // SAFETY: the request is ours.
    unsafe { (*irp).IoStatus.__bindgen_anon_1.Status = STATUS_SUCCESS };
    pass_down(device, irp)
}

/// R1.9: the driver first, then down; then the device object goes.
fn remove(device: &'static Device, irp: PIRP) -> NTSTATUS {
    device.post_start.wait();
    device.set_removed();
    disable(device);
    let callback = device.dispatch().and_then(|table| table.Remove);
    tell(device, irp, call::DEVICE_REMOVE, callback);
    set_started(device, false);
    trace::event("device_remove", device.name(), "");
    // SAFETY: the public structure lives until KsTerminateDevice.
    let (fdo, next) = unsafe { ((*device.ks()).FunctionalDeviceObject, (*device.ks()).NextDeviceObject) };
    let status = succeed_and_pass(device, irp);
    // SAFETY: R1.3, R1.7: no handle is open at a REMOVE (10.30), and the request is through.
    unsafe {
        KsTerminateDevice(fdo);
        IoDetachDevice(next);
        IoDeleteDevice(fdo);
    }
    status
}

/// The lower drivers fill the capabilities in, the driver may correct them.
fn capabilities(device: &'static Device, irp: PIRP) -> NTSTATUS {
    let Some(query) = device.dispatch().and_then(|table| table.QueryCapabilities) else {
        return pass_down(device, irp);
    };
    // SAFETY: the request is ours; it comes back to us.
    let (mut status, capabilities) = unsafe {
        IoForwardIrpSynchronously((*device.ks()).NextDeviceObject, irp);
        (
            (*irp).IoStatus.__bindgen_anon_1.Status,
            (*irp::stack(irp)).Parameters.DeviceCapabilities.Capabilities,
        )
    };
    if status >= 0 {
        status = driver_status(call::DEVICE_QUERY_CAPABILITIES, device.name(), || {
            // SAFETY: the driver's callback with its own device.
            unsafe { query(device.ks(), irp, capabilities) }
        });
    }
    // SAFETY: the request is ours.
    unsafe { complete(irp, status, 0) }
}

/// R1.6: `QueryInterface` counts from descriptor version 0x100 on.
fn interface(device: &'static Device, irp: PIRP) -> NTSTATUS {
    let callback =
        device.dispatch().filter(|_| device.version() >= 0x100).and_then(|table| table.QueryInterface);
    if let Some(callback) = callback {
        let kind = call::DEVICE_QUERY_INTERFACE;
        // SAFETY: the driver's callback with its own device.
        let status = driver_call(kind, device.name(), || unsafe { callback(device.ks(), irp) });
        // ASSUMED: STATUS_NOT_SUPPORTED means that the driver leaves the request to those below, as in any PnP driver.
        if status != ks_sys::STATUS_NOT_SUPPORTED {
            // SAFETY: the request is ours.
            return unsafe { complete(irp, status, 0) };
        }
    }
    pass_down(device, irp)
}
