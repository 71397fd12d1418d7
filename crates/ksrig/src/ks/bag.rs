//! Object bags: what dies with the object (R7.28 to R7.32).

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use ks_sys::{NTSTATUS, PFNKSFREE, PKSDEVICE, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use super::{
    call::{BAG_FREE, driver_call, driver_error},
    object::{Device, Object},
};
use crate::nt::{ExFreePool, Machine, pool, violation};

/// What the real class driver would take from the pool for an entry; asked by the failures on demand.
const ENTRY: usize = 32;
const TAG: u32 = u32::from_le_bytes(*b"KSob");

/// One bag. Its address is the `KSOBJECT_BAG`.
pub struct Bag {
    /// In order of addition; freed in reverse (R7.29).
    items: Mutex<Vec<usize>>,
}

/// Which bags there are, and in how many of them an item is.
#[derive(Default)]
struct Registry {
    bags: BTreeMap<usize, Owner>,
    items: BTreeMap<usize, Item>,
}

#[derive(Clone, Copy)]
enum Owner {
    Object(usize),
    Free { device: usize },
}

struct Item {
    references: u32,
    free: PFNKSFREE,
}

fn registry() -> MutexGuard<'static, Registry> {
    Machine::current().extension::<Mutex<Registry>>().lock().expect("never poisoned")
}

impl Bag {
    /// An empty bag on the heap, so that its address can be the handle.
    pub fn new() -> Box<Self> {
        Box::new(Self { items: Mutex::new(Vec::new()) })
    }

    /// What the driver sees.
    pub fn handle(&self) -> PVOID {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// Enters the bag of an object.
    pub fn belongs_to(&self, object: PVOID) {
        registry().bags.insert(self.handle() as usize, Owner::Object(object as usize));
    }

    fn of(handle: PVOID) -> &'static Self {
        if !registry().bags.contains_key(&(handle as usize)) {
            driver_error("KsInvalidObject", "the handle is no live object bag");
        }
        // SAFETY: it is in the list of live bags.
        unsafe { &*handle.cast::<Self>() }
    }

    fn owner_name(&self) -> &'static str {
        match registry().bags.get(&(self.handle() as usize)) {
            Some(&Owner::Object(object)) => Object::of(object as PVOID).name(),
            _ => "object bag",
        }
    }

    /// R7.31, 10.22: without the owner's mutex there is a diagnostic, and the call goes on.
    fn check_mutex(&self) {
        let owner = registry().bags.get(&(self.handle() as usize)).copied();
        let (held, rule) = match owner {
            Some(Owner::Object(object)) => match Object::of(object as PVOID) {
                Object::Device(device) => (device.mutex().held_by_current_thread(), super::mutex::DEVICE),
                Object::Factory(factory) => {
                    (factory.device().mutex().held_by_current_thread(), super::mutex::DEVICE)
                }
                Object::Filter(filter) => (filter.control().held_by_current_thread(), super::mutex::CONTROL),
                Object::Pin(pin) => (pin.filter().control().held_by_current_thread(), super::mutex::CONTROL),
            },
            _ => return,
        };
        if !held && self.owner_is_started() {
            violation::report(rule.name, 0, self.owner_name(), "object bag used without the owner's mutex");
        }
    }

    /// The device's Add runs before anybody else can reach its bag, and no page says that the mutex is held then.
    fn owner_is_started(&self) -> bool {
        match registry().bags.get(&(self.handle() as usize)) {
            Some(&Owner::Object(object)) => match Object::of(object as PVOID) {
                Object::Device(device) => device.added(),
                Object::Factory(factory) => factory.device().added(),
                _ => true,
            },
            _ => false,
        }
    }

    fn add(&self, item: PVOID, free: PFNKSFREE) -> NTSTATUS {
        // An item that is in this bag already stays there once.
        // ASSUMED: the page speaks of items "in" a bag, not of how often.
        let mut items = self.items.lock().expect("never poisoned");
        if items.contains(&(item as usize)) {
            return STATUS_SUCCESS;
        }
        if pool::fails_now(ENTRY, TAG) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        items.push(item as usize);
        registry().items.entry(item as usize).or_insert(Item { references: 0, free }).references += 1;
        STATUS_SUCCESS
    }

    /// Whether an item is in the bag.
    pub fn contains(&self, item: PVOID) -> bool {
        self.items.lock().expect("never poisoned").contains(&(item as usize))
    }

    /// Takes an item out; returns its reference count before that (R7.28).
    fn remove(&self, item: PVOID, free: bool) -> u32 {
        {
            let mut items = self.items.lock().expect("never poisoned");
            let Some(place) = items.iter().position(|&other| other == item as usize) else { return 0 };
            items.remove(place);
        }
        let (references, last) = {
            let mut registry = registry();
            let entry = registry.items.get_mut(&(item as usize)).expect("an item of a bag is in the list");
            let references = entry.references;
            entry.references -= 1;
            let last = if references == 1 { registry.items.remove(&(item as usize)) } else { None };
            (references, last)
        };
        if let Some(Item { free: routine, .. }) = last
            && free
        {
            self.free_item(item, routine);
        }
        references
    }

    fn free_item(&self, item: PVOID, free: PFNKSFREE) {
        match free {
            // SAFETY: the driver's own routine for its own item.
            Some(free) => driver_call(BAG_FREE, self.owner_name(), || unsafe { free(item) }),
            // SAFETY: without a routine the item is pool memory (nf-ks-ksadditemtoobjectbag.md).
            None => unsafe { ExFreePool(item) },
        }
    }

    /// Empties the bag, last item first (R7.29: ASSUMED, no page gives the order).
    pub fn empty(&self) {
        loop {
            let last = self.items.lock().expect("never poisoned").last().copied();
            let Some(item) = last else { break };
            self.remove(item as PVOID, true);
        }
    }

    /// Empties the bag of an object that ends and strikes it off.
    pub fn end(&self) {
        self.empty();
        registry().bags.remove(&(self.handle() as usize));
    }
}

/// `KsAllocateObjectBag`: a bag of its own (R7.32). Passive level.
///
/// # Safety
/// `ObjectBag` points to a place for the handle.
pub unsafe fn KsAllocateObjectBag(Device: PKSDEVICE, ObjectBag: *mut PVOID) -> NTSTATUS {
    let device = Device::of(Device);
    if pool::fails_now(ENTRY, TAG) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let bag = Box::leak(Bag::new());
    registry().bags.insert(bag.handle() as usize, Owner::Free { device: device.ks() as usize });
    // SAFETY: the caller's place.
    unsafe { *ObjectBag = bag.handle() };
    STATUS_SUCCESS
}

/// `KsFreeObjectBag`: empties and frees a bag of `KsAllocateObjectBag`. Passive level.
///
/// # Safety
/// None beyond the handle, which is checked.
pub unsafe fn KsFreeObjectBag(ObjectBag: PVOID) {
    let bag = Bag::of(ObjectBag);
    if !matches!(registry().bags.get(&(ObjectBag as usize)), Some(Owner::Free { .. })) {
        driver_error("KsInvalidObject", "KsFreeObjectBag: the bag belongs to an AVStream object");
    }
    bag.end();
    // SAFETY: made by Box::leak in KsAllocateObjectBag, and no longer in the list.
    drop(unsafe { Box::from_raw(ObjectBag.cast::<Bag>()) });
}

/// `KsAddItemToObjectBag` (R7.28). Passive level, the owner's mutex held (R7.31).
///
/// # Safety
/// `Free` must be able to free `Item`.
pub unsafe fn KsAddItemToObjectBag(ObjectBag: PVOID, Item: PVOID, Free: PFNKSFREE) -> NTSTATUS {
    let bag = Bag::of(ObjectBag);
    bag.check_mutex();
    bag.add(Item, Free)
}

/// `KsRemoveItemFromObjectBag`: the item's reference count before the removal; 0 when it was not there (R7.28).
///
/// # Safety
/// None beyond the handle, which is checked.
pub unsafe fn KsRemoveItemFromObjectBag(ObjectBag: PVOID, Item: PVOID, Free: u8) -> u32 {
    let bag = Bag::of(ObjectBag);
    bag.check_mutex();
    bag.remove(Item, Free != 0)
}

/// `KsCopyObjectBagItems`: puts every item of one bag into another as well.
///
/// # Safety
/// None beyond the handles, which are checked.
pub unsafe fn KsCopyObjectBagItems(ObjectBagDestination: PVOID, ObjectBagSource: PVOID) -> NTSTATUS {
    let (destination, source) = (Bag::of(ObjectBagDestination), Bag::of(ObjectBagSource));
    destination.check_mutex();
    source.check_mutex();
    let items = source.items.lock().expect("never poisoned").clone();
    for item in items {
        let status = destination.add(item as PVOID, None);
        if status < 0 {
            // What was copied stays (its page).
            return status;
        }
    }
    STATUS_SUCCESS
}

/// Free-standing bags that are left when a device goes: a leak of the driver. They are told once: the next device may have
/// the same address.
pub fn left_over(device: PVOID) -> usize {
    let mut left = 0;
    for owner in registry().bags.values_mut() {
        if matches!(owner, Owner::Free { device: of } if *of == device as usize) {
            *owner = Owner::Free { device: 0 };
            left += 1;
        }
    }
    left
}

/// Whether the bag behind a handle holds an item.
pub fn holds(handle: PVOID, item: PVOID) -> bool {
    Bag::of(handle).contains(item)
}
