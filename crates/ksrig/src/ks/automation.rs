//! Automation tables: the driver's over AVStream's own (R7.10).

use ks_sys::{
    GUID, KSAUTOMATION_TABLE, KSEVENT_ITEM, KSEVENT_SET, KSMETHOD_ITEM, KSMETHOD_SET,
    KSPIN_FLAG_GENERATE_EOS_EVENTS, KSPROPERTY_ITEM, KSPROPERTY_SET, NTSTATUS, STATUS_INVALID_PARAMETER,
    STATUS_NOT_FOUND, STATUS_PROPSET_NOT_FOUND, is_equal_guid,
};

use super::{
    allocator_requests,
    child::{Child, What},
    clock_properties, connection_properties, descriptor, end_of_stream, frame_properties, method, narrow,
    pin_properties,
    property_request::Request,
    subject::Subject,
    topology_properties,
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
    /// Whether the value is a handle, shorter from a program of 32 bits.
    pub handle: bool,
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

static FILTER: &[Set] =
    &[pin_properties::SET, topology_properties::SET, topology_properties::GENERAL, frame_properties::SET];
static PIN: &[Set] =
    &[connection_properties::CONNECTION, connection_properties::STREAM, connection_properties::INTERFACE];

/// What an object answers.
pub struct Tables {
    /// The driver's table, or null.
    pub driver: *const KSAUTOMATION_TABLE,
    /// AVStream's own properties.
    pub properties: Defaults,
    /// The events of both.
    pub events: Events,
    /// AVStream's own methods.
    pub methods: method::Defaults,
}

impl Tables {
    fn new(driver: *const KSAUTOMATION_TABLE, properties: Defaults, events: &'static [KSEVENT_SET]) -> Self {
        Self { driver, properties, events: Events { driver, own: events }, methods: &[] }
    }
}

/// The tables of an object, or of a node of its filter (R7.10: nodes have their own): `STATUS_INVALID_PARAMETER` for
/// a node that is not there.
pub fn of(subject: Subject, node: Option<u32>) -> Result<Tables, NTSTATUS> {
    if let Some(node) = node {
        let node = descriptor::node(subject.filter().descriptor(), node).ok_or(STATUS_INVALID_PARAMETER)?;
        return Ok(Tables::new(node.AutomationTable, &[], &[]));
    }
    Ok(match subject {
        Subject::Filter(filter) => Tables::new(filter.descriptor().AutomationTable, FILTER, &[]),
        Subject::Pin(pin) => {
            let at_end = pin.flags() & KSPIN_FLAG_GENERATE_EOS_EVENTS != 0;
            let events: &[KSEVENT_SET] = if at_end { end_of_stream::EVENTS.sets() } else { &[] };
            // SAFETY: the descriptor in force lives as long as the pin.
            Tables::new(unsafe { (*pin.descriptor()).AutomationTable }, PIN, events)
        }
        Subject::Child(Child { what: What::Clock, .. }) => {
            Tables::new(std::ptr::null(), clock_properties::SETS, clock_properties::EVENTS.sets())
        }
        Subject::Child(Child { what: What::Allocator(_), .. }) => {
            let tables = Tables::new(std::ptr::null(), allocator_requests::SETS, &[]);
            Tables { methods: allocator_requests::METHODS, ..tables }
        }
        Subject::Child(Child { what: What::Node(_), .. }) => Tables::new(std::ptr::null(), &[], &[]),
    })
}

/// Sets of AVStream's own events: in the driver's form, since every `KSEVENT_ENTRY` points at its set and item.
pub struct OwnEvents<const N: usize>(pub [KSEVENT_SET; N]);

// SAFETY: constant tables with pointers to constants.
unsafe impl<const N: usize> Sync for OwnEvents<N> {}

impl<const N: usize> OwnEvents<N> {
    fn sets(&'static self) -> &'static [KSEVENT_SET] {
        &self.0
    }
}

/// Items of AVStream's own events.
pub struct OwnItems<const N: usize>(pub [KSEVENT_ITEM; N]);

// SAFETY: as above.
unsafe impl<const N: usize> Sync for OwnItems<N> {}

/// The events of an object: the driver's over AVStream's own.
pub struct Events {
    driver: *const KSAUTOMATION_TABLE,
    own: &'static [KSEVENT_SET],
}

impl Events {
    /// All sets, and whether each is AVStream's own.
    pub fn all(&self) -> impl Iterator<Item = (bool, &'static KSEVENT_SET)> {
        // SAFETY: the driver's table lives as long as its object, and has that many sets.
        let driver: &'static [KSEVENT_SET] = unsafe {
            match self.driver.as_ref() {
                Some(table) => slice(table.EventSets, table.EventSetsCount),
                None => &[],
            }
        };
        driver.iter().map(|set| (false, set)).chain(self.own.iter().map(|set| (true, set)))
    }

    /// The GUIDs of the sets, each once.
    pub fn sets(&self) -> Vec<GUID> {
        // SAFETY: a table's set has a GUID.
        distinct(self.all().map(|(_, set)| unsafe { *set.Set }))
    }

    /// The items of a set; `EventItemSize` is the stride in the driver's table.
    pub fn items(&self, own: bool, set: &KSEVENT_SET) -> impl Iterator<Item = *const KSEVENT_ITEM> + use<> {
        // SAFETY: a set that is not AVStream's own is in the driver's table.
        let size = if own { 0 } else { unsafe { (*self.driver).EventItemSize } };
        strided(set.EventItem, set.EventsCount, size)
    }
}

/// The method sets of a driver's table.
pub fn method_sets(table: *const KSAUTOMATION_TABLE) -> &'static [KSMETHOD_SET] {
    // SAFETY: the driver's table lives as long as its object, and has that many sets.
    unsafe { table.as_ref().map_or(&[], |table| slice(table.MethodSets, table.MethodSetsCount)) }
}

/// The items of a method set; `MethodItemSize` is the stride.
pub fn method_items(
    table: *const KSAUTOMATION_TABLE,
    set: &KSMETHOD_SET,
) -> impl Iterator<Item = *const KSMETHOD_ITEM> + use<> {
    // SAFETY: the set is in that table.
    strided(set.MethodItem, set.MethodsCount, unsafe { (*table).MethodItemSize })
}

/// Each GUID once, in the order of the first.
pub fn distinct(guids: impl Iterator<Item = GUID>) -> Vec<GUID> {
    let mut all: Vec<GUID> = Vec::new();
    for guid in guids {
        if !all.iter().any(|other| is_equal_guid(other, &guid)) {
            all.push(guid);
        }
    }
    all
}

unsafe fn slice<T>(first: *const T, count: u32) -> &'static [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller's table has that many entries.
    unsafe { std::slice::from_raw_parts(first, count as usize) }
}

/// The items of a table, whose size may be larger than the structure; 0 stands for that.
fn strided<T>(first: *const T, count: u32, size: u32) -> impl Iterator<Item = *const T> {
    let stride = if size == 0 { size_of::<T>() } else { size as usize };
    // SAFETY: the set has that many items of that size.
    (0..count as usize).map(move |index| unsafe { first.byte_add(index * stride) })
}

/// The property sets of a driver's table.
pub fn sets(table: *const KSAUTOMATION_TABLE) -> &'static [KSPROPERTY_SET] {
    // SAFETY: the driver's table lives as long as its object, and has that many sets.
    unsafe { table.as_ref().map_or(&[], |table| slice(table.PropertySets, table.PropertySetsCount)) }
}

/// The items of a property set; `PropertyItemSize` is the stride.
pub fn items(
    table: *const KSAUTOMATION_TABLE,
    set: &KSPROPERTY_SET,
) -> impl Iterator<Item = *const KSPROPERTY_ITEM> + use<> {
    // SAFETY: the set is in that table.
    strided(set.PropertyItem, set.PropertiesCount, unsafe { (*table).PropertyItemSize })
}

/// A property that was found.
pub enum Found {
    /// In the driver's table.
    Driver(*const KSPROPERTY_SET, *const KSPROPERTY_ITEM),
    /// In AVStream's own.
    Default(&'static Item),
}

impl Found {
    /// MinProperty and MinData, for a request of this width.
    pub fn minimum(&self, is_narrow: bool) -> (usize, usize) {
        match self {
            // SAFETY: the driver's item.
            Self::Driver(_, item) => unsafe { ((**item).MinProperty as usize, (**item).MinData as usize) },
            Self::Default(item) if item.handle && is_narrow => {
                (item.min_property as usize, narrow::HANDLE_BYTES)
            }
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
