//! Loading drivers; root-enumerated devices and their life.

use std::{
    collections::BTreeMap,
    path::Path,
    ptr::null_mut,
    sync::{Mutex, atomic::{AtomicBool, Ordering}},
};

use ks_sys::*;

use super::{
    callback::{self, CallbackKind, Group},
    dpc, exports,
    io::{self, device, irp},
    machine::{Machine, lock},
    object,
    pool,
    string::{counted, wide},
    thread::as_kernel,
    timer, trace, violation, work,
};
use crate::pe::{self, LoadError, stub::PerThread, unwind};

/// Why a driver was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image was refused.
    #[error(transparent)]
    Image(#[from] LoadError),
    /// DriverEntry failed.
    #[error("DriverEntry returned {0:#010x}")]
    Entry(NTSTATUS),
}

/// The drivers and devices of one machine.
#[derive(Default)]
pub(super) struct State {
    drivers: Vec<&'static Driver>,
    devices: Vec<&'static Device>,
    /// (driver object, client identification address) to memory.
    extensions: BTreeMap<(usize, usize), Box<[u128]>>,
    /// The driver object of the root bus.
    bus: usize,
    instances: BTreeMap<String, u32>,
}

/// A loaded driver. It lives as long as the process; its image until it is unloaded.
pub struct Driver {
    name: String,
    image: Mutex<Option<&'static pe::Image>>,
    object: usize,
    unloaded: AtomicBool,
    /// The units of the registry path and the service key name.
    #[allow(dead_code, reason = "the driver object points to them")]
    names: [Vec<u16>; 2],
}

/// A root-enumerated device and its stack.
pub struct Device {
    driver: &'static Driver,
    hardware_id: String,
    instance: String,
    pdo: usize,
    pdo_name: String,
    /// Surprise-removed: REMOVE_DEVICE comes when the last file is closed.
    removing: AtomicBool,
    removed: AtomicBool,
}

const DRIVER_ENTRY: CallbackKind = CallbackKind::new("DriverEntry", Group::Driver);
const ADD_DEVICE: CallbackKind = CallbackKind::new("AddDevice", Group::Driver);
const UNLOAD: CallbackKind = CallbackKind::new("DriverUnload", Group::Driver);

fn images() -> Vec<&'static pe::Image> {
    let Some(machine) = Machine::try_current() else { return Vec::new() };
    // A fault may come while the list is being changed.
    let Ok(state) = machine.pnp.try_lock() else { return Vec::new() };
    state.drivers.iter().filter_map(|driver| driver.image()).collect()
}

/// Whether the address lies in the image of a driver.
pub(super) fn is_driver_code(address: usize) -> bool {
    let Some(machine) = Machine::try_current() else { return false };
    let state = lock(&machine.pnp);
    state.drivers.iter().any(|driver| driver.image().is_some_and(|image| image.contains(address)))
}

/// The same for a signal handler, which must not wait for the list.
pub(super) fn is_driver_address(address: usize) -> bool {
    images().iter().any(|image| image.contains(address))
}

/// The calls of the driver that led here, innermost first.
pub(super) fn driver_stack() -> Vec<String> {
    unwind::Context::at_import(&PerThread::noted()).map_or_else(Vec::new, stack_from)
}

/// The calls of a driver from a processor context on; empty when it is not in a driver.
pub(super) fn stack_from(context: unwind::Context) -> Vec<String> {
    unwind::backtrace(&images(), context).iter().map(ToString::to_string).collect()
}

unsafe extern "win64" fn invalid_request(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over.
    unsafe { irp::complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0) }
}

/// A new driver object, whose dispatch routines refuse everything; names for it.
fn driver_object(name: &str, image: Option<&pe::Image>) -> (usize, [Vec<u16>; 2]) {
    let service = name.split('.').next().unwrap_or(name);
    let names = [wide(&format!("\\Driver\\{service}")), wide(service)];
    let bytes = size_of::<DRIVER_OBJECT>() + size_of::<DRIVER_EXTENSION>();
    let body = object::create(&object::DRIVER, bytes, service.to_owned());
    let driver: PDRIVER_OBJECT = body.cast();
    // SAFETY: the body is a zeroed driver object with its extension behind it; the names live with the driver.
    unsafe {
        let extension = driver.add(1).cast::<DRIVER_EXTENSION>();
        (*driver).Type = IO_TYPE_DRIVER as CSHORT;
        (*driver).Size = size_of::<DRIVER_OBJECT>() as CSHORT;
        (*driver).DriverExtension = extension;
        (*driver).DriverName = counted(&names[0]);
        (*driver).MajorFunction = [Some(invalid_request); 28];
        (*extension).DriverObject = driver;
        (*extension).ServiceKeyName = counted(&names[1]);
        if let Some(image) = image {
            (*driver).DriverStart = image.base() as PVOID;
            (*driver).DriverSize = image.len() as ULONG;
        }
    }
    (driver as usize, names)
}

/// Loads a driver image from memory and calls DriverEntry.
pub fn load(name: &str, bytes: &[u8]) -> Result<&'static Driver, Error> {
    start(name, Some(pe::Image::load(name, bytes, &mut exports::lookup)?), None)
}

/// Loads a driver's file, with the symbols beside it, and calls DriverEntry.
pub fn load_file(path: &Path) -> Result<&'static Driver, Error> {
    let image = pe::Image::open(path, &mut exports::lookup)?;
    let name = image.name().to_owned();
    start(&name, Some(image), None)
}

/// A driver written in Rust (tests; built-in drivers): `entry` plays DriverEntry.
pub fn load_builtin(name: &str, entry: DRIVER_INITIALIZE) -> Result<&'static Driver, Error> {
    start(name, None, entry)
}

fn start(name: &str, image: Option<pe::Image>, entry: DRIVER_INITIALIZE) -> Result<&'static Driver, Error> {
    let machine = Machine::current();
    let image: Option<&'static pe::Image> = image.map(|image| &*Box::leak(Box::new(image)));
    let (object, names) = driver_object(name, image);
    let driver: &'static Driver = Box::leak(Box::new(Driver {
        name: name.to_owned(),
        image: Mutex::new(image),
        object,
        unloaded: AtomicBool::new(false),
        names,
    }));
    lock(&machine.pnp).drivers.push(driver);
    // SAFETY: the entry point of a driver image has this type.
    let entry = entry.or_else(|| image.map(|image| unsafe { std::mem::transmute::<usize, _>(image.entry()) }));
    let service = name.split('.').next().unwrap_or(name);
    let path = wide(&format!("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\{service}"));
    let mut path = counted(&path);
    // SAFETY: the driver object and the path live during the call; DriverEntry copies what it keeps.
    let status = entry.map_or(STATUS_SUCCESS, |entry| unsafe {
        (*driver.object()).DriverInit = Some(entry);
        as_kernel(|| {
            callback::routine(entry as usize, DRIVER_ENTRY, &driver.name, || entry(driver.object(), &raw mut path))
        })
    });
    if status < 0 {
        driver.forget();
        return Err(Error::Entry(status));
    }
    Ok(driver)
}

impl Driver {
    /// The driver object.
    pub fn object(&self) -> PDRIVER_OBJECT {
        self.object as PDRIVER_OBJECT
    }

    /// Its file name ("loopcam.sys").
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its image, while it is loaded.
    pub fn image(&self) -> Option<&'static pe::Image> {
        *lock(&self.image)
    }

    /// Makes a root-enumerated physical device with this hardware id (`ROOT\LOOPCAM`) and calls AddDevice.
    pub fn add_device(&'static self, hardware_id: &str) -> Result<&'static Device, NTSTATUS> {
        let machine = Machine::current();
        let number = {
            let mut state = lock(&machine.pnp);
            let next = state.instances.entry(hardware_id.to_owned()).or_insert(0);
            let number = *next;
            *next += 1;
            number
        };
        let mut pdo = null_mut();
        // SAFETY: the bus's driver object, a local variable.
        let status = unsafe {
            device::IoCreateDevice(
                bus(),
                0,
                null_mut(),
                FILE_DEVICE_UNKNOWN,
                FILE_AUTOGENERATED_DEVICE_NAME,
                0,
                &raw mut pdo,
            )
        };
        if status < 0 {
            return Err(status);
        }
        // SAFETY: just made.
        unsafe { (*pdo).Flags = (*pdo).Flags & !DO_DEVICE_INITIALIZING | DO_BUS_ENUMERATED_DEVICE };
        let device: &'static Device = Box::leak(Box::new(Device {
            driver: self,
            hardware_id: hardware_id.to_owned(),
            instance: format!("{hardware_id}\\{number:04}"),
            pdo: pdo as usize,
            pdo_name: format!("\\Device\\pdo {hardware_id} {number}"),
            removing: AtomicBool::new(false),
            removed: AtomicBool::new(false),
        }));
        lock(&machine.pnp).devices.push(device);
        // SAFETY: the driver object; its AddDevice gets its own driver object and the new device.
        let status = unsafe {
            let add = (*(*self.object()).DriverExtension).AddDevice;
            add.map_or(STATUS_NOT_SUPPORTED, |add| {
                as_kernel(|| callback::routine(add as usize, ADD_DEVICE, &self.name, || add(self.object(), pdo)))
            })
        };
        if status < 0 {
            device.forget();
            return Err(status);
        }
        Ok(device)
    }

    /// Calls DriverUnload and unmaps the image; what is left of the driver is reported as violations.
    pub fn unload(&'static self) {
        if self.unloaded.swap(true, Ordering::Relaxed) {
            return;
        }
        // SAFETY: the driver object; nothing of the driver runs after its DriverUnload.
        unsafe {
            if !(*self.object()).DeviceObject.is_null() {
                violation::report("PnpRemove", 0x0004_3006, &self.name, "the driver is unloaded while it has device objects");
            }
            if let Some(unload) = (*self.object()).DriverUnload {
                as_kernel(|| callback::routine(unload as usize, UNLOAD, &self.name, || unload(self.object())));
            }
        }
        dpc::KeFlushQueuedDpcs();
        self.forget();
    }

    /// The driver is gone: what it left behind is reported.
    fn forget(&'static self) {
        let machine = Machine::current();
        pool::report_leaks(&self.name);
        if let Some(image) = self.image() {
            let range = image.base()..image.base() + image.len();
            let left = [
                (timer::any_in(&range), 0x00, "a timer in the image is set"),
                (dpc::any_in(&range), 0x00, "a DPC in the image is queued"),
                (work::any_in(&range), 0x00, "a work item of the driver is queued"),
            ];
            for (_, code, message) in left.into_iter().filter(|(left, ..)| *left) {
                violation::report("UnloadPending", code, &self.name, message);
            }
        }
        {
            let mut state = lock(&machine.pnp);
            state.drivers.retain(|driver| !std::ptr::eq(*driver, self));
            state.extensions.retain(|(driver, _), _| *driver != self.object);
        }
        *lock(&self.image) = None;
        trace::event("unload", &self.name, "");
        // SAFETY: the last reference.
        unsafe { object::ObfDereferenceObject(self.object().cast()) };
    }
}

/// The driver object of the root bus, made at its first use.
fn bus() -> PDRIVER_OBJECT {
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
        let location = io::IoGetCurrentIrpStackLocation(irp);
        let minor = u32::from((*location).MinorFunction);
        let status = match minor {
            IRP_MN_START_DEVICE | IRP_MN_STOP_DEVICE | IRP_MN_QUERY_STOP_DEVICE | IRP_MN_CANCEL_STOP_DEVICE
            | IRP_MN_QUERY_REMOVE_DEVICE | IRP_MN_CANCEL_REMOVE_DEVICE | IRP_MN_REMOVE_DEVICE
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
                if (*location).Parameters.QueryDeviceRelations.Type == _DEVICE_RELATION_TYPE::TargetDeviceRelation =>
            {
                let memory = pool::ExAllocatePoolWithTag(
                    _POOL_TYPE::PagedPool,
                    size_of::<DEVICE_RELATIONS>() as SIZE_T,
                    u32::from_le_bytes(*b"PnpR"),
                );
                object::ObfReferenceObject(device.cast());
                memory.cast::<DEVICE_RELATIONS>().write(DEVICE_RELATIONS { Count: 1, Objects: [device] });
                return irp::complete(irp, STATUS_SUCCESS, memory as usize);
            }
            // A request that the bus does not know keeps the status it came with.
            _ => (*irp).IoStatus.__bindgen_anon_1.Status,
        };
        irp::complete(irp, status, (*irp).IoStatus.Information as usize)
    }
}

unsafe extern "win64" fn bus_power(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over.
    unsafe {
        let minor = u32::from((*io::IoGetCurrentIrpStackLocation(irp)).MinorFunction);
        let known = matches!(minor, IRP_MN_SET_POWER | IRP_MN_QUERY_POWER);
        let status = if known { STATUS_SUCCESS } else { (*irp).IoStatus.__bindgen_anon_1.Status };
        irp::complete(irp, status, 0)
    }
}

impl Device {
    /// The driver whose device it is.
    pub fn driver(&self) -> &'static Driver {
        self.driver
    }

    /// The physical device object.
    pub fn pdo(&self) -> PDEVICE_OBJECT {
        self.pdo as PDEVICE_OBJECT
    }

    /// Its hardware id (`ROOT\LOOPCAM`).
    pub fn hardware_id(&self) -> &str {
        &self.hardware_id
    }

    /// Its instance path (`ROOT\LOOPCAM\0000`).
    pub fn instance_path(&self) -> &str {
        &self.instance
    }

    /// The name of the physical device object.
    pub fn pdo_name(&self) -> &str {
        &self.pdo_name
    }

    /// Sends IRP_MN_START_DEVICE without resources and waits.
    pub fn start(&self) -> NTSTATUS {
        self.send(IRP_MN_START_DEVICE as u8)
    }

    /// Sends any PnP IRP to the top of the stack and waits.
    pub fn send(&self, minor: u8) -> NTSTATUS {
        self.send_with(IRP_MJ_PNP as u8, minor, |_| ()).0
    }

    /// Sends a PnP or power IRP, whose parameters `set` fills in, to the top of the stack and waits; gives
    /// status and information.
    pub fn send_with(&self, major: u8, minor: u8, set: impl FnOnce(&mut IO_STACK_LOCATION)) -> (NTSTATUS, usize) {
        let machine = Machine::current();
        let number = machine.ordinal("pnp request");
        trace::event_with("pnp", &self.instance, minor_name(major, minor), &[("request", &number)]);
        // SAFETY: the device object is alive until REMOVE_DEVICE; the top of its stack is referenced.
        let (status, information) = as_kernel(|| unsafe {
            let top = device::IoGetAttachedDeviceReference(self.pdo());
            let request = irp::allocate_for_thread(top, super::thread::KERNEL_MODE);
            // The PnP manager sets this status before it asks.
            (*request).IoStatus.__bindgen_anon_1.Status = STATUS_NOT_SUPPORTED;
            let location = io::IoGetNextIrpStackLocation(request);
            (*location).MajorFunction = major;
            (*location).MinorFunction = minor;
            set(&mut *location);
            let outcome = irp::send_and_wait(top, request);
            object::ObfDereferenceObject(top.cast());
            (outcome.__bindgen_anon_1.Status, outcome.Information as usize)
        });
        let code = format!("{:#010x}", status as u32);
        trace::event_with("pnp-done", &self.instance, minor_name(major, minor), &[("request", &number), ("status", &code)]);
        (status, information)
    }

    /// QUERY_REMOVE_DEVICE, then REMOVE_DEVICE. A veto comes back (after CANCEL_REMOVE_DEVICE); while files
    /// are open the removal is refused with STATUS_DEVICE_BUSY.
    pub fn remove(&self) -> NTSTATUS {
        let mut status = self.send(IRP_MN_QUERY_REMOVE_DEVICE as u8);
        if status >= 0 && self.open_files() != 0 {
            status = STATUS_DEVICE_BUSY;
        }
        if status < 0 {
            self.send(IRP_MN_CANCEL_REMOVE_DEVICE as u8);
            return status;
        }
        self.finish_removal();
        STATUS_SUCCESS
    }

    /// SURPRISE_REMOVAL, then REMOVE_DEVICE: at once, or when the last file has been closed.
    pub fn surprise_remove(&self) {
        io::interface::device_gone(self.pdo(), false);
        self.send(IRP_MN_SURPRISE_REMOVAL as u8);
        self.removing.store(true, Ordering::Relaxed);
        if self.open_files() == 0 {
            self.finish_removal();
        }
    }

    /// Whether REMOVE_DEVICE has been sent.
    pub fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    /// How many files are open on the device.
    pub fn open_files(&self) -> i32 {
        // SAFETY: the device object is alive until REMOVE_DEVICE.
        if self.is_removed() { 0 } else { unsafe { (*self.pdo()).ReferenceCount } }
    }

    fn finish_removal(&self) {
        if self.is_removed() {
            return;
        }
        // SAFETY: the device object is alive; the reference keeps it during the request.
        unsafe { object::ObfReferenceObject(self.pdo().cast()) };
        self.send(IRP_MN_REMOVE_DEVICE as u8);
        // SAFETY: as above.
        unsafe {
            if !(*self.pdo()).AttachedDevice.is_null() {
                violation::report("PnpRemove", 0x0004_3006, &self.instance, "a device is still attached after REMOVE_DEVICE");
                device::IoDetachDevice(self.pdo());
            }
        }
        self.forget();
        // SAFETY: the reference from above.
        unsafe { object::ObfDereferenceObject(self.pdo().cast()) };
    }

    fn forget(&self) {
        self.removed.store(true, Ordering::Relaxed);
        io::interface::device_gone(self.pdo(), true);
        // SAFETY: the device object is alive.
        unsafe { device::IoDeleteDevice(self.pdo()) };
        lock(&Machine::current().pnp).devices.retain(|device| !std::ptr::eq(*device, self));
    }
}

fn minor_name(major: u8, minor: u8) -> String {
    let names = [
        "START_DEVICE", "QUERY_REMOVE_DEVICE", "REMOVE_DEVICE", "CANCEL_REMOVE_DEVICE", "STOP_DEVICE",
        "QUERY_STOP_DEVICE", "CANCEL_STOP_DEVICE", "QUERY_DEVICE_RELATIONS", "QUERY_INTERFACE", "QUERY_CAPABILITIES",
    ];
    match (u32::from(major), u32::from(minor)) {
        (IRP_MJ_PNP, IRP_MN_SURPRISE_REMOVAL) => "SURPRISE_REMOVAL".to_owned(),
        (IRP_MJ_PNP, minor) => names.get(minor as usize).map_or_else(|| format!("PNP {minor:#x}"), ToString::to_string),
        (IRP_MJ_POWER, IRP_MN_SET_POWER) => "SET_POWER".to_owned(),
        (IRP_MJ_POWER, IRP_MN_QUERY_POWER) => "QUERY_POWER".to_owned(),
        (major, minor) => format!("{major:#x}/{minor:#x}"),
    }
}

/// The device whose physical device object this is.
pub(super) fn device_of(pdo: PDEVICE_OBJECT) -> Option<&'static Device> {
    lock(&Machine::current().pnp).devices.iter().find(|device| device.pdo == pdo as usize).copied()
}

/// The devices of the machine.
pub fn devices() -> Vec<&'static Device> {
    lock(&Machine::current().pnp).devices.clone()
}

/// The loaded drivers.
pub fn drivers() -> Vec<&'static Driver> {
    lock(&Machine::current().pnp).drivers.clone()
}

/// The last file on the device was closed: a surprise-removed device goes now.
pub(super) fn last_file_closed(pdo: PDEVICE_OBJECT) {
    let device = device_of(pdo).filter(|device| device.removing.load(Ordering::Relaxed));
    if let Some(device) = device {
        work::queue("remove", move || device.finish_removal());
    }
}

/// Asks a device's stack for its relations, on a worker thread; devices that it names are let go again.
pub(super) fn query_relations(pdo: PDEVICE_OBJECT, kind: DEVICE_RELATION_TYPE) {
    let Some(device) = device_of(pdo) else { return };
    work::queue("query relations", move || {
        if device.is_removed() {
            return;
        }
        let minor = IRP_MN_QUERY_DEVICE_RELATIONS as u8;
        let set = |location: &mut IO_STACK_LOCATION| location.Parameters.QueryDeviceRelations.Type = kind;
        let (status, relations) = device.send_with(IRP_MJ_PNP as u8, minor, set);
        if status >= 0 && relations != 0 {
            // SAFETY: the driver hands over the list and a reference of each device in it.
            unsafe {
                let list = relations as *mut DEVICE_RELATIONS;
                for index in 0..(*list).Count as usize {
                    object::ObfDereferenceObject((*(&raw const (*list).Objects).cast::<PDEVICE_OBJECT>().add(index)).cast());
                }
                pool::ExFreePool(list.cast());
            }
        }
    });
}

/// New zeroed memory of a driver for a client, or None if it has some.
pub(super) fn add_driver_extension(driver: usize, client: usize, bytes: usize) -> Option<PVOID> {
    let mut state = lock(&Machine::current().pnp);
    if state.extensions.contains_key(&(driver, client)) {
        return None;
    }
    let memory = vec![0_u128; bytes.div_ceil(16).max(1)].into_boxed_slice();
    Some(state.extensions.entry((driver, client)).or_insert(memory).as_mut_ptr().cast())
}

/// That memory, or NULL.
pub(super) fn driver_extension(driver: usize, client: usize) -> PVOID {
    let mut state = lock(&Machine::current().pnp);
    state.extensions.get_mut(&(driver, client)).map_or(null_mut(), |memory| memory.as_mut_ptr().cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{NtClose, handles_and_objects, io::{fixture, interface::interfaces}};

    /// A device is started, its interface comes and goes with it; removal is refused while a file is open;
    /// unload calls the driver; nothing is left and nothing is reported.
    #[test]
    fn device_life() {
        let machine = fixture::machine(8, 1);
        let before = handles_and_objects();
        let device = fixture::device();
        let found = interfaces(&KSCATEGORY_CAPTURE);
        let link = "\\??\\ROOT#FIXTURE#0000#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\\Camera";
        assert_eq!((found.len(), found[0].link.as_str(), found[0].enabled), (1, link, true));
        let file = fixture::open(null_mut(), link, 0).unwrap();
        fixture::take_log();
        assert_eq!(device.remove(), STATUS_DEVICE_BUSY);
        assert_eq!(fixture::take_log(), ["pnp 1", "pnp 3"]);
        // SAFETY: an open handle.
        unsafe { NtClose(file) };
        fixture::take_log();
        assert_eq!(device.remove(), STATUS_SUCCESS);
        device.driver().unload();
        assert_eq!(fixture::take_log(), ["pnp 1", "pnp 2", "unload"]);
        assert!(interfaces(&KSCATEGORY_CAPTURE).is_empty());
        assert_eq!(violation::take(), []);
        // The root bus's driver object stays.
        assert_eq!(handles_and_objects(), (before.0, before.1 + 1));
        machine.shutdown();
    }

    /// After a surprise removal REMOVE_DEVICE waits for the last file; meanwhile nothing can be opened.
    #[test]
    fn surprise_removal() {
        let machine = fixture::machine(8, 1);
        let device = fixture::device();
        let link = interfaces(&KSCATEGORY_CAPTURE)[0].link.clone();
        let file = fixture::open(null_mut(), &link, 0).unwrap();
        fixture::take_log();
        device.surprise_remove();
        assert_eq!(fixture::open(null_mut(), &link, 0), Err(STATUS_OBJECT_NAME_NOT_FOUND));
        assert!(!device.is_removed());
        // SAFETY: an open handle.
        unsafe { NtClose(file) };
        crate::nt::sched::settle();
        assert!(device.is_removed());
        assert_eq!(fixture::take_log(), [&format!("pnp {IRP_MN_SURPRISE_REMOVAL}"), "cleanup", "close", "pnp 2"]);
        machine.shutdown();
    }

    /// A driver whose entry fails is not loaded, and its status comes back.
    #[test]
    fn failed_entry() {
        unsafe extern "win64" fn entry(_: *mut DRIVER_OBJECT, _: PUNICODE_STRING) -> NTSTATUS {
            STATUS_INSUFFICIENT_RESOURCES
        }
        let machine = fixture::machine(8, 1);
        let before = handles_and_objects();
        let error = load_builtin("broken.sys", Some(entry)).err().expect("it fails");
        assert!(matches!(error, Error::Entry(STATUS_INSUFFICIENT_RESOURCES)));
        assert!(drivers().is_empty());
        assert_eq!(handles_and_objects(), before);
        machine.shutdown();
    }
}
