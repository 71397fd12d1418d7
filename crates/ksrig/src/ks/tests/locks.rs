//! Which mutexes a callback runs under, and in which order a driver takes them (R2.2, R8.1, R8.2).

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use super::connect;
use crate::{
    ks::{
        Options,
        device::{KsAcquireDevice, KsReleaseDevice},
        fixture::{self, Fixture, close, open_pin},
        hierarchy::{KsAcquireControl, KsReleaseControl},
        object::Pin,
        processing::{KsPinAcquireProcessingMutex, KsPinAttemptProcessing, KsPinReleaseProcessingMutex},
        state,
    },
    nt::{trace, violation},
};

thread_local! {
    static PINS: RefCell<Vec<PKSPIN>> = const { RefCell::new(Vec::new()) };
    /// Calls of Process so far.
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

unsafe extern "win64" fn add(_device: PKSDEVICE) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn start(
    _device: PKSDEVICE,
    _irp: PIRP,
    _translated: PCM_RESOURCE_LIST,
    _untranslated: PCM_RESOURCE_LIST,
) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn query(_device: PKSDEVICE, _irp: PIRP) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn set_power(
    _device: PKSDEVICE,
    _irp: PIRP,
    _to: DEVICE_POWER_STATE,
    _from: DEVICE_POWER_STATE,
) {
}

unsafe extern "win64" fn on_filter(_filter: PKSFILTER, _irp: PIRP) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    PINS.with_borrow_mut(|pins| pins.push(pin));
    STATUS_SUCCESS
}

unsafe extern "win64" fn close_pin(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn disconnect(_pin: PKSPIN) {}

unsafe extern "win64" fn set_state(_pin: PKSPIN, _to: KSSTATE::Type, _from: KSSTATE::Type) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn process(pin: PKSPIN) -> NTSTATUS {
    // R6.31: an attempt from inside does not come in again, it is made when this one returns.
    let calls = CALLS.get();
    if calls == 0 {
        CALLS.set(1);
        // SAFETY: the callback's pin.
        unsafe { KsPinAttemptProcessing(pin, 0) };
        assert_eq!(CALLS.get(), 1);
    } else {
        CALLS.set(calls + 1);
    }
    STATUS_PENDING
}

fn pin(communication: KSPIN_COMMUNICATION::Type, flow: KSPIN_DATAFLOW::Type) -> KSPIN_DESCRIPTOR_EX {
    let dispatch = KSPIN_DISPATCH {
        Create: Some(create),
        Close: Some(close_pin),
        Connect: Some(connect),
        Disconnect: Some(disconnect),
        SetDeviceState: Some(set_state),
        Process: Some(process),
        ..super::dispatch()
    };
    fixture::pin_type(dispatch, flow, communication, KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING)
}

/// A device whose filter 1 has a sink for data, and whose filter 2 has a source of data.
fn device() -> Fixture {
    let with_dispatch = |mut filter: KSFILTER_DESCRIPTOR| {
        let dispatch = KSFILTER_DISPATCH {
            Create: Some(on_filter),
            Close: Some(on_filter),
            ..KSFILTER_DISPATCH::default()
        };
        filter.Dispatch = Box::leak(Box::new(dispatch));
        filter
    };
    let sink = pin(KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK, KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN);
    let source = pin(KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH, KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT);
    let dispatch = KSDEVICE_DISPATCH {
        Add: Some(add),
        Start: Some(start),
        PostStart: Some(add),
        QueryStop: Some(query),
        QueryRemove: Some(query),
        SetPower: Some(set_power),
        ..KSDEVICE_DISPATCH::default()
    };
    let filters = [fixture::filter(1, vec![sink]), fixture::filter(2, vec![source])].map(with_dispatch);
    Fixture::with(Options::default(), dispatch, filters.into())
}

/// The callbacks so far and the mutexes that AVStream held around them, each kind once.
fn held() -> Vec<(String, String)> {
    let mut held = Vec::new();
    for event in trace::events().into_iter().filter(|event| event.kind == "callback") {
        let mutexes = event.values.iter().find(|(name, _)| *name == "holds");
        let names = mutexes.map_or("", |(_, names)| names).split(", ");
        // What drivers do not know.
        let known: Vec<_> = names.filter(|name| !["KsPipe", "KsConnecting"].contains(name)).collect();
        let line = (event.detail.clone(), known.join(", "));
        if !held.contains(&line) {
            held.push(line);
        }
    }
    held
}

/// R2.2: a filter is opened and closed with device and control mutex held. R8.2: the device mutex is for PnP and power,
/// the control mutex of its filter for a pin's life, Connect and states, the processing mutex for Process.
#[test]
fn callbacks_run_under_their_mutexes() {
    let fixture = device();
    assert_eq!(fixture.device.set_power(_DEVICE_POWER_STATE::PowerDeviceD0), STATUS_SUCCESS);
    assert_eq!(fixture.device.send(IRP_MN_QUERY_STOP_DEVICE as u8), STATUS_SUCCESS);
    assert_eq!(fixture.device.send(IRP_MN_CANCEL_STOP_DEVICE as u8), STATUS_SUCCESS);
    let filters = [fixture.open_filter(1).unwrap(), fixture.open_filter(2).unwrap()];
    let sink = open_pin(filters[0], 0, null_mut()).unwrap();
    let source = open_pin(filters[1], 0, sink).unwrap();
    let pins = PINS.take();
    for pin in &pins {
        assert_eq!(state::set(Pin::of(*pin), KSSTATE::KSSTATE_PAUSE), STATUS_SUCCESS);
    }
    // SAFETY: a live pin.
    unsafe { KsPinAttemptProcessing(pins[1], 0) };
    assert!(CALLS.take() >= 2);
    [source, sink, filters[1], filters[0]].into_iter().for_each(close);
    let expected = [
        ("DeviceAdd", ""),
        ("DeviceStart", "device 1"),
        ("DevicePostStart", "device 1"),
        ("DeviceSetPower", "device 1"),
        ("DeviceQueryStop", "device 1"),
        ("FilterCreate", "device 1, control filter 1#1"),
        ("FilterCreate", "device 1, control filter 2#1"),
        ("PinSetDataFormat", "control filter 1#1"),
        ("PinCreate", "control filter 1#1"),
        ("PinSetDataFormat", "control filter 2#1"),
        ("PinConnect", "control filter 2#1, control filter 1#1"),
        ("PinCreate", "control filter 2#1"),
        ("PinSetDeviceState", "control filter 1#1"),
        ("PinSetDeviceState", "control filter 2#1"),
        ("PinProcess", "KsProcessingMutex"),
        ("PinClose", "control filter 2#1"),
        ("PinDisconnect", "control filter 1#1"),
        ("PinClose", "control filter 1#1"),
        ("FilterClose", "device 1, control filter 2#1"),
        ("FilterClose", "device 1, control filter 1#1"),
    ];
    let found = held();
    for (callback, mutexes) in expected {
        let line = (callback.to_owned(), mutexes.to_owned());
        assert!(found.contains(&line), "{line:?}: {found:#?}");
    }
    // Nowhere else: what is not expected is not there.
    let known = |callback: &str| expected.iter().filter(|(name, _)| *name == callback).count();
    for (callback, _) in expected {
        assert_eq!(found.iter().filter(|(name, _)| name == callback).count(), known(callback), "{callback}");
    }
    assert_eq!(violation::list(), []);
    fixture.end();
}

unsafe fn acquire_device(device: PVOID) {
    // SAFETY: the caller's device.
    unsafe { KsAcquireDevice(device.cast()) };
}

unsafe fn release_device(device: PVOID) {
    // SAFETY: the caller's device.
    unsafe { KsReleaseDevice(device.cast()) };
}

unsafe fn acquire_processing(pin: PVOID) {
    // SAFETY: the caller's pin.
    unsafe { KsPinAcquireProcessingMutex(pin.cast()) };
}

unsafe fn release_processing(pin: PVOID) {
    // SAFETY: the caller's pin.
    unsafe { KsPinReleaseProcessingMutex(pin.cast()) };
}

/// R8.1: device, control, processing is the order; any other is a violation, and so is a mutex that is held already.
#[test]
fn mutexes_are_taken_in_order() {
    let fixture = device();
    let filter = fixture.open_filter(1).unwrap();
    let handle = open_pin(filter, 0, null_mut()).unwrap();
    let (device, pin) = (fixture.object().ks(), PINS.take()[0]);
    type Step = (unsafe fn(PVOID), unsafe fn(PVOID), PVOID);
    let steps: [Step; 3] = [
        (acquire_device, release_device, device.cast()),
        (KsAcquireControl, KsReleaseControl, pin.cast()),
        (acquire_processing, release_processing, pin.cast()),
    ];
    let broken = |order: &[usize]| {
        // SAFETY: each pair of functions gets the object that it is for.
        order.iter().for_each(|&step| unsafe { steps[step].0(steps[step].2) });
        // SAFETY: as above.
        order.iter().rev().for_each(|&step| unsafe { steps[step].1(steps[step].2) });
        violation::take().iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    for order in [&[0, 1, 2][..], &[0, 1], &[0, 2], &[1, 2], &[0], &[1], &[2]] {
        assert_eq!(broken(order), Vec::<&str>::new(), "{order:?}");
    }
    assert_eq!(broken(&[1, 0]), ["KsLockOrder"]);
    assert_eq!(broken(&[2, 0]), ["KsProcessingMutex"]);
    assert_eq!(broken(&[2, 1]), ["KsProcessingMutex"]);
    assert_eq!(broken(&[2, 1, 0]), ["KsProcessingMutex"; 2]);
    for (step, rule) in ["KsDeviceMutex", "KsFilterMutex", "KsProcessingMutex"].into_iter().enumerate() {
        assert_eq!(broken(&[step, step]), [rule], "not recursive");
    }
    close(handle);
    close(filter);
    fixture.end();
}
