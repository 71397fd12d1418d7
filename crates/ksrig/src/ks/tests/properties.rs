//! IOCTL_KS_PROPERTY (sections 7.3 and 7.4 of the contract).

use std::ptr::null_mut;

use ks_sys::*;

use super::pair;
use crate::ks::fixture::{self, Fixture, bytes, close, control, open_pin, property};

const GET: u32 = KSPROPERTY_TYPE_GET;

struct Bench {
    fixture: Fixture,
    filter: HANDLE,
}

impl Bench {
    fn new() -> Self {
        let fixture = Fixture::new(pair());
        let filter = fixture.open_filter(1).unwrap();
        Self { fixture, filter }
    }

    fn pin_property(&self, id: u32, pin: u32, length: usize) -> (NTSTATUS, usize, Vec<u8>) {
        let mut input = bytes(&property(KSPROPSETID_Pin, id, GET));
        input.extend(pin.to_le_bytes());
        input.extend([0; 4]);
        self.get(&input, length)
    }

    fn get(&self, input: &[u8], length: usize) -> (NTSTATUS, usize, Vec<u8>) {
        let mut output = vec![0; length];
        let (status, information) = control(self.filter, IOCTL_KS_PROPERTY, input, &mut output);
        (status, information, output)
    }

    fn end(self) {
        close(self.filter);
        self.fixture.end();
    }
}

/// R7.12
#[test]
fn statuses_of_the_dispatch() {
    let bench = Bench::new();
    let (size, small, overflow) =
        (STATUS_INVALID_BUFFER_SIZE, STATUS_BUFFER_TOO_SMALL, STATUS_BUFFER_OVERFLOW);
    assert_eq!(bench.get(&[0; 23], 4).0, size, "less than a KSPROPERTY");
    assert_eq!(bench.get(&[], 4).0, size);
    assert_eq!(bench.get(&bytes(&property(fixture::SUB, 0, GET)), 4).0, STATUS_PROPSET_NOT_FOUND);
    assert_eq!(bench.get(&bytes(&property(KSPROPSETID_Pin, 99, GET)), 4).0, STATUS_NOT_FOUND);
    assert_eq!(bench.get(&bytes(&property(KSPROPSETID_Pin, 1, KSPROPERTY_TYPE_SET)), 4).0, STATUS_NOT_FOUND);
    assert_eq!(bench.get(&bytes(&property(KSPROPSETID_Pin, 2, GET)), 4).0, size, "less than MinProperty");
    let types = bytes(&property(KSPROPSETID_Pin, 1, GET));
    assert_eq!(bench.get(&types, 0), (overflow, 4, vec![]));
    assert_eq!(bench.get(&types, 3).0, small);
    assert_eq!(bench.get(&types, 4), (STATUS_SUCCESS, 4, vec![2, 0, 0, 0]));
    assert_eq!(bench.pin_property(2, 2, 4).0, STATUS_INVALID_PARAMETER, "no such pin type");
    let flow = KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN as u8;
    assert_eq!(bench.pin_property(2, 0, 4), (STATUS_SUCCESS, 4, vec![flow, 0, 0, 0]));
    bench.end();
}

/// R7.13
#[test]
fn lists_tell_their_size() {
    let bench = Bench::new();
    let whole = 8 + size_of::<KSDATARANGE>();
    assert_eq!(bench.pin_property(3, 0, 0), (STATUS_BUFFER_OVERFLOW, whole, vec![]));
    assert_eq!(bench.pin_property(3, 0, 4), (STATUS_SUCCESS, 4, (whole as u32).to_le_bytes().to_vec()));
    assert_eq!(bench.pin_property(3, 0, 8).1, 8);
    assert_eq!(bench.pin_property(3, 0, 20).0, STATUS_BUFFER_TOO_SMALL);
    let (status, length, list) = bench.pin_property(3, 0, 200);
    assert_eq!((status, length), (STATUS_SUCCESS, whole));
    assert_eq!(list[4..8], [1, 0, 0, 0]);
    assert_eq!(list[8..whole], bytes(&fixture::range(fixture::SUB)));
    // R2.11: the standard interface stands for none.
    let (_, length, list) = bench.pin_property(5, 0, 200);
    assert_eq!(length, 8 + size_of::<KSPIN_INTERFACE>());
    assert_eq!(list[8..24], bytes(&KSINTERFACESETID_Standard));
    bench.end();
}

/// R7.14
#[test]
fn support_is_told() {
    let bench = Bench::new();
    let (_, length, _) = bench.get(&bytes(&property(GUID_NULL, 0, KSPROPERTY_TYPE_SETSUPPORT)), 200);
    assert_eq!(length, 4 * 16, "Pin, Topology, General, Frame");
    let set = |set| bytes(&property(set, 0, KSPROPERTY_TYPE_SETSUPPORT));
    assert_eq!(bench.get(&set(KSPROPSETID_Pin), 0).0, STATUS_SUCCESS);
    assert_eq!(bench.get(&set(fixture::SUB), 0).0, STATUS_PROPSET_NOT_FOUND);
    let basic = bytes(&property(KSPROPSETID_Pin, 1, KSPROPERTY_TYPE_BASICSUPPORT));
    assert_eq!(bench.get(&basic, 4), (STATUS_SUCCESS, 4, vec![1, 0, 0, 0]));
    assert_eq!(bench.get(&basic, 40).1, 40);
    assert_eq!(bench.get(&basic, 3).0, STATUS_BUFFER_TOO_SMALL);
    bench.end();
}

/// Section 7.4: KSPROPSETID_Frame's HOLDING is read and written.
#[test]
fn holding_is_kept() {
    let bench = Bench::new();
    let request = |verb| bytes(&property(guid(0xA60D_8368_5324_4893_B020_C431_A50B_CBE3), 0, verb));
    let mut value = 1u32.to_le_bytes();
    let set = request(KSPROPERTY_TYPE_SET);
    assert_eq!(control(bench.filter, IOCTL_KS_PROPERTY, &set, &mut value).0, STATUS_SUCCESS);
    assert_eq!(bench.get(&request(GET), 4), (STATUS_SUCCESS, 4, vec![1, 0, 0, 0]));
    bench.end();
}

/// R3.14
#[test]
fn the_format_of_a_pin() {
    let bench = Bench::new();
    let pin = open_pin(bench.filter, 1, null_mut()).unwrap();
    let format = bytes(&fixture::format(fixture::SUB));
    let get = bytes(&property(KSPROPSETID_Connection, 2, GET));
    let mut answer = vec![0; 64];
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &get, &mut []), (STATUS_BUFFER_OVERFLOW, 64));
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &get, &mut answer), (STATUS_SUCCESS, 64));
    assert_eq!(answer, format);
    let set = bytes(&property(KSPROPSETID_Connection, 2, KSPROPERTY_TYPE_SET));
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &set, &mut format.clone()).0, STATUS_SUCCESS);
    let other = bytes(&fixture::format(fixture::MAJOR));
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &set, &mut other.clone()).0, STATUS_NO_MATCH);
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &set, &mut [0; 63]).0, STATUS_INVALID_BUFFER_SIZE);
    close(pin);
    bench.end();
}

/// Pointers that are no user memory.
#[test]
fn pointers_are_probed() {
    let bench = Bench::new();
    let input = bytes(&property(KSPROPSETID_Pin, 1, GET));
    let good = crate::nt::user::Buffer::from_bytes(&input);
    for (input, output) in [(0x10 as PVOID, good.address()), (good.address(), 0x10 as PVOID)] {
        // SAFETY: the wrong pointers are the point; they are not followed.
        let (status, _) = unsafe {
            crate::nt::io::request::device_io_control(bench.filter, IOCTL_KS_PROPERTY, input, 24, output, 4)
        };
        assert_eq!(status, STATUS_ACCESS_VIOLATION);
    }
    bench.end();
}
