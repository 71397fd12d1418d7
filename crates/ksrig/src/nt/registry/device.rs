//! The keys of devices and of their interfaces, and what an installation puts there.

use std::cell::RefCell;

use ks_sys::*;

use super::{
    CONTROL_SET,
    hive::{self, Value},
    zw,
};
use crate::nt::{
    exports::{Export, exports},
    io,
    machine::Machine,
    object::OBJ_KERNEL_HANDLE,
    pnp,
    string::text,
    thread,
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    IoOpenDeviceInterfaceRegistryKey(SymbolicLinkName: PUNICODE_STRING, DesiredAccess: ACCESS_MASK, DeviceInterfaceKey: PHANDLE) -> NTSTATUS, 0..=0;
    IoOpenDeviceRegistryKey(DeviceObject: PDEVICE_OBJECT, DevInstKeyType: ULONG, DesiredAccess: ACCESS_MASK, DevInstRegKey: PHANDLE) -> NTSTATUS, 0..=0;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// Which key of a device an `AddReg` line of an INF is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The driver's (software) key: `AddReg` of the install section.
    Driver,
    /// The device's (hardware) key: `AddReg` of the `.HW` section.
    Hardware,
    /// The key of the interface with this reference string: `AddReg` of an `AddInterface` section.
    Interface(String),
}

/// A value that the installation of a driver puts into the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Which key.
    pub place: Place,
    /// The path from there; empty for the key itself.
    pub subkey: String,
    /// The value's name.
    pub name: String,
    /// `REG_SZ`, ...
    pub kind: u32,
    /// The value's bytes.
    pub data: Vec<u8>,
}

#[derive(Default)]
struct Seeds(RefCell<Vec<Seed>>);

/// What the installation of devices puts into their keys from now on.
pub fn seed(seeds: Vec<Seed>) {
    Machine::current().extension::<Seeds>().0.borrow_mut().extend(seeds);
}

/// The key at a path; when it is made, with what the installation puts there.
fn key(path: &str, mine: impl Fn(&Place) -> bool) -> usize {
    let path = hive::relative(path).unwrap_or_default();
    if let Some(key) = hive::with(|hive| hive.find(0, path)) {
        return key;
    }
    let seeds = Machine::current().extension::<Seeds>().0.borrow();
    hive::with(|hive| {
        let key = hive.ensure(0, path);
        for Seed { subkey, name, kind, data, .. } in seeds.iter().filter(|seed| mine(&seed.place)) {
            let at = hive.ensure(key, subkey);
            hive.set(at, Value { name: name.clone(), kind: *kind, data: data.clone() });
        }
        key
    })
}

/// Opens a device's or its driver's key. STATUS_INVALID_DEVICE_REQUEST when the object is no physical device object.
/// In the context of a system thread. (`nf-wdm-ioopendeviceregistrykey.md`)
pub unsafe fn IoOpenDeviceRegistryKey(
    DeviceObject: PDEVICE_OBJECT,
    DevInstKeyType: ULONG,
    DesiredAccess: ACCESS_MASK,
    DevInstRegKey: PHANDLE,
) -> NTSTATUS {
    thread::check_system("IoOpenDeviceRegistryKey");
    let Some(device) = pnp::device_of(DeviceObject) else { return STATUS_INVALID_DEVICE_REQUEST };
    let key = match DevInstKeyType & 3 {
        PLUGPLAY_REGKEY_DEVICE => {
            let path = format!("{CONTROL_SET}\\Enum\\{}\\Device Parameters", device.instance_path());
            key(&path, |place| *place == Place::Hardware)
        }
        // Where the key lies depends on the setup class; its path is of no meaning to a driver.
        PLUGPLAY_REGKEY_DRIVER => {
            let instance = device.instance_path().replace('\\', "#");
            key(&format!("{CONTROL_SET}\\Control\\Class\\{instance}"), |place| *place == Place::Driver)
        }
        _ => return STATUS_INVALID_PARAMETER,
    };
    // SAFETY: the caller's variable.
    unsafe { DevInstRegKey.write(zw::open(key, DesiredAccess, OBJ_KERNEL_HANDLE)) };
    STATUS_SUCCESS
}

fn path_of(class: &GUID, interface: &io::interface::Interface) -> String {
    let class = crate::nt::string::guid_text(class);
    let name = interface.link.replace("\\??\\", "##?#").replace('\\', "#");
    format!("{CONTROL_SET}\\Control\\DeviceClasses\\{class}\\{name}\\Device Parameters")
}

/// What programs call an interface, if its key says so: what SetupAPI reads there.
pub fn friendly_name(class: &GUID, interface: &io::interface::Interface) -> Option<String> {
    let (kind, data) = hive::value(&path_of(class, interface), "FriendlyName")?;
    let units = data.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    (kind == REG_SZ).then(|| String::from_utf16_lossy(&units))
}

/// Opens an interface's key. STATUS_OBJECT_NAME_NOT_FOUND when the interface is not registered.
/// In the context of a system thread. (`nf-wdm-ioopendeviceinterfaceregistrykey.md`)
pub unsafe fn IoOpenDeviceInterfaceRegistryKey(
    SymbolicLinkName: PUNICODE_STRING,
    DesiredAccess: ACCESS_MASK,
    DeviceInterfaceKey: PHANDLE,
) -> NTSTATUS {
    thread::check_system("IoOpenDeviceInterfaceRegistryKey");
    // SAFETY: the caller's string.
    let link = unsafe { text(SymbolicLinkName) };
    let all = io::interface::all();
    let Some((class, interface)) = all.iter().find(|(_, known)| known.link.eq_ignore_ascii_case(&link))
    else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    let path = path_of(class, interface);
    let reference = interface.reference.clone();
    let mine = |place: &Place| matches!(place, Place::Interface(own) if own.eq_ignore_ascii_case(&reference));
    // SAFETY: the caller's variable.
    unsafe { DeviceInterfaceKey.write(zw::open(key(&path, mine), DesiredAccess, OBJ_KERNEL_HANDLE)) };
    STATUS_SUCCESS
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::nt::{Machine, MachineOptions, ZwClose, registry::value};

    unsafe extern "win64" fn entry(driver: PDRIVER_OBJECT, _: PUNICODE_STRING) -> NTSTATUS {
        unsafe extern "win64" fn add(_: PDRIVER_OBJECT, _: PDEVICE_OBJECT) -> NTSTATUS {
            STATUS_SUCCESS
        }
        // SAFETY: DriverEntry's own driver object.
        unsafe { (*(*driver).DriverExtension).AddDevice = Some(add) };
        STATUS_SUCCESS
    }

    /// A device's keys hold what its installation put there, each its own; other objects have none.
    #[test]
    fn keys_of_a_device() {
        let machine = Machine::new(MachineOptions::default());
        let value_of = |place, name: &str| Seed {
            place,
            subkey: String::new(),
            name: name.to_owned(),
            kind: REG_DWORD,
            data: vec![1, 0, 0, 0],
        };
        seed(vec![value_of(Place::Driver, "D"), value_of(Place::Hardware, "H")]);
        let driver = pnp::load_builtin("cam.sys", Some(entry)).unwrap();
        let device = driver.add_device("ROOT\\CAM").unwrap();
        let open = |object, kind| {
            let mut handle = null_mut();
            // SAFETY: a local variable; the handle is closed once.
            thread::as_kernel(|| unsafe {
                let status = IoOpenDeviceRegistryKey(object, kind, KEY_ALL_ACCESS, &raw mut handle);
                if status >= 0 {
                    assert_eq!(ZwClose(handle), STATUS_SUCCESS);
                }
                status
            })
        };
        assert_eq!(open(device.pdo(), PLUGPLAY_REGKEY_DEVICE), STATUS_SUCCESS);
        assert_eq!(open(device.pdo(), PLUGPLAY_REGKEY_DRIVER), STATUS_SUCCESS);
        assert_eq!(open(device.pdo(), 0), STATUS_INVALID_PARAMETER);
        assert_eq!(open(null_mut(), PLUGPLAY_REGKEY_DEVICE), STATUS_INVALID_DEVICE_REQUEST);
        let hardware = format!("{CONTROL_SET}\\Enum\\ROOT\\CAM\\0000\\Device Parameters");
        assert_eq!(value(&hardware, "H"), Some((REG_DWORD, vec![1, 0, 0, 0])));
        assert_eq!(value(&hardware, "D"), None);
        let mut handle = null_mut();
        let name = crate::nt::string::wide("\\??\\none");
        let mut name = crate::nt::string::counted(&name);
        // SAFETY: local variables.
        let status =
            unsafe { IoOpenDeviceInterfaceRegistryKey(&raw mut name, KEY_ALL_ACCESS, &raw mut handle) };
        assert_eq!(status, STATUS_OBJECT_NAME_NOT_FOUND);
        // The one call that was made as a program's thread.
        let broken: Vec<_> =
            crate::nt::violation::list().into_iter().map(|broken| (broken.rule, broken.message)).collect();
        let message =
            "IoOpenDeviceInterfaceRegistryKey is called in the context of a program's thread".to_owned();
        assert_eq!(broken, [("SystemThread", message)]);
        machine.shutdown();
    }
}
