//! Serializing property sets, relations (R7.14, R7.15) and what AVStream stores for clients (R7.20, R4.32).

use std::{cell::Cell, ptr::null_mut};

use ks_sys::*;

use crate::ks::fixture::{self, Fixture, bytes, close, control, open_pin, property};

const SET: GUID = guid(0x5E21_A112_0000_0000_0000_0000_0000_0004);

thread_local! {
    static VALUES: Cell<[u32; 2]> = const { Cell::new([7, 9]) };
}

unsafe extern "win64" fn get(irp: PIRP, request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData vouches for a word, except for a query of length 0.
    unsafe {
        let id = (*request).__bindgen_anon_1.__bindgen_anon_1.Id as usize;
        (*irp).IoStatus.Information = 4;
        if data.is_null() {
            return STATUS_BUFFER_OVERFLOW;
        }
        *data.cast::<u32>() = VALUES.get()[id];
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn set(_irp: PIRP, request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData vouches for a word.
    unsafe {
        let id = (*request).__bindgen_anon_1.__bindgen_anon_1.Id as usize;
        let mut values = VALUES.get();
        values[id] = *data.cast::<u32>();
        VALUES.set(values);
    }
    STATUS_SUCCESS
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn item(id: u32, serialized: u32) -> KSPROPERTY_ITEM {
    // SAFETY: all zero is a valid item.
    let mut item: KSPROPERTY_ITEM = unsafe { std::mem::zeroed() };
    item.PropertyId = id;
    item.MinProperty = size_of::<KSPROPERTY>() as u32;
    item.MinData = 4;
    item.__bindgen_anon_1.GetPropertyHandler = Some(get);
    item.__bindgen_anon_2.SetPropertyHandler = Some(set);
    item.SerializedSize = serialized;
    item
}

struct Bench {
    fixture: Fixture,
    filter: HANDLE,
    pin: HANDLE,
}

impl Bench {
    fn new() -> Self {
        // The size of the second is to be asked for; the third is not serialized, but related to the first.
        let mut third = item(2, 0);
        third.RelationsCount = 1;
        third.Relations = leak(property(SET, 0, 0));
        let items = leak([item(0, 4), item(1, 1), third]);
        // SAFETY: all zero is a valid set.
        let mut set: KSPROPERTY_SET = unsafe { std::mem::zeroed() };
        (set.Set, set.PropertiesCount, set.PropertyItem) = (leak(SET), 3, items.as_ptr());
        let (flow, sink) =
            (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
        let mut pin = fixture::pin_type(KSPIN_DISPATCH::default(), flow, sink, 0);
        pin.AutomationTable = leak(KSAUTOMATION_TABLE {
            PropertySetsCount: 1,
            PropertySets: leak(set),
            ..KSAUTOMATION_TABLE::default()
        });
        let fixture = Fixture::new(vec![fixture::filter(1, vec![pin])]);
        let filter = fixture.open_filter(1).unwrap();
        let pin = open_pin(filter, 0, null_mut()).unwrap();
        Self { fixture, filter, pin }
    }

    fn send(&self, set: GUID, id: u32, verb: u32, data: &mut [u8]) -> (NTSTATUS, usize) {
        control(self.pin, IOCTL_KS_PROPERTY, &bytes(&property(set, id, verb)), data)
    }

    fn end(self) {
        close(self.pin);
        close(self.filter);
        self.fixture.end();
    }
}

#[test]
fn a_set_goes_out_and_comes_back() {
    let bench = Bench::new();
    let header = size_of::<KSPROPERTY_SERIALHDR>();
    let serial = size_of::<KSPROPERTY_SERIAL>();
    let whole = header + 2 * (serial + 4);
    let (out, back) = (KSPROPERTY_TYPE_SERIALIZESET, KSPROPERTY_TYPE_UNSERIALIZESET);
    assert_eq!(bench.send(SET, 0, out, &mut []), (STATUS_BUFFER_OVERFLOW, whole));
    assert_eq!(bench.send(SET, 0, out, &mut vec![0; whole - 1]).0, STATUS_BUFFER_TOO_SMALL);
    let mut data = vec![0; whole];
    assert_eq!(bench.send(SET, 0, out, &mut data), (STATUS_SUCCESS, whole));
    assert_eq!(data[..16], bytes(&SET));
    assert_eq!(data[16..20], [2, 0, 0, 0]);
    assert_eq!(data[header + serial], 7);
    assert_eq!(data[whole - 4], 9);
    data[header + serial] = 70;
    data[whole - 4] = 90;
    assert_eq!(bench.send(SET, 0, back, &mut data.clone()).0, STATUS_SUCCESS);
    assert_eq!(VALUES.get(), [70, 90]);
    // What does not fit changes nothing.
    data[header + serial] = 1;
    assert_eq!(bench.send(SET, 0, back, &mut data[..whole - 1].to_vec()).0, STATUS_INVALID_BUFFER_SIZE);
    let mut other = data.clone();
    other[0] ^= 1;
    assert_eq!(bench.send(SET, 0, back, &mut other).0, STATUS_INVALID_PARAMETER, "another set");
    let mut unknown = data.clone();
    unknown[header + serial - 8] = 2;
    assert_eq!(
        bench.send(SET, 0, back, &mut unknown).0,
        STATUS_NOT_FOUND,
        "a property that is not serialized"
    );
    assert_eq!(bench.send(fixture::SUB, 0, out, &mut data).0, STATUS_PROPSET_NOT_FOUND);
    assert_eq!(VALUES.get(), [70, 90]);
    bench.end();
}

#[test]
fn sizes_raw_forms_and_relations() {
    let bench = Bench::new();
    for (id, size) in [(0, 4), (1, 4), (2, 0)] {
        let mut data = [0; 4];
        let answer = bench.send(SET, id, KSPROPERTY_TYPE_SERIALIZESIZE, &mut data);
        assert_eq!((answer, u32::from_le_bytes(data)), ((STATUS_SUCCESS, 4), size), "{id}");
    }
    assert_eq!(bench.send(SET, 0, KSPROPERTY_TYPE_SERIALIZERAW, &mut [0; 4]).0, STATUS_NOT_FOUND);
    let whole = 8 + size_of::<KSPROPERTY>();
    let mut data = vec![0; whole];
    assert_eq!(bench.send(SET, 2, KSPROPERTY_TYPE_RELATIONS, &mut []), (STATUS_BUFFER_OVERFLOW, whole));
    assert_eq!(bench.send(SET, 2, KSPROPERTY_TYPE_RELATIONS, &mut data), (STATUS_SUCCESS, whole));
    assert_eq!(data[8..], bytes(&property(SET, 0, 0)));
    bench.end();
}

/// R4.32
#[test]
fn the_pipe_id_is_kept() {
    let bench = Bench::new();
    let id = KSPROPERTY_STREAM::KSPROPERTY_STREAM_PIPE_ID as u32;
    let mut value = 0x1234_5678_9ABCu64.to_le_bytes();
    let (set, get) = (KSPROPERTY_TYPE_SET, KSPROPERTY_TYPE_GET);
    assert_eq!(bench.send(KSPROPSETID_Stream, id, set, &mut value).0, STATUS_SUCCESS);
    let mut answer = [0; 8];
    assert_eq!(bench.send(KSPROPSETID_Stream, id, get, &mut answer), (STATUS_SUCCESS, 8));
    assert_eq!(answer, value);
    bench.end();
}
