//! Loading and unloading drivers.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use ks_sys::*;

use crate::{
    nt::{
        callback::{self, CallbackKind, Group},
        coverage, dpc, exports, io, lock_order,
        machine::{Machine, lock},
        object, pool, residency, resource, slist,
        string::{counted, wide},
        thread::as_kernel,
        timer, trace, violation, work,
    },
    pe::{self, LoadError},
};

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

/// A loaded driver. It lives as long as the process; its image until it is unloaded.
pub struct Driver {
    pub(super) name: String,
    image: Mutex<Option<&'static pe::Image>>,
    object: usize,
    unloaded: AtomicBool,
    /// The units of the registry path and the service key name.
    #[allow(dead_code, reason = "the driver object points to them")]
    names: [Vec<u16>; 2],
}

const DRIVER_ENTRY: CallbackKind = CallbackKind::new("DriverEntry", Group::Driver);
const UNLOAD: CallbackKind = CallbackKind::new("DriverUnload", Group::Driver);

unsafe extern "win64" fn invalid_request(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over.
    unsafe { io::complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0) }
}

/// A new driver object, whose dispatch routines refuse everything; names for it.
pub(super) fn driver_object(name: &str, image: Option<&pe::Image>) -> (usize, [Vec<u16>; 2]) {
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

/// Makes an image known as a driver; nothing of it runs.
pub(in crate::nt) fn register(name: &str, image: pe::Image) -> &'static Driver {
    add(name, Some(image))
}

fn add(name: &str, image: Option<pe::Image>) -> &'static Driver {
    let machine = Machine::current();
    let image: Option<&'static pe::Image> = image.map(|image| &*Box::leak(Box::new(image)));
    if let Some(image) = image {
        coverage::attach(image);
    }
    let (object, names) = driver_object(name, image);
    let driver: &'static Driver = Box::leak(Box::new(Driver {
        name: name.to_owned(),
        image: Mutex::new(image),
        object,
        unloaded: AtomicBool::new(false),
        names,
    }));
    lock(&machine.pnp).drivers.push(driver);
    if let Some(image) = image {
        machine.code.add(&image.range());
    }
    if let Some(section) = image.and_then(pe::Image::import_section).filter(|section| section.executable()) {
        let message =
            format!("the import address table lies in the section {}, which can be executed", section.name);
        violation::report("CodeIntegrity", 0x2005, name, message);
    }
    if let Some(image) = image.filter(|_| machine.options().watch.force_irql) {
        for (start, bytes, protection) in image.pageable() {
            residency::add(start, bytes, residency::Kind::Pageable, protection);
        }
    }
    driver
}

fn start(name: &str, image: Option<pe::Image>, entry: DRIVER_INITIALIZE) -> Result<&'static Driver, Error> {
    let driver = add(name, image);
    let image = driver.image();
    // SAFETY: the entry point of a driver image has this type.
    let entry =
        entry.or_else(|| image.map(|image| unsafe { std::mem::transmute::<usize, _>(image.entry()) }));
    let service = name.split('.').next().unwrap_or(name);
    let path = wide(&format!("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\{service}"));
    let mut path = counted(&path);
    // SAFETY: the driver object and the path live during the call; DriverEntry copies what it keeps.
    let status = entry.map_or(STATUS_SUCCESS, |entry| unsafe {
        (*driver.object()).DriverInit = Some(entry);
        as_kernel(|| {
            callback::routine(entry as usize, DRIVER_ENTRY, &driver.name, || {
                entry(driver.object(), &raw mut path)
            })
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

    fn has_devices(&self) -> bool {
        // SAFETY: the driver object lives until it is forgotten.
        unsafe { !(*self.object()).DeviceObject.is_null() }
    }

    /// Calls DriverUnload and unmaps the image; what is left of the driver is reported as violations.
    pub fn unload(&'static self) {
        if self.unloaded.swap(true, Ordering::Relaxed) {
            return;
        }
        // SAFETY: the driver object; nothing of the driver runs after its DriverUnload.
        unsafe {
            // A PnP driver's devices went with REMOVE_DEVICE; one without AddDevice deletes its own in DriverUnload
            // (`nc-wdm-driver_unload`).
            let plays_pnp = (*(*self.object()).DriverExtension).AddDevice.is_some();
            let mut left = plays_pnp && self.has_devices();
            if let Some(unload) = (*self.object()).DriverUnload {
                as_kernel(|| {
                    callback::routine(unload as usize, UNLOAD, &self.name, || unload(self.object()))
                });
            }
            left |= self.has_devices();
            if left {
                let message = "the driver is unloaded while it has device objects";
                violation::report("PnpRemove", 0x0004_3006, &self.name, message);
            }
        }
        // ASSUMED: DPCs that are queued run before the image goes; only timers can then have one called later.
        dpc::KeFlushQueuedDpcs();
        self.forget();
    }

    /// The driver is gone: what it left behind is reported.
    fn forget(&'static self) {
        let machine = Machine::current();
        pool::report_leaks(&self.name);
        // Another driver's program may be using it still.
        if drivers().iter().all(|driver| std::ptr::eq(*driver, self)) {
            io::mdl::report_locked(&self.name);
        }
        if let Some(image) = self.image() {
            let range = image.range();
            // The first of them is what Windows stops with.
            let left = [
                (timer::any_in(&range), 0x00, "a timer in the image is set"),
                (timer::any_dpc_in(&range), 0x01, "a timer is set whose DPC lies in the image"),
                (
                    timer::any_routine_in(&range),
                    0x02,
                    "a timer is set whose DPC has its routine in the image",
                ),
            ];
            let kept = [
                (work::any_in(&range), "a work item of the driver is queued"),
                (slist::any_in(&range), "a lookaside list in the image was not deleted"),
                (resource::any_in(&range), "a resource in the image was not deleted"),
            ];
            for (_, message) in kept.into_iter().filter(|(left, _)| *left) {
                violation::report("UnloadUncancelled", 0, &self.name, message);
            }
            if let Some((_, code, message)) = left.into_iter().find(|(left, ..)| *left) {
                violation::report("UnloadPending", code, &self.name, message);
            }
        }
        {
            let mut state = lock(&machine.pnp);
            state.drivers.retain(|driver| !std::ptr::eq(*driver, self));
            state.extensions.retain(|(driver, _), _| *driver != self.object);
            state.gone.extend(self.image());
        }
        if let Some(image) = self.image() {
            let range = image.range();
            machine.code.remove(&range);
            residency::remove(&range);
            lock_order::gone(&range);
        }
        *lock(&self.image) = None;
        trace::event("unload", &self.name, "");
        // SAFETY: the last reference.
        unsafe { object::ObfDereferenceObject(self.object().cast()) };
    }
}

/// The loaded drivers.
pub fn drivers() -> Vec<&'static Driver> {
    lock(&Machine::current().pnp).drivers.clone()
}
