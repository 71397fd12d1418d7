//! What a queue counts, gates as the minidriver changes them, stale stream pointers, processing without progress.

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use std::{cell::Cell, ptr::null_mut, rc::Rc};

use fixture::{Bench, Kind, format, log, on_process, pin, state};
use ks_sys::{
    KSSTREAM_POINTER_STATE::{
        KSSTREAM_POINTER_STATE_LOCKED as LOCKED, KSSTREAM_POINTER_STATE_UNLOCKED as UNLOCKED,
    },
    gate::*,
    *,
};
use ksrig::{
    client::{Packet, Pin, State, Status},
    ks::{self, clone::*, gate::*, processing::*, queue::Counters, stream_pointer::*},
};

fn stream(kind: Kind) -> (Bench, Pin) {
    let bench = Bench::new(&[&[kind]]);
    let pin = bench.filters[0].create_pin(0, &format(64)).unwrap();
    (bench, pin)
}

fn finish(bench: Bench, client: Pin) {
    drop(client);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

fn leading(state: i32) -> PKSSTREAM_POINTER {
    unsafe { KsPinGetLeadingEdgeStreamPointer(pin(0), state) }
}

fn clone(pointer: PKSSTREAM_POINTER, context: u32) -> PKSSTREAM_POINTER {
    let mut clone = null_mut();
    assert_eq!(unsafe { KsStreamPointerClone(pointer, None, context, &mut clone) }, STATUS_SUCCESS);
    clone
}

/// R4.29: a queue reports the frames that it received and released, those that were cancelled, and those that wait.
#[test]
fn a_queue_counts() {
    let (bench, client) = stream(Kind::output().flags(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING));
    client.set_state(State::Run).unwrap();
    let queue = ks::Pin::of(pin(0)).transport().queue().unwrap();
    assert_eq!((queue.counters(), queue.depth()), (Counters::default(), (0, 0)));
    let first = client.submit_read(Packet::new(&[64, 64]));
    let second = client.submit_read(Packet::new(&[64]));
    assert_eq!((queue.counters(), queue.depth()), (Counters { received: 3, ..Counters::default() }, (3, 3)));
    let edge = leading(LOCKED);
    let copy = clone(edge, 0);
    KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 64, 1);
    assert_eq!(queue.depth(), (3, 2), "the clone keeps the first");
    KsStreamPointerDelete(copy);
    let counters = Counters { received: 3, released: 1, cancelled: 0, clones: 1 };
    assert_eq!((queue.counters(), queue.depth()), (counters, (2, 2)));
    second.cancel();
    assert_eq!((queue.counters().cancelled, queue.depth()), (1, (1, 1)));
    client.set_state(State::Stop).unwrap();
    assert_eq!(queue.counters().cancelled, 2, "flushed");
    assert_eq!(queue.depth(), (0, 0));
    drop((first, second));
    finish(bench, client);
}

/// R6.22: the bytes ahead of the leading edge, what is used of the frame it is on taken off; without a queue the call
/// fails.
#[test]
fn available_bytes() {
    let available = || {
        let (mut input, mut output) = (-1, -1);
        (unsafe { KsPinGetAvailableByteCount(pin(0), &mut input, &mut output) }, input, output)
    };
    let hold = KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING;
    for (kind, input) in [(Kind::output().flags(hold), false), (Kind::input().flags(hold), true)] {
        let (bench, client) = stream(kind);
        assert_eq!(available(), (STATUS_UNSUCCESSFUL, -1, -1), "no queue in STOP");
        client.set_state(State::Run).unwrap();
        let bytes = |count| if input { (STATUS_SUCCESS, count, 0) } else { (STATUS_SUCCESS, 0, count) };
        assert_eq!(available(), bytes(0));
        let requests = [40, 60].map(|length| {
            let mut packet = Packet::new(&[length]);
            if input {
                packet.used(0, length as u32);
                client.submit_write(packet)
            } else {
                client.submit_read(packet)
            }
        });
        let edge = leading(LOCKED);
        assert_eq!(available(), bytes(100));
        let (taken, given) = if input { (15, 0) } else { (0, 15) };
        assert_eq!(KsStreamPointerAdvanceOffsets(edge, taken, given, 0), STATUS_SUCCESS);
        assert_eq!(available(), bytes(85));
        assert_eq!(KsStreamPointerAdvanceOffsets(edge, 0, 0, 1), STATUS_SUCCESS, "on to the next");
        assert_eq!(available(), bytes(60));
        KsStreamPointerUnlock(edge, 1);
        assert_eq!(available(), bytes(0));
        assert_eq!(unsafe { KsPinGetAvailableByteCount(pin(0), null_mut(), null_mut()) }, STATUS_SUCCESS);
        drop(requests);
        finish(bench, client);
    }
}

/// R6.20: deleting a clone cancels its timeout, also just before it is due, and the clone that gets its memory has none.
#[test]
fn deleting_cancels_the_timeout() {
    unsafe extern "win64" fn timed_out(_: PKSSTREAM_POINTER) {
        state().log.borrow_mut().push("timeout".to_owned());
    }
    let (bench, client) = stream(Kind::output().flags(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING));
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    let edge = leading(UNLOCKED);
    let (deleted, kept) = (clone(edge, 8), clone(edge, 8));
    log();
    KsStreamPointerScheduleTimeout(deleted, Some(timed_out), 10_000);
    KsStreamPointerScheduleTimeout(kept, Some(timed_out), 10_000);
    bench.rig.sleep(9_000);
    KsStreamPointerDelete(deleted);
    // More clones than the queue keeps deleted ones, so that the memory is used again.
    for _ in 0..200 {
        KsStreamPointerDelete(clone(edge, 8));
    }
    let heir = clone(edge, 8);
    bench.rig.sleep(50_000);
    assert_eq!(log(), ["timeout"], "the other clone's");
    KsStreamPointerDelete(heir);
    KsStreamPointerDelete(kept);
    KsStreamPointerUnlock(leading(LOCKED), 1);
    assert_eq!(request.wait().status, Status::SUCCESS);
    finish(bench, client);
}

/// R8.6: a driver that reads through a deleted clone meets a pattern and no stale address, and the call that gets one is
/// a violation; a frame may have no buffer.
#[test]
fn what_may_not_be_touched() {
    let (bench, client) = stream(Kind::output().flags(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING));
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    let copy = clone(leading(UNLOCKED), 16);
    unsafe {
        assert_eq!((*copy).Offset, &raw mut (*copy).OffsetOut);
        assert!(!(*copy).StreamHeader.is_null());
        KsStreamPointerDelete(copy);
        let stale = std::slice::from_raw_parts(copy.cast::<u8>(), size_of::<KSSTREAM_POINTER>());
        assert!(stale.iter().all(|byte| *byte == 0xDD), "{stale:x?}");
    }
    assert_eq!(KsStreamPointerLock(copy), STATUS_DEVICE_NOT_READY);
    assert!(KsStreamPointerGetMdl(copy).is_null());
    assert_eq!(bench.violations(), ["KsInvalidStreamPointer"; 2]);
    // MDL and IRP are for locked pointers.
    let edge = leading(UNLOCKED);
    assert!(unsafe { KsStreamPointerGetIrp(edge, null_mut(), null_mut()) }.is_null());
    let mut packet = Packet::new(&[64]);
    let mut header = packet.header(0);
    (header.Data, header.FrameExtent) = (null_mut(), 0);
    packet.set_header(0, &header);
    let empty = client.submit_read(packet);
    KsStreamPointerUnlock(leading(LOCKED), 1);
    let edge = leading(LOCKED);
    unsafe { assert!((*(*edge).Offset).__bindgen_anon_1.Data.is_null() && (*(*edge).Offset).Count == 0) };
    KsStreamPointerUnlock(edge, 1);
    drop((request, empty));
    bench.violations();
    finish(bench, client);
}

/// R0.4, R6.31: a gate is the structure itself: the inline functions that change its count behind AVStream's back, and
/// gates of the minidriver's own before it, open and close processing.
#[test]
fn gates_are_counted_behind_the_rigs_back() {
    let (bench, client) = stream(Kind::output());
    let calls = Rc::new(Cell::new(0));
    let (count, inside) = (Rc::clone(&calls), Rc::new(Cell::new(0)));
    let seen = Rc::clone(&inside);
    on_process(0, move |ks| {
        count.set(count.get() + 1);
        seen.set(unsafe { (*KsPinGetAndGate(ks)).Count });
        STATUS_PENDING
    });
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    let gate = unsafe { KsPinGetAndGate(pin(0)) };
    assert_eq!((size_of::<KSGATE>(), unsafe { (*gate).Count }), (16, 1));
    assert_eq!((calls.get(), inside.get()), (1, 0), "captured while Process runs");
    let attempt = || {
        unsafe { KsPinAttemptProcessing(pin(0), 0) };
        calls.take()
    };
    assert_eq!(attempt(), 2);
    unsafe { KsGateTurnInputOff(gate) };
    assert_eq!((attempt(), unsafe { KsGateGetStateUnsafe(gate) }), (0, false));
    unsafe { KsGateTurnInputOn(gate) };
    assert_eq!(attempt(), 1);
    // An OR gate of the minidriver's before it: closed until one of its inputs is on.
    let mut own = KSGATE::default();
    unsafe {
        KsGateInitializeOr(&raw mut own, gate);
        assert_eq!(((*gate).Count, attempt()), (0, 0));
        KsGateTurnInputOn(&raw mut own);
        KsGateTurnInputOn(&raw mut own);
        assert_eq!(((*gate).Count, attempt()), (1, 1));
        KsGateTurnInputOff(&raw mut own);
        assert_eq!(attempt(), 1, "one input is on still");
        KsGateTurnInputOff(&raw mut own);
        assert_eq!(attempt(), 0);
        KsGateTurnInputOn(gate);
        // Whoever captures the gate may process, and nobody else.
        assert!(KsGateCaptureThreshold(gate) && !KsGateCaptureThreshold(gate));
        assert_eq!(attempt(), 0);
        KsGateTurnInputOn(gate);
    }
    assert_eq!(attempt(), 1);
    drop(request);
    finish(bench, client);
}

/// R8.5, R6.32: SUCCESS again and again without touching a frame is an endless loop, which is named and ended; a driver
/// that gets on, however often, is none.
#[test]
fn success_without_progress() {
    let (bench, client) = stream(Kind::output());
    let calls = Rc::new(Cell::new(0_u32));
    let count = Rc::clone(&calls);
    on_process(0, move |_| {
        count.set(count.get() + 1);
        STATUS_SUCCESS
    });
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    assert_eq!(bench.violations(), ["KsProcessNoProgress"]);
    assert!((2..=10_000).contains(&calls.get()), "{}", calls.get());
    // As many rounds that each use a byte of a long frame.
    client.set_state(State::Stop).unwrap();
    let count = Rc::clone(&calls);
    count.set(0);
    on_process(0, move |ks| {
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
        if edge.is_null() {
            return STATUS_PENDING;
        }
        count.set(count.get() + 1);
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 1, 0);
        STATUS_SUCCESS
    });
    client.set_state(State::Run).unwrap();
    let long = client.submit_read(Packet::new(&[5000])).wait();
    assert_eq!((long.status, calls.get()), (Status::SUCCESS, 5000));
    drop(request);
    finish(bench, client);
}
