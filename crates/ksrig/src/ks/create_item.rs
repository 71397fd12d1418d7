//! Create items: the strings by which the filters of a factory are opened (R1.22, R1.24, R1.25).

use std::ptr::null_mut;

use ks_sys::{
    KSCREATE_ITEM_FREEONSTOP, KSCREATE_ITEM_NOPARAMETERS, KSCREATE_ITEM_SECURITYCHANGED,
    KSCREATE_ITEM_WILDCARD, KSDEVICE_HEADER, KSOBJECT_CREATE_ITEM, NTSTATUS, PCWSTR, PIRP, PKSFILTERFACTORY,
    PSECURITY_DESCRIPTOR, PVOID, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS, UNICODE_STRING,
};

use super::{
    device::Device,
    dispatch,
    factory::{Factory, wide_text},
    irp,
};
use crate::nt::bugcheck;

const FLAGS: u32 = KSCREATE_ITEM_SECURITYCHANGED
    | KSCREATE_ITEM_WILDCARD
    | KSCREATE_ITEM_NOPARAMETERS
    | KSCREATE_ITEM_FREEONSTOP;

/// One create string of a factory.
pub struct CreateItem {
    /// The string.
    pub reference: String,
    /// What drivers see of it.
    item: Box<KSOBJECT_CREATE_ITEM>,
    /// The string's characters.
    _units: Box<[u16]>,
}

// SAFETY: the item points at its own characters and at the factory that has it.
unsafe impl Send for CreateItem {}

impl CreateItem {
    /// An item whose context is the factory; flags that contradict each other are a wrong parameter.
    pub fn new(factory: PKSFILTERFACTORY, reference: String, flags: u32) -> Result<Self, NTSTATUS> {
        let exclusive = KSCREATE_ITEM_WILDCARD | KSCREATE_ITEM_NOPARAMETERS;
        if flags & !FLAGS != 0 || flags & exclusive == exclusive {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let units: Box<[u16]> = reference.encode_utf16().collect();
        let bytes = u16::try_from(size_of_val(&*units)).map_err(|_| STATUS_INVALID_PARAMETER)?;
        let item = Box::new(KSOBJECT_CREATE_ITEM {
            Create: Some(dispatch::create_irp),
            Context: factory.cast(),
            ObjectClass: UNICODE_STRING {
                Length: bytes,
                MaximumLength: bytes,
                Buffer: units.as_ptr().cast_mut(),
            },
            SecurityDescriptor: null_mut(),
            Flags: flags,
        });
        Ok(Self { reference, item, _units: units })
    }

    /// Whether the item has a flag.
    pub fn has(&self, flag: u32) -> bool {
        self.item.Flags & flag != 0
    }
}

/// The factory that a create string is for, whatever the order of the items: a wildcard comes last (R1.22). The item
/// that was found is put into the IRP (R1.25).
pub fn find(device: &Device, name: &str, parameters: bool, irp: PIRP) -> Result<&'static Factory, NTSTATUS> {
    // ASSUMED: reference strings are compared without case, as object names are (R1.25).
    let named =
        |item: &CreateItem| !item.has(KSCREATE_ITEM_WILDCARD) && item.reference.eq_ignore_ascii_case(name);
    let wild = |item: &CreateItem| item.has(KSCREATE_ITEM_WILDCARD);
    let factories = device.factories();
    let search = |wanted: &dyn Fn(&CreateItem) -> bool| {
        factories.iter().find_map(|&factory| {
            let items = factory.items();
            let item = items.iter().find(|item| wanted(item))?;
            Some((factory, std::ptr::from_ref(&*item.item), item.has(KSCREATE_ITEM_NOPARAMETERS)))
        })
    };
    let (factory, item, bare) = search(&named).or_else(|| search(&wild)).ok_or(STATUS_NOT_FOUND)?;
    if bare && parameters {
        // ASSUMED: parameters that an item does not allow make the name one that nobody has.
        return Err(STATUS_NOT_FOUND);
    }
    // SAFETY: KSCREATE_ITEM_IRP_STORAGE of a request that is ours.
    unsafe { *irp::driver_context(irp, 0) = item.cast_mut().cast() };
    Ok(factory)
}

/// Whether a device has a wildcard already: only one is valid in its list of items.
pub fn has_wildcard(device: &Device) -> bool {
    device
        .factories()
        .iter()
        .any(|factory| factory.items().iter().any(|item| item.has(KSCREATE_ITEM_WILDCARD)))
}

/// The device was stopped: items with KSCREATE_ITEM_FREEONSTOP go, and factories without any left (R1.22).
pub fn stopped(device: &Device) {
    for factory in device.factories() {
        factory.free_items(|item| item.has(KSCREATE_ITEM_FREEONSTOP));
    }
}

/// `KsFilterFactoryAddCreateItem`: one more create string (R1.24). Passive level.
///
/// Of its page, security descriptors are not emulated.
///
/// # Safety
/// `RefString` ends with a zero.
pub unsafe fn KsFilterFactoryAddCreateItem(
    FilterFactory: PKSFILTERFACTORY,
    RefString: PCWSTR,
    SecurityDescriptor: PSECURITY_DESCRIPTOR,
    CreateItemFlags: u32,
) -> NTSTATUS {
    if !SecurityDescriptor.is_null() {
        bugcheck::not_emulated("KsFilterFactoryAddCreateItem with a security descriptor");
    }
    // SAFETY: the caller's string.
    let Some(reference) = (unsafe { wide_text(RefString) }) else { return STATUS_INVALID_PARAMETER };
    match Factory::of(FilterFactory).add_item(reference, CreateItemFlags) {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

/// `KsFreeObjectCreateItemsByContext`: frees the create items with a context. That of a factory's items is the
/// factory: this is what `KsDeleteFilterFactory` calls (R0.1). Passive level.
///
/// # Safety
/// `Header` is what the device extension of an AVStream device begins with.
pub unsafe fn KsFreeObjectCreateItemsByContext(Header: KSDEVICE_HEADER, Context: PVOID) -> NTSTATUS {
    let device = Device::of(Header.cast());
    let factory = device.factories().into_iter().find(|factory| factory.ks().cast() == Context);
    let Some(factory) = factory else { return STATUS_OBJECT_NAME_NOT_FOUND };
    factory.free_items(|_| true);
    STATUS_SUCCESS
}
