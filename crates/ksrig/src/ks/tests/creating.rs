//! Opening filters and pins: names, validation (section 3.2 of the contract), order (section 3.3).

use std::ptr::null_mut;

use ks_sys::*;

use super::{SET_FORMAT, dispatch, pair};
use crate::{
    ks::{
        Options,
        fixture::{
            self, Fixture, bytes, callbacks, close, connect, format, open, open_pin, open_pin_raw, range,
        },
    },
    nt::violation,
};

fn with_pin(change: impl FnOnce(&mut KSPIN_DESCRIPTOR_EX)) -> Fixture {
    let mut pin = fixture::pin_type(
        dispatch(),
        KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
        KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
        0,
    );
    change(&mut pin);
    Fixture::new(vec![fixture::filter(1, vec![pin])])
}

fn refused(request: &[u8], status: NTSTATUS, why: &str) {
    let fixture = with_pin(|_| ());
    let filter = fixture.open_filter(1).unwrap();
    assert_eq!(open_pin_raw(filter, request).unwrap_err(), status, "{why}");
    assert!(callbacks().is_empty(), "{why}: the driver is not called");
    close(filter);
    fixture.end();
}

fn request(change: impl FnOnce(&mut KSPIN_CONNECT, &mut KSDATAFORMAT)) -> Vec<u8> {
    let (mut connect, mut format) = (connect(0, null_mut()), format(fixture::SUB));
    change(&mut connect, &mut format);
    [bytes(&connect), bytes(&format)].concat()
}

/// R3.2
#[test]
fn lying_sizes() {
    let wrong = STATUS_INVALID_BUFFER_SIZE;
    let good = request(|_, _| ());
    refused(&[], wrong, "nothing");
    refused(&good[..70], wrong, "half a KSPIN_CONNECT");
    refused(&good[..72], wrong, "no format");
    refused(&good[..134], wrong, "half a format");
    refused(&request(|_, format| format.__bindgen_anon_1.FormatSize = 62), wrong, "FormatSize too small");
    refused(
        &request(|_, format| format.__bindgen_anon_1.FormatSize = 66),
        wrong,
        "FormatSize behind the end",
    );
    refused(
        &request(|_, format| format.__bindgen_anon_1.FormatSize = u32::MAX),
        wrong,
        "FormatSize enormous",
    );
    refused(&request(|_, format| format.__bindgen_anon_1.Flags = 2), wrong, "no attribute list");
    let attributes = |list: [u32; 4]| {
        let mut request = request(|_, format| format.__bindgen_anon_1.Flags = 2);
        request.extend(list.iter().flat_map(|word| word.to_le_bytes()));
        request
    };
    refused(&attributes([u32::MAX, 1, 24, 0]), wrong, "list behind the end");
    refused(&attributes([16, 1, 24, 0]), wrong, "attribute behind the end");
    refused(&attributes([16, 1, 8, 0]), wrong, "attribute too small");
    refused(&attributes([4, 0, 0, 0]), wrong, "list too small");
}

#[test]
fn wrong_requests() {
    refused(&request(|connect, _| connect.PinId = 1), STATUS_INVALID_PARAMETER, "no such pin type");
    refused(
        &request(|connect, _| connect.PinToHandle = 8 as HANDLE),
        STATUS_INVALID_PARAMETER,
        "not a source",
    );
    let interface = |connect: &mut KSPIN_CONNECT| connect.Interface.__bindgen_anon_1.__bindgen_anon_1.Id = 7;
    refused(&request(|connect, _| interface(connect)), STATUS_NO_MATCH, "interface");
    let medium =
        |connect: &mut KSPIN_CONNECT| connect.Medium.__bindgen_anon_1.__bindgen_anon_1.Set = fixture::SUB;
    refused(&request(|connect, _| medium(connect)), STATUS_NO_MATCH, "medium");
    let major = |format: &mut KSDATAFORMAT| format.__bindgen_anon_1.MajorFormat = fixture::SUB;
    refused(&request(|_, format| major(format)), STATUS_NO_MATCH, "major format");
    let specifier = |format: &mut KSDATAFORMAT| format.__bindgen_anon_1.Specifier = fixture::SUB;
    refused(&request(|_, format| specifier(format)), STATUS_NO_MATCH, "specifier");
}

/// R2.9
#[test]
fn no_more_instances_than_possible() {
    let fixture = with_pin(|pin| pin.InstancesPossible = 1);
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    assert_eq!(open_pin(filter, 0, null_mut()).unwrap_err(), STATUS_UNSUCCESSFUL);
    close(pin);
    close(open_pin(filter, 0, null_mut()).unwrap());
    close(filter);
    fixture.end();
}

/// R2.8
#[test]
fn users_may_be_denied() {
    let fixture = with_pin(|pin| pin.Flags |= KSPIN_FLAG_DENY_USERMODE_ACCESS);
    let filter = fixture.open_filter(1).unwrap();
    assert_eq!(open_pin(filter, 0, null_mut()).unwrap_err(), STATUS_ACCESS_DENIED);
    close(filter);
    fixture.end();
}

/// R3.6: once per matching range until the answer is not NO_MATCH; an error leaves nothing.
#[test]
fn set_data_format_is_asked_once_per_range() {
    let ranges: &'static [KSDATARANGE; 3] =
        Box::leak(Box::new([range(fixture::SUB), range(GUID_NULL), range(fixture::MAJOR)]));
    let table: &'static [PKSDATARANGE; 3] =
        Box::leak(Box::new([0, 1, 2].map(|index: usize| std::ptr::from_ref(&ranges[index]).cast_mut())));
    let fixture = with_pin(|pin| {
        pin.PinDescriptor.DataRangesCount = 3;
        pin.PinDescriptor.DataRanges = table.as_ptr();
    });
    let filter = fixture.open_filter(1).unwrap();
    SET_FORMAT.set(STATUS_NO_MATCH);
    assert_eq!(open_pin(filter, 0, null_mut()).unwrap_err(), STATUS_NO_MATCH);
    assert_eq!(callbacks().len(), 2, "two ranges fit");
    SET_FORMAT.set(STATUS_INVALID_PARAMETER);
    assert_eq!(open_pin(filter, 0, null_mut()).unwrap_err(), STATUS_INVALID_PARAMETER);
    assert_eq!(callbacks().len(), 3, "any other error ends it");
    SET_FORMAT.set(STATUS_PENDING);
    assert_eq!(open_pin(filter, 0, null_mut()).unwrap_err(), STATUS_UNSUCCESSFUL);
    assert_eq!(violation::take()[0].code, 0x81005);
    SET_FORMAT.set(STATUS_SUCCESS);
    close(open_pin(filter, 0, null_mut()).unwrap());
    close(filter);
    fixture.end();
}

#[test]
fn unknown_names() {
    let fixture = with_pin(|_| ());
    let filter = fixture.open_filter(1).unwrap();
    let relative = |name: &str| open(filter, &name.encode_utf16().collect::<Vec<_>>()).unwrap_err();
    assert_eq!(relative("nothing"), STATUS_NOT_FOUND);
    assert_eq!(relative("{53172480-4791-11D0-A5D6-28DB04C10000}\\"), STATUS_NOT_FOUND, "a clock is a pin's");
    close(filter);
    fixture.end();
}

/// R1.8, R1.10
#[test]
fn nothing_opens_before_start() {
    let fixture = Fixture::added(Options::default(), KSDEVICE_DISPATCH::default(), pair());
    let link = crate::nt::io::interface::interfaces(&fixture::CATEGORY);
    assert_eq!(link.len(), 2);
    assert!(link.iter().all(|interface| !interface.enabled));
    assert_eq!(fixture.device.start(), STATUS_SUCCESS);
    crate::nt::sched::settle();
    assert!(
        crate::nt::io::interface::interfaces(&fixture::CATEGORY).iter().all(|interface| interface.enabled)
    );
    close(fixture.open_filter(1).unwrap());
    fixture.end();
}
