//! How a device object becomes AVStream's and stops being it (R1.2, R1.6, R1.7, R1.9, R1.12).

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use super::pair;
use crate::{
    ks::{
        Device, Options,
        bag::KsAddItemToObjectBag,
        device::{
            KsAcquireDevice, KsCreateDevice, KsGetDeviceForDeviceObject, KsInitializeDevice, KsReleaseDevice,
            KsTerminateDevice,
        },
        driver::{KsAddDevice, KsInitializeDriver},
        fixture::{Fixture, close},
        install,
        object::{Kind, Objects},
    },
    nt::{
        self, IoAttachDeviceToDeviceStack, IoCreateDevice, IoDeleteDevice, IoDetachDevice, Machine,
        MachineOptions, pnp, sched, violation,
    },
};

thread_local! {
    static DESCRIPTOR: Cell<*const KSDEVICE_DESCRIPTOR> = const { Cell::new(std::ptr::null()) };
    /// Which entry of the chain AddDevice takes.
    static CHAIN: Cell<Chain> = const { Cell::new(Chain::Add) };
    /// The device that the chain made.
    static MADE: Cell<PKSDEVICE> = const { Cell::new(null_mut()) };
    /// The driver whose devices lie under AVStream's.
    static LOWER: Cell<PDRIVER_OBJECT> = const { Cell::new(null_mut()) };
    /// What Add, and the lower driver at START, answer.
    static ANSWER: Cell<NTSTATUS> = const { Cell::new(STATUS_SUCCESS) };
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chain {
    Add,
    Create,
    Initialize,
}

fn log(line: impl Into<String>) {
    LOG.with_borrow_mut(|log| log.push(line.into()));
}

const EXTENSION: u32 = 256;

unsafe extern "win64" fn add_device(driver: PDRIVER_OBJECT, pdo: PDEVICE_OBJECT) -> NTSTATUS {
    let mut made = null_mut();
    // SAFETY: an AddDevice routine's arguments; the places are ours.
    let status = unsafe {
        match CHAIN.get() {
            Chain::Add => KsAddDevice(driver, pdo),
            Chain::Create => KsCreateDevice(driver, pdo, DESCRIPTOR.get(), EXTENSION, &mut made),
            Chain::Initialize => {
                let mut fdo = null_mut();
                assert_eq!(IoCreateDevice(driver, EXTENSION, null_mut(), 0x2F, 0, 0, &mut fdo), 0);
                let next = IoAttachDeviceToDeviceStack(fdo, pdo);
                let status = KsInitializeDevice(fdo, pdo, next, DESCRIPTOR.get());
                if status < 0 {
                    IoDetachDevice(next);
                    IoDeleteDevice(fdo);
                } else {
                    (*fdo).Flags &= !DO_DEVICE_INITIALIZING;
                }
                status
            }
        }
    };
    MADE.set(made);
    status
}

unsafe extern "win64" fn entry(driver: *mut _DRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the arguments of DriverEntry.
    unsafe {
        let status = KsInitializeDriver(driver, path, DESCRIPTOR.get());
        (*(*driver).DriverExtension).AddDevice = Some(add_device);
        status
    }
}

unsafe extern "win64" fn add(_device: PKSDEVICE) -> NTSTATUS {
    log("Add");
    ANSWER.get()
}

unsafe extern "win64" fn start(
    device: PKSDEVICE,
    _irp: PIRP,
    _translated: PCM_RESOURCE_LIST,
    _untranslated: PCM_RESOURCE_LIST,
) -> NTSTATUS {
    // SAFETY: the callback's device.
    log(format!("Start, started {}", unsafe { (*device).Started }));
    STATUS_SUCCESS
}

unsafe extern "win64" fn stop(_device: PKSDEVICE, _irp: PIRP) {
    log("Stop");
}

unsafe extern "win64" fn remove(_device: PKSDEVICE, _irp: PIRP) {
    log("Remove");
}

unsafe extern "win64" fn free(item: PVOID) {
    log(format!("free {}", item as usize));
}

/// The table of a device that logs what it is told.
fn dispatch() -> KSDEVICE_DISPATCH {
    KSDEVICE_DISPATCH {
        Add: Some(add),
        Start: Some(start),
        Stop: Some(stop),
        Remove: Some(remove),
        ..KSDEVICE_DISPATCH::default()
    }
}

/// The bag of a device gets an item.
fn fill_bag(device: PKSDEVICE) {
    // SAFETY: a live device; the item is never followed.
    unsafe {
        KsAcquireDevice(device);
        assert_eq!(KsAddItemToObjectBag((*device).Bag, 5 as PVOID, Some(free)), STATUS_SUCCESS);
        KsReleaseDevice(device);
    }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn machine() -> &'static Machine {
    let machine = Machine::new(MachineOptions { preemption: 2, ..MachineOptions::default() });
    install(Options::default());
    LOG.take();
    ANSWER.set(STATUS_SUCCESS);
    let filters: Vec<*const KSFILTER_DESCRIPTOR> =
        pair().into_iter().map(|filter| &raw const *leak(filter)).collect();
    DESCRIPTOR.set(leak(KSDEVICE_DESCRIPTOR {
        Dispatch: leak(dispatch()),
        FilterDescriptorsCount: filters.len() as u32,
        FilterDescriptors: Vec::leak(filters).as_ptr(),
        ..KSDEVICE_DESCRIPTOR::default()
    }));
    machine
}

/// R1.2: each entry of the chain makes the same device: a device object on the stack, whose extension begins with the
/// header and has the size that was asked for. R1.7: REMOVE takes AVStream off it, after the Remove dispatch.
#[test]
fn every_entry_of_the_chain_makes_a_device() {
    for chain in [Chain::Add, Chain::Create, Chain::Initialize] {
        let machine = machine();
        CHAIN.set(chain);
        let driver = pnp::load_builtin("chain", Some(entry)).unwrap();
        let device = driver.add_device("ROOT\\CHAIN").unwrap();
        // SAFETY: the PDO's stack; the extension's size.
        let ks = unsafe {
            let pdo = device.pdo();
            let fdo = (*pdo).AttachedDevice;
            assert_eq!((*fdo).DriverObject, driver.object(), "{chain:?}");
            assert_eq!((*fdo).Flags & DO_DEVICE_INITIALIZING, 0);
            let ks = KsGetDeviceForDeviceObject(fdo);
            assert_eq!(((*ks).FunctionalDeviceObject, (*ks).PhysicalDeviceObject), (fdo, pdo));
            assert_eq!((*ks).NextDeviceObject, pdo);
            let extension = (*fdo).DeviceExtension.cast::<PVOID>();
            assert!(!(*extension).is_null(), "the header");
            if chain != Chain::Add {
                let rest = extension.add(1).cast::<u8>();
                let own = std::slice::from_raw_parts(rest, EXTENSION as usize - size_of::<PVOID>());
                assert!(own.iter().all(|byte| *byte == 0), "the driver's part of the extension");
                rest.write_bytes(0x5A, own.len());
            }
            ks
        };
        if chain == Chain::Create {
            assert_eq!(MADE.get(), ks);
        }
        assert_eq!(device.start(), STATUS_SUCCESS);
        sched::settle();
        fill_bag(ks);
        assert_eq!([Kind::Device, Kind::Factory].map(Objects::count), [1, 2]);
        assert_eq!(device.remove(), STATUS_SUCCESS);
        assert_eq!(LOG.take(), ["Add", "Start, started 0", "Remove", "free 5"], "{chain:?}");
        assert_eq!([Kind::Device, Kind::Factory].map(Objects::count), [0, 0], "R1.7");
        assert_eq!(violation::list(), []);
        driver.unload();
        machine.shutdown();
    }
}

/// R1.2, R1.4: a chain that fails leaves no device object on the stack, no object and no interface.
#[test]
fn a_failed_add_leaves_nothing() {
    for chain in [Chain::Add, Chain::Create, Chain::Initialize] {
        let machine = machine();
        CHAIN.set(chain);
        ANSWER.set(STATUS_DEVICE_CONFIGURATION_ERROR);
        let driver = pnp::load_builtin("chain", Some(entry)).unwrap();
        assert_eq!(driver.add_device("ROOT\\CHAIN").err(), Some(STATUS_DEVICE_CONFIGURATION_ERROR));
        // SAFETY: the driver object lives.
        assert!(unsafe { (*driver.object()).DeviceObject }.is_null(), "{chain:?}");
        assert_eq!([Kind::Device, Kind::Factory].map(Objects::count), [0, 0]);
        assert!(nt::io::interface::all().is_empty());
        // The driver is as good as before.
        ANSWER.set(STATUS_SUCCESS);
        let device = driver.add_device("ROOT\\CHAIN").unwrap();
        assert_eq!(device.remove(), STATUS_SUCCESS);
        driver.unload();
        machine.shutdown();
    }
}

/// R1.2: KsAddDevice is for drivers that have called KsInitializeDriver.
#[test]
fn add_device_needs_an_initialized_driver() {
    unsafe extern "win64" fn bare(driver: *mut _DRIVER_OBJECT, _: PUNICODE_STRING) -> NTSTATUS {
        unsafe extern "win64" fn add(driver: PDRIVER_OBJECT, pdo: PDEVICE_OBJECT) -> NTSTATUS {
            // SAFETY: an AddDevice routine's arguments.
            unsafe { KsAddDevice(driver, pdo) }
        }
        // SAFETY: the loader's driver object.
        unsafe { (*(*driver).DriverExtension).AddDevice = Some(add) };
        STATUS_SUCCESS
    }
    let machine = machine();
    let driver = pnp::load_builtin("bare", Some(bare)).unwrap();
    assert_eq!(driver.add_device("ROOT\\BARE").err(), Some(STATUS_UNSUCCESSFUL));
    assert_eq!(Objects::count(Kind::Device), 0);
    driver.unload();
    machine.shutdown();
}

/// R1.7: KsTerminateDevice frees factories and bag, and leaves the device object to the driver, without AVStream.
#[test]
fn a_device_is_terminated() {
    let machine = machine();
    CHAIN.set(Chain::Initialize);
    let driver = pnp::load_builtin("chain", Some(entry)).unwrap();
    let device = driver.add_device("ROOT\\CHAIN").unwrap();
    // SAFETY: the device object on the PDO; AVStream is taken off it before it goes.
    unsafe {
        let fdo = (*device.pdo()).AttachedDevice;
        fill_bag(KsGetDeviceForDeviceObject(fdo));
        KsTerminateDevice(fdo);
        assert_eq!(LOG.take(), ["Add", "free 5"]);
        assert_eq!([Kind::Device, Kind::Factory].map(Objects::count), [0, 0]);
        assert!(Device::of_fdo(fdo).is_none());
        assert!((*(*fdo).DeviceExtension.cast::<PVOID>()).is_null(), "the header");
        assert_eq!((*device.pdo()).AttachedDevice, fdo, "the device object is the driver's");
        IoDetachDevice(device.pdo());
        IoDeleteDevice(fdo);
    }
    assert_eq!(device.remove(), STATUS_SUCCESS);
    assert_eq!(violation::list(), []);
    driver.unload();
    machine.shutdown();
}

unsafe extern "win64" fn query_interface(_device: PKSDEVICE, _irp: PIRP) -> NTSTATUS {
    log("QueryInterface");
    STATUS_SUCCESS
}

/// R1.6: QueryInterface is looked at from descriptor version 0x100 on; an older driver's table may end before it.
#[test]
fn the_descriptors_version_counts() {
    for (version, called) in [(0, false), (0xFF, false), (0x100, true), (0x110, true)] {
        let dispatch = KSDEVICE_DISPATCH { QueryInterface: Some(query_interface), ..dispatch() };
        let descriptor =
            KSDEVICE_DESCRIPTOR { Dispatch: leak(dispatch), Version: version, ..Default::default() };
        let fixture = Fixture::described(1, Options::default(), descriptor, pair());
        assert_eq!(fixture.device.start(), STATUS_SUCCESS);
        sched::settle();
        LOG.take();
        let status = fixture.device.send(IRP_MN_QUERY_INTERFACE as u8);
        assert_eq!(LOG.take(), if called { vec!["QueryInterface"] } else { vec![] }, "{version:#x}");
        assert_eq!(status, if called { STATUS_SUCCESS } else { STATUS_NOT_SUPPORTED });
        fixture.end();
    }
}

/// The lower driver's PnP dispatch: logs, answers START, passes on.
unsafe extern "win64" fn lower_pnp(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over; the extension holds the device below.
    unsafe {
        let below = *(*device).DeviceExtension.cast::<PDEVICE_OBJECT>();
        let minor = u32::from((*nt::IoGetCurrentIrpStackLocation(irp)).MinorFunction);
        match minor {
            IRP_MN_START_DEVICE => log("lower START"),
            IRP_MN_STOP_DEVICE => log("lower STOP"),
            IRP_MN_REMOVE_DEVICE => log("lower REMOVE"),
            _ => {}
        }
        if minor == IRP_MN_START_DEVICE && ANSWER.get() < 0 {
            return nt::complete(irp, ANSWER.get(), 0);
        }
        nt::IoSkipCurrentIrpStackLocation(irp);
        let status = nt::IofCallDriver(below, irp);
        if minor == IRP_MN_REMOVE_DEVICE {
            IoDetachDevice(below);
            IoDeleteDevice(device);
        }
        status
    }
}

unsafe extern "win64" fn lower_entry(driver: *mut _DRIVER_OBJECT, _: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the loader's driver object.
    unsafe { (*driver).MajorFunction[IRP_MJ_PNP as usize] = Some(lower_pnp) };
    LOWER.set(driver);
    STATUS_SUCCESS
}

/// AddDevice of a stack with a lower filter driver.
unsafe extern "win64" fn add_both(driver: PDRIVER_OBJECT, pdo: PDEVICE_OBJECT) -> NTSTATUS {
    let mut lower = null_mut();
    // SAFETY: the lower driver's object; the device objects live.
    unsafe {
        let size = size_of::<PDEVICE_OBJECT>() as u32;
        assert_eq!(IoCreateDevice(LOWER.get(), size, null_mut(), 0x2F, 0, 0, &mut lower), STATUS_SUCCESS);
        *(*lower).DeviceExtension.cast::<PDEVICE_OBJECT>() = IoAttachDeviceToDeviceStack(lower, pdo);
        (*lower).Flags &= !DO_DEVICE_INITIALIZING;
        KsAddDevice(driver, pdo)
    }
}

unsafe extern "win64" fn entry_of_both(driver: *mut _DRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the arguments of DriverEntry.
    unsafe {
        let status = KsInitializeDriver(driver, path, DESCRIPTOR.get());
        (*(*driver).DriverExtension).AddDevice = Some(add_both);
        status
    }
}

/// R1.9: lower drivers start before the driver and stop after it; if they do not start, it hears nothing. R1.12: START
/// comes again without a STOP. R1.8: `Started`.
#[test]
fn lower_drivers_start_first() {
    let machine = machine();
    let lower = pnp::load_builtin("lower", Some(lower_entry)).unwrap();
    let driver = pnp::load_builtin("upper", Some(entry_of_both)).unwrap();
    let device = driver.add_device("ROOT\\BOTH").unwrap();
    LOG.take();
    ANSWER.set(STATUS_DEVICE_NOT_CONNECTED);
    assert_eq!(device.start(), STATUS_DEVICE_NOT_CONNECTED);
    assert_eq!(LOG.take(), ["lower START"]);
    ANSWER.set(STATUS_SUCCESS);
    assert_eq!(device.start(), STATUS_SUCCESS);
    assert_eq!(device.start(), STATUS_SUCCESS);
    sched::settle();
    assert_eq!(LOG.take(), ["lower START", "Start, started 0", "lower START", "Start, started 1"], "R1.12");
    assert_eq!(device.stop(), STATUS_SUCCESS);
    assert_eq!(LOG.take(), ["Stop", "lower STOP"]);
    assert_eq!(device.remove(), STATUS_SUCCESS);
    assert_eq!(LOG.take(), ["Remove", "lower REMOVE"]);
    assert_eq!(violation::list(), []);
    driver.unload();
    lower.unload();
    machine.shutdown();
}

/// R1.12: filters that are open stay so, and work, when START comes again.
#[test]
fn a_second_start_leaves_filters_alone() {
    let fixture = Fixture::with(Options::default(), dispatch(), pair());
    let filter = fixture.open_filter(1).unwrap();
    assert_eq!(fixture.device.start(), STATUS_SUCCESS);
    sched::settle();
    close(fixture.open_filter(1).unwrap());
    assert_eq!([Kind::Factory, Kind::Filter].map(Objects::count), [2, 1]);
    close(filter);
    assert_eq!(violation::list(), []);
    fixture.end();
}
