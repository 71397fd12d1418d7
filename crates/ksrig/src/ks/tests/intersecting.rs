//! KSPROPERTY_PIN_DATAINTERSECTION (section 3.5 of the contract).

use ks_sys::*;

use super::dispatch;
use crate::ks::fixture::{self, Fixture, bytes, close, control, property, range};

unsafe extern "win64" fn intersect(
    _context: PVOID,
    _irp: PIRP,
    _pin: PKSP_PIN,
    range: PKSDATARANGE,
    _own: PKSDATARANGE,
    length: u32,
    data: PVOID,
    size: *mut u32,
) -> NTSTATUS {
    // SAFETY: the host's arguments.
    unsafe {
        if (*range).__bindgen_anon_1.SampleSize == 1 {
            return STATUS_NO_MATCH;
        }
        *size = 64;
        if length == 0 {
            return STATUS_BUFFER_OVERFLOW;
        }
        if length < 64 {
            return STATUS_BUFFER_TOO_SMALL;
        }
        std::ptr::copy_nonoverlapping(range.cast::<u8>(), data.cast(), 64);
    }
    STATUS_SUCCESS
}

fn request(ranges: &[KSDATARANGE], count: u32) -> Vec<u8> {
    let mut input = bytes(&property(KSPROPSETID_Pin, 4, KSPROPERTY_TYPE_GET));
    input.extend([0; 8]);
    input.extend((8 + 64 * ranges.len() as u32).to_le_bytes());
    input.extend(count.to_le_bytes());
    input.extend(ranges.iter().flat_map(bytes));
    input
}

/// R3.19, R3.20, R3.21, R3.23
#[test]
fn intersections() {
    let mut pin = fixture::pin_type(
        dispatch(),
        KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
        KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
        0,
    );
    let without = pin;
    pin.IntersectHandler = Some(intersect);
    let fixture = Fixture::new(vec![fixture::filter(1, vec![pin]), fixture::filter(2, vec![without])]);
    let (filter, other) = (fixture.open_filter(1).unwrap(), fixture.open_filter(2).unwrap());
    let ask = |filter, input: &[u8], length: usize| {
        let mut output = vec![0; length];
        let (status, information) = control(filter, IOCTL_KS_PROPERTY, input, &mut output);
        (status, information, output)
    };
    let good = range(fixture::SUB);
    let mut refused = good;
    refused.__bindgen_anon_1.SampleSize = 1;
    let wild = range(GUID_NULL);
    // R3.21
    assert_eq!(ask(filter, &request(&[good], 1), 0), (STATUS_BUFFER_OVERFLOW, 64, vec![]));
    assert_eq!(ask(filter, &request(&[good], 1), 10).0, STATUS_BUFFER_TOO_SMALL);
    assert_eq!(ask(filter, &request(&[good], 1), 64), (STATUS_SUCCESS, 64, bytes(&good)));
    // R3.20
    assert_eq!(ask(filter, &request(&[refused, wild], 2), 64), (STATUS_SUCCESS, 64, bytes(&wild)));
    assert_eq!(ask(filter, &request(&[refused], 1), 64).0, STATUS_NO_MATCH);
    assert_eq!(ask(filter, &request(&[range(fixture::MAJOR)], 1), 64).0, STATUS_NO_MATCH);
    assert_eq!(ask(filter, &request(&[], 0), 64).0, STATUS_NO_MATCH);
    // R3.19: lying counts and sizes.
    assert_eq!(ask(filter, &request(&[good], 2), 64).0, STATUS_INVALID_BUFFER_SIZE);
    let mut short = good;
    short.__bindgen_anon_1.FormatSize = 63;
    assert_eq!(ask(filter, &request(&[short], 1), 64).0, STATUS_INVALID_BUFFER_SIZE);
    short.__bindgen_anon_1.FormatSize = 0;
    assert_eq!(ask(filter, &request(&[short], 1), 64).0, STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(ask(filter, &request(&[good], 1)[..39], 64).0, STATUS_INVALID_BUFFER_SIZE);
    // R2.12
    assert_eq!(ask(other, &request(&[wild], 1), 64), (STATUS_SUCCESS, 64, bytes(&good)));
    close(filter);
    close(other);
    fixture.end();
}
