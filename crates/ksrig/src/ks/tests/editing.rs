//! Descriptors and formats that change while a pin lives, and what only a minidriver's table has (R3.10, R3.15, R3.17,
//! R4.35).

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use crate::{
    ks::{
        edit::_KsEdit,
        fixture::{self, Fixture, bytes, callbacks, close, control, open_pin, property},
    },
    nt::violation,
};

const GET: u32 = KSPROPERTY_TYPE_GET;
const SET: u32 = KSPROPERTY_TYPE_SET;

thread_local! {
    /// Whether Create edits the pin's descriptor.
    static EDITS: Cell<bool> = const { Cell::new(false) };
    /// Old and new sample size of each SetDataFormat.
    static SIZES: RefCell<Vec<(Option<u32>, u32)>> = const { RefCell::new(Vec::new()) };
    static PIN: Cell<PKSPIN> = const { Cell::new(null_mut()) };
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    PIN.set(pin);
    if !EDITS.get() {
        return STATUS_SUCCESS;
    }
    // SAFETY: the callback's pin, its control mutex held by AVStream; the descriptor has the size.
    unsafe {
        let size = size_of::<KSPIN_DESCRIPTOR_EX>() as u32;
        let place = (&raw mut (*pin).Descriptor).cast::<PVOID>();
        let status = _KsEdit((*pin).Bag, place, size, size, u32::from_le_bytes(*b"Test"));
        let descriptor = (*pin).Descriptor.cast_mut();
        let mut framing = KSALLOCATOR_FRAMING_EX { CountItems: 1, ..KSALLOCATOR_FRAMING_EX::default() };
        framing.FramingItem[0].Frames = 7;
        (*descriptor).AllocatorFraming = leak(framing);
        (*descriptor).Flags |= KSPIN_FLAG_FIXED_FORMAT;
        status
    }
}

unsafe extern "win64" fn set_format(
    pin: PKSPIN,
    old: PKSDATAFORMAT,
    _attributes: PKSMULTIPLE_ITEM,
    _range: *const KSDATARANGE,
    _attribute_range: *const KSATTRIBUTE_LIST,
) -> NTSTATUS {
    // SAFETY: the callback's formats.
    let (old, new) = unsafe {
        (
            old.as_ref().map(|old| old.__bindgen_anon_1.SampleSize),
            (*(*pin).ConnectionFormat).__bindgen_anon_1.SampleSize,
        )
    };
    SIZES.with_borrow_mut(|sizes| sizes.push((old, new)));
    if new > 1000 { STATUS_NO_MATCH } else { STATUS_SUCCESS }
}

fn pin_type() -> KSPIN_DESCRIPTOR_EX {
    let dispatch =
        KSPIN_DISPATCH { Create: Some(create), SetDataFormat: Some(set_format), ..KSPIN_DISPATCH::default() };
    let (flow, role) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
    fixture::pin_type(dispatch, flow, role, 0)
}

fn connection(id: i32, flags: u32) -> Vec<u8> {
    bytes(&property(KSPROPSETID_Connection, id as u32, flags))
}

/// R3.10: what Create edits of its descriptor holds for that pin, and for no other.
#[test]
fn an_edited_descriptor_counts() {
    let fixture = Fixture::new(vec![fixture::filter(1, vec![pin_type()])]);
    let filter = fixture.open_filter(1).unwrap();
    let framing = connection(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_ALLOCATORFRAMING_EX, GET);
    let format = connection(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT, SET);
    let mut answers = Vec::new();
    for edits in [false, true, false] {
        EDITS.set(edits);
        let pin = open_pin(filter, 0, null_mut()).unwrap();
        let mut answer = [0; size_of::<KSALLOCATOR_FRAMING_EX>()];
        let asked = control(pin, IOCTL_KS_PROPERTY, &framing, &mut answer);
        if edits {
            assert_eq!(asked, (STATUS_SUCCESS, answer.len()));
            let at = std::mem::offset_of!(KSALLOCATOR_FRAMING_EX, FramingItem)
                + std::mem::offset_of!(KS_FRAMING_ITEM, Frames);
            assert_eq!(answer[at], 7);
        }
        let mut again = bytes(&fixture::format(fixture::SUB));
        answers.push((asked.0, control(pin, IOCTL_KS_PROPERTY, &format, &mut again).0));
        close(pin);
    }
    let plain = (STATUS_NOT_FOUND, STATUS_SUCCESS);
    assert_eq!(answers, [plain, (STATUS_SUCCESS, STATUS_INVALID_DEVICE_REQUEST), plain]);
    EDITS.set(false);
    close(filter);
    assert_eq!(violation::list(), []);
    fixture.end();
}

/// R3.15: a second format just before RUN, as a renderer with its own stride sends it, is the format in force; one that
/// the minidriver refuses changes nothing.
#[test]
fn a_second_format_before_run() {
    let fixture = Fixture::new(vec![fixture::filter(1, vec![pin_type()])]);
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    let state = |state: i32| {
        let set = connection(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE, SET);
        assert_eq!(control(pin, IOCTL_KS_PROPERTY, &set, &mut state.to_le_bytes()).0, STATUS_SUCCESS);
    };
    let format = |size: u32| {
        let mut format = fixture::format(fixture::SUB);
        format.__bindgen_anon_1.SampleSize = size;
        let set = connection(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT, SET);
        control(pin, IOCTL_KS_PROPERTY, &set, &mut bytes(&format)).0
    };
    // SAFETY: a live pin.
    let current = || unsafe { (*(*PIN.get()).ConnectionFormat).__bindgen_anon_1.SampleSize };
    state(KSSTATE::KSSTATE_ACQUIRE);
    state(KSSTATE::KSSTATE_PAUSE);
    assert_eq!((format(640), current()), (STATUS_SUCCESS, 640));
    state(KSSTATE::KSSTATE_RUN);
    assert_eq!((format(2000), current()), (STATUS_NO_MATCH, 640), "the former one is in force");
    assert_eq!((format(800), current()), (STATUS_SUCCESS, 800));
    assert_eq!(
        SIZES.take(),
        [(None, 0), (Some(0), 640), (Some(640), 2000), (Some(640), 800)],
        "R3.16: the new one is in the pin, the former one is the argument"
    );
    close(pin);
    close(filter);
    fixture.end();
}

unsafe extern "win64" fn say_yes(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData vouches for four bytes.
    unsafe {
        data.cast::<u32>().write(1);
        (*irp).IoStatus.Information = 4;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn propose(_irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData vouches for a format.
    let size = unsafe { (*data.cast::<KSDATAFORMAT>()).__bindgen_anon_1.SampleSize };
    if size == 64 { STATUS_SUCCESS } else { STATUS_NO_MATCH }
}

/// A table with these properties of one set.
fn table(set: GUID, items: Vec<KSPROPERTY_ITEM>) -> &'static KSAUTOMATION_TABLE {
    let set = KSPROPERTY_SET {
        Set: leak(set),
        PropertiesCount: items.len() as u32,
        PropertyItem: Vec::leak(items).as_ptr(),
        ..KSPROPERTY_SET::default()
    };
    leak(KSAUTOMATION_TABLE {
        PropertySetsCount: 1,
        PropertyItemSize: size_of::<KSPROPERTY_ITEM>() as u32,
        PropertySets: leak(set),
        ..KSAUTOMATION_TABLE::default()
    })
}

fn item(id: i32, min_property: usize, min_data: usize) -> KSPROPERTY_ITEM {
    KSPROPERTY_ITEM {
        PropertyId: id as u32,
        MinProperty: min_property as u32,
        MinData: min_data as u32,
        ..KSPROPERTY_ITEM::default()
    }
}

/// R3.17: PROPOSEDATAFORMAT of filter and pin is the minidriver's: without one in its table it is unknown. R4.35:
/// AVStream's own ACQUIREORDERING is FALSE, a minidriver's table may say otherwise.
#[test]
fn what_only_a_table_has() {
    let head = size_of::<KSPROPERTY>();
    let mut on_filter = item(
        KSPROPERTY_PIN::KSPROPERTY_PIN_PROPOSEDATAFORMAT,
        size_of::<KSP_PIN>(),
        size_of::<KSDATAFORMAT>(),
    );
    on_filter.__bindgen_anon_2.SetPropertyHandler = Some(propose);
    let mut on_pin =
        item(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_PROPOSEDATAFORMAT, head, size_of::<KSDATAFORMAT>());
    on_pin.__bindgen_anon_2.SetPropertyHandler = Some(propose);
    let mut ordering = item(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_ACQUIREORDERING, head, 4);
    ordering.__bindgen_anon_1.GetPropertyHandler = Some(say_yes);
    let mut pin_with = pin_type();
    pin_with.AutomationTable = table(KSPROPSETID_Connection, vec![ordering, on_pin]);
    let mut with = fixture::filter(1, vec![pin_with]);
    with.AutomationTable = table(KSPROPSETID_Pin, vec![on_filter]);
    let fixture = Fixture::new(vec![with, fixture::filter(2, vec![pin_type()])]);
    for (number, has) in [(1, true), (2, false)] {
        let filter = fixture.open_filter(number).unwrap();
        let pin = open_pin(filter, 0, null_mut()).unwrap();
        let propose = |handle: HANDLE, input: &[u8], size: u32| {
            let mut format = fixture::format(fixture::SUB);
            format.__bindgen_anon_1.SampleSize = size;
            control(handle, IOCTL_KS_PROPERTY, input, &mut bytes(&format)).0
        };
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_PROPOSEDATAFORMAT as u32;
        let for_filter = [bytes(&property(KSPROPSETID_Pin, id, SET)), vec![0; 8]].concat();
        let for_pin = connection(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_PROPOSEDATAFORMAT, SET);
        let before = callbacks().len();
        let answers = [64, 65].map(|size| [propose(filter, &for_filter, size), propose(pin, &for_pin, size)]);
        let expected =
            if has { [[STATUS_SUCCESS; 2], [STATUS_NO_MATCH; 2]] } else { [[STATUS_NOT_FOUND; 2]; 2] };
        assert_eq!(answers, expected, "filter {number}");
        let asked = &callbacks()[before..];
        assert_eq!(asked.len(), if has { 4 } else { 0 });
        assert!(asked.iter().all(|line| line.starts_with("PropertySet ")), "no SetDataFormat: {asked:?}");
        let mut answer = [9; 4];
        let get = connection(KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_ACQUIREORDERING, GET);
        assert_eq!(control(pin, IOCTL_KS_PROPERTY, &get, &mut answer), (STATUS_SUCCESS, 4));
        assert_eq!(answer, [u8::from(has), 0, 0, 0], "R4.35");
        close(pin);
        close(filter);
    }
    fixture.end();
}
