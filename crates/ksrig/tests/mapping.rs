//! Pins that generate mappings (R6.21, R6.27, R6.28).

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use std::{ptr::null_mut, rc::Rc};

use fixture::{Bench, Kind, format, on_process, pin, state};
use ks_sys::{KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED as LOCKED, *};
use ksrig::{
    client::{Packet, State, Status},
    ks::{Pin, mapping::*, stream_pointer::*, unknown::*},
};

const ADAPTER: PADAPTER_OBJECT = 0x1000 as PADAPTER_OBJECT;

fn device(pin: *mut KSPIN) -> *mut KSDEVICE {
    Pin::of(pin).filter().device().ks()
}

fn edge(ks: *mut KSPIN) -> PKSSTREAM_POINTER {
    unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) }
}

/// R6.27: on Win64 by the device's interface; without an adapter nothing can be locked.
#[test]
fn the_adapter_is_registered_first() {
    let bench = Bench::new(&[&[Kind::output().flags(KSPIN_FLAG_GENERATE_MAPPINGS)]]);
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    open.set_state(State::Pause).unwrap();
    let read = open.submit_read(Packet::new(&[100]));
    assert!(edge(pin(0)).is_null());
    assert_eq!(bench.violations(), ["KsMappings"]);
    unsafe {
        let mut found: PVOID = null_mut();
        let unknown = KsGetOuterUnknown(device(pin(0)).cast());
        let query = (*(*unknown).lpVtbl).QueryInterface.unwrap();
        assert_eq!(query(unknown, &IID_IKSDEVICEFUNCTIONS, &mut found), STATUS_SUCCESS);
        let functions = found.cast::<IKsDeviceFunctions>();
        let table = &*(*functions).lpVtbl;
        let register = table.RegisterAdapterObjectEx.unwrap();
        let wrong = register(functions, ADAPTER, null_mut(), 1, 40, size_of::<KSMAPPING>() as u32 - 8);
        assert_eq!(wrong, STATUS_INVALID_PARAMETER);
        assert_eq!(register(functions, ADAPTER, null_mut(), 1, 40, 32), STATUS_SUCCESS);
        assert_eq!(table.Release.unwrap()(functions), 0);
    }
    let edge = edge(pin(0));
    unsafe { assert_eq!((*edge).OffsetOut.Count, 3) };
    KsStreamPointerUnlock(edge, 1);
    assert_eq!((read.wait().status, bench.violations()), (Status::SUCCESS, vec![]));
    unsafe { KsDeviceRegisterAdapterObject(device(pin(0)), null_mut(), 40, 32) };
    assert_eq!(bench.violations(), ["KsMappings"]);
    drop(open);
    assert_eq!(bench.end(), Vec::<&str>::new());
}

fn register() {
    *state().on_create.borrow_mut() =
        Some(Rc::new(|pin| unsafe { KsDeviceRegisterAdapterObject(device(pin), ADAPTER, 40, 32) }));
}

/// R6.28, R6.21 (d): the table when a pointer is locked; offsets count its entries, and DataUsed what was passed.
#[test]
fn offsets_count_mappings() {
    let bench = Bench::new(&[&[Kind::output().flags(KSPIN_FLAG_GENERATE_MAPPINGS)]]);
    register();
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    on_process(0, |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        let (mut input, mut output) = (9, 9);
        unsafe {
            let offset = &(*edge).OffsetOut;
            assert_eq!((offset.Count, offset.Remaining), (3, 3));
            let mut at = (*(*edge).StreamHeader).Data as i64;
            for (index, bytes) in [40, 40, 20].into_iter().enumerate() {
                let mapping = &*offset.__bindgen_anon_1.Mappings.byte_add(index * 32);
                assert_eq!((mapping.PhysicalAddress.QuadPart, mapping.ByteCount), (at, bytes));
                at += i64::from(bytes);
            }
            (offset.__bindgen_anon_1.Mappings as *mut u64).add(3).write(7);
            assert_eq!(KsStreamPointerAdvanceOffsets(edge, 0, 2, 0), STATUS_SUCCESS);
            let offset = &(*edge).OffsetOut;
            assert_eq!((offset.Count, offset.Remaining), (3, 1));
            assert_eq!((*offset.__bindgen_anon_1.Mappings).ByteCount, 20);
            assert_eq!(KsPinGetAvailableByteCount(ks, &mut input, &mut output), STATUS_SUCCESS);
            assert_eq!((input, output), (0, 20));
        }
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    open.set_state(State::Run).unwrap();
    let done = open.submit_read(Packet::new(&[100])).wait();
    assert_eq!((done.status, done.packet.header(0).DataUsed), (Status::SUCCESS, 80));
    drop(open);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

/// Of an input it is the data that is mapped.
#[test]
fn data_is_mapped() {
    let bench = Bench::new(&[&[Kind::input().flags(KSPIN_FLAG_GENERATE_MAPPINGS)]]);
    register();
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    on_process(0, |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        unsafe {
            let mapping = &*(*edge).OffsetIn.__bindgen_anon_1.Mappings;
            assert_eq!(((*edge).OffsetIn.Count, mapping.ByteCount), (1, 10));
            assert_eq!((mapping.PhysicalAddress.QuadPart as *const u8).read(), 5);
        }
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 1, 0, 0);
        STATUS_SUCCESS
    });
    open.set_state(State::Run).unwrap();
    let mut packet = Packet::new(&[64]);
    packet.frame_mut(0).fill(5);
    packet.used(0, 10);
    assert_eq!(open.submit_write(packet).wait().status, Status::SUCCESS);
    drop(open);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}
