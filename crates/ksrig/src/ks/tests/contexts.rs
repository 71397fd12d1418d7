//! What AVStream objects inherit, and what drivers find of them by walking (R0.2, R1.5).

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use crate::{
    ks::{
        Options,
        device::{KsAcquireDevice, KsReleaseDevice},
        exports,
        factory::KsCreateFilterFactory,
        fixture::{self, Fixture, close, link, open_name, open_pin, terminated},
        hierarchy::{
            KsAcquireControl, KsFilterGetChildPinCount, KsFilterGetFirstChildPin, KsPinGetNextSiblingPin,
            KsPinGetParentFilter, KsReleaseControl,
        },
    },
    nt::violation,
};

thread_local! {
    static FACTORY: Cell<PKSFILTERFACTORY> = const { Cell::new(null_mut()) };
    static PINS: RefCell<Vec<PKSPIN>> = const { RefCell::new(Vec::new()) };
    /// What the callbacks found in `Context`.
    static SEEN: RefCell<Vec<(&'static str, usize)>> = const { RefCell::new(Vec::new()) };
}

fn see(callback: &'static str, context: PVOID) {
    SEEN.with_borrow_mut(|seen| seen.push((callback, context as usize)));
}

unsafe extern "win64" fn add(device: PKSDEVICE) -> NTSTATUS {
    // SAFETY: the callback's device.
    unsafe {
        see("device", (*device).Context);
        (*device).Context = 0x11 as PVOID;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn filter_create(filter: PKSFILTER, _irp: PIRP) -> NTSTATUS {
    // SAFETY: the callback's filter.
    unsafe {
        see("filter", (*filter).Context);
        (*filter).Context = 0x33 as PVOID;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn pin_create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    // SAFETY: the callback's pin.
    see("pin", unsafe { (*pin).Context });
    PINS.with_borrow_mut(|pins| pins.push(pin));
    STATUS_SUCCESS
}

fn descriptor(number: u32) -> KSFILTER_DESCRIPTOR {
    let dispatch = KSPIN_DISPATCH { Create: Some(pin_create), ..KSPIN_DISPATCH::default() };
    let pin = || {
        let (flow, role) =
            (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
        fixture::pin_type(dispatch, flow, role, 0)
    };
    let mut filter = fixture::filter(number, vec![pin(), pin()]);
    let dispatch = KSFILTER_DISPATCH { Create: Some(filter_create), ..KSFILTER_DISPATCH::default() };
    filter.Dispatch = Box::leak(Box::new(dispatch));
    filter
}

/// Makes the factory "late" of a device in Start, after Add.
unsafe extern "win64" fn start(
    device: PKSDEVICE,
    _irp: PIRP,
    _translated: PCM_RESOURCE_LIST,
    _untranslated: PCM_RESOURCE_LIST,
) -> NTSTATUS {
    let mut factory = null_mut();
    let name = terminated("late");
    // SAFETY: the callback's device, a descriptor that lives for ever, a place.
    unsafe {
        let descriptor = Box::leak(Box::new(descriptor(7)));
        let fdo = (*device).FunctionalDeviceObject;
        KsAcquireDevice(device);
        let status =
            KsCreateFilterFactory(fdo, descriptor, name.as_ptr(), null_mut(), 0, None, None, &mut factory);
        KsReleaseDevice(device);
        FACTORY.set(factory);
        status
    }
}

/// R1.5: a context starts as a copy of the parent's at that moment, and is no link to it.
#[test]
fn contexts_are_copied_to_children() {
    let dispatch = KSDEVICE_DISPATCH { Add: Some(add), Start: Some(start), ..KSDEVICE_DISPATCH::default() };
    let fixture = Fixture::with(Options::default(), dispatch, vec![descriptor(1)]);
    let device = fixture.object();
    let factory = FACTORY.get();
    // SAFETY: live objects.
    unsafe {
        assert_eq!((*device.factories()[0].ks()).Context, null_mut(), "made before Add stored one");
        assert_eq!((*factory).Context, 0x11 as PVOID, "made after it");
        (*device.ks()).Context = 0x12 as PVOID;
        assert_eq!((*factory).Context, 0x11 as PVOID, "a copy");
        (*factory).Context = 0x22 as PVOID;
    }
    let filter = open_name(&link("late").unwrap()).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    // SAFETY: a live filter.
    unsafe { (*KsPinGetParentFilter(PINS.take()[0])).Context = 0x34 as PVOID };
    let second = open_pin(filter, 1, null_mut()).unwrap();
    let plain = fixture.open_filter(1).unwrap();
    assert_eq!(SEEN.take(), [("device", 0), ("filter", 0x22), ("pin", 0x33), ("pin", 0x34), ("filter", 0)]);
    // SAFETY: a live pin.
    assert_eq!(unsafe { (*PINS.take()[0]).Context }, 0x34 as PVOID);
    [pin, second, filter, plain].into_iter().for_each(close);
    assert_eq!(violation::list(), []);
    fixture.end();
}

/// R0.1, R0.2, R0.3: what is inline in ks.h, and what only the pages have, is no export; the functions that look like
/// them are.
#[test]
fn exports_that_look_inline() {
    let is_export = |name: &str| exports::lookup(name).is_some();
    for name in [
        "KsPinGetParentFilter",
        "KsPinGetNextSiblingPin",
        "KsFilterGetFirstChildPin",
        "KsFilterGetChildPinCount",
        "_KsEdit",
        "KsAcquireControl",
        "KsGetParent",
    ] {
        assert!(is_export(name), "{name}");
    }
    for name in [
        "KsFilterGetParentFilterFactory",
        "KsFilterFactoryGetParentDevice",
        "KsFilterFactoryGetFirstChildFilter",
        "KsFilterAcquireControl",
        "KsPinReleaseControl",
        "KsGateTurnInputOn",
        "KsDeleteFilterFactory",
        "KsDiscard",
        "KsPinHandshake",
        "KsPinDataIntersectionEx",
    ] {
        assert!(!is_export(name), "{name}");
    }
}

/// R0.2, R8.3: the instances of a pin type, in the order of their creation, and the way back.
#[test]
fn pins_are_walked_by_type() {
    let fixture = Fixture::new(vec![descriptor(1)]);
    let filter = fixture.open_filter(1).unwrap();
    let handles = [0, 1, 0, 0].map(|pin| open_pin(filter, pin, null_mut()).unwrap());
    let pins = PINS.take();
    // SAFETY: live objects, the control mutex held.
    unsafe {
        let ks = KsPinGetParentFilter(pins[0]);
        assert!(pins.iter().all(|pin| KsPinGetParentFilter(*pin) == ks));
        KsAcquireControl(ks.cast());
        assert_eq!([0, 1, 2].map(|pin| KsFilterGetChildPinCount(ks, pin)), [3, 1, 0]);
        assert_eq!(KsFilterGetFirstChildPin(ks, 0), pins[0]);
        assert_eq!(KsPinGetNextSiblingPin(pins[0]), pins[2], "not the instance of another type");
        assert_eq!(KsPinGetNextSiblingPin(pins[2]), pins[3]);
        assert!(KsPinGetNextSiblingPin(pins[3]).is_null());
        assert_eq!(KsFilterGetFirstChildPin(ks, 1), pins[1]);
        assert!(KsFilterGetFirstChildPin(ks, 2).is_null());
        KsReleaseControl(ks.cast());
    }
    close(handles[0]);
    // SAFETY: as above.
    unsafe {
        let ks = KsPinGetParentFilter(pins[1]);
        KsAcquireControl(ks.cast());
        assert_eq!(KsFilterGetFirstChildPin(ks, 0), pins[2]);
        KsReleaseControl(ks.cast());
    }
    handles[1..].iter().copied().chain([filter]).for_each(close);
    assert_eq!(violation::list(), []);
    fixture.end();
}
