//! `KsMergeAutomationTables`: one table from two (R7.10).

use ks_sys::{
    _POOL_TYPE::NonPagedPool, GUID, KSAUTOMATION_TABLE, KSEVENT_ITEM, KSEVENT_SET, KSMETHOD_ITEM,
    KSMETHOD_SET, KSPROPERTY_ITEM, KSPROPERTY_SET, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_SUCCESS, is_equal_guid,
};

use super::bag::{KsAddItemToObjectBag, KsRemoveItemFromObjectBag};
use crate::nt::{ExAllocatePoolWithTag, ExFreePool};

const TAG: u32 = u32::from_le_bytes(*b"KSat");

/// What the three kinds of sets have in common: a GUID, and items of one size whose first member is their id.
trait Set: Copy {
    const ITEM: usize;
    fn guid(&self) -> *const GUID;
    fn items(&self) -> (*const u8, u32);
    fn with(self, items: *const u8, count: u32) -> Self;
}

macro_rules! set {
    ($set:ty, $item:ty, $count:ident, $items:ident) => {
        impl Set for $set {
            const ITEM: usize = size_of::<$item>();

            fn guid(&self) -> *const GUID {
                self.Set
            }

            fn items(&self) -> (*const u8, u32) {
                (self.$items.cast(), self.$count)
            }

            fn with(self, items: *const u8, count: u32) -> Self {
                Self { $items: items.cast(), $count: count, ..self }
            }
        }
    };
}
set!(KSPROPERTY_SET, KSPROPERTY_ITEM, PropertiesCount, PropertyItem);
set!(KSMETHOD_SET, KSMETHOD_ITEM, MethodsCount, MethodItem);
set!(KSEVENT_SET, KSEVENT_ITEM, EventsCount, EventItem);

/// The sets of one kind in one table.
struct Part<S> {
    sets: *const S,
    count: u32,
    size: u32,
}

/// The sets of one kind in the table to be: each with the items that it gets, and their sizes.
struct Merged<S> {
    sets: Vec<(S, Vec<(*const u8, usize)>)>,
    stride: usize,
}

impl<S: Set> Merged<S> {
    /// The first part's items, and of the second's those that the first has not.
    ///
    /// # Safety
    /// The parts are a driver's tables.
    unsafe fn new(parts: [Part<S>; 2]) -> Self {
        let mut merged = Self { sets: Vec::new(), stride: S::ITEM };
        for part in parts {
            let size = if part.size == 0 { S::ITEM } else { part.size as usize };
            if part.count > 0 {
                merged.stride = merged.stride.max(size);
            }
            for index in 0..part.count as usize {
                // SAFETY: the table has that many sets, and the set that many items of that size.
                unsafe { merged.add(&*part.sets.add(index), size) };
            }
        }
        merged
    }

    unsafe fn add(&mut self, set: &S, size: usize) {
        // SAFETY: a driver's set has a GUID.
        let same = |(other, _): &&mut (S, _)| unsafe { is_equal_guid(&*S::guid(other), &*set.guid()) };
        let known = self.sets.iter_mut().find(same);
        let items = match known {
            Some((_, items)) => items,
            None => {
                self.sets.push((*set, Vec::new()));
                &mut self.sets.last_mut().expect("just added").1
            }
        };
        let (first, count) = set.items();
        for index in 0..count as usize {
            // SAFETY: the set has that many items; each begins with its id.
            let (item, id) = unsafe {
                let item = first.add(index * size);
                (item, item.cast::<u32>().read())
            };
            // SAFETY: as above.
            if items.iter().all(|(other, _)| unsafe { other.cast::<u32>().read() } != id) {
                items.push((item, size));
            }
        }
    }

    fn bytes(&self) -> usize {
        self.sets.iter().map(|(_, items)| size_of::<S>() + items.len() * self.stride).sum()
    }

    /// Writes sets and items, which have room there; returns the end.
    unsafe fn write(&self, place: *mut u8) -> *mut u8 {
        // SAFETY: the caller's memory has `bytes` bytes, zeroed.
        unsafe {
            let mut items_at = place.add(self.sets.len() * size_of::<S>());
            for (index, (set, items)) in self.sets.iter().enumerate() {
                place.cast::<S>().add(index).write(set.with(items_at, items.len() as u32));
                for &(item, size) in items {
                    std::ptr::copy_nonoverlapping(item, items_at, size);
                    items_at = items_at.add(self.stride);
                }
            }
            items_at
        }
    }
}

/// `KsMergeAutomationTables`: a table with the entries of both, A's where both have one, in pool; in a bag it replaces
/// the two. With neither table nothing happens. Passive level, the mutex of the bag's owner held (R7.31).
///
/// # Safety
/// The tables and the bag are good; `AutomationTableAB` is a good pointer.
pub unsafe fn KsMergeAutomationTables(
    AutomationTableAB: *mut *mut KSAUTOMATION_TABLE,
    AutomationTableA: *mut KSAUTOMATION_TABLE,
    AutomationTableB: *mut KSAUTOMATION_TABLE,
    Bag: PVOID,
) -> NTSTATUS {
    if AutomationTableA.is_null() && AutomationTableB.is_null() {
        return STATUS_SUCCESS;
    }
    // SAFETY: the caller's tables, or null.
    let tables = unsafe {
        [AutomationTableA.as_ref(), AutomationTableB.as_ref()].map(|table| table.copied().unwrap_or_default())
    };
    // SAFETY: as above.
    let (properties, methods, events) = unsafe {
        (
            Merged::new(tables.each_ref().map(|table| Part {
                sets: table.PropertySets,
                count: table.PropertySetsCount,
                size: table.PropertyItemSize,
            })),
            Merged::new(tables.each_ref().map(|table| Part {
                sets: table.MethodSets,
                count: table.MethodSetsCount,
                size: table.MethodItemSize,
            })),
            Merged::new(tables.each_ref().map(|table| Part {
                sets: table.EventSets,
                count: table.EventSetsCount,
                size: table.EventItemSize,
            })),
        )
    };
    let head = size_of::<KSAUTOMATION_TABLE>();
    let bytes = head + properties.bytes() + methods.bytes() + events.bytes();
    // SAFETY: any size.
    let memory = unsafe { ExAllocatePoolWithTag(NonPagedPool, bytes as u64, TAG) }.cast::<u8>();
    if memory.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the memory has room for table, sets and items; the caller's bag and place.
    unsafe {
        memory.write_bytes(0, bytes);
        let property_sets = memory.add(head);
        let method_sets = properties.write(property_sets);
        let event_sets = methods.write(method_sets);
        events.write(event_sets);
        let table = KSAUTOMATION_TABLE {
            PropertySetsCount: properties.sets.len() as u32,
            PropertyItemSize: properties.stride as u32,
            PropertySets: property_sets.cast(),
            MethodSetsCount: methods.sets.len() as u32,
            MethodItemSize: methods.stride as u32,
            MethodSets: method_sets.cast(),
            EventSetsCount: events.sets.len() as u32,
            EventItemSize: events.stride as u32,
            EventSets: event_sets.cast(),
        };
        memory.cast::<KSAUTOMATION_TABLE>().write(table);
        if !Bag.is_null() {
            let status = KsAddItemToObjectBag(Bag, memory.cast(), None);
            if status < 0 {
                ExFreePool(memory.cast());
                return status;
            }
            for input in [AutomationTableA, AutomationTableB] {
                if !input.is_null() {
                    KsRemoveItemFromObjectBag(Bag, input.cast(), 1);
                }
            }
        }
        *AutomationTableAB = memory.cast();
    }
    STATUS_SUCCESS
}
