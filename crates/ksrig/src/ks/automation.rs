//! Automation tables: the driver's over AVStream's own (R7.10).

use ks_sys::{
    GUID, KSAUTOMATION_TABLE, KSPROPERTY_ITEM, KSPROPERTY_SET, NTSTATUS, STATUS_NOT_FOUND,
    STATUS_PROPSET_NOT_FOUND, is_equal_guid,
};

use super::{
    connection_properties, object::Object, pin_properties, property_request::Request, topology_properties,
};

/// Get or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `KSPROPERTY_TYPE_GET`
    Get,
    /// `KSPROPERTY_TYPE_SET`
    Set,
}

/// A property that AVStream itself answers.
pub struct Item {
    /// Its id in the set.
    pub id: u32,
    /// The least length of the input.
    pub min_property: u32,
    /// The least length of the value; 0 for values of variable length.
    pub min_data: u32,
    /// Reads it.
    pub get: Option<Handler>,
    /// Changes it.
    pub set: Option<Handler>,
    /// Whether the control mutex is held around the handler (10.21).
    pub control: bool,
}

/// A handler of AVStream's own.
pub type Handler = fn(&mut Request) -> NTSTATUS;

/// A property set that AVStream itself answers.
pub struct Set {
    /// The set.
    pub guid: GUID,
    /// Its properties.
    pub items: &'static [Item],
}

/// AVStream's own table of a kind of object.
pub type Defaults = &'static [Set];

static FILTER: &[Set] = &[pin_properties::SET, topology_properties::SET, topology_properties::GENERAL];
static PIN: &[Set] =
    &[connection_properties::CONNECTION, connection_properties::STREAM, connection_properties::INTERFACE];

/// The two tables of an object.
pub fn of(object: Object) -> (*const KSAUTOMATION_TABLE, Defaults) {
    match object {
        Object::Filter(filter) => (filter.descriptor().AutomationTable, FILTER),
        // SAFETY: the descriptor in force lives as long as the pin.
        Object::Pin(pin) => (unsafe { (*pin.descriptor()).AutomationTable }, PIN),
        Object::Device(_) | Object::Factory(_) => (std::ptr::null(), &[]),
    }
}

/// The property sets of a driver's table.
pub fn sets(table: *const KSAUTOMATION_TABLE) -> &'static [KSPROPERTY_SET] {
    // SAFETY: the driver's table lives as long as its object.
    match unsafe { table.as_ref() } {
        // SAFETY: as above.
        Some(table) if table.PropertySetsCount > 0 && !table.PropertySets.is_null() => unsafe {
            std::slice::from_raw_parts(table.PropertySets, table.PropertySetsCount as usize)
        },
        _ => &[],
    }
}

/// The items of a set; `PropertyItemSize` is the stride, 0 that of KSPROPERTY_ITEM.
fn items(
    table: *const KSAUTOMATION_TABLE,
    set: &KSPROPERTY_SET,
) -> impl Iterator<Item = *const KSPROPERTY_ITEM> {
    // SAFETY: as in `sets`.
    let stride = match unsafe { (*table).PropertyItemSize } as usize {
        0 => size_of::<KSPROPERTY_ITEM>(),
        size => size,
    };
    let first = set.PropertyItem;
    // SAFETY: the set has that many items of that size.
    (0..set.PropertiesCount as usize).map(move |index| unsafe { first.byte_add(index * stride) })
}

/// A property that was found.
pub enum Found {
    /// In the driver's table.
    Driver(*const KSPROPERTY_SET, *const KSPROPERTY_ITEM),
    /// In AVStream's own.
    Default(&'static Item),
}

impl Found {
    /// MinProperty and MinData.
    pub fn minimum(&self) -> (usize, usize) {
        match self {
            // SAFETY: the driver's item.
            Self::Driver(_, item) => unsafe { ((**item).MinProperty as usize, (**item).MinData as usize) },
            Self::Default(item) => (item.min_property as usize, item.min_data as usize),
        }
    }

    /// R7.17: whether there is a handler for the verb.
    pub fn supports(&self, verb: Verb) -> bool {
        match (self, verb) {
            // SAFETY: the driver's item.
            (Self::Driver(_, item), Verb::Get) => unsafe {
                (**item).__bindgen_anon_1.GetPropertyHandler.is_some()
            },
            // SAFETY: as above.
            (Self::Driver(_, item), Verb::Set) => unsafe {
                (**item).__bindgen_anon_2.SetPropertyHandler.is_some()
            },
            (Self::Default(item), Verb::Get) => item.get.is_some(),
            (Self::Default(item), Verb::Set) => item.set.is_some(),
        }
    }
}

/// Finds a property: `STATUS_PROPSET_NOT_FOUND` for an unknown set, `STATUS_NOT_FOUND` for an unknown id (R7.12).
pub fn find(
    table: *const KSAUTOMATION_TABLE,
    defaults: Defaults,
    set: &GUID,
    id: u32,
) -> Result<Found, NTSTATUS> {
    let mut known = false;
    for own in sets(table) {
        // SAFETY: the driver's set.
        if is_equal_guid(unsafe { &*own.Set }, set) {
            known = true;
            // SAFETY: the driver's item.
            if let Some(item) = items(table, own).find(|&item| unsafe { (*item).PropertyId } == id) {
                return Ok(Found::Driver(own, item));
            }
        }
    }
    for own in defaults.iter().filter(|own| is_equal_guid(&own.guid, set)) {
        known = true;
        if let Some(item) = own.items.iter().find(|item| item.id == id) {
            return Ok(Found::Default(item));
        }
    }
    Err(if known { STATUS_NOT_FOUND } else { STATUS_PROPSET_NOT_FOUND })
}
