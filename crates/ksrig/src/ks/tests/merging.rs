//! `KsMergeAutomationTables` (R7.10).

use std::{cell::Cell, ptr::null_mut};

use ks_sys::*;

use crate::{
    ks::{
        edit::_KsEdit,
        fixture::{self, Fixture, bytes, close, control, open_pin, property},
        merge::KsMergeAutomationTables,
    },
    nt::ExFreePool,
};

const FIRST: GUID = guid(0x3E26_0000_0000_0000_0000_0000_0000_0001);
const SECOND: GUID = guid(0x3E26_0000_0000_0000_0000_0000_0000_0002);

thread_local! {
    /// The pin's table and what is merged under it.
    static TABLES: Cell<[*mut KSAUTOMATION_TABLE; 2]> = const { Cell::new([null_mut(); 2]) };
}

unsafe fn answer(irp: PIRP, data: PVOID, number: u32) -> NTSTATUS {
    // SAFETY: MinData vouches for a word.
    unsafe {
        *data.cast::<u32>() = number;
        (*irp).IoStatus.Information = 4;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn from_a(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: a handler's arguments.
    unsafe { answer(irp, data, 1) }
}

unsafe extern "win64" fn from_b(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: a handler's arguments.
    unsafe { answer(irp, data, 2) }
}

/// Merges the two tables into a descriptor of the pin's own, as drivers do in Create.
unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    // SAFETY: the callback's pin, its control mutex held.
    unsafe {
        let size = size_of::<KSPIN_DESCRIPTOR_EX>() as u32;
        let place = (&raw mut (*pin).Descriptor).cast::<PVOID>();
        assert_eq!(_KsEdit((*pin).Bag, place, size, size, 0), STATUS_SUCCESS);
        let descriptor = (*pin).Descriptor.cast_mut();
        let mut merged = null_mut();
        let [a, b] = TABLES.get();
        assert_eq!(KsMergeAutomationTables(&raw mut merged, a, b, (*pin).Bag), STATUS_SUCCESS);
        // Once more: what is in the bag is replaced.
        let mut again = null_mut();
        assert_eq!(KsMergeAutomationTables(&raw mut again, merged, null_mut(), (*pin).Bag), STATUS_SUCCESS);
        (*descriptor).AutomationTable = again;
    }
    STATUS_SUCCESS
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// An item with something behind it, as PropertyItemSize allows.
#[repr(C)]
struct Long {
    item: KSPROPERTY_ITEM,
    more: [u64; 3],
}

fn item(id: u32, handler: PFNKSHANDLER) -> Long {
    // SAFETY: all zero is a valid item.
    let mut item: KSPROPERTY_ITEM = unsafe { std::mem::zeroed() };
    (item.PropertyId, item.MinProperty, item.MinData) = (id, 24, 4);
    item.__bindgen_anon_1.GetPropertyHandler = handler;
    Long { item, more: [7; 3] }
}

fn set<T>(guid: GUID, items: Vec<T>) -> KSPROPERTY_SET {
    // SAFETY: all zero is a valid set.
    let mut set: KSPROPERTY_SET = unsafe { std::mem::zeroed() };
    (set.Set, set.PropertiesCount) = (leak(guid), items.len() as u32);
    set.PropertyItem = items.leak().as_ptr().cast();
    set
}

fn table(sets: Vec<KSPROPERTY_SET>, size: u32) -> *mut KSAUTOMATION_TABLE {
    leak(KSAUTOMATION_TABLE {
        PropertySetsCount: sets.len() as u32,
        PropertyItemSize: size,
        PropertySets: sets.leak().as_ptr(),
        ..KSAUTOMATION_TABLE::default()
    })
}

/// A's entries win, B's others are added, sets of B come behind; items may have different sizes.
#[test]
fn the_first_table_wins() {
    let plain = |id| item(id, Some(from_a)).item;
    let a = table(vec![set(FIRST, vec![plain(0)])], 0);
    let b = table(
        vec![
            set(FIRST, vec![item(0, Some(from_b)), item(1, Some(from_b))]),
            set(SECOND, vec![item(0, Some(from_b))]),
        ],
        size_of::<Long>() as u32,
    );
    TABLES.set([a, b]);
    let dispatch = KSPIN_DISPATCH { Create: Some(create), ..KSPIN_DISPATCH::default() };
    let (flow, sink) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
    let fixture = Fixture::new(vec![fixture::filter(1, vec![fixture::pin_type(dispatch, flow, sink, 0)])]);
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    for (guid, id, expected) in [(FIRST, 0, 1), (FIRST, 1, 2), (SECOND, 0, 2)] {
        let mut value = [0; 4];
        let input = bytes(&property(guid, id, KSPROPERTY_TYPE_GET));
        assert_eq!(control(pin, IOCTL_KS_PROPERTY, &input, &mut value), (STATUS_SUCCESS, 4));
        assert_eq!(u32::from_le_bytes(value), expected);
    }
    let unknown = bytes(&property(SECOND, 1, KSPROPERTY_TYPE_GET));
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &unknown, &mut [0; 4]).0, STATUS_NOT_FOUND);
    // Without a bag the table is the caller's; with neither table nothing happens.
    let mut merged = null_mut();
    // SAFETY: the tables are good.
    unsafe {
        let status = KsMergeAutomationTables(&raw mut merged, null_mut(), null_mut(), null_mut());
        assert_eq!((status, merged), (STATUS_SUCCESS, null_mut()));
        assert_eq!(KsMergeAutomationTables(&raw mut merged, null_mut(), b, null_mut()), STATUS_SUCCESS);
        assert_eq!((*merged).PropertySetsCount, 2);
        let first = (*(*merged).PropertySets).PropertyItem.cast::<Long>();
        assert_eq!((*first.add(1)).more, [7; 3], "what stands behind the items comes along");
        ExFreePool(merged.cast());
    }
    close(pin);
    close(filter);
    fixture.end();
}
