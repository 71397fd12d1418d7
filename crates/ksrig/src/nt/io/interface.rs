//! Device interfaces.

use std::ptr::null_mut;

use ks_sys::*;

use crate::nt::{
    machine::{Machine, lock},
    object, pnp,
    pool::ExAllocatePoolWithTag,
    string::{self, guid_text, text, wide},
    thread, trace,
};

/// One interface, as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `\??\ROOT#...#{class}\reference`: what to open.
    pub link: String,
    /// The reference string.
    pub reference: String,
    /// Whether it is enabled.
    pub enabled: bool,
}

struct Registered {
    class: GUID,
    device: usize,
    interface: Interface,
}

/// The interfaces of one machine, in the order of their registration.
#[derive(Default)]
pub(in crate::nt) struct Interfaces {
    list: Vec<Registered>,
}

fn with<R>(body: impl FnOnce(&mut Vec<Registered>) -> R) -> R {
    body(&mut lock(&Machine::current().interfaces).list)
}

/// Registers an interface of a device (once per class and reference string); the name is pool memory for
/// RtlFreeUnicodeString. STATUS_INVALID_DEVICE_REQUEST. PASSIVE_LEVEL, in the context of a system thread.
/// (`nf-wdm-ioregisterdeviceinterface.md`)
pub unsafe fn IoRegisterDeviceInterface(
    PhysicalDeviceObject: PDEVICE_OBJECT,
    InterfaceClassGuid: *const GUID,
    ReferenceString: PUNICODE_STRING,
    SymbolicLinkName: PUNICODE_STRING,
) -> NTSTATUS {
    thread::check_system("IoRegisterDeviceInterface");
    let Some(node) = pnp::device_of(PhysicalDeviceObject) else { return STATUS_INVALID_DEVICE_REQUEST };
    // SAFETY: the caller's GUID, NULL or a string, and the variable for the name.
    unsafe {
        let class = *InterfaceClassGuid;
        let reference = text(ReferenceString);
        if reference.contains(['\\', '/']) {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        let path = node.instance_path().replace('\\', "#");
        let mut link = format!("\\??\\{path}#{}", guid_text(&class).to_lowercase());
        if !reference.is_empty() {
            link = format!("{link}\\{reference}");
        }
        let status = string::allocate(&wide(&link), SymbolicLinkName);
        if status < 0 {
            return status;
        }
        let known = with(|list| list.iter().any(|registered| registered.interface.link == link));
        if known {
            return STATUS_OBJECT_NAME_EXISTS;
        }
        trace::event("interface", &link, "registered");
        let interface = Interface { link, reference, enabled: false };
        with(|list| list.push(Registered { class, device: PhysicalDeviceObject as usize, interface }));
    }
    STATUS_SUCCESS
}

/// Enables or disables an interface. STATUS_OBJECT_NAME_NOT_FOUND when it is not registered,
/// STATUS_OBJECT_NAME_EXISTS when it is enabled already. PASSIVE_LEVEL.
/// (`nf-wdm-iosetdeviceinterfacestate.md`)
pub unsafe fn IoSetDeviceInterfaceState(SymbolicLinkName: PUNICODE_STRING, Enable: BOOLEAN) -> NTSTATUS {
    let enable = Enable != 0;
    let changed = with(|list| {
        // SAFETY: the caller's string.
        let mine = |registered: &&mut Registered| unsafe {
            object::same_path(SymbolicLinkName, &registered.interface.link)
        };
        list.iter_mut().find(mine).map(|registered| {
            let before = std::mem::replace(&mut registered.interface.enabled, enable);
            (before != enable, registered.interface.link.clone())
        })
    });
    match changed {
        None => STATUS_OBJECT_NAME_NOT_FOUND,
        Some((false, _)) if enable => STATUS_OBJECT_NAME_EXISTS,
        Some((false, _)) => STATUS_OBJECT_NAME_NOT_FOUND,
        Some((true, link)) => {
            trace::event("interface", link, if enable { "enabled" } else { "disabled" });
            STATUS_SUCCESS
        }
    }
}

/// The names of the enabled interfaces of a class (with DEVICE_INTERFACE_INCLUDE_NONACTIVE of all),
/// terminated by an empty one, in pool memory. PASSIVE_LEVEL. (`nf-wdm-iogetdeviceinterfaces.md`)
pub unsafe fn IoGetDeviceInterfaces(
    InterfaceClassGuid: *const GUID,
    PhysicalDeviceObject: PDEVICE_OBJECT,
    Flags: ULONG,
    SymbolicLinkList: *mut PWSTR,
) -> NTSTATUS {
    // SAFETY: the caller's GUID.
    let class = unsafe { *InterfaceClassGuid };
    let all = Flags & DEVICE_INTERFACE_INCLUDE_NONACTIVE != 0;
    let names: Vec<u16> = with(|list| {
        let device = PhysicalDeviceObject as usize;
        let of_device = |registered: &&Registered| device == 0 || registered.device == device;
        let found =
            list.iter().filter(|registered| is_equal_guid(&registered.class, &class)).filter(of_device);
        let found = found.filter(|registered| all || registered.interface.enabled);
        found
            .flat_map(|registered| wide(&registered.interface.link).into_iter().chain([0]))
            .chain([0])
            .collect()
    });
    // SAFETY: the allocation has room for the names; the caller's variable.
    unsafe {
        let bytes = 2 * names.len() as SIZE_T;
        let memory: PWSTR =
            ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, bytes, u32::from_le_bytes(*b"IoDi")).cast();
        if memory.is_null() {
            SymbolicLinkList.write(null_mut());
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        memory.copy_from_nonoverlapping(names.as_ptr(), names.len());
        SymbolicLinkList.write(memory);
    }
    STATUS_SUCCESS
}

/// The interfaces of a class, in the order of registration (what SetupAPI shows a client).
pub fn interfaces(class: &GUID) -> Vec<Interface> {
    all().into_iter().filter(|(own, _)| is_equal_guid(own, class)).map(|(_, interface)| interface).collect()
}

/// Every registered interface with its class, in the order of registration.
pub fn all() -> Vec<(GUID, Interface)> {
    with(|list| list.iter().map(|registered| (registered.class, registered.interface.clone())).collect())
}

/// The device behind the link that the path begins with, and where the file name begins: at the
/// reference string.
pub(in crate::nt) fn resolve(path: &[u16]) -> Option<(usize, usize)> {
    with(|list| {
        let enabled = list.iter().filter(|registered| registered.interface.enabled);
        let mut found = enabled.filter_map(|Registered { device, interface, .. }| {
            let length = object::prefix(path, &interface.link)?;
            let own = if interface.reference.is_empty() { 0 } else { wide(&interface.reference).len() + 1 };
            Some((length, *device, length - own))
        });
        let best = found.by_ref().max_by_key(|(length, ..)| *length);
        best.map(|(_, device, rest)| (device, rest))
    })
}

/// The device is gone: its interfaces are disabled (`remove` = forgotten).
pub(in crate::nt) fn device_gone(device: PDEVICE_OBJECT, remove: bool) {
    with(|list| {
        for registered in list.iter_mut().filter(|registered| registered.device == device as usize) {
            registered.interface.enabled = false;
        }
        list.retain(|registered| !remove || registered.device != device as usize);
    });
}
