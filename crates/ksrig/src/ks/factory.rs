//! Filter factories: what a filter descriptor becomes, and its device interfaces.

use std::{
    cell::UnsafeCell,
    ptr::null_mut,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use ks_sys::{
    GUID, KSCREATE_ITEM_WILDCARD, KSFILTER_DESCRIPTOR, KSFILTERFACTORY, NTSTATUS, PCWSTR, PDEVICE_OBJECT,
    PFNKSFILTERFACTORYPOWER, PKSFILTERFACTORY, PSECURITY_DESCRIPTOR, PUNICODE_STRING,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UNICODE_STRING,
};

use super::{
    bag::Bag,
    create_item::{self, CreateItem},
    descriptor,
    device::Device,
    filter::Filter,
    mutex,
    object::{Basic, Kind, Objects, container},
    options::Options,
    unknown::Unknown,
};
use crate::nt::{
    IoRegisterDeviceInterface, IoSetDeviceInterfaceState, Machine, RtlFreeUnicodeString, bugcheck, string,
    trace, violation,
};

/// A filter factory.
#[repr(C)]
pub struct Factory {
    basic: Basic,
    ks: UnsafeCell<KSFILTERFACTORY>,
    name: String,
    device: &'static Device,
    /// The reference string that its interfaces carry.
    reference: String,
    /// The create items: that of its reference string, and those of KsFilterFactoryAddCreateItem.
    items: Mutex<Vec<CreateItem>>,
    /// Told when the device goes to sleep, and when it wakes up (R1.17).
    pub(super) sleep: PFNKSFILTERFACTORYPOWER,
    pub(super) wake: PFNKSFILTERFACTORYPOWER,
    /// Whether AVStream enables its interfaces after PostStart (R1.21).
    pub(super) automatic: bool,
    /// The symbolic links of its device interfaces.
    links: Mutex<Vec<UNICODE_STRING>>,
    filters: Mutex<Vec<&'static Filter>>,
    /// How many filters were ever opened: the number in a filter's name.
    opened: AtomicU32,
    enabled: AtomicBool,
    /// Filters, those being opened included.
    users: AtomicU32,
    /// Its create items are gone: it ends with its last filter.
    deleted: AtomicBool,
    bag: Box<Bag>,
    unknown: &'static Unknown,
}

// SAFETY: `KSFILTERFACTORY` is shared with the driver under the device mutex; all else is locked.
unsafe impl Sync for Factory {}
// SAFETY: as above.
unsafe impl Send for Factory {}

/// The text form of a GUID: `{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}`.
pub fn guid_text(guid: &GUID) -> String {
    let last = guid.Data4;
    format!(
        "{{{:08X}-{:04X}-{:04X}-{:02X}{:02X}-{:02X}{:02X}{:02X}{:02X}{:02X}{:02X}}}",
        guid.Data1,
        guid.Data2,
        guid.Data3,
        last[0],
        last[1],
        last[2],
        last[3],
        last[4],
        last[5],
        last[6],
        last[7]
    )
}

impl Factory {
    /// The factory behind a `PKSFILTERFACTORY`; a pointer that is no live factory ends the run.
    pub fn of(ks: *mut KSFILTERFACTORY) -> &'static Self {
        container(ks.cast(), Kind::Factory)
    }

    /// The public structure.
    pub fn ks(&self) -> *mut KSFILTERFACTORY {
        self.ks.get()
    }

    /// Its name in logs: that of `Options::names`, else a number.
    pub fn name(&self) -> &'static str {
        // SAFETY: the name lives as long as the factory, which outlives whoever asks for its name.
        unsafe { &*std::ptr::from_ref(self.name.as_str()) }
    }

    /// The device it belongs to.
    pub fn device(&self) -> &'static Device {
        self.device
    }

    /// The filter descriptor, read through the public structure.
    pub fn descriptor(&self) -> &'static KSFILTER_DESCRIPTOR {
        // SAFETY: the descriptor lives as long as the factory (the driver's duty); it was checked on creation.
        unsafe { &*(*self.ks()).FilterDescriptor }
    }

    /// The open filters, in order of opening.
    pub fn filters(&self) -> Vec<&'static Filter> {
        self.filters.lock().expect("never poisoned").clone()
    }

    pub(super) fn enter(&self, filter: &'static Filter) {
        self.filters.lock().expect("never poisoned").push(filter);
    }

    pub(super) fn strike(&self, filter: &Filter) {
        self.filters.lock().expect("never poisoned").retain(|other| !std::ptr::eq(*other, filter));
    }

    pub(super) fn next_ordinal(&self) -> u32 {
        self.opened.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The outer unknown.
    pub fn unknown(&self) -> &'static Unknown {
        self.unknown
    }

    /// The reference string that its interfaces carry.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The create items.
    pub(super) fn items(&self) -> MutexGuard<'_, Vec<CreateItem>> {
        self.items.lock().expect("never poisoned")
    }

    /// One more create string. Only one wildcard is valid on a device.
    pub(super) fn add_item(&self, reference: String, flags: u32) -> Result<(), NTSTATUS> {
        if flags & KSCREATE_ITEM_WILDCARD != 0 && create_item::has_wildcard(self.device) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let item = CreateItem::new(self.ks(), reference, flags)?;
        self.items().push(item);
        Ok(())
    }

    /// Frees create items. A factory without any ends: now, or with its last filter.
    ///
    /// ASSUMED: that one whose filters are open lives on: the page speaks of create items only.
    pub(super) fn free_items(&'static self, chosen: impl Fn(&CreateItem) -> bool) {
        let left = {
            let mut items = self.items();
            items.retain(|item| !chosen(item));
            items.len()
        };
        if left > 0 {
            return;
        }
        self.set_interfaces(false);
        self.device.strike(self);
        self.device.keep(self);
        self.deleted.store(true, Ordering::Relaxed);
        if self.users.load(Ordering::Relaxed) == 0 {
            self.end();
        }
    }

    /// A filter begins to be opened.
    pub(super) fn begin_use(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// A filter ended.
    pub(super) fn end_use(&'static self) {
        if self.users.fetch_sub(1, Ordering::Relaxed) == 1 && self.deleted.load(Ordering::Relaxed) {
            self.end();
        }
    }

    /// Makes a factory and registers its device interfaces, still disabled (R1.20, R1.23).
    pub fn create(
        device: &'static Device,
        descriptor: *const KSFILTER_DESCRIPTOR,
        reference: Option<String>,
        flags: u32,
        [sleep, wake]: [PFNKSFILTERFACTORYPOWER; 2],
    ) -> Result<&'static Self, NTSTATUS> {
        // SAFETY: the driver's descriptor.
        let Some(filter) = (unsafe { descriptor.as_ref() }) else { return Err(STATUS_INVALID_PARAMETER) };
        // 10.24: a descriptor that contradicts itself fails the creation.
        if let Err(message) = descriptor::check(filter) {
            trace::event("invalid_descriptor", device.name(), &message);
            violation::report("KsDescriptor", 0, device.name(), message);
            return Err(STATUS_INVALID_PARAMETER);
        }
        let reference = match reference {
            Some(reference) => reference,
            // SAFETY: checked above.
            None => guid_text(unsafe { &*filter.ReferenceGuid }),
        };
        let basic = Basic::new(Kind::Factory);
        let names = &Machine::current().extension::<Options>().names;
        let name = names
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(&reference))
            .map_or_else(|| format!("filter {}", basic.ordinal), |(_, name)| name.clone());
        let bag = Bag::new();
        let factory: &'static Self = Box::leak(Box::new(Self {
            basic,
            ks: UnsafeCell::new(KSFILTERFACTORY {
                FilterDescriptor: descriptor,
                Bag: bag.handle(),
                // R1.5: a copy of the parent's at this moment.
                // SAFETY: the device lives.
                Context: unsafe { (*device.ks()).Context },
            }),
            name,
            device,
            reference: reference.clone(),
            items: Mutex::default(),
            sleep,
            wake,
            automatic: device.is_becoming_ready(),
            links: Mutex::default(),
            filters: Mutex::default(),
            opened: AtomicU32::new(0),
            enabled: AtomicBool::new(false),
            users: AtomicU32::new(0),
            deleted: AtomicBool::new(false),
            bag,
            unknown: Unknown::new(),
        }));
        Objects::born(factory.ks().cast(), Kind::Factory);
        factory.bag.belongs_to(factory.ks().cast());
        factory.unknown.belongs_to(factory.ks().cast());
        match factory.add_item(reference, flags).and_then(|()| factory.register()) {
            Ok(()) => {
                device.enter(factory);
                Ok(factory)
            }
            Err(status) => {
                factory.end();
                Err(status)
            }
        }
    }

    /// R1.23: one interface per category, with the factory's reference string.
    fn register(&self) -> Result<(), NTSTATUS> {
        let reference = string::wide(self.reference());
        let mut reference = string::counted(reference.strip_suffix(&[0]).unwrap_or(&reference));
        let descriptor = self.descriptor();
        for index in 0..descriptor.CategoriesCount as usize {
            // SAFETY: all zero is an empty string, filled by the call.
            let mut link = unsafe { std::mem::zeroed::<UNICODE_STRING>() };
            // SAFETY: the table has that many entries; the device lives.
            let status = unsafe {
                IoRegisterDeviceInterface(
                    (*self.device.ks()).PhysicalDeviceObject,
                    descriptor.Categories.add(index),
                    &mut reference,
                    &mut link,
                )
            };
            if status < 0 {
                return Err(status);
            }
            self.links.lock().expect("never poisoned").push(link);
        }
        Ok(())
    }

    /// Enables or disables all its device interfaces.
    pub fn set_interfaces(&self, enable: bool) -> NTSTATUS {
        if self.enabled.swap(enable, Ordering::Relaxed) == enable {
            return STATUS_SUCCESS;
        }
        let mut first_error = STATUS_SUCCESS;
        for link in self.links.lock().expect("never poisoned").iter_mut() {
            // SAFETY: a link from the registration.
            let status = unsafe { IoSetDeviceInterfaceState(link, u8::from(enable)) };
            if status < 0 && first_error == STATUS_SUCCESS {
                first_error = status;
            }
        }
        first_error
    }

    /// The factory ends: interfaces, bag, unknown, memory.
    pub(super) fn end(&'static self) {
        self.set_interfaces(false);
        for mut link in std::mem::take(&mut *self.links.lock().expect("never poisoned")) {
            // SAFETY: allocated by the registration.
            unsafe { RtlFreeUnicodeString(&mut link) };
        }
        self.device.strike(self);
        self.bag.end();
        self.unknown.end(self.name());
        Objects::died(self.ks().cast());
        // SAFETY: leaked in `create`; the lists no longer have it.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) });
    }
}

/// The driver's wide string.
pub(super) unsafe fn wide_text(text: PCWSTR) -> Option<String> {
    if text.is_null() {
        return None;
    }
    let mut length = 0;
    // SAFETY: it ends with a zero.
    while unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: as above.
    Some(String::from_utf16_lossy(unsafe { std::slice::from_raw_parts(text, length) }))
}

/// `KsCreateFilterFactory`: a factory beside those of the device descriptor (R1.20). Passive level, the
/// device mutex held.
///
/// Of its page, security descriptors are not emulated.
///
/// # Safety
/// As its page says.
pub unsafe fn KsCreateFilterFactory(
    DeviceObject: PDEVICE_OBJECT,
    Descriptor: *const KSFILTER_DESCRIPTOR,
    RefString: PCWSTR,
    SecurityDescriptor: PSECURITY_DESCRIPTOR,
    CreateItemFlags: u32,
    SleepCallback: PFNKSFILTERFACTORYPOWER,
    WakeCallback: PFNKSFILTERFACTORYPOWER,
    FilterFactory: *mut PKSFILTERFACTORY,
) -> NTSTATUS {
    if !SecurityDescriptor.is_null() {
        bugcheck::not_emulated("KsCreateFilterFactory with a security descriptor");
    }
    let Some(device) = Device::of_fdo(DeviceObject) else { return STATUS_INVALID_PARAMETER };
    if device.added() && !device.mutex().held_by_current_thread() {
        let message = "KsCreateFilterFactory without the device mutex (R1.20)";
        violation::report(mutex::DEVICE.name, 0, device.name(), message);
    }
    // SAFETY: the caller's string.
    let reference = unsafe { wide_text(RefString) };
    match Factory::create(device, Descriptor, reference, CreateItemFlags, [SleepCallback, WakeCallback]) {
        Ok(factory) => {
            if !FilterFactory.is_null() {
                // SAFETY: the caller's place.
                unsafe { *FilterFactory = factory.ks() };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// `KsFilterFactoryGetSymbolicLink`: the link of the factory's first device interface, or null (R1.23).
///
/// # Safety
/// None beyond the factory, which is checked.
pub unsafe fn KsFilterFactoryGetSymbolicLink(FilterFactory: PKSFILTERFACTORY) -> PUNICODE_STRING {
    let factory = Factory::of(FilterFactory);
    let mut links = factory.links.lock().expect("never poisoned");
    links.first_mut().map_or(null_mut(), |link| &raw mut *link)
}

/// `KsFilterFactorySetDeviceClassesState`: enables or disables the factory's device interfaces (R1.21).
///
/// # Safety
/// None beyond the factory, which is checked.
pub unsafe fn KsFilterFactorySetDeviceClassesState(
    FilterFactory: PKSFILTERFACTORY,
    NewState: u8,
) -> NTSTATUS {
    Factory::of(FilterFactory).set_interfaces(NewState != 0)
}
