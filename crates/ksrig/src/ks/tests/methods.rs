//! IOCTL_KS_METHOD (R7.18), and handlers that keep their request (R7.16).

use std::{cell::Cell, ptr::null_mut};

use ks_sys::*;

use crate::{
    ks::{
        fixture::{self, Fixture, bytes, close, control, open_pin, property},
        method::KsDispatchSpecificMethod,
        pending::KsCompletePendingRequest,
    },
    nt::{IoMarkIrpPending, KeLowerIrql, KeRaiseIrqlToDpcLevel, complete, io, user::Buffer, violation, work},
};

/// The driver's method set.
const SET: GUID = guid(0x3E70_D11A_0000_0000_0000_0000_0000_0002);

// Methods by what their item says of the data; LATER keeps its request.
const WRITE: u32 = 0;
const READ: u32 = 1;
const MODIFY: u32 = 2;
const NONE: u32 = 3;
const LATER: u32 = 4;
const SOURCE: u32 = 5;

thread_local! {
    static SEEN: Cell<u32> = const { Cell::new(0) };
    static KEPT: Cell<usize> = const { Cell::new(0) };
}

/// Sees the first word and adds one to it.
unsafe extern "win64" fn run(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData vouches for a word.
    unsafe {
        let word = data.cast::<u32>();
        SEEN.set(*word);
        *word += 1;
        (*irp).IoStatus.Information = 4;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn keep(irp: PIRP, _request: PKSIDENTIFIER, _data: PVOID) -> NTSTATUS {
    KEPT.set(irp as usize);
    // SAFETY: the driver owns the request.
    unsafe { IoMarkIrpPending(irp) };
    STATUS_PENDING
}

unsafe extern "win64" fn answer_five(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData vouches for a word.
    unsafe {
        *data.cast::<u32>() = 5;
        (*irp).IoStatus.Information = 4;
    }
    STATUS_SUCCESS
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn fixture() -> Fixture {
    let item = |id, handler: PFNKSHANDLER, flags| KSMETHOD_ITEM {
        MethodId: id,
        __bindgen_anon_1: KSMETHOD_ITEM__bindgen_ty_1 { MethodHandler: handler },
        MinMethod: size_of::<KSMETHOD>() as u32,
        MinData: 4,
        SupportHandler: None,
        Flags: flags,
    };
    let items = leak([
        item(WRITE, Some(run), KSMETHOD_TYPE_WRITE),
        item(READ, Some(run), KSMETHOD_TYPE_READ),
        item(MODIFY, Some(run), KSMETHOD_TYPE_MODIFY),
        item(NONE, Some(run), KSMETHOD_TYPE_NONE),
        item(LATER, Some(keep), KSMETHOD_TYPE_WRITE),
        item(SOURCE, Some(run), KSMETHOD_TYPE_SOURCE),
    ]);
    let set = leak(KSMETHOD_SET {
        Set: leak(SET),
        MethodsCount: 6,
        MethodItem: items.as_ptr(),
        FastIoCount: 0,
        FastIoTable: std::ptr::null(),
    });
    let get = |id, handler: PFNKSHANDLER| {
        // SAFETY: all zero is a valid item.
        let mut item: KSPROPERTY_ITEM = unsafe { std::mem::zeroed() };
        item.PropertyId = id;
        item.MinProperty = size_of::<KSPROPERTY>() as u32;
        item.MinData = 4;
        item.__bindgen_anon_1.GetPropertyHandler = handler;
        item
    };
    let properties = leak([get(0, Some(keep))]);
    // SAFETY: all zero is a valid set.
    let mut property_set: KSPROPERTY_SET = unsafe { std::mem::zeroed() };
    property_set.Set = leak(SET);
    property_set.PropertiesCount = 1;
    property_set.PropertyItem = properties.as_ptr();
    let table = leak(KSAUTOMATION_TABLE {
        MethodSetsCount: 1,
        MethodSets: set,
        PropertySetsCount: 1,
        PropertySets: leak(property_set),
        ..KSAUTOMATION_TABLE::default()
    });
    let (flow, sink) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
    let mut pin = fixture::pin_type(KSPIN_DISPATCH::default(), flow, sink, 0);
    pin.AutomationTable = table;
    Fixture::new(vec![fixture::filter(1, vec![pin])])
}

fn method(id: u32, flags: u32) -> Vec<u8> {
    bytes(&property(SET, id, flags))
}

/// Calls a method that is refused loudly: its data would be locked where it lies.
pub(super) fn in_source_mode() -> NTSTATUS {
    let fixture = fixture();
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    control(pin, IOCTL_KS_METHOD, &method(SOURCE, KSMETHOD_TYPE_SEND), &mut [0; 4]).0
}

/// R7.18 and the page of KSMETHOD_ITEM: which way the data goes is the item's to say.
#[test]
fn data_goes_as_the_item_says() {
    let fixture = fixture();
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    for (id, seen, after) in [(WRITE, 0, 1), (READ, 7, 7), (MODIFY, 7, 8), (NONE, 0, 7)] {
        let mut data = 7u32.to_le_bytes();
        let (status, information) = control(pin, IOCTL_KS_METHOD, &method(id, KSMETHOD_TYPE_SEND), &mut data);
        assert_eq!((status, information), (STATUS_SUCCESS, 4), "{id}");
        assert_eq!((SEEN.get(), u32::from_le_bytes(data)), (seen, after), "{id}");
    }
    close(pin);
    close(filter);
    fixture.end();
}

/// R7.12 by analogy, R7.14.
#[test]
fn statuses_of_the_dispatch() {
    let fixture = fixture();
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    let ask = |input: &[u8], length| {
        let mut data = vec![0; length];
        let (status, information) = control(pin, IOCTL_KS_METHOD, input, &mut data);
        (status, information, data)
    };
    assert_eq!(ask(&[0; 23], 4).0, STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(ask(&method(99, 1), 4).0, STATUS_NOT_FOUND);
    assert_eq!(ask(&bytes(&property(fixture::SUB, 0, 1)), 4).0, STATUS_PROPSET_NOT_FOUND);
    assert_eq!(ask(&method(WRITE, 1), 3).0, STATUS_BUFFER_TOO_SMALL);
    assert_eq!(ask(&method(WRITE, 0x800), 4).0, STATUS_INVALID_PARAMETER, "no such verb");
    assert_eq!(ask(&method(WRITE, KSMETHOD_TYPE_BASICSUPPORT), 4), (STATUS_SUCCESS, 4, vec![2, 0, 0, 0]));
    assert_eq!(ask(&method(WRITE, KSMETHOD_TYPE_SETSUPPORT), 0).0, STATUS_SUCCESS);
    let all = bytes(&property(GUID_NULL, 0, KSMETHOD_TYPE_SETSUPPORT));
    assert_eq!(ask(&all, 0), (STATUS_BUFFER_OVERFLOW, 16, vec![]));
    assert_eq!(ask(&all, 16), (STATUS_SUCCESS, 16, bytes(&SET)));
    // R7.18: AVStream's own tables have no methods.
    let of_filter = control(filter, IOCTL_KS_METHOD, &method(WRITE, 1), &mut [0; 4]).0;
    assert_eq!(of_filter, STATUS_PROPSET_NOT_FOUND);
    close(pin);
    close(filter);
    fixture.end();
}

/// R7.16: a handler that keeps its request ends it later, by completing it or by KsCompletePendingRequest, also above
/// passive level; the answer goes from the system's copy to the client.
#[test]
fn requests_may_end_later() {
    for code in [IOCTL_KS_METHOD, IOCTL_KS_PROPERTY] {
        for (through_ks, raised) in [(false, false), (true, false), (true, true)] {
            let fixture = fixture();
            let filter = fixture.open_filter(1).unwrap();
            let pin = open_pin(filter, 0, null_mut()).unwrap();
            let id = if code == IOCTL_KS_METHOD { LATER } else { 0 };
            let (input, mut data) = (Buffer::from_bytes(&method(id, 1)), Buffer::new(4));
            // SAFETY: the buffers live until the request has ended.
            let request = unsafe {
                io::request::Request::device_io_control(pin, code, input.address(), 24, data.address(), 4)
            };
            assert!(!request.is_done());
            let kept = KEPT.get();
            work::queue("test", move || {
                // SAFETY: the driver has kept the request.
                unsafe {
                    let irp = kept as PIRP;
                    assert_eq!(KsDispatchSpecificMethod(irp, Some(answer_five)), STATUS_SUCCESS);
                    (*irp).IoStatus.__bindgen_anon_1.Status = STATUS_SUCCESS;
                    let irql = raised.then(KeRaiseIrqlToDpcLevel);
                    if through_ks {
                        KsCompletePendingRequest(irp);
                    } else {
                        complete(irp, STATUS_SUCCESS, 4);
                    }
                    if let Some(irql) = irql {
                        KeLowerIrql(irql);
                    }
                }
            });
            assert_eq!(request.wait(), (STATUS_SUCCESS, 4));
            assert_eq!(data.bytes_mut(), 5u32.to_le_bytes());
            drop(request);
            close(pin);
            close(filter);
            assert_eq!(violation::list(), []);
            fixture.end();
        }
    }
}
