//! Filter factories that a driver makes itself (R1.20 to R1.25).

use std::{
    cell::{Cell, RefCell},
    ptr::{null, null_mut},
};

use ks_sys::*;

use crate::{
    ks::{
        Options,
        create_item::{KsFilterFactoryAddCreateItem, KsFreeObjectCreateItemsByContext},
        device::{KsAcquireDevice, KsReleaseDevice},
        factory::{
            KsCreateFilterFactory, KsFilterFactoryGetSymbolicLink, KsFilterFactorySetDeviceClassesState,
        },
        fixture::{self, Fixture, close, link, open_name, terminated},
        hierarchy::KsGetParent,
        irp,
        object::{Kind, Objects},
    },
    nt::{
        IoRegisterDeviceInterface, IoSetDeviceInterfaceState, RtlFreeUnicodeString, sched, string, thread,
        violation,
    },
};

thread_local! {
    static FLAGS: Cell<u32> = const { Cell::new(0) };
    static FACTORY: Cell<PKSFILTERFACTORY> = const { Cell::new(null_mut()) };
    static STATUS: Cell<NTSTATUS> = const { Cell::new(0) };
    /// Name and flags of the create item that the IRP of a filter's Create has.
    static ITEM: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

unsafe extern "win64" fn filter_create(filter: PKSFILTER, irp: PIRP) -> NTSTATUS {
    // SAFETY: KSCREATE_ITEM_IRP_STORAGE of the request.
    let item = unsafe { &*(*irp::driver_context(irp, 0)).cast::<KSOBJECT_CREATE_ITEM>() };
    // SAFETY: the item's string.
    let name = unsafe {
        std::slice::from_raw_parts(item.ObjectClass.Buffer, usize::from(item.ObjectClass.Length) / 2)
    };
    // SAFETY: the callback's filter.
    assert_eq!(item.Context, unsafe { KsGetParent(filter.cast()) });
    ITEM.set(Some((String::from_utf16_lossy(name), item.Flags)));
    STATUS_SUCCESS
}

fn descriptor(number: u32) -> *const KSFILTER_DESCRIPTOR {
    let mut filter = fixture::filter(number, Vec::new());
    let dispatch = KSFILTER_DISPATCH { Create: Some(filter_create), ..KSFILTER_DISPATCH::default() };
    filter.Dispatch = Box::leak(Box::new(dispatch));
    Box::leak(Box::new(filter))
}

/// Makes the factory "global" with the flags of the test.
fn make(device: PKSDEVICE, name: &str, flags: u32) -> Result<PKSFILTERFACTORY, NTSTATUS> {
    let mut factory = null_mut();
    let name = terminated(name);
    // Interfaces are registered in the context of a system thread.
    // SAFETY: the device of a callback, a descriptor that lives for ever, a place.
    let status = thread::as_kernel(|| unsafe {
        let fdo = (*device).FunctionalDeviceObject;
        KsCreateFilterFactory(fdo, descriptor(7), name.as_ptr(), null_mut(), flags, None, None, &mut factory)
    });
    if status < 0 { Err(status) } else { Ok(factory) }
}

/// As avshws does: once, when the device starts for the first time, the device mutex taken by itself (R1.12, R1.13).
unsafe extern "win64" fn start(
    device: PKSDEVICE,
    _irp: PIRP,
    _translated: PCM_RESOURCE_LIST,
    _untranslated: PCM_RESOURCE_LIST,
) -> NTSTATUS {
    // SAFETY: the callback's device.
    if unsafe { (*device).Started } != 0 {
        return STATUS_SUCCESS;
    }
    // SAFETY: as above.
    unsafe { KsAcquireDevice(device) };
    let made = make(device, "GLOBAL", FLAGS.get());
    // SAFETY: as above.
    unsafe { KsReleaseDevice(device) };
    match made {
        Ok(factory) => {
            FACTORY.set(factory);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn post_start(device: PKSDEVICE) -> NTSTATUS {
    match make(device, "GLOBAL", FLAGS.get()) {
        Ok(factory) => {
            FACTORY.set(factory);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

fn from_start(flags: u32) -> Fixture {
    FLAGS.set(flags);
    let dispatch = KSDEVICE_DISPATCH { Start: Some(start), ..KSDEVICE_DISPATCH::default() };
    Fixture::with(Options::default(), dispatch, Vec::new())
}

fn device(fixture: &Fixture) -> PKSDEVICE {
    let _ = fixture;
    // SAFETY: the factory's parent; the test's factory lives.
    unsafe { KsGetParent(FACTORY.get().cast()).cast() }
}

/// The work of a driver with the device mutex held.
fn with_mutex<R>(device: PKSDEVICE, body: impl FnOnce() -> R) -> R {
    // SAFETY: a live device.
    unsafe { KsAcquireDevice(device) };
    let result = body();
    // SAFETY: as above.
    unsafe { KsReleaseDevice(device) };
    result
}

/// R1.20, R1.21, R1.23, R1.25: reference string, enabled interface, the create item in the IRP.
#[test]
fn a_factory_from_start_or_post_start_has_enabled_interfaces() {
    for later in [false, true] {
        FLAGS.set(0);
        let dispatch = KSDEVICE_DISPATCH {
            Start: if later { None } else { Some(start) },
            PostStart: if later { Some(post_start) } else { None },
            ..KSDEVICE_DISPATCH::default()
        };
        let fixture = Fixture::with(Options::default(), dispatch, Vec::new());
        let name = link("GLOBAL").expect("an enabled interface");
        let filter = open_name(&name).unwrap();
        assert_eq!(ITEM.take(), Some(("GLOBAL".to_owned(), 0)));
        close(filter);
        if !later {
            // SAFETY: a live factory.
            assert!(!unsafe { KsFilterFactoryGetSymbolicLink(FACTORY.get()) }.is_null());
            // R1.12: a second START without a STOP.
            assert_eq!(fixture.device.start(), STATUS_SUCCESS);
            sched::settle();
        }
        assert_eq!(violation::list(), []);
        fixture.end();
    }
}

/// R1.21: afterwards the driver enables the interfaces itself.
#[test]
fn a_later_factory_is_the_drivers_to_enable() {
    let fixture = from_start(0);
    let device = device(&fixture);
    let factory = with_mutex(device, || make(device, "LATER", 0)).unwrap();
    assert_eq!(link("LATER"), None);
    // A rebalance does not do it either.
    assert_eq!(fixture.device.start(), STATUS_SUCCESS);
    sched::settle();
    assert_eq!(link("LATER"), None);
    for (state, found) in [(1, true), (0, false), (1, true)] {
        // SAFETY: a live factory.
        assert_eq!(unsafe { KsFilterFactorySetDeviceClassesState(factory, state) }, STATUS_SUCCESS);
        assert_eq!(link("LATER").is_some(), found);
    }
    assert_eq!(violation::list(), []);
    // R1.20: the device mutex is the caller's to hold.
    make(device, "WITHOUT", 0).unwrap();
    assert_eq!(violation::take().len(), 1);
    fixture.end();
}

/// R1.22, R1.24: wildcards, parameters, further strings.
#[test]
fn create_items_match_by_name_then_by_wildcard() {
    let fixture = from_start(KSCREATE_ITEM_NOPARAMETERS);
    let device = device(&fixture);
    let name = link("GLOBAL").unwrap();
    let base = name.strip_suffix("GLOBAL").expect("the reference string");
    // Interfaces that lead the I/O manager to the device with other names.
    for name in ["other", "named"] {
        let units: Vec<u16> = name.encode_utf16().collect();
        let mut reference = string::counted(&units);
        let mut link = UNICODE_STRING::default();
        // SAFETY: the device lives, the strings are ours.
        unsafe {
            let pdo = (*device).PhysicalDeviceObject;
            assert_eq!(IoRegisterDeviceInterface(pdo, &fixture::CATEGORY, &mut reference, &mut link), 0);
            assert_eq!(IoSetDeviceInterfaceState(&mut link, 1), 0);
            RtlFreeUnicodeString(&mut link);
        }
    }
    let status = |name: &str| match open_name(&format!("{base}{name}")) {
        Ok(handle) => {
            close(handle);
            STATUS_SUCCESS
        }
        Err(status) => status,
    };
    assert_eq!(status("global"), STATUS_SUCCESS);
    assert_eq!(status("GLOBAL\\more"), STATUS_NOT_FOUND, "NOPARAMETERS");
    assert_eq!(status("other"), STATUS_NOT_FOUND);
    let add = |name: &str, flags| {
        // SAFETY: a live factory, a string with an end.
        unsafe { KsFilterFactoryAddCreateItem(FACTORY.get(), terminated(name).as_ptr(), null_mut(), flags) }
    };
    // SAFETY: as above.
    let missing = unsafe { KsFilterFactoryAddCreateItem(FACTORY.get(), null(), null_mut(), 0) };
    assert_eq!(missing, STATUS_INVALID_PARAMETER);
    assert_eq!(add("x", KSCREATE_ITEM_WILDCARD | KSCREATE_ITEM_NOPARAMETERS), STATUS_INVALID_PARAMETER);
    assert_eq!(add("x", 0x100), STATUS_INVALID_PARAMETER);
    assert_eq!(add("any", KSCREATE_ITEM_WILDCARD), STATUS_SUCCESS);
    assert_eq!(add("any2", KSCREATE_ITEM_WILDCARD), STATUS_INVALID_PARAMETER, "one per list");
    assert_eq!(
        with_mutex(device, || make(device, "W", KSCREATE_ITEM_WILDCARD)),
        Err(STATUS_INVALID_PARAMETER)
    );
    assert_eq!(add("named", 0), STATUS_SUCCESS);
    assert_eq!(status("Named\\more"), STATUS_SUCCESS);
    assert_eq!(ITEM.take().unwrap().0, "named", "the wildcard's place in the list is irrelevant");
    assert_eq!(status("other\\more"), STATUS_SUCCESS);
    assert_eq!(ITEM.take().unwrap().0, "any");
    fixture.end();
}

/// R1.22: FREEONSTOP frees the factory after the Stop dispatch; one with an open filter when that is closed. avshws
/// makes a new one at the next START.
#[test]
fn free_on_stop_frees_on_stop() {
    let fixture = from_start(KSCREATE_ITEM_FREEONSTOP);
    for open in [false, true] {
        let name = link("GLOBAL").unwrap();
        let filter = open.then(|| open_name(&name).unwrap());
        assert_eq!(fixture.device.send(IRP_MN_QUERY_STOP_DEVICE as u8), STATUS_SUCCESS);
        assert_eq!(fixture.device.send(IRP_MN_STOP_DEVICE as u8), STATUS_SUCCESS);
        assert_eq!(link("GLOBAL"), None);
        assert_eq!(open_name(&name).unwrap_err(), STATUS_OBJECT_NAME_NOT_FOUND);
        assert_eq!(Objects::count(Kind::Factory), usize::from(open));
        filter.into_iter().for_each(close);
        assert_eq!(Objects::count(Kind::Factory), 0);
        assert_eq!(fixture.device.start(), STATUS_SUCCESS);
        sched::settle();
        close(open_name(&name).unwrap());
    }
    fixture.end();
}

/// R0.1: `KsDeleteFilterFactory` is KsFreeObjectCreateItemsByContext with the header in the device extension.
#[test]
fn a_factory_is_deleted_by_its_create_items() {
    let fixture = from_start(0);
    let device = device(&fixture);
    let factory = FACTORY.get();
    let name = link("GLOBAL").unwrap();
    let filter = open_name(&name).unwrap();
    // SAFETY: the device's extension begins with the header.
    let delete = || unsafe {
        let header = *(*(*device).FunctionalDeviceObject).DeviceExtension.cast::<KSDEVICE_HEADER>();
        KsFreeObjectCreateItemsByContext(header, factory.cast())
    };
    assert_eq!(with_mutex(device, delete), STATUS_SUCCESS);
    assert_eq!(link("GLOBAL"), None);
    assert_eq!(open_name(&name).unwrap_err(), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_eq!(with_mutex(device, delete), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_eq!(Objects::count(Kind::Factory), 1, "its filter is open");
    close(filter);
    assert_eq!(Objects::count(Kind::Factory), 0);
    fixture.end();
}
