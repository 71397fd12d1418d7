//! Filter-centric processing: the table of process pins, gates, flags; splitters.

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use std::{cell::Cell, rc::Rc};

use fixture::{Bench, Kind, format, log, on_filter_process, on_process, pin, state};
use ks_sys::{gate::*, *};
use ksrig::{
    client::{Packet, Pin, Reset, State, Status},
    ks::{gate::*, inputs::*, process_pin::*, processing::*, splitter::*, stream_pointer::*},
    nt,
};

const IN: u32 = 0;
const OUT: u32 = 1;

fn open(bench: &Bench, pins: &[u32]) -> Vec<Pin> {
    pins.iter().map(|&id| bench.filters[0].create_pin(id, &format(64)).unwrap()).collect()
}

fn finish(bench: Bench, pins: Vec<Pin>) {
    drop(pins);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

fn go(pins: &[Pin], to: State) {
    for pin in pins {
        pin.set_state(to).unwrap();
    }
}

fn entries(entry: &KSPROCESSPIN_INDEXENTRY) -> Vec<&'static mut KSPROCESSPIN> {
    let pins = if entry.Count == 0 {
        &[][..]
    } else {
        unsafe { std::slice::from_raw_parts(entry.Pins, entry.Count as usize) }
    };
    pins.iter().map(|&pin| unsafe { &mut *pin }).collect()
}

/// A packet to write, with this data.
fn packet(data: &[u8]) -> Packet {
    let mut packet = Packet::new(&[64]);
    packet.frame_mut(0)[..data.len()].copy_from_slice(data);
    packet.used(0, data.len() as u32);
    packet
}

/// Counts the calls of `Process`, which copies all that it can from the first input to the first output.
fn copying() -> Rc<Cell<u32>> {
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    on_filter_process(move |index| {
        count.set(count.get() + 1);
        let (mut inputs, mut outputs) = (entries(&index[IN as usize]), entries(&index[OUT as usize]));
        let (Some(from), Some(to)) = (inputs.first_mut(), outputs.first_mut()) else { return STATUS_PENDING };
        let bytes = from.BytesAvailable.min(to.BytesAvailable);
        if bytes > 0 {
            unsafe { std::ptr::copy(from.Data.cast::<u8>(), to.Data.cast(), bytes as usize) };
        }
        (from.BytesUsed, to.BytesUsed, to.Terminate) = (bytes, bytes, 1);
        STATUS_SUCCESS
    });
    calls
}

fn gate() -> i32 {
    let filter = ksrig::ks::Pin::of(pin(OUT)).filter().ks();
    unsafe { (*KsFilterGetAndGate(filter)).Count }
}

/// R2.5, R6.30, R6.36: Process comes when each pin has a frame; the table, and what follows from it.
#[test]
fn the_table_says_what_there_is_and_what_was_used_moves_on() {
    let bench = Bench::centric(0, &[Kind::input().necessary(1), Kind::output().necessary(1)]);
    let pins = open(&bench, &[OUT, IN]);
    let calls = copying();
    go(&pins, State::Run);
    let read = pins[0].submit_read(Packet::new(&[64]));
    assert_eq!((calls.get(), read.is_done()), (0, false), "the input has no frame");
    let write = pins[1].submit_write(packet(b"hello"));
    assert_eq!(calls.get(), 1);
    let done = read.wait();
    assert_eq!((done.status, done.packet.data(0)), (Status::SUCCESS, &b"hello"[..]));
    assert_eq!((write.wait().status, log().len()), (Status::SUCCESS, 6));
    // What is not used stays, and the pointers with it.
    let seen = Rc::new(Cell::new((0, 0)));
    let told = Rc::clone(&seen);
    on_filter_process(move |index| {
        assert_eq!((index[0].Count, index[1].Count), (1, 1));
        let (mut inputs, mut outputs) = (entries(&index[0]), entries(&index[1]));
        let (from, to) = (&mut inputs[0], &mut outputs[0]);
        unsafe {
            assert_eq!(((*from.Pin).Id, (*to.Pin).Id), (IN, OUT));
            assert_eq!((*from.StreamPointer).Pin, from.Pin);
            assert_eq!(from.Flags, (*(*from.StreamPointer).StreamHeader).OptionsFlags);
        }
        assert!(
            from.InPlaceCounterpart.is_null() && from.DelegateBranch.is_null() && from.CopySource.is_null()
        );
        told.set((from.BytesAvailable, to.BytesAvailable));
        (from.BytesUsed, to.BytesUsed) = (2, 3);
        STATUS_PENDING
    });
    let write = pins[1].submit_write(packet(b"abcd"));
    let read = pins[0].submit_read(Packet::new(&[64]));
    assert_eq!((seen.get(), write.is_done(), read.is_done()), ((4, 64), false, false));
    let filter = state().filter.get() as *mut KSFILTER;
    unsafe { KsFilterAttemptProcessing(filter, 0) };
    assert_eq!(seen.get(), (2, 61));
    assert_eq!((write.is_done(), read.is_done()), (true, false), "all used, or terminated");
    go(&pins, State::Stop);
    assert_eq!(read.wait().status, Status(STATUS_CANCELLED));
    assert_eq!(
        log().iter().filter(|line| *line == "reset filter").count(),
        2,
        "R2.4, R5.17: the filter's Reset"
    );
    finish(bench, pins);
}

/// R6.38, R2.10, R6.31: the gate counts the inputs that are off.
#[test]
fn the_gate_has_an_input_for_states_and_one_for_each_pin() {
    let bench = Bench::centric(0, &[Kind::input().necessary(1), Kind::output().necessary(1)]);
    let pins = open(&bench, &[OUT, IN, OUT]);
    let calls = copying();
    assert_eq!(gate(), 0, "the necessary pins are not there yet");
    go(&pins[..2], State::Acquire);
    assert_eq!(gate(), -2, "neither has a frame");
    go(&pins[..2], State::Pause);
    assert_eq!(gate(), -1, "the third is in STOP and holds nothing back");
    let read = pins[0].submit_read(Packet::new(&[64]));
    assert_eq!(gate(), 0);
    // A minidriver that closes it itself (R6.38).
    let own = unsafe { KsFilterGetAndGate(state_filter()) };
    unsafe { KsGateTurnInputOff(own) };
    let write = pins[1].submit_write(packet(b"x"));
    assert_eq!((gate(), calls.get()), (0, 0));
    unsafe { KsFilterAttemptProcessing(state_filter(), 0) };
    assert_eq!(calls.get(), 0, "closed");
    unsafe { KsGateTurnInputOn(own) };
    assert_eq!((gate(), calls.get()), (1, 0), "R6.34: an attempt is not remembered");
    unsafe { KsFilterAttemptProcessing(state_filter(), 0) };
    assert_eq!((gate(), calls.get()), (-1, 1));
    assert!(read.is_done() && write.is_done());
    // A third pin that is started has to have frames as well.
    go(&pins[2..], State::Acquire);
    assert_eq!(gate(), -3, "below PAUSE, and without frames");
    go(&pins[2..], State::Stop);
    assert_eq!(gate(), -1);
    go(&pins, State::Stop);
    assert_eq!(gate(), 0);
    finish(bench, pins);
}

fn state_filter() -> *mut KSFILTER {
    ksrig::ks::Pin::of(pin(OUT)).filter().ks()
}

/// Section 2.3: FRAMES_NOT_REQUIRED, a change of state alone is enough; SOME_FRAMES_REQUIRED, one instance is.
#[test]
fn pins_may_need_no_frames_or_some() {
    let not = KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING;
    let bench = Bench::centric(0, &[Kind::input().flags(not), Kind::output().flags(not)]);
    let pins = open(&bench, &[IN, OUT]);
    let seen = Rc::new(Cell::new(0));
    let count = Rc::clone(&seen);
    on_filter_process(move |index| {
        count.set(count.get() + 1);
        for entry in index.iter().flat_map(entries) {
            assert!(entry.Data.is_null() && entry.StreamPointer.is_null() && entry.BytesAvailable == 0);
        }
        STATUS_PENDING
    });
    go(&pins[1..], State::Pause);
    assert_eq!(seen.get(), 1);
    go(&pins, State::Stop);
    finish(bench, pins);

    let some = KSPIN_FLAG_SOME_FRAMES_REQUIRED_FOR_PROCESSING;
    let bench = Bench::centric(0, &[Kind::input().flags(some), Kind::output()]);
    let pins = open(&bench, &[IN, IN, OUT]);
    let inputs = Rc::new(Cell::new((false, false)));
    let told = Rc::clone(&inputs);
    on_filter_process(move |index| {
        let mut inputs = entries(&index[0]);
        told.set((!inputs[0].Data.is_null(), !inputs[1].Data.is_null()));
        inputs.iter_mut().for_each(|entry| entry.BytesUsed = entry.BytesAvailable);
        entries(&index[1])[0].Terminate = 1;
        STATUS_SUCCESS
    });
    go(&pins, State::Pause);
    let read = pins[2].submit_read(Packet::new(&[8]));
    assert_eq!((gate(), read.is_done()), (0, false));
    let write = pins[1].submit_write(packet(b"x"));
    assert_eq!((inputs.get(), read.is_done(), write.is_done()), ((false, true), true, true));
    assert_eq!(gate(), -1);
    let gate_of = |pin: *mut KSPIN| unsafe { KsPinAttachOrGate(pin, std::ptr::null_mut()) };
    gate_of(pin(IN));
    assert_eq!(bench.violations(), ["KsPinAttachGate"]);
    go(&pins, State::Stop);
    assert_eq!(gate(), 1);
    finish(bench, pins);
}

/// Section 2.3: RUN_STATE_ONLY raises what is asked of the pin; IF_ANY_IN_RUN_STATE asks one of those so flagged to run.
#[test]
fn states_that_process() {
    let only = KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY | KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING;
    let any = KSPIN_FLAG_PROCESS_IF_ANY_IN_RUN_STATE | KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING;
    for (flags, expected) in [(only, [false, false, true]), (any, [false, true, true])] {
        let bench =
            Bench::centric(0, &[Kind::input().flags(flags), Kind::output().flags(flags).necessary(1)]);
        let pins = open(&bench, &[IN, OUT]);
        let mut open = Vec::new();
        go(&pins, State::Pause);
        open.push(gate() == 1);
        go(&pins[1..], State::Run);
        open.push(gate() == 1);
        go(&pins, State::Run);
        open.push(gate() == 1);
        assert_eq!(open, expected);
        go(&pins, State::Stop);
        finish(bench, pins);
    }
}

/// KsPinAttachOrGate, KsPinAttachAndGate: the minidriver's gate is the pin's, and an input of the filter's.
#[test]
fn pins_attached_to_gates() {
    for or in [true, false] {
        let bench = Bench::centric(0, &[Kind::input(), Kind::output()]);
        let pins = open(&bench, &[IN, IN, OUT]);
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        on_filter_process(move |index| {
            count.set(count.get() + 1);
            entries(&index[0]).iter_mut().for_each(|entry| entry.BytesUsed = entry.BytesAvailable);
            entries(&index[1])[0].Terminate = 1;
            STATUS_SUCCESS
        });
        let mut own = Box::new(KSGATE::default());
        let all: Vec<_> =
            state().pins.borrow().iter().filter(|(id, _)| *id == IN).map(|(_, ks)| *ks).collect();
        unsafe {
            if or {
                KsGateInitializeOr(&raw mut *own, std::ptr::null_mut());
            } else {
                KsGateInitializeAnd(&raw mut *own, std::ptr::null_mut());
            }
            for pin in &all {
                let pin = *pin as *mut KSPIN;
                if or {
                    KsPinAttachOrGate(pin, &raw mut *own)
                } else {
                    KsPinAttachAndGate(pin, &raw mut *own)
                }
            }
        }
        assert_eq!((gate(), own.Count), if or { (0, 0) } else { (1, 1) });
        go(&pins, State::Pause);
        assert_eq!((gate(), own.Count), if or { (-1, 0) } else { (-1, -1) });
        unsafe { KsPinAttachOrGate(all[0] as *mut KSPIN, std::ptr::null_mut()) };
        assert_eq!(bench.violations(), ["KsPinAttachGate"], "not in STOP");
        let read = pins[2].submit_read(Packet::new(&[8]));
        let first = pins[0].submit_write(packet(b"1"));
        assert_eq!((calls.get(), first.is_done()), if or { (1, true) } else { (0, false) });
        let second = pins[1].submit_write(packet(b"2"));
        assert_eq!((calls.get(), second.is_done()), if or { (1, false) } else { (1, true) });
        go(&pins, State::Stop);
        assert_eq!((gate(), own.Count), if or { (0, 0) } else { (1, 1) });
        drop((first.wait(), second.wait(), read.wait()));
        drop(pins);
        // Detached with the pins.
        assert!(own.NextGate.is_null());
        finish(bench, Vec::new());
    }
}

/// R2.7: frames that only carry flags go past the minidriver, unless it wants them.
#[test]
fn frames_without_data() {
    for wanted in [false, true] {
        let flags = if wanted { KSFILTER_FLAG_RECEIVE_ZERO_LENGTH_SAMPLES } else { 0 };
        let bench = Bench::centric(flags, &[Kind::input(), Kind::output()]);
        let pins = open(&bench, &[OUT, IN]);
        let calls = copying();
        go(&pins, State::Run);
        let mut empty = packet(b"");
        let mut header = empty.header(0);
        header.OptionsFlags = KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM;
        empty.set_header(0, &header);
        let write = pins[1].submit_write(empty);
        assert!(!write.is_done(), "there is nothing yet that can take the flags");
        let read = pins[0].submit_read(Packet::new(&[64])).wait();
        assert_eq!((calls.get(), read.status), (u32::from(wanted), Status::SUCCESS));
        let header = read.packet.header(0);
        assert_eq!(header.DataUsed, 0);
        assert_eq!(header.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM != 0, !wanted);
        assert!(write.is_done());
        finish(bench, pins);
    }
}

/// KsProcessPinUpdate: inside Process an entry is brought up to date.
#[test]
fn a_process_pin_is_updated_inside_process() {
    let bench = Bench::centric(0, &[Kind::input(), Kind::output()]);
    let pins = open(&bench, &[OUT, IN]);
    let seen = Rc::new(Cell::new(Vec::new()));
    let told = Rc::clone(&seen);
    on_filter_process(move |index| {
        let mut inputs = entries(&index[0]);
        let entry = &mut inputs[0];
        let mut seen = told.take();
        loop {
            seen.push(unsafe { entry.Data.cast::<u8>().read() });
            entry.BytesUsed = entry.BytesAvailable;
            if unsafe { KsProcessPinUpdate(&raw mut **entry) } == 0 {
                break;
            }
        }
        assert!(entry.Data.is_null());
        told.set(seen);
        entries(&index[1])[0].Terminate = 1;
        STATUS_PENDING
    });
    go(&pins, State::Pause);
    let writes = [b"a", b"b", b"c"].map(|data| pins[1].submit_write(packet(data)));
    assert!(!writes[0].is_done());
    let read = pins[0].submit_read(Packet::new(&[64]));
    assert!(read.is_done() && writes.iter().all(|write| write.is_done()));
    assert_eq!(seen.take(), b"abc");
    let mut stray = KSPROCESSPIN { Pin: pin(IN), ..KSPROCESSPIN::default() };
    assert_eq!(unsafe { KsProcessPinUpdate(&mut stray) }, 0);
    assert_eq!(bench.violations(), ["KsProcessPinUpdate"]);
    finish(bench, pins);
}

/// R6.34: asynchronous attempts run in a work item, DISPATCH_LEVEL ones too unless the filter says otherwise.
#[test]
fn attempts_at_any_level() {
    for (flags, inline) in [(0, false), (KSFILTER_FLAG_DISPATCH_LEVEL_PROCESSING, true)] {
        let not = KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING | KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING;
        let bench = Bench::centric(flags, &[Kind::input().flags(not), Kind::output().flags(not)]);
        let pins = open(&bench, &[IN, OUT]);
        let levels = Rc::new(Cell::new(Vec::new()));
        let told = Rc::clone(&levels);
        on_filter_process(move |_| {
            let mut levels = told.take();
            levels.push(nt::KeGetCurrentIrql());
            told.set(levels);
            STATUS_PENDING
        });
        go(&pins, State::Run);
        assert!(levels.take().is_empty(), "DO_NOT_INITIATE");
        let filter = state_filter();
        unsafe { KsFilterAttemptProcessing(filter, 1) };
        assert!(levels.take().is_empty());
        bench.rig.settle();
        assert_eq!(levels.take(), [0]);
        let old = nt::irql::KfRaiseIrql(2);
        unsafe { KsFilterAttemptProcessing(filter, 0) };
        nt::irql::KeLowerIrql(old);
        let at_once = levels.take();
        bench.rig.settle();
        assert_eq!((at_once, levels.take()), if inline { (vec![2], vec![]) } else { (vec![], vec![0]) });
        unsafe {
            KsFilterAcquireProcessingMutex(filter);
            KsFilterReleaseProcessingMutex(filter);
            assert_eq!(KsPinGetAndGate(pin(IN)), KsFilterGetAndGate(filter));
        }
        finish(bench, pins);
    }
}

/// R5.15, R2.4: a reset of a pin is the filter's.
#[test]
fn a_reset_is_the_filters() {
    let bench = Bench::centric(0, &[Kind::input(), Kind::output()]);
    let pins = open(&bench, &[OUT, IN]);
    go(&pins, State::Pause);
    let read = pins[0].submit_read(Packet::new(&[64]));
    log();
    pins[0].reset(Reset::Begin).unwrap();
    assert_eq!((read.wait().status, log()), (Status(STATUS_CANCELLED), vec!["reset filter".to_owned()]));
    pins[0].reset(Reset::End).unwrap();
    assert_eq!(log(), ["reset filter"]);
    finish(bench, pins);
}

/// R6.37: what the first instance sends is copied to the others; the minidriver is asked for the first alone.
#[test]
fn splitters_copy() {
    let bench = Bench::new(&[&[Kind::input(), Kind::output().flags(KSPIN_FLAG_SPLITTER)]]);
    let pins = open(&bench, &[OUT, OUT, OUT]);
    let outputs: Vec<_> = state().pins.borrow().iter().map(|(_, ks)| *ks as *mut KSPIN).collect();
    let first = outputs[0] as usize;
    on_process(OUT, move |ks| unsafe {
        assert_eq!(ks as usize, first);
        let edge =
            KsPinGetLeadingEdgeStreamPointer(ks, KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        (*(*edge).Offset).__bindgen_anon_1.Data.write_bytes(7, 10);
        (*(*edge).StreamHeader).OptionsFlags = KSSTREAM_HEADER_OPTIONSF_SPLICEPOINT;
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 10, 1);
        STATUS_SUCCESS
    });
    for (index, &pin) in outputs.iter().enumerate() {
        let (mut source, mut branch) = (pin, pin);
        unsafe { KsPinGetCopyRelationships(pin, &mut source, &mut branch) };
        assert_eq!(
            (source, branch.is_null()),
            (if index == 0 { std::ptr::null_mut() } else { outputs[0] }, true)
        );
    }
    go(&pins, State::Run);
    // The third has a frame that is too small, then none.
    let copies = [pins[1].submit_read(Packet::new(&[64])), pins[2].submit_read(Packet::new(&[4]))];
    assert!(!copies[0].is_done(), "not without the first");
    let original = pins[0].submit_read(Packet::new(&[64])).wait();
    assert_eq!(original.packet.data(0), [7; 10]);
    for (copy, expected) in copies.into_iter().zip([10, 4]) {
        let copy = copy.wait();
        let header = copy.packet.header(0);
        assert_eq!((header.DataUsed, header.OptionsFlags), (expected, KSSTREAM_HEADER_OPTIONSF_SPLICEPOINT));
        assert_eq!(copy.packet.data(0), vec![7; expected as usize]);
    }
    assert_eq!(pins[0].submit_read(Packet::new(&[64])).wait().status, Status::SUCCESS);
    // A frame that was cancelled is not copied.
    let copy = pins[1].submit_read(Packet::new(&[64]));
    go(&pins[..1], State::Stop);
    assert!(!copy.is_done());
    go(&pins[1..], State::Stop);
    assert_eq!(copy.wait().status, Status(STATUS_CANCELLED));
    finish(bench, pins);
}

/// R6.37: in the table the others have a copy source, and their frames are not the minidriver's.
#[test]
fn splitters_of_a_filter() {
    let bench = Bench::centric(0, &[Kind::input(), Kind::output().flags(KSPIN_FLAG_SPLITTER)]);
    let pins = open(&bench, &[IN, OUT, OUT]);
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    on_filter_process(move |index| {
        count.set(count.get() + 1);
        let (mut inputs, mut outputs) = (entries(&index[0]), entries(&index[1]));
        assert!(std::ptr::eq(outputs[1].CopySource, &raw const *outputs[0]));
        assert!(outputs[0].CopySource.is_null() && outputs[1].Data.is_null() && !outputs[0].Data.is_null());
        unsafe { outputs[0].Data.cast::<u8>().write(inputs[0].Data.cast::<u8>().read()) };
        (inputs[0].BytesUsed, outputs[0].BytesUsed, outputs[0].Terminate) = (1, 1, 1);
        STATUS_SUCCESS
    });
    go(&pins, State::Run);
    let write = pins[0].submit_write(packet(b"x"));
    let first = pins[1].submit_read(Packet::new(&[64]));
    assert_eq!(calls.get(), 0, "the copy has no frame");
    let second = pins[2].submit_read(Packet::new(&[64]));
    assert!(write.is_done());
    assert_eq!((first.wait().packet.data(0), second.wait().packet.data(0)), (&b"x"[..], &b"x"[..]));
    finish(bench, pins);
}
