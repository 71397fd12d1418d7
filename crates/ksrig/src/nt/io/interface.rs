//! Device interfaces.

use ks_sys::*;

/// Registers an interface of a device (once per class and reference string); the name is pool memory for
/// RtlFreeUnicodeString.
pub unsafe fn IoRegisterDeviceInterface(
    PhysicalDeviceObject: PDEVICE_OBJECT,
    InterfaceClassGuid: *const GUID,
    ReferenceString: PUNICODE_STRING,
    SymbolicLinkName: PUNICODE_STRING,
) -> NTSTATUS {
    todo!()
}

/// Enables or disables an interface.
pub unsafe fn IoSetDeviceInterfaceState(SymbolicLinkName: PUNICODE_STRING, Enable: BOOLEAN) -> NTSTATUS {
    todo!()
}

/// The names of the interfaces of a class, terminated by an empty one, in pool memory.
pub unsafe fn IoGetDeviceInterfaces(
    InterfaceClassGuid: *const GUID,
    PhysicalDeviceObject: PDEVICE_OBJECT,
    Flags: ULONG,
    SymbolicLinkList: *mut PWSTR,
) -> NTSTATUS {
    todo!()
}

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

/// The interfaces of a class, in the order of registration (what SetupAPI shows a client).
pub fn interfaces(class: &GUID) -> Vec<Interface> {
    todo!()
}
