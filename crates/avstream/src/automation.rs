//! Automation tables: what an object answers beside what the class driver answers for it.

use core::{mem::zeroed, ptr::null};

use crate::{
    event::EventSet,
    ffi::{KSAUTOMATION_TABLE, KSEVENT_ITEM, KSPROPERTY_ITEM},
    owner::Owner,
    property::PropertySet,
};

/// The table of an object with these properties and events.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-ksautomation_table_>
pub(crate) const fn table<O: Owner>(
    properties: &'static [PropertySet<O>],
    events: &'static [EventSet<O>],
) -> KSAUTOMATION_TABLE {
    PropertySet::check(properties);
    EventSet::check(events);
    KSAUTOMATION_TABLE {
        PropertySetsCount: properties.len() as u32,
        PropertyItemSize: size_of::<KSPROPERTY_ITEM>() as u32,
        PropertySets: if properties.is_empty() { null() } else { properties.as_ptr().cast() },
        EventSetsCount: events.len() as u32,
        EventItemSize: size_of::<KSEVENT_ITEM>() as u32,
        EventSets: if events.is_empty() { null() } else { events.as_ptr().cast() },
        // SAFETY: numbers and null pointers.
        ..unsafe { zeroed() }
    }
}
