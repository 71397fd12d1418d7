//! A driver for tests: it keeps device control requests of one code until they are cancelled or let go.

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use crate::nt::{self, Machine, MachineOptions, bugcheck, pnp, user};

/// Completed at once with the input doubled (METHOD_BUFFERED).
pub const DOUBLE: u32 = 0x22_0000;
/// Kept until it is cancelled or let go (METHOD_NEITHER).
pub const KEEP: u32 = 0x22_0007;
/// Fails at once (METHOD_BUFFERED).
pub const FAIL: u32 = 0x22_0008;

/// What the driver saw.
#[derive(Default)]
pub struct Log(pub RefCell<Vec<String>>);

#[derive(Default)]
struct Kept(RefCell<Vec<usize>>);

pub fn log(line: impl Into<String>) {
    Machine::current().extension::<Log>().0.borrow_mut().push(line.into());
}

pub fn take_log() -> Vec<String> {
    Machine::current().extension::<Log>().0.take()
}

pub fn machine(preemption: u32, seed: u64) -> &'static Machine {
    fn on_stop(stop: &bugcheck::Stop) {
        panic!("{stop}");
    }
    Machine::new(MachineOptions { seed, preemption, on_stop: Some(on_stop), ..MachineOptions::default() })
}

unsafe extern "win64" fn cancel(_: PDEVICE_OBJECT, irp: PIRP) {
    // SAFETY: the I/O manager calls it with the cancel lock held.
    unsafe {
        nt::IoReleaseCancelSpinLock((*irp).CancelIrql);
        Machine::current().extension::<Kept>().0.borrow_mut().retain(|kept| *kept != irp as usize);
        nt::complete(irp, STATUS_CANCELLED, 0);
    }
}

/// Completes what is kept.
pub fn let_go(status: NTSTATUS) {
    for irp in Machine::current().extension::<Kept>().0.take() {
        let irp = irp as PIRP;
        // SAFETY: kept requests are alive; one whose cancel routine is gone belongs to it.
        unsafe {
            if nt::IoSetCancelRoutine(irp, None).is_some() {
                nt::complete(irp, status, 7);
            }
        }
    }
}

unsafe extern "win64" fn control(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over.
    unsafe {
        let location = nt::IoGetCurrentIrpStackLocation(irp);
        let parameters = (*location).Parameters.DeviceIoControl;
        match parameters.IoControlCode {
            DOUBLE => {
                let value = (*irp).AssociatedIrp.SystemBuffer.cast::<u32>();
                *value *= 2;
                nt::complete(irp, STATUS_SUCCESS, 4)
            }
            FAIL => nt::complete(irp, STATUS_INVALID_PARAMETER, 0),
            _ => {
                if let Err(status) = user::probe((*irp).RequestorMode, parameters.Type3InputBuffer, 4, 4) {
                    return nt::complete(irp, status, 0);
                }
                nt::IoMarkIrpPending(irp);
                Machine::current().extension::<Kept>().0.borrow_mut().push(irp as usize);
                nt::IoSetCancelRoutine(irp, Some(cancel));
                STATUS_PENDING
            }
        }
    }
}

unsafe extern "win64" fn note(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over.
    unsafe {
        let location = nt::IoGetCurrentIrpStackLocation(irp);
        let file = (*location).FileObject;
        let status = match u32::from((*location).MajorFunction) {
            IRP_MJ_CREATE => {
                let name = nt::io::file::file_name(file);
                log(format!("create {name} mode {}", (*irp).RequestorMode));
                if name.contains("refuse") { STATUS_ACCESS_DENIED } else { STATUS_SUCCESS }
            }
            IRP_MJ_CLEANUP => {
                log("cleanup");
                STATUS_SUCCESS
            }
            _ => {
                log("close");
                STATUS_SUCCESS
            }
        };
        nt::complete(irp, status, 0)
    }
}

#[derive(Default)]
struct FailStart(Cell<bool>);

/// Lets the next START_DEVICE fail.
pub fn fail_start() {
    Machine::current().extension::<FailStart>().0.set(true);
}

/// What the driver does wrong when its device goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Careless {
    /// Nothing.
    #[default]
    No,
    /// It fails the request.
    Refuses,
    /// It stays attached.
    StaysAttached,
    /// It keeps its device object.
    KeepsDevice,
    /// It does all that is right, on another thread and after the request.
    Late,
}

#[derive(Default)]
struct Manners(Cell<Careless>);

/// Lets the driver be careless.
pub fn be(careless: Careless) {
    Machine::current().extension::<Manners>().0.set(careless);
}

#[repr(C)]
struct Extension {
    below: PDEVICE_OBJECT,
    link: UNICODE_STRING,
}

unsafe extern "win64" fn pnp_request(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands the IRP over; the extension is the driver's.
    unsafe {
        let extension = (*device).DeviceExtension.cast::<Extension>();
        let below = (*extension).below;
        match u32::from((*nt::IoGetCurrentIrpStackLocation(irp)).MinorFunction) {
            IRP_MN_START_DEVICE => {
                log("start");
                if Machine::current().extension::<FailStart>().0.take() {
                    return nt::complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
                }
                nt::IoForwardIrpSynchronously(below, irp);
                nt::IoSetDeviceInterfaceState(&raw mut (*extension).link, 1);
                nt::complete(irp, (*irp).IoStatus.__bindgen_anon_1.Status, 0)
            }
            minor => {
                log(format!("pnp {minor}"));
                let careless = Machine::current().extension::<Manners>().0.get();
                let status = if careless == Careless::Refuses {
                    nt::complete(irp, STATUS_UNSUCCESSFUL, 0)
                } else {
                    nt::IoSkipCurrentIrpStackLocation(irp);
                    nt::IofCallDriver(below, irp)
                };
                if minor == IRP_MN_REMOVE_DEVICE {
                    nt::IoSetDeviceInterfaceState(&raw mut (*extension).link, 0);
                    nt::RtlFreeUnicodeString(&raw mut (*extension).link);
                    let (device, below) = (device as usize, below as usize);
                    let leave = move || {
                        if careless != Careless::StaysAttached {
                            nt::IoDetachDevice(below as PDEVICE_OBJECT);
                        }
                        if careless != Careless::KeepsDevice {
                            nt::IoDeleteDevice(device as PDEVICE_OBJECT);
                        }
                    };
                    if careless == Careless::Late {
                        drop(Machine::current().spawn_kernel("late", leave));
                    } else {
                        leave();
                    }
                }
                status
            }
        }
    }
}

unsafe extern "win64" fn add_device(driver: *mut DRIVER_OBJECT, pdo: PDEVICE_OBJECT) -> NTSTATUS {
    let mut device = null_mut();
    // SAFETY: the PnP manager's driver and device.
    unsafe {
        let bytes = size_of::<Extension>() as ULONG;
        let status =
            nt::IoCreateDevice(driver, bytes, null_mut(), FILE_DEVICE_UNKNOWN, 0, 0, &raw mut device);
        if status < 0 {
            return status;
        }
        let extension = (*device).DeviceExtension.cast::<Extension>();
        (*extension).below = nt::IoAttachDeviceToDeviceStack(device, pdo);
        let reference = nt::string::wide("Camera");
        let mut reference = nt::string::counted(&reference);
        let class = KSCATEGORY_CAPTURE;
        nt::IoRegisterDeviceInterface(pdo, &raw const class, &raw mut reference, &raw mut (*extension).link);
        (*device).Flags &= !DO_DEVICE_INITIALIZING;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn unload(_: *mut DRIVER_OBJECT) {
    log("unload");
}

unsafe extern "win64" fn entry(driver: *mut DRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the loader's driver object and path.
    unsafe {
        assert!(nt::string::text(path).ends_with("\\Services\\fixture"));
        (*driver).MajorFunction[IRP_MJ_CREATE as usize] = Some(note);
        (*driver).MajorFunction[IRP_MJ_CLEANUP as usize] = Some(note);
        (*driver).MajorFunction[IRP_MJ_CLOSE as usize] = Some(note);
        (*driver).MajorFunction[IRP_MJ_DEVICE_CONTROL as usize] = Some(control);
        (*driver).MajorFunction[IRP_MJ_PNP as usize] = Some(pnp_request);
        (*driver).DriverUnload = Some(unload);
        (*(*driver).DriverExtension).AddDevice = Some(add_device);
    }
    STATUS_SUCCESS
}

/// The loaded driver with a started device.
pub fn device() -> &'static pnp::Device {
    let driver = pnp::load_builtin("fixture.sys", Some(entry)).expect("the entry succeeds");
    let device = driver.add_device("ROOT\\FIXTURE").expect("AddDevice succeeds");
    assert_eq!(device.start(), STATUS_SUCCESS);
    take_log();
    device
}

/// Opens a file from the user process: by an absolute name, or relative to another.
pub fn open(root: HANDLE, name: &str, options: u32) -> Result<HANDLE, NTSTATUS> {
    open_with(root, name, options, null_mut(), 0)
}

/// The same with an AllocationSize and extended attributes of this length.
pub fn open_with(
    root: HANDLE,
    name: &str,
    options: u32,
    size: PLARGE_INTEGER,
    ea_length: u32,
) -> Result<HANDLE, NTSTATUS> {
    let units = nt::string::wide(name);
    let mut text = user::Buffer::new(2 * units.len().max(1));
    text.bytes_mut()[..2 * units.len()]
        .copy_from_slice(&units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<_>>());
    let block = user::Buffer::new(256);
    // SAFETY: the structures fit into the user memory.
    unsafe {
        let string: PUNICODE_STRING = block.address().cast();
        let bytes = 2 * units.len() as u16;
        string.write(UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: text.address().cast() });
        let attributes: POBJECT_ATTRIBUTES = block.address().byte_add(32).cast();
        attributes.write(OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            RootDirectory: root,
            ObjectName: string,
            Attributes: nt::OBJ_CASE_INSENSITIVE,
            SecurityDescriptor: null_mut(),
            SecurityQualityOfService: null_mut(),
        });
        let handle: PHANDLE = block.address().byte_add(96).cast();
        let iosb: PIO_STATUS_BLOCK = block.address().byte_add(112).cast();
        let access = GENERIC_READ | GENERIC_WRITE;
        let ea = null_mut();
        let status =
            nt::NtCreateFile(handle, access, attributes, iosb, size, 0, 0, 1, options, ea, ea_length);
        if status < 0 { Err(status) } else { Ok(*handle) }
    }
}
