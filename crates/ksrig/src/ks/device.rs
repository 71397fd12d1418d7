//! Devices: the private structure around `KSDEVICE`, and the calls that make and end one.

use std::{
    cell::UnsafeCell,
    ptr::null_mut,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use ks_sys::{
    _DEVICE_POWER_STATE::PowerDeviceUnspecified, _SYSTEM_POWER_STATE::PowerSystemWorking,
    DO_DEVICE_INITIALIZING, DO_POWER_PAGABLE, KSDEVICE, KSDEVICE_DESCRIPTOR, KSDEVICE_DISPATCH, NTSTATUS,
    PDEVICE_OBJECT, PDRIVER_OBJECT, PKSDEVICE, PVOID, STATUS_NO_SUCH_DEVICE, STATUS_SUCCESS,
};

use super::{
    bag::{self, Bag},
    call::{DEVICE_ADD, DEVICE_START, driver_error, driver_status},
    factory::Factory,
    mapping::Dma,
    mutex::{self, Guard},
    object::{Basic, Kind, Objects, Pin, container},
    post_start::PostStart,
    unknown::Unknown,
};
use crate::nt::{
    IoAttachDeviceToDeviceStack, IoCreateDevice, IoDeleteDevice, IoDetachDevice, ObfDereferenceObject,
    ObfReferenceObject, callback, trace, violation,
};

/// `FILE_DEVICE_KS`.
const FILE_DEVICE_KS: u32 = 0x2F;

/// A device that AVStream supports.
#[repr(C)]
pub struct Device {
    basic: Basic,
    ks: UnsafeCell<KSDEVICE>,
    name: String,
    mutex: mutex::Mutex,
    /// The thread is in a callback for which the pages say that the device mutex is held (R1.13).
    pub(super) in_pnp: AtomicBool,
    added: AtomicBool,
    removed: AtomicBool,
    /// It has agreed to be removed, and is not yet.
    leaving: AtomicBool,
    /// In a state below D0: no pin runs (R1.16).
    asleep: AtomicBool,
    /// The DMA adapter, once it is registered.
    pub(super) dma: Mutex<Option<Dma>>,
    factories: Mutex<Vec<&'static Factory>>,
    /// Deleted ones, whose filters are still open.
    deleted: Mutex<Vec<&'static Factory>>,
    /// What became of PostStart (R1.10).
    pub(super) post_start: PostStart,
    bag: Box<Bag>,
    unknown: &'static Unknown,
}

// SAFETY: `KSDEVICE` is shared with the driver under the device mutex, as on Windows; all else is locked.
unsafe impl Sync for Device {}
// SAFETY: as above.
unsafe impl Send for Device {}

impl Device {
    /// The device behind a `PKSDEVICE`; a pointer that is no live device ends the run.
    pub fn of(ks: *mut KSDEVICE) -> &'static Self {
        container(ks.cast(), Kind::Device)
    }

    /// The device behind a functional device object.
    pub fn of_fdo(fdo: PDEVICE_OBJECT) -> Option<&'static Self> {
        if fdo.is_null() {
            return None;
        }
        // SAFETY: KsCreateDevice gives every device object an extension that begins with the pointer.
        let ks = unsafe {
            let extension = (*fdo).DeviceExtension.cast::<*mut KSDEVICE>();
            if extension.is_null() {
                return None;
            }
            *extension
        };
        (Objects::kind(ks.cast()) == Some(Kind::Device)).then(|| Self::of(ks))
    }

    /// The public structure.
    pub fn ks(&self) -> *mut KSDEVICE {
        self.ks.get()
    }

    /// Its name in logs.
    pub fn name(&self) -> &'static str {
        // SAFETY: the name lives as long as the device, which outlives whoever asks for its name.
        unsafe { &*std::ptr::from_ref(self.name.as_str()) }
    }

    /// The device mutex.
    pub fn mutex(&self) -> &mutex::Mutex {
        &self.mutex
    }

    /// Takes the device mutex for AVStream itself.
    pub fn acquire(&self) -> Guard<'_> {
        self.mutex.acquire()
    }

    /// Whether AddDevice is over: before that nobody else can reach the device.
    pub fn added(&self) -> bool {
        self.added.load(Ordering::Relaxed)
    }

    /// Whether it was surprise removed or is being removed (R1.15).
    pub fn removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    /// Whether it can be opened: it is started, there, and has not agreed to go (R1.8, R1.15;
    /// `kernel/handling-an-irp-mn-query-remove-device-request.md`).
    pub fn opens(&self) -> bool {
        self.started() && !self.removed() && !self.leaving.load(Ordering::Relaxed)
    }

    /// It agrees to be removed, or is not going to be after all.
    pub(super) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::Relaxed);
    }

    /// Whether it is in a state below D0: no pin runs then (R1.16).
    pub fn asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
    }

    /// It goes to sleep or wakes up; gives what was before.
    pub(super) fn set_asleep(&self, asleep: bool) -> bool {
        self.asleep.swap(asleep, Ordering::Relaxed)
    }

    /// Does something with each pin of which a client has a handle; it is not closed meanwhile. A pin that is being closed
    /// goes down by itself. PASSIVE_LEVEL, no mutex held: the last reference may be given up here.
    pub(super) fn each_pin(&self, action: impl Fn(&'static Pin)) {
        let deleted = self.deleted.lock().expect("never poisoned").clone();
        let factories = self.factories();
        let filters = factories.iter().chain(&deleted).flat_map(|factory| factory.filters());
        let pins: Vec<_> = filters.flat_map(|filter| filter.pins()).filter(|pin| pin.is_held()).collect();
        let files: Vec<_> = pins.iter().map(|pin| pin.file_object().cast()).collect();
        for &file in &files {
            // SAFETY: a file object lives as long as there is a handle.
            unsafe { ObfReferenceObject(file) };
        }
        for (pin, file) in pins.into_iter().zip(files) {
            action(pin);
            // SAFETY: referenced above.
            unsafe { ObfDereferenceObject(file) };
        }
    }

    /// From now on nothing can be opened (R1.15).
    pub(super) fn set_removed(&self) {
        self.removed.store(true, Ordering::Relaxed);
    }

    /// `KSDEVICE.Started` (R1.8).
    pub fn started(&self) -> bool {
        // SAFETY: the public structure lives as long as the device.
        unsafe { (*self.ks()).Started != 0 }
    }

    /// Whether PostStart is still to come or under way: AVStream enables the interfaces of factories that are
    /// made until then (R1.21).
    pub fn is_becoming_ready(&self) -> bool {
        !self.started() || self.post_start.is_ahead() || callback::inside(DEVICE_START.name)
    }

    /// The driver's callbacks.
    pub fn dispatch(&self) -> Option<&'static KSDEVICE_DISPATCH> {
        // SAFETY: the descriptor and its table live as long as the device (the driver's duty).
        unsafe { (*self.ks()).Descriptor.as_ref().and_then(|descriptor| descriptor.Dispatch.as_ref()) }
    }

    /// `Version` of the descriptor: 0 without one (R1.6).
    pub fn version(&self) -> u32 {
        // SAFETY: as in `dispatch`.
        unsafe { (*self.ks()).Descriptor.as_ref().map_or(0, |descriptor| descriptor.Version) }
    }

    /// The filter factories, in order of creation.
    pub fn factories(&self) -> Vec<&'static Factory> {
        self.factories.lock().expect("never poisoned").clone()
    }

    pub(super) fn enter(&self, factory: &'static Factory) {
        self.factories.lock().expect("never poisoned").push(factory);
    }

    pub(super) fn strike(&self, factory: &Factory) {
        for list in [&self.factories, &self.deleted] {
            list.lock().expect("never poisoned").retain(|other| !std::ptr::eq(*other, factory));
        }
    }

    /// Its filters are still of the device.
    pub(super) fn keep(&self, factory: &'static Factory) {
        self.deleted.lock().expect("never poisoned").push(factory);
    }

    /// The outer unknown.
    pub fn unknown(&self) -> &'static Unknown {
        self.unknown
    }

    fn new(
        fdo: PDEVICE_OBJECT,
        pdo: PDEVICE_OBJECT,
        next: PDEVICE_OBJECT,
        descriptor: *const KSDEVICE_DESCRIPTOR,
    ) -> &'static Self {
        let basic = Basic::new(Kind::Device);
        let name = format!("device {}", basic.ordinal);
        // SAFETY: all zero is a valid KSDEVICE.
        let mut ks = unsafe { std::mem::zeroed::<KSDEVICE>() };
        let bag = Bag::new();
        ks.Descriptor = descriptor;
        ks.Bag = bag.handle();
        ks.FunctionalDeviceObject = fdo;
        ks.PhysicalDeviceObject = pdo;
        ks.NextDeviceObject = next;
        // R1.18. ASSUMED: a device that was never powered is in an unspecified state.
        ks.SystemPowerState = PowerSystemWorking;
        ks.DevicePowerState = PowerDeviceUnspecified;
        let device: &'static Self = Box::leak(Box::new(Self {
            basic,
            ks: UnsafeCell::new(ks),
            mutex: mutex::Mutex::named(mutex::DEVICE, name.clone()),
            name,
            in_pnp: AtomicBool::new(false),
            added: AtomicBool::new(false),
            removed: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            dma: Mutex::default(),
            factories: Mutex::default(),
            deleted: Mutex::default(),
            post_start: PostStart::new(),
            bag,
            unknown: Unknown::new(),
        }));
        Objects::born(device.ks().cast(), Kind::Device);
        device.bag.belongs_to(device.ks().cast());
        device.unknown.belongs_to(device.ks().cast());
        device
    }

    fn end(&'static self) {
        for factory in self.factories() {
            factory.end();
        }
        {
            // R7.31: the free routines run as the owner's other callbacks do.
            let _mutex = self.acquire();
            self.bag.end();
        }
        self.unknown.end(self.name());
        let left = bag::left_over(self.ks().cast());
        if left > 0 {
            violation::report(
                "KsObjectBag",
                0,
                self.name(),
                format!("{left} object bag(s) were never freed (R7.32)"),
            );
        }
        Objects::died(self.ks().cast());
        // SAFETY: leaked in `new`; the list of live objects no longer has it.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) });
    }
}

/// `KsCreateDevice`: functional device object, attached, with AVStream on it (R1.2). Passive level.
///
/// # Safety
/// The arguments of an AddDevice routine; `Device`, if not null, is a place for the result.
pub unsafe fn KsCreateDevice(
    DriverObject: PDRIVER_OBJECT,
    PhysicalDeviceObject: PDEVICE_OBJECT,
    Descriptor: *const KSDEVICE_DESCRIPTOR,
    ExtensionSize: u32,
    Device: *mut PKSDEVICE,
) -> NTSTATUS {
    let mut fdo = null_mut();
    // R1.2: 0 stands for the default, which is the pointer to the header.
    let extension = ExtensionSize.max(size_of::<PVOID>() as u32);
    // SAFETY: no name; the place is ours.
    let status =
        unsafe { IoCreateDevice(DriverObject, extension, null_mut(), FILE_DEVICE_KS, 0, 0, &mut fdo) };
    if status < 0 {
        return status;
    }
    // SAFETY: two device objects that live.
    let next = unsafe { IoAttachDeviceToDeviceStack(fdo, PhysicalDeviceObject) };
    if next.is_null() {
        // SAFETY: created above and attached to nothing.
        unsafe { IoDeleteDevice(fdo) };
        return STATUS_NO_SUCH_DEVICE;
    }
    // SAFETY: as above; KsInitializeDevice gets what it asks for.
    unsafe {
        (*fdo).Flags |= DO_POWER_PAGABLE;
        let status = KsInitializeDevice(fdo, PhysicalDeviceObject, next, Descriptor);
        if status < 0 {
            IoDetachDevice(next);
            IoDeleteDevice(fdo);
            return status;
        }
        (*fdo).Flags &= !DO_DEVICE_INITIALIZING;
        if !Device.is_null() {
            *Device = KsGetDeviceForDeviceObject(fdo);
        }
    }
    status
}

/// `KsInitializeDevice`: AVStream on a device object that the driver made and attached itself. Its
/// extension begins with room for the header. Passive level.
///
/// # Safety
/// The device objects live, and `Descriptor` is null or lives as long as they do.
pub unsafe fn KsInitializeDevice(
    FunctionalDeviceObject: PDEVICE_OBJECT,
    PhysicalDeviceObject: PDEVICE_OBJECT,
    NextDeviceObject: PDEVICE_OBJECT,
    Descriptor: *const KSDEVICE_DESCRIPTOR,
) -> NTSTATUS {
    let device = Device::new(FunctionalDeviceObject, PhysicalDeviceObject, NextDeviceObject, Descriptor);
    // SAFETY: the extension has room for a pointer.
    unsafe { *(*FunctionalDeviceObject).DeviceExtension.cast::<*mut KSDEVICE>() = device.ks() };
    let status = initialize(device);
    trace::event("device_add", device.name(), format_args!("{status:#010x}"));
    if status < 0 {
        // SAFETY: as above.
        unsafe { *(*FunctionalDeviceObject).DeviceExtension.cast::<*mut KSDEVICE>() = null_mut() };
        device.end();
    } else {
        device.added.store(true, Ordering::Relaxed);
    }
    status
}

/// R1.3: the descriptor's factories exist before Add is called. R1.5: so they inherit a NULL context.
fn initialize(device: &'static Device) -> NTSTATUS {
    // SAFETY: the descriptor lives as long as the device.
    if let Some(descriptor) = unsafe { (*device.ks()).Descriptor.as_ref() } {
        for index in 0..descriptor.FilterDescriptorsCount as usize {
            // SAFETY: the table has that many entries.
            let filter = unsafe { *descriptor.FilterDescriptors.add(index) };
            if let Err(status) = Factory::create(device, filter, None, 0, [None; 2]) {
                return status;
            }
        }
    }
    // R1.4: Add is last, and an error of it fails AddDevice. 10.3: the device mutex is not held.
    match device.dispatch().and_then(|dispatch| dispatch.Add) {
        // SAFETY: the driver's callback with its own device.
        Some(add) => driver_status(DEVICE_ADD, device.name(), || unsafe { add(device.ks()) }),
        None => STATUS_SUCCESS,
    }
}

/// `KsTerminateDevice`: takes AVStream's support off a device object (R1.7). Passive level.
///
/// # Safety
/// `DeviceObject` has AVStream on it, and none of its filters is open.
pub unsafe fn KsTerminateDevice(DeviceObject: PDEVICE_OBJECT) {
    let Some(device) = Device::of_fdo(DeviceObject) else {
        driver_error("KsInvalidObject", "KsTerminateDevice: no AVStream on the device object")
    };
    // SAFETY: the extension has room for a pointer.
    unsafe { *(*DeviceObject).DeviceExtension.cast::<*mut KSDEVICE>() = null_mut() };
    device.end();
}

/// `KsGetDeviceForDeviceObject`: the AVStream device on a functional device object. Any IRQL.
///
/// # Safety
/// `FunctionalDeviceObject` lives.
pub unsafe fn KsGetDeviceForDeviceObject(FunctionalDeviceObject: PDEVICE_OBJECT) -> PKSDEVICE {
    match Device::of_fdo(FunctionalDeviceObject) {
        Some(device) => device.ks(),
        None => {
            driver_error("KsInvalidObject", "KsGetDeviceForDeviceObject: no AVStream on the device object")
        }
    }
}

/// `KsAcquireDevice`: takes the device mutex, which is not recursive. Passive level.
///
/// Inside the callbacks for which the pages say that it is held already, Microsoft's avshws takes it again:
/// there it is recorded in the trace and let pass (R1.13, 10.3).
///
/// # Safety
/// None beyond the device, which is checked.
pub unsafe fn KsAcquireDevice(Device: PKSDEVICE) {
    let device = Device::of(Device);
    if device.in_pnp.load(Ordering::Relaxed) && device.mutex().held_by_current_thread() {
        trace::event(
            "diagnostic",
            device.name(),
            "KsAcquireDevice in a callback that holds the device mutex (10.3)",
        );
        std::mem::forget(device.acquire());
    } else {
        device.mutex().acquire_for_driver(device.name());
    }
}

/// `KsReleaseDevice`: gives the device mutex back. Passive level.
///
/// # Safety
/// None beyond the device, which is checked.
pub unsafe fn KsReleaseDevice(Device: PKSDEVICE) {
    let device = Device::of(Device);
    device.mutex().release_for_driver(device.name());
}
