//! Two connected pins: pipe states, the circuit of frames, failures in between.

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use std::cell::Cell;
use std::rc::Rc;

use fixture::{Bench, Kind, format, log, on_process, pin, state};
use ks_sys::{KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED as LOCKED, *};
use ksrig::{
    client::{Packet, Pin, State, Status},
    ks::{self, stream_pointer::*},
};

const INPUT: u32 = 0;
const OUTPUT: u32 = 1;

/// Pin type 0 of the first filter takes data, pin type 1 of the second makes it.
fn bench() -> Bench {
    Bench::new(&[
        &[Kind::input().framing(4, 100)],
        &[Kind::output(), Kind::output().framing(2, 300).flags(KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY)],
    ])
}

fn connect(bench: &Bench) -> (Pin, Pin) {
    let sink = bench.filters[0].create_pin(INPUT, &format(64)).unwrap();
    let source = bench.filters[1].connect(OUTPUT, &format(200), &sink).unwrap();
    (sink, source)
}

fn finish(bench: Bench, sink: Pin, source: Pin) {
    drop(source);
    drop(sink);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

/// R4.25, R4.36
#[test]
fn the_pipe_moves_when_all_its_pins_were_told() {
    let bench = bench();
    let (sink, source) = connect(&bench);
    log();
    sink.set_state(State::Run).unwrap();
    assert_eq!(log(), Vec::<String>::new(), "R4.37: the source was not told");
    assert_eq!(sink.state(), Ok(State::Run));
    unsafe { assert_eq!((*pin(INPUT)).ClientState, KSSTATE::KSSTATE_STOP, "R4.36") };
    source.set_state(State::Acquire).unwrap();
    assert_eq!(log(), ["0 STOP>ACQUIRE", "1 STOP>ACQUIRE"], "sink to source upward");
    let framing = ks::Pin::of(pin(INPUT)).transport().circuit().unwrap().framing();
    assert_eq!((framing.count, framing.bytes, framing.header), (4, 300, 56), "R4.26");
    assert_eq!(sink.submit_write(Packet::new(&[64])).wait().status, Status(STATUS_INVALID_DEVICE_REQUEST));
    source.set_state(State::Run).unwrap();
    assert_eq!(log(), ["0 ACQUIRE>PAUSE", "1 ACQUIRE>PAUSE", "0 PAUSE>RUN", "1 PAUSE>RUN"]);
    sink.set_state(State::Pause).unwrap();
    assert_eq!(log(), ["1 RUN>PAUSE", "0 RUN>PAUSE"], "source to sink downward");
    source.set_state(State::Stop).unwrap();
    assert_eq!(
        log(),
        ["1 PAUSE>ACQUIRE", "0 PAUSE>ACQUIRE", "1 ACQUIRE>STOP", "0 ACQUIRE>STOP", "reset 1", "reset 0"]
    );
    assert!(ks::Pin::of(pin(INPUT)).transport().circuit().is_none(), "torn down at STOP");
    source.set_state(State::Pause).unwrap();
    assert_eq!(log().len(), 4);
    finish(bench, sink, source);
}

#[test]
fn frames_go_round_without_leak() {
    let bench = bench();
    let (sink, source) = connect(&bench);
    let made = Rc::new(Cell::new(0_u32));
    let taken = Rc::new(Cell::new(0_u32));
    let count = Rc::clone(&made);
    on_process(OUTPUT, move |ks| {
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
        if edge.is_null() || count.get() == 10_000 {
            if !edge.is_null() {
                KsStreamPointerUnlock(edge, 0);
            }
            return STATUS_PENDING;
        }
        unsafe {
            let header = &mut *(*edge).StreamHeader;
            assert_eq!(
                (header.DataUsed, header.OptionsFlags, header.FrameExtent),
                (0, 0, 300),
                "a clean header"
            );
            (*edge).OffsetOut.__bindgen_anon_1.Data.cast::<u32>().write(count.get());
            header.OptionsFlags = KSSTREAM_HEADER_OPTIONSF_TIMEVALID;
            header.PresentationTime.Time = i64::from(count.get());
            assert!(!KsStreamPointerGetIrp(edge, std::ptr::null_mut(), std::ptr::null_mut()).is_null());
            assert!(!KsStreamPointerGetMdl(edge).is_null());
        }
        count.set(count.get() + 1);
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 4, 1);
        STATUS_SUCCESS
    });
    let count = Rc::clone(&taken);
    on_process(INPUT, move |ks| {
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
        if edge.is_null() {
            return STATUS_PENDING;
        }
        unsafe {
            assert_eq!((*edge).OffsetIn.Count, 4);
            assert_eq!((*edge).OffsetIn.__bindgen_anon_1.Data.cast::<u32>().read(), count.get());
            assert_eq!((*(*edge).StreamHeader).PresentationTime.Time, i64::from(count.get()));
        }
        count.set(count.get() + 1);
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    sink.set_state(State::Run).unwrap();
    source.set_state(State::Run).unwrap();
    bench.rig.settle();
    assert_eq!((made.get(), taken.get()), (10_000, 10_000));
    let circuit = ks::Pin::of(pin(INPUT)).transport().circuit().unwrap();
    assert_eq!(circuit.trips(), 10_000);
    source.set_state(State::Pause).unwrap();
    source.set_state(State::Run).unwrap();
    source.set_state(State::Stop).unwrap();
    assert_eq!(circuit.at_home(), 4, "all frames came home");
    drop(circuit);
    finish(bench, sink, source);
}

#[test]
fn a_failing_step_takes_the_pipe_back() {
    for failing in [INPUT, OUTPUT] {
        for step in 0..3 {
            for sink_first in [true, false] {
                let bench = bench();
                let (sink, source) = connect(&bench);
                state().states.borrow_mut().insert((failing, step + 1, step), STATUS_INSUFFICIENT_RESOURCES);
                let (first, last) = if sink_first { (&sink, &source) } else { (&source, &sink) };
                first.set_state(State::Run).unwrap();
                assert_eq!(last.set_state(State::Run), Err(Status(STATUS_INSUFFICIENT_RESOURCES)));
                assert_eq!(last.state().unwrap() as i32, step, "10.15");
                for id in [INPUT, OUTPUT] {
                    unsafe { assert_eq!((*pin(id)).ClientState, step, "pin {id} is in the pipe's state") };
                }
                state().states.borrow_mut().clear();
                last.set_state(State::Run).unwrap();
                for id in [INPUT, OUTPUT] {
                    unsafe { assert_eq!((*pin(id)).ClientState, KSSTATE::KSSTATE_RUN) };
                }
                finish(bench, sink, source);
            }
        }
    }
}

#[test]
fn frames_without_memory_fail_the_step() {
    let bench = Bench::new(&[&[Kind::input().framing(1000, 0x7FFF_FFFF)], &[Kind::output(), Kind::output()]]);
    let (sink, source) = connect(&bench);
    sink.set_state(State::Run).unwrap();
    assert_eq!(source.set_state(State::Run), Err(Status(STATUS_INSUFFICIENT_RESOURCES)));
    for id in [INPUT, OUTPUT] {
        unsafe { assert_eq!((*pin(id)).ClientState, KSSTATE::KSSTATE_STOP) };
    }
    finish(bench, sink, source);
}

#[test]
fn closing_while_frames_are_held() {
    let bench = bench();
    let (sink, source) = connect(&bench);
    on_process(OUTPUT, |ks| {
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
        if edge.is_null() {
            return STATUS_PENDING;
        }
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 4, 1);
        STATUS_SUCCESS
    });
    sink.set_state(State::Run).unwrap();
    source.set_state(State::Run).unwrap();
    let queue = ks::Pin::of(pin(INPUT)).transport().queue().unwrap();
    assert_eq!(queue.depth(), (4, 4), "the consumer has all frames");
    let mut clone = std::ptr::null_mut();
    unsafe {
        let edge = KsPinGetLeadingEdgeStreamPointer(pin(INPUT), LOCKED);
        ks::clone::KsStreamPointerClone(edge, None, 0, &mut clone);
    }
    drop(queue);
    log();
    drop(source);
    assert_eq!(bench.violations(), ["KsStreamPointerUnlock", "KsStreamPointerClone"]);
    assert!(log().contains(&"0 ACQUIRE>STOP".to_owned()));
    drop(sink);
    assert_eq!(bench.end(), Vec::<&str>::new());
}

#[test]
fn the_pull_graph_flows_too() {
    // Data in is the IRP source here, data out the IRP sink (R4.2).
    let bench = Bench::new(&[&[Kind::output(), Kind::output()], &[Kind::input()]]);
    let sink = bench.filters[0].create_pin(OUTPUT, &format(64)).unwrap();
    let source = bench.filters[1].connect(INPUT, &format(64), &sink).unwrap();
    let taken = Rc::new(Cell::new(0));
    on_process(OUTPUT, |ks| {
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
        if edge.is_null() {
            return STATUS_PENDING;
        }
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 64, 0);
        STATUS_SUCCESS
    });
    let count = Rc::clone(&taken);
    on_process(INPUT, move |ks| {
        count.set(count.get() + 1);
        if count.get() > 100 {
            return STATUS_PENDING;
        }
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
        if edge.is_null() {
            return STATUS_PENDING;
        }
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    sink.set_state(State::Run).unwrap();
    source.set_state(State::Run).unwrap();
    assert!(taken.get() > 100);
    finish(bench, sink, source);
}
