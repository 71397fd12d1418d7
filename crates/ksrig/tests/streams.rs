//! Streams between a client and a pin: queue, edges, clones, cancellation, states.

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use fixture::{Bench, Kind, format, log, on_process, pin, state};
use ks_sys::{
    KSSTREAM_POINTER_STATE::{
        KSSTREAM_POINTER_STATE_LOCKED as LOCKED, KSSTREAM_POINTER_STATE_UNLOCKED as UNLOCKED,
    },
    *,
};
use ksrig::{
    client::{Packet, Pin, Reset, State, Status},
    ks::{clone::*, gate::*, processing::*, stream_pointer::*},
    nt,
};

fn leading(ks: *mut KSPIN, state: i32) -> PKSSTREAM_POINTER {
    unsafe { KsPinGetLeadingEdgeStreamPointer(ks, state) }
}

fn clone(pointer: PKSSTREAM_POINTER, cancel: PFNKSSTREAMPOINTER, context: u32) -> PKSSTREAM_POINTER {
    let mut clone = std::ptr::null_mut();
    assert_eq!(unsafe { KsStreamPointerClone(pointer, cancel, context, &mut clone) }, STATUS_SUCCESS);
    clone
}

fn read_bench(flags: u32) -> (Bench, Pin) {
    let bench = Bench::new(&[&[Kind::output().flags(flags)]]);
    let pin = bench.filters[0].create_pin(0, &format(64)).unwrap();
    (bench, pin)
}

fn write_bench(flags: u32) -> (Bench, Pin) {
    let bench = Bench::new(&[&[Kind::input().flags(flags)]]);
    let pin = bench.filters[0].create_pin(0, &format(64)).unwrap();
    (bench, pin)
}

fn finish(bench: Bench, client: Pin) {
    drop(client);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

/// Fills the locked edge's frame with a byte and leaves it.
fn fill(ks: *mut KSPIN, byte: u8, len: u32) -> NTSTATUS {
    let edge = leading(ks, LOCKED);
    if edge.is_null() {
        return STATUS_PENDING;
    }
    unsafe {
        assert_eq!((*edge).Offset, &raw mut (*edge).OffsetOut);
        assert_eq!((*(*edge).StreamHeader).Data, (*(*edge).Offset).__bindgen_anon_1.Data.cast(), "R6.5");
        (*(*edge).Offset).__bindgen_anon_1.Data.write_bytes(byte, len as usize);
        (*(*edge).StreamHeader).OptionsFlags = KSSTREAM_HEADER_OPTIONSF_SPLICEPOINT;
    }
    KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, len, 1);
    STATUS_SUCCESS
}

/// R6.15, R6.21
#[test]
fn a_read_is_filled_in_the_callers_thread() {
    let (bench, client) = read_bench(0);
    client.set_state(State::Run).unwrap();
    assert_eq!(log(), ["0 STOP>ACQUIRE", "0 ACQUIRE>PAUSE", "0 PAUSE>RUN"], "R5.3");
    on_process(0, |ks| fill(ks, 7, 10));
    let mut packet = Packet::new(&[64]);
    let data = packet.header(0).Data;
    packet.frame_mut(0).fill(1);
    let request = client.submit_read(packet);
    assert!(request.is_done(), "no thread in between");
    let done = request.wait();
    assert_eq!((done.status, done.information), (Status::SUCCESS, size_of::<KSSTREAM_HEADER>()), "R6.4");
    let header = done.packet.header(0);
    assert_eq!((header.DataUsed, header.OptionsFlags), (10, KSSTREAM_HEADER_OPTIONSF_SPLICEPOINT));
    assert_eq!(header.Data, data, "the client's own pointer comes back");
    assert_eq!(done.packet.data(0), [7; 10]);
    assert_eq!(done.packet.frame(0)[10], 1);
    finish(bench, client);
}

#[test]
fn states_step_up_and_down_and_flush() {
    let (bench, client) = read_bench(0);
    assert_eq!(
        client.submit_read(Packet::new(&[64])).wait().status,
        Status(STATUS_DEVICE_NOT_READY),
        "R5.12"
    );
    client.set_state(State::Pause).unwrap();
    let waiting = client.submit_read(Packet::new(&[64, 64]));
    assert!(!waiting.is_done());
    client.set_state(State::Acquire).unwrap();
    let other = client.submit_read(Packet::new(&[64]));
    log();
    client.set_state(State::Stop).unwrap();
    assert_eq!(log(), ["0 ACQUIRE>STOP", "reset 0"], "10.17");
    for request in [waiting, other] {
        let done = request.wait();
        assert_eq!((done.status, done.information), (Status(STATUS_CANCELLED), 0), "R5.13");
        assert_eq!(done.packet.header(0).DataUsed, 0);
    }
    client.set_state(State::Stop).unwrap();
    assert_eq!(log(), Vec::<String>::new(), "R5.7");
    assert!(leading(pin(0), UNLOCKED).is_null(), "no queue in STOP");
    finish(bench, client);
}

#[test]
fn several_frames_in_one_request() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64, 32, 16]));
    let ks = pin(0);
    let edge = leading(ks, LOCKED);
    unsafe {
        let (mut first, mut last) = (9, 9);
        let irp = KsStreamPointerGetIrp(edge, &mut first, &mut last);
        assert!(!irp.is_null() && !KsStreamPointerGetMdl(edge).is_null());
        assert_eq!((first, last), (1, 0));
        assert_eq!(((*edge).OffsetOut.Count, (*edge).OffsetOut.Remaining), (64, 64), "R6.16");
        assert_eq!(KsStreamPointerAdvanceOffsets(edge, 0, 64, 0), STATUS_SUCCESS, "R6.17: on to the next");
        assert_eq!((*edge).OffsetOut.Count, 32);
        assert_eq!(KsStreamPointerAdvanceOffsets(edge, 0, 8, 0), STATUS_SUCCESS);
        assert_eq!((*edge).OffsetOut.Remaining, 24);
        assert_eq!((*(*edge).StreamHeader).DataUsed, 8, "R6.21a");
        (*(*edge).StreamHeader).DataUsed = 20;
        assert_eq!(KsStreamPointerAdvanceOffsets(edge, 0, 4, 1), STATUS_SUCCESS, "ejected");
        assert!(!request.is_done());
        KsStreamPointerGetIrp(edge, &mut first, &mut last);
        assert_eq!((first, last), (0, 1));
        assert_eq!(KsStreamPointerAdvance(edge), STATUS_DEVICE_NOT_READY, "the end");
        assert_eq!(KsStreamPointerLock(edge), STATUS_DEVICE_NOT_READY);
        assert!(leading(ks, LOCKED).is_null(), "R6.14");
        assert_eq!(leading(ks, UNLOCKED), edge);
    }
    let done = request.wait();
    assert_eq!(done.information, 3 * size_of::<KSSTREAM_HEADER>());
    let used: Vec<u32> = (0..3).map(|index| done.packet.header(index).DataUsed).collect();
    assert_eq!(used, [64, 20, 0], "R6.21b, R6.21c");
    finish(bench, client);
}

#[test]
fn clones_outlive_the_edge() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let requests: Vec<_> = (0..3).map(|_| client.submit_read(Packet::new(&[64]))).collect();
    let ks = pin(0);
    let edge = leading(ks, LOCKED);
    let mut clones = Vec::new();
    for index in 0..3 {
        let copy = clone(edge, None, 24);
        unsafe {
            assert_eq!((*copy).Context, copy.add(1).cast(), "the context stands behind the pointer");
            (*copy).Context.cast::<u64>().write(index);
        }
        clones.push(copy);
        let status = KsStreamPointerAdvanceOffsets(edge, 0, 64, 0);
        assert_eq!(status, if index < 2 { STATUS_SUCCESS } else { STATUS_DEVICE_NOT_READY });
        unsafe { assert_eq!((*copy).OffsetOut.Remaining, 64, "its own offsets") };
    }
    unsafe {
        assert_eq!(KsPinGetFirstCloneStreamPointer(ks), clones[0]);
        assert_eq!((*clones[2]).Context.cast::<u64>().read(), 2);
    }
    assert_eq!(KsStreamPointerGetNextClone(clones[0]), clones[1]);
    assert!(KsStreamPointerGetNextClone(clones[2]).is_null());
    assert!(requests.iter().all(|request| !request.is_done()));
    // Any order of deletion; without ENFORCE_FIFO completion follows it.
    KsStreamPointerDelete(clones[1]);
    assert_eq!(requests.iter().map(|request| request.is_done()).collect::<Vec<_>>(), [false, true, false]);
    KsStreamPointerUnlock(clones[2], 0);
    KsStreamPointerDelete(clones[2]);
    KsStreamPointerDelete(clones[0]);
    for request in requests {
        let done = request.wait();
        assert_eq!((done.status, done.packet.header(0).DataUsed), (Status::SUCCESS, 64));
    }
    unsafe { assert!(KsPinGetFirstCloneStreamPointer(ks).is_null()) };
    KsStreamPointerDelete(clones[0]);
    assert_eq!(bench.violations(), ["KsInvalidStreamPointer"]);
    finish(bench, client);
}

#[test]
fn fifo_holds_completion_back() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING | KSPIN_FLAG_ENFORCE_FIFO);
    client.set_state(State::Run).unwrap();
    let requests: Vec<_> = (0..3).map(|_| client.submit_read(Packet::new(&[64]))).collect();
    let edge = leading(pin(0), LOCKED);
    let copy = clone(edge, None, 0);
    KsStreamPointerAdvanceOffsets(edge, 0, 1, 1);
    KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 2, 1);
    assert!(!requests[1].is_done(), "R6.13");
    KsStreamPointerDelete(copy);
    let done: Vec<bool> = requests.iter().map(|request| request.is_done()).collect();
    assert_eq!(done, [true, true, false]);
    drop(requests);
    finish(bench, client);
}

#[test]
fn a_locked_frame_is_cancelled_when_it_is_unlocked() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let first = client.submit_read(Packet::new(&[64, 64]));
    let second = client.submit_read(Packet::new(&[32]));
    let edge = leading(pin(0), LOCKED);
    first.cancel();
    assert!(!first.is_done(), "R6.23");
    unsafe {
        assert_eq!((*KsStreamPointerGetIrp(edge, std::ptr::null_mut(), std::ptr::null_mut())).Cancel, 1)
    };
    KsStreamPointerUnlock(edge, 0);
    assert!(first.is_done());
    assert_eq!(KsStreamPointerLock(edge), STATUS_SUCCESS);
    unsafe { assert_eq!((*edge).OffsetOut.Count, 32, "R6.26: the edge went on") };
    KsStreamPointerUnlock(edge, 0);
    let done = first.wait();
    assert_eq!((done.status, done.information), (Status(STATUS_CANCELLED), 0));
    second.cancel();
    assert_eq!(second.wait().status, Status(STATUS_CANCELLED));
    assert_eq!(KsStreamPointerLock(edge), STATUS_DEVICE_NOT_READY);
    finish(bench, client);
}

#[test]
fn an_unlocked_clone_hears_of_the_cancellation() {
    unsafe extern "win64" fn cancelled(pointer: PKSSTREAM_POINTER) {
        assert_eq!(u32::from(nt::KeGetCurrentIrql()), DISPATCH_LEVEL, "R6.24");
        state().log.borrow_mut().push("cancelled".to_owned());
        assert_eq!(KsStreamPointerLock(pointer), STATUS_DEVICE_NOT_READY, "the lock is held");
        KsStreamPointerDelete(pointer);
    }
    unsafe extern "win64" fn forgets(_: PKSSTREAM_POINTER) {}
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let requests: Vec<_> = (0..4).map(|_| client.submit_read(Packet::new(&[64]))).collect();
    log();
    let edge = leading(pin(0), UNLOCKED);
    let with = clone(edge, Some(cancelled), 8);
    KsStreamPointerAdvance(edge);
    let without = clone(edge, None, 8);
    KsStreamPointerAdvance(edge);
    let forgotten = clone(edge, Some(forgets), 8);
    KsStreamPointerAdvance(edge);
    clone(edge, Some(forgets), 8);
    KsStreamPointerAdvance(edge);
    requests[0].cancel();
    assert!(requests[0].is_done());
    assert_eq!(log(), ["cancelled"]);
    assert_eq!(bench.violations(), ["KsCancelCallback"], "Lock from the callback");
    KsStreamPointerDelete(with);
    assert_eq!(bench.violations(), ["KsInvalidStreamPointer"]);
    requests[1].cancel();
    assert!(requests[1].is_done(), "R6.25");
    assert_eq!(KsStreamPointerLock(without), STATUS_DEVICE_NOT_READY);
    KsStreamPointerDelete(without);
    requests[2].cancel();
    assert!(!requests[2].is_done(), "R6.24: not before the clone is deleted");
    KsStreamPointerDelete(forgotten);
    assert!(requests[2].is_done(), "a late deletion");
    assert!(bench.violations().is_empty());
    requests[3].cancel();
    client.set_state(State::Stop).unwrap();
    assert_eq!(bench.violations(), ["KsCancelCallback"], "nobody deletes it");
    for request in requests {
        assert_eq!(request.wait().status, Status(STATUS_CANCELLED));
    }
    finish(bench, client);
}

#[test]
fn the_trailing_edge_keeps_frames() {
    let (bench, client) =
        read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING | KSPIN_FLAG_DISTINCT_TRAILING_EDGE);
    client.set_state(State::Run).unwrap();
    let requests: Vec<_> = (0..3).map(|_| client.submit_read(Packet::new(&[64]))).collect();
    let edge = leading(pin(0), LOCKED);
    KsStreamPointerAdvanceOffsets(edge, 0, 64, 0);
    KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 64, 0);
    assert!(requests.iter().all(|request| !request.is_done()), "R6.11");
    let trailing = unsafe { KsPinGetTrailingEdgeStreamPointer(pin(0), LOCKED) };
    assert_eq!(KsStreamPointerAdvance(trailing), STATUS_SUCCESS);
    assert!(requests[0].is_done() && !requests[1].is_done());
    KsStreamPointerUnlock(trailing, 0);
    // Not locked, hence cancellable.
    requests[1].cancel();
    assert!(requests[1].is_done());
    assert_eq!(KsStreamPointerAdvance(trailing), STATUS_SUCCESS);
    assert!(!requests[2].is_done(), "the leading edge is not overtaken");
    drop(requests);
    finish(bench, client);
}

/// R8.7
#[test]
fn what_is_left_at_stop_is_reported_and_taken() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    let edge = leading(pin(0), LOCKED);
    let copy = clone(edge, None, 0);
    client.set_state(State::Stop).unwrap();
    assert_eq!(bench.violations(), ["KsStreamPointerUnlock", "KsStreamPointerClone"], "R5.13, R5.14");
    assert_eq!(request.wait().status, Status(STATUS_CANCELLED));
    KsStreamPointerDelete(copy);
    KsStreamPointerUnlock(edge, 0);
    assert_eq!(bench.violations(), ["KsInvalidStreamPointer", "KsInvalidStreamPointer"]);
    finish(bench, client);
}

#[test]
fn reset_flushes_and_refuses() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    log();
    client.reset(Reset::Begin).unwrap();
    assert_eq!(request.wait().status, Status(STATUS_CANCELLED));
    assert_eq!(
        client.submit_read(Packet::new(&[64])).wait().status,
        Status(STATUS_DEVICE_NOT_READY),
        "R5.15"
    );
    client.set_state(State::Pause).unwrap();
    assert_eq!(client.submit_read(Packet::new(&[64])).wait().status, Status(STATUS_DEVICE_NOT_READY));
    client.reset(Reset::End).unwrap();
    assert_eq!(log(), ["reset 0", "0 RUN>PAUSE", "reset 0"]);
    let request = client.submit_read(Packet::new(&[64]));
    assert!(!request.is_done());
    let code = IOCTL_KS_RESET_STATE;
    assert_eq!(client.control(code, &[9, 0, 0, 0], &mut []).0, Status(STATUS_INVALID_PARAMETER), "R5.16");
    assert_eq!(client.control(code, &[0], &mut []).0, Status(STATUS_INVALID_BUFFER_SIZE));
    drop(request);
    finish(bench, client);
}

#[test]
fn writes_carry_their_data_and_count() {
    let (bench, client) = write_bench(0);
    client.set_state(State::Run).unwrap();
    on_process(0, |ks| {
        let edge = leading(ks, LOCKED);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        let offset = unsafe { &(*edge).OffsetIn };
        let (mut input, mut output) = (0, 0);
        unsafe { KsPinGetAvailableByteCount(ks, &mut input, &mut output) };
        assert_eq!((input, output), (offset.Count as i32, 0));
        let bytes =
            unsafe { std::slice::from_raw_parts(offset.__bindgen_anon_1.Data, offset.Remaining as usize) };
        state().log.borrow_mut().push(format!("{bytes:?}"));
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, offset.Remaining, 0, 0);
        STATUS_SUCCESS
    });
    log();
    let mut packet = Packet::from_frame(&[1, 2, 3, 4]);
    packet.used(0, 3);
    let done = client.submit_write(packet).wait();
    assert_eq!((done.status, done.information), (Status::SUCCESS, 3), "R6.4");
    assert_eq!(log(), ["[1, 2, 3]"]);
    finish(bench, client);
}

#[test]
fn malformed_headers_are_refused() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let refused = |change: fn(&mut KSSTREAM_HEADER)| {
        let mut packet = Packet::new(&[64, 64]);
        let mut header = packet.header(1);
        change(&mut header);
        packet.set_header(1, &header);
        client.submit_read(packet).wait().status.0
    };
    assert_eq!(refused(|header| header.Size = 64), STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(refused(|header| header.Size = 0), STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(refused(|header| header.DataUsed = 1), STATUS_INVALID_PARAMETER);
    assert_eq!(refused(|header| header.OptionsFlags = 1), STATUS_INVALID_PARAMETER);
    assert_eq!(refused(|header| header.Data = std::ptr::null_mut()), STATUS_ACCESS_VIOLATION);
    assert_eq!(refused(|header| header.FrameExtent = u32::MAX), STATUS_ACCESS_VIOLATION);
    assert_eq!(refused(|header| header.FrameExtent = 1 << 20), STATUS_ACCESS_VIOLATION);
    let code = IOCTL_KS_READ_STREAM;
    for length in [0, 8, 55, 57, 111] {
        let status = client.submit_raw(code, Packet::new(&[64, 64]), length).wait().status;
        assert_eq!(status, Status(STATUS_INVALID_BUFFER_SIZE), "{length}");
    }
    let overlong = client.submit_raw(code, Packet::new(&[64]), 56 * 64).wait().status;
    assert!(!overlong.is_success());
    assert_eq!(client.submit_write(Packet::new(&[64])).wait().status, Status(STATUS_INVALID_DEVICE_REQUEST));
    // A header without a buffer is a frame of no bytes.
    let mut packet = Packet::new(&[64]);
    let mut header = packet.header(0);
    (header.Data, header.FrameExtent) = (std::ptr::null_mut(), 0);
    packet.set_header(0, &header);
    let request = client.submit_read(packet);
    let edge = leading(pin(0), LOCKED);
    unsafe { assert!((*(*edge).StreamHeader).Data.is_null() && (*edge).OffsetOut.Count == 0) };
    KsStreamPointerUnlock(edge, 1);
    assert_eq!(request.wait().status, Status::SUCCESS);
    finish(bench, client);
}

/// R3.11
#[test]
fn extended_headers_go_both_ways() {
    let bench = Bench::new(&[&[Kind::output()]]);
    state().header_size.set((size_of::<KSSTREAM_HEADER>() + size_of::<KS_FRAME_INFO>()) as u32);
    let client = bench.filters[0].create_pin(0, &format(64)).unwrap();
    client.set_state(State::Run).unwrap();
    on_process(0, |ks| {
        let edge = leading(ks, LOCKED);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        unsafe {
            let header = (*edge).StreamHeader;
            if (*header).Size as usize >= size_of::<KSSTREAM_HEADER>() + size_of::<KS_FRAME_INFO>() {
                let info = header.add(1).cast::<KS_FRAME_INFO>();
                assert_eq!((*info).ExtendedHeaderSize as usize, size_of::<KS_FRAME_INFO>());
                (*info).PictureNumber = 77;
            }
        }
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    let done = client.submit_read(Packet::with_frame_info(&[64, 64])).wait();
    assert_eq!(done.status, Status::SUCCESS);
    assert_eq!(done.packet.frame_info(1).unwrap().PictureNumber, 77);
    let done = client.submit_read(Packet::new(&[64])).wait();
    assert_eq!(done.status, Status::SUCCESS, "R6.9: a client may ignore the wish");
    finish(bench, client);
}

#[test]
fn processing_follows_state_gate_and_status() {
    let (bench, client) = read_bench(KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY);
    client.set_state(State::Pause).unwrap();
    on_process(0, |_| {
        state().log.borrow_mut().push("process".to_owned());
        STATUS_PENDING
    });
    log();
    let first = client.submit_read(Packet::new(&[64]));
    assert_eq!(log(), Vec::<String>::new(), "not below RUN");
    client.set_state(State::Run).unwrap();
    assert_eq!(log(), ["0 PAUSE>RUN", "process"], "R6.29a");
    let second = client.submit_read(Packet::new(&[64]));
    assert_eq!(log(), Vec::<String>::new(), "R6.33: frames are ahead of the edge");
    let ks = pin(0);
    unsafe { KsPinAttemptProcessing(ks, 0) };
    assert_eq!(log(), ["process"]);
    unsafe { KsPinAttemptProcessing(ks, 1) };
    assert_eq!(log(), Vec::<String>::new(), "in a work item");
    bench.rig.settle();
    assert_eq!(log(), ["process"]);
    let gate = unsafe { &mut *KsPinGetAndGate(ks) };
    assert_eq!(gate.Count, 1, "R6.38");
    gate.Count -= 1;
    unsafe { KsPinAttemptProcessing(ks, 0) };
    unsafe { KsPinAttemptProcessing(ks, 1) };
    bench.rig.settle();
    assert_eq!(log(), Vec::<String>::new(), "R6.34: the gate is closed");
    gate.Count += 1;
    // SUCCESS goes on until there is nothing left; an attempt made meanwhile is not lost.
    on_process(0, move |ks| {
        unsafe { KsPinAttemptProcessing(ks, 0) };
        fill(ks, 1, 1);
        state().log.borrow_mut().push("filled".to_owned());
        STATUS_PENDING
    });
    unsafe { KsPinAttemptProcessing(ks, 0) };
    assert_eq!(log(), ["filled", "filled"], "R6.35");
    assert!(first.is_done() && second.is_done());
    on_process(0, |_| STATUS_SUCCESS);
    let third = client.submit_read(Packet::new(&[64]));
    assert_eq!(bench.violations(), ["KsProcessNoProgress"], "R6.32");
    drop((first, second, third));
    finish(bench, client);
}

#[test]
fn processing_at_dispatch_level() {
    let (bench, client) = read_bench(KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING);
    client.set_state(State::Run).unwrap();
    on_process(0, |ks| {
        state().log.borrow_mut().push(format!("process at {}", nt::KeGetCurrentIrql()));
        fill(ks, 1, 1);
        STATUS_PENDING
    });
    log();
    on_process(0, |_| {
        state().log.borrow_mut().push(format!("process at {}", nt::KeGetCurrentIrql()));
        STATUS_PENDING
    });
    let request = client.submit_read(Packet::new(&[64]));
    let old = nt::KeRaiseIrqlToDpcLevel();
    unsafe { KsPinAttemptProcessing(pin(0), 0) };
    nt::KeLowerIrql(old);
    assert_eq!(log(), ["process at 0", "process at 2"]);
    drop(request);
    finish(bench, client);
    let (bench, client) = read_bench(0);
    client.set_state(State::Run).unwrap();
    on_process(0, |_| {
        state().log.borrow_mut().push(format!("process at {}", nt::KeGetCurrentIrql()));
        STATUS_PENDING
    });
    let request = client.submit_read(Packet::new(&[64]));
    let old = nt::KeRaiseIrqlToDpcLevel();
    unsafe { KsPinAttemptProcessing(pin(0), 0) };
    nt::KeLowerIrql(old);
    bench.rig.settle();
    assert_eq!(log().split_off(3), ["process at 0", "process at 0"]);
    drop(request);
    finish(bench, client);
}

#[test]
fn timeouts_sleep_until_run() {
    unsafe extern "win64" fn timed_out(pointer: PKSSTREAM_POINTER) {
        assert_eq!(u32::from(nt::KeGetCurrentIrql()), DISPATCH_LEVEL, "R6.19");
        state().log.borrow_mut().push("timeout".to_owned());
        KsStreamPointerDelete(pointer);
    }
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Pause).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    let edge = leading(pin(0), UNLOCKED);
    let clones = [clone(edge, None, 0), clone(edge, None, 0), clone(edge, None, 0)];
    log();
    KsStreamPointerScheduleTimeout(clones[0], Some(timed_out), 10_000);
    KsStreamPointerScheduleTimeout(clones[1], Some(timed_out), 20_000);
    bench.rig.sleep(50_000);
    assert_eq!(log(), Vec::<String>::new(), "R6.18");
    client.set_state(State::Run).unwrap();
    log();
    KsStreamPointerCancelTimeout(clones[1]);
    KsStreamPointerScheduleTimeout(clones[2], Some(timed_out), 90_000);
    KsStreamPointerScheduleTimeout(clones[2], Some(timed_out), 10_000);
    bench.rig.sleep(50_000);
    assert_eq!(log(), ["timeout", "timeout"]);
    KsStreamPointerDelete(clones[1]);
    drop(request);
    finish(bench, client);
}

#[test]
fn lock_rules() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    let request = client.submit_read(Packet::new(&[64]));
    let edge = leading(pin(0), LOCKED);
    assert_eq!(KsStreamPointerLock(edge), STATUS_SUCCESS);
    assert_eq!(leading(pin(0), LOCKED), edge);
    KsStreamPointerUnlock(edge, 0);
    KsStreamPointerUnlock(edge, 0);
    assert_eq!(bench.violations(), ["KsStreamPointerLock"; 3]);
    assert_eq!(KsStreamPointerAdvanceOffsets(edge, 0, 1, 0), STATUS_DEVICE_NOT_READY, "not locked");
    KsStreamPointerDelete(edge);
    KsStreamPointerUnlock(std::ptr::null_mut(), 0);
    KsStreamPointerUnlock(0x1234_5678_9ABC as PKSSTREAM_POINTER, 0);
    assert_eq!(bench.violations(), ["KsInvalidStreamPointer"; 3]);
    leading(pin(0), LOCKED);
    assert_eq!(KsStreamPointerAdvanceOffsets(edge, 0, 65, 0), STATUS_DEVICE_NOT_READY);
    assert_eq!(bench.violations(), ["KsStreamPointerAdvanceOffsets"], "R6.17");
    assert_eq!(request.wait().packet.header(0).DataUsed, 64);
    let request = client.submit_read(Packet::new(&[64]));
    leading(pin(0), LOCKED);
    assert_eq!(KsStreamPointerSetStatusCode(edge, STATUS_INSUFFICIENT_RESOURCES), STATUS_SUCCESS);
    KsStreamPointerUnlock(edge, 1);
    assert_eq!(request.wait().status, Status(STATUS_INSUFFICIENT_RESOURCES));
    finish(bench, client);
}

#[test]
fn a_closed_pin_is_walked_down() {
    let (bench, client) = read_bench(KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    client.set_state(State::Run).unwrap();
    log();
    drop(client);
    assert_eq!(log(), ["0 RUN>PAUSE", "0 PAUSE>ACQUIRE", "0 ACQUIRE>STOP", "reset 0", "close 0"], "R3.13");
    assert_eq!(bench.end(), Vec::<&str>::new());
}

#[test]
fn a_failing_step_stays_at_the_last_good_state() {
    for step in 0..3 {
        let (bench, client) = read_bench(0);
        state().states.borrow_mut().insert((0, step + 1, step), STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(client.set_state(State::Run), Err(Status(STATUS_INSUFFICIENT_RESOURCES)), "R5.5");
        assert_eq!(client.state().unwrap() as i32, step, "10.15");
        unsafe { assert_eq!((*pin(0)).ClientState, step, "R5.4") };
        state().states.borrow_mut().clear();
        client.set_state(State::Run).unwrap();
        finish(bench, client);
    }
    let (bench, client) = read_bench(0);
    state().states.borrow_mut().insert((0, 1, 0), STATUS_PENDING);
    assert!(client.set_state(State::Run).is_err());
    assert_eq!(bench.violations(), ["KsCallbackReturn"]);
    finish(bench, client);
}
