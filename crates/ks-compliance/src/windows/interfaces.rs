//! The KS filters of the computer, as SetupAPI lists them.

use std::ptr::{null, null_mut};

use ks_sys::{
    GUID, KSCATEGORY_AUDIO, KSCATEGORY_BRIDGE, KSCATEGORY_CAPTURE, KSCATEGORY_DATATRANSFORM,
    KSCATEGORY_RENDER, KSCATEGORY_SPLITTER, KSCATEGORY_VIDEO, KSCATEGORY_VIDEO_CAMERA, is_equal_guid,
};
use windows_sys::Win32::{
    Devices::DeviceAndDriverInstallation::{
        DIGCF_DEVICEINTERFACE, DIGCF_PRESENT, HDEVINFO, SP_DEVICE_INTERFACE_DATA,
        SP_DEVICE_INTERFACE_DETAIL_DATA_W, SetupDiDestroyDeviceInfoList, SetupDiEnumDeviceInterfaces,
        SetupDiGetClassDevsW, SetupDiGetDeviceInterfaceDetailW, SetupDiOpenDeviceInterfaceRegKey,
    },
    System::Registry::{HKEY, KEY_READ, REG_SZ, RegCloseKey, RegQueryValueExW},
};

use crate::system::Interface;

const CLASSES: [GUID; 8] = [
    KSCATEGORY_CAPTURE,
    KSCATEGORY_RENDER,
    KSCATEGORY_VIDEO,
    KSCATEGORY_AUDIO,
    KSCATEGORY_VIDEO_CAMERA,
    KSCATEGORY_DATATRANSFORM,
    KSCATEGORY_SPLITTER,
    KSCATEGORY_BRIDGE,
];

/// A list that SetupAPI holds.
struct List(HDEVINFO);

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list is ours, and goes once.
        unsafe { SetupDiDestroyDeviceInfoList(self.0) };
    }
}

/// The filters, those in more classes among them; one with several interfaces is listed once.
pub fn all(more: &[GUID]) -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    let others = more.iter().filter(|class| !CLASSES.iter().any(|known| is_equal_guid(known, class)));
    for &class in CLASSES.iter().chain(others) {
        for (link, name) in of_class(&class) {
            let device = link.split("#{").next().unwrap_or_default().to_lowercase();
            let tail = link.rsplit('\\').next().unwrap_or_default().to_lowercase();
            let reference = format!("{device}\\{tail}");
            match found.iter_mut().find(|filter| filter.reference == reference) {
                Some(filter) => filter.categories.push(class),
                None => found.push(Interface { link, reference, categories: vec![class], name }),
            }
        }
    }
    found
}

fn of_class(class: &GUID) -> Vec<(String, String)> {
    let class = windows_sys::core::GUID {
        data1: class.Data1,
        data2: class.Data2,
        data3: class.Data3,
        data4: class.Data4,
    };
    // SAFETY: a local GUID; no enumerator, no window.
    let list = unsafe {
        SetupDiGetClassDevsW(&raw const class, null(), null_mut(), DIGCF_DEVICEINTERFACE | DIGCF_PRESENT)
    };
    if list == -1 {
        return Vec::new();
    }
    let list = List(list);
    let mut found = Vec::new();
    for index in 0.. {
        let mut data = SP_DEVICE_INTERFACE_DATA {
            cbSize: size_of::<SP_DEVICE_INTERFACE_DATA>() as u32,
            ..Default::default()
        };
        // SAFETY: the list is ours; local variables.
        let more =
            unsafe { SetupDiEnumDeviceInterfaces(list.0, null(), &raw const class, index, &raw mut data) };
        if more == 0 {
            break;
        }
        if let Some(path) = path(&list, &data) {
            let name = friendly_name(&list, &data).unwrap_or_else(|| path.clone());
            // The native name of what Win32 calls `\\?\`.
            found.push((path.replacen(r"\\?\", r"\??\", 1), name));
        }
    }
    found
}

fn path(list: &List, data: &SP_DEVICE_INTERFACE_DATA) -> Option<String> {
    let mut needed = 0;
    // SAFETY: asks for the size only.
    unsafe { SetupDiGetDeviceInterfaceDetailW(list.0, data, null_mut(), 0, &raw mut needed, null_mut()) };
    let mut buffer = vec![0_u64; (needed as usize).div_ceil(8).max(2)];
    let detail = buffer.as_mut_ptr().cast::<SP_DEVICE_INTERFACE_DETAIL_DATA_W>();
    // SAFETY: the buffer has room for the structure's head.
    unsafe { (*detail).cbSize = size_of::<SP_DEVICE_INTERFACE_DETAIL_DATA_W>() as u32 };
    // SAFETY: the buffer has the size that was asked for.
    let got =
        unsafe { SetupDiGetDeviceInterfaceDetailW(list.0, data, detail, needed, null_mut(), null_mut()) };
    let units = buffer.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // The path follows the four bytes of `cbSize`.
    (got != 0).then(|| text(units.get(4..needed as usize).unwrap_or_default()))
}

/// The text of UTF-16 bytes up to the first NUL.
fn text(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|unit| *unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}

/// The name in the registry key of an interface.
fn friendly_name(list: &List, data: &SP_DEVICE_INTERFACE_DATA) -> Option<String> {
    // SAFETY: the list is ours; the data is of one of its interfaces.
    let key: HKEY = unsafe { SetupDiOpenDeviceInterfaceRegKey(list.0, data, 0, KEY_READ) };
    if key.is_null() || key as isize == -1 {
        return None;
    }
    let value: Vec<u16> = "FriendlyName\0".encode_utf16().collect();
    let (mut kind, mut buffer, mut size) = (0, vec![0_u8; 1024], 1024);
    // SAFETY: the value's name ends with a NUL; the buffer has the size that is said.
    let status = unsafe {
        RegQueryValueExW(key, value.as_ptr(), null(), &raw mut kind, buffer.as_mut_ptr(), &raw mut size)
    };
    // SAFETY: the key is ours, and goes once.
    unsafe { RegCloseKey(key) };
    (status == 0 && kind == REG_SZ).then(|| text(&buffer[..size as usize])).filter(|name| !name.is_empty())
}
