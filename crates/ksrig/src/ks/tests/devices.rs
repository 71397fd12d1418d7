//! Devices: PnP callbacks, mutexes, descriptors that contradict themselves.

use std::cell::Cell;

use ks_sys::*;

use super::pair;
use crate::{
    ks::{
        Options,
        device::{KsAcquireDevice, KsReleaseDevice},
        fixture::{Fixture, callbacks, close, pin_type},
        hierarchy::{KsGetFirstChild, KsGetNextSibling, KsGetParent},
    },
    nt::{sched, violation},
};

thread_local! {
    static VETO: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "win64" fn add(device: PKSDEVICE) -> NTSTATUS {
    // SAFETY: the callback's device.
    unsafe {
        // R1.13: as Microsoft's avshws does.
        KsAcquireDevice(device);
        KsReleaseDevice(device);
        // R1.3: the factories are there.
        assert!(!KsGetFirstChild(device.cast()).is_null());
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn start(
    device: PKSDEVICE,
    _irp: PIRP,
    _translated: PCM_RESOURCE_LIST,
    _untranslated: PCM_RESOURCE_LIST,
) -> NTSTATUS {
    // SAFETY: the callback's device.
    unsafe {
        KsAcquireDevice(device);
        KsReleaseDevice(device);
        // R1.8: not before the callback succeeds.
        assert_eq!((*device).Started, 0);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn post_start(_device: PKSDEVICE) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn post_start_fails(_device: PKSDEVICE) -> NTSTATUS {
    STATUS_INSUFFICIENT_RESOURCES
}

unsafe extern "win64" fn query(_device: PKSDEVICE, _irp: PIRP) -> NTSTATUS {
    if VETO.get() { STATUS_UNSUCCESSFUL } else { STATUS_SUCCESS }
}

unsafe extern "win64" fn tell(_device: PKSDEVICE, _irp: PIRP) {}

fn dispatch() -> KSDEVICE_DISPATCH {
    KSDEVICE_DISPATCH {
        Add: Some(add),
        Start: Some(start),
        PostStart: Some(post_start),
        QueryRemove: Some(query),
        QueryStop: Some(query),
        Stop: Some(tell),
        Remove: Some(tell),
        ..KSDEVICE_DISPATCH::default()
    }
}

/// R1.1, R1.2, R1.4, R1.7: the driver object leads to Add, Start and PostStart; removal ends all.
#[test]
fn from_add_to_remove() {
    let fixture = Fixture::with(Options::default(), dispatch(), pair());
    assert_eq!(callbacks(), ["DeviceAdd device 1", "DeviceStart device 1", "DevicePostStart device 1"]);
    close(fixture.open_filter(1).unwrap());
    VETO.set(true);
    assert_eq!(fixture.device.send(IRP_MN_QUERY_STOP_DEVICE as u8), STATUS_UNSUCCESSFUL);
    VETO.set(false);
    assert_eq!(fixture.device.send(IRP_MN_QUERY_STOP_DEVICE as u8), STATUS_SUCCESS);
    assert_eq!(fixture.device.send(IRP_MN_STOP_DEVICE as u8), STATUS_SUCCESS);
    assert_eq!(fixture.open_filter(1).unwrap_err(), STATUS_DEVICE_NOT_READY, "R1.8");
    assert_eq!(fixture.device.start(), STATUS_SUCCESS);
    sched::settle();
    close(fixture.open_filter(1).unwrap());
    assert_eq!(violation::list(), []);
    fixture.end();
}

/// R1.10, 10.29: creates get PostStart's status, and no interface goes live.
/// R1.11: without PostStart no interface is enabled.
#[test]
fn post_start_may_fail() {
    let table = KSDEVICE_DISPATCH { PostStart: Some(post_start_fails), ..dispatch() };
    let fixture = Fixture::with(Options::default(), table, pair());
    let interfaces = crate::nt::io::interface::interfaces(&crate::ks::fixture::CATEGORY);
    assert!(interfaces.iter().all(|interface| !interface.enabled));
    fixture.end();
}

#[test]
fn the_device_mutex_is_watched() {
    let fixture = Fixture::new(pair());
    let handle = fixture.open_filter(1).unwrap();
    let device = crate::ks::Device::of_fdo(fixture_fdo(&fixture)).unwrap();
    // SAFETY: a live device.
    unsafe {
        KsReleaseDevice(device.ks());
        assert_eq!(violation::take()[0].code, 0x81001, "not held");
        KsAcquireDevice(device.ks());
        KsAcquireDevice(device.ks());
        assert_eq!(violation::take().len(), 1, "not recursive");
        KsReleaseDevice(device.ks());
        KsReleaseDevice(device.ks());
        // R8.3: the list of factories.
        let first = KsGetFirstChild(device.ks().cast());
        assert_eq!(KsGetParent(first), device.ks().cast());
        let second = KsGetNextSibling(first);
        assert!(!second.is_null() && KsGetNextSibling(second).is_null());
        assert!(KsGetParent(device.ks().cast()).is_null());
    }
    assert_eq!(violation::list(), []);
    close(handle);
    fixture.end();
}

fn fixture_fdo(fixture: &Fixture) -> PDEVICE_OBJECT {
    // SAFETY: the device object on top of the PDO.
    unsafe { (*fixture.device.pdo()).AttachedDevice }
}

/// 10.24
#[test]
fn contradictions_in_descriptors() {
    let plain = || {
        pin_type(
            super::dispatch(),
            KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
            KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
            0,
        )
    };
    let check = |change: &dyn Fn(&mut KSFILTER_DESCRIPTOR, &mut KSPIN_DESCRIPTOR_EX)| {
        let mut pin = plain();
        let mut filter = crate::ks::fixture::filter(1, vec![plain()]);
        change(&mut filter, &mut pin);
        let pins = Vec::leak(vec![pin]);
        if filter.PinDescriptorsCount > 0 {
            filter.PinDescriptors = pins.as_ptr();
        }
        crate::ks::descriptor::check(&filter)
    };
    assert_eq!(check(&|_, _| ()), Ok(()));
    let pairs = [(2, 4), (0x10, 0x20), (0x40, 0x80_0000), (0x1_0000, 0x100_0000)];
    for (one, other) in pairs {
        check(&|_, pin| pin.Flags = one | other).unwrap_err();
        assert_eq!(check(&|_, pin| pin.Flags = one), Ok(()));
    }
    check(&|filter, _| filter.Version = 0).unwrap_err();
    check(&|filter, _| filter.Flags = 6).unwrap_err();
    check(&|filter, _| filter.PinDescriptorSize = 8).unwrap_err();
    check(&|filter, _| filter.PinDescriptorSize += 4).unwrap_err();
    check(&|filter, _| filter.ReferenceGuid = std::ptr::null()).unwrap_err();
    check(&|filter, _| filter.Categories = std::ptr::null()).unwrap_err();
    check(&|filter, _| filter.ConnectionsCount = 1).unwrap_err();
    check(&|filter, _| filter.NodeDescriptorsCount = 1).unwrap_err();
    check(&|_, pin| pin.PinDescriptor.InterfacesCount = 1).unwrap_err();
    check(&|_, pin| pin.PinDescriptor.DataRanges = std::ptr::null()).unwrap_err();
    let splitter = |pin: &mut KSPIN_DESCRIPTOR_EX| pin.Flags = KSPIN_FLAG_SPLITTER;
    assert_eq!(check(&|_, pin| splitter(pin)), Ok(()));
    check(&|_, pin| (splitter(pin), pin.InstancesPossible = 1).0).unwrap_err();
    check(&|_, pin| (splitter(pin), pin.PinDescriptor.DataFlow = KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN).0)
        .unwrap_err();
    assert_eq!(check(&|_, pin| pin.Flags = KSPIN_FLAG_GENERATE_MAPPINGS), Ok(()));
    check(&|_, pin| pin.Flags = KSPIN_FLAG_GENERATE_MAPPINGS | KSPIN_FLAG_SPLITTER).unwrap_err();
}
