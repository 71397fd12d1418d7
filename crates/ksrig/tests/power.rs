//! Power and PnP while pins are open: sleep and wake, stop and rebalance, surprise removal; FLUSHONPAUSE.

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use std::rc::Rc;

use fixture::{Bench, Kind, format, log, pin, state};
use ks_sys::{
    _DEVICE_POWER_STATE::{PowerDeviceD0, PowerDeviceD2, PowerDeviceD3},
    *,
};
use ksrig::{
    client::{Packet, Rig, State, Status},
    ks::{Options, Pin, hierarchy::*, sleep::*},
};

fn write(text: &str) {
    state().log.borrow_mut().push(text.to_owned());
}

unsafe extern "win64" fn pin_sleep(pin: *mut KSPIN, to: DEVICE_POWER_STATE) {
    let filter = Pin::of(pin).filter();
    assert!(filter.device().mutex().held_by_current_thread(), "R1.17");
    assert!(!filter.control().held_by_current_thread());
    write(&format!("pin sleep D{}", to - 1));
}

unsafe extern "win64" fn pin_wake(pin: *mut KSPIN, to: DEVICE_POWER_STATE) {
    assert_eq!(to, PowerDeviceD0);
    if state().header_size.get() > 0 {
        // What must not be done.
        unsafe {
            KsAcquireControl(pin.cast());
            KsReleaseControl(pin.cast());
        }
    }
    write("pin wake");
}

unsafe extern "win64" fn filter_sleep(_: *mut KSFILTER, to: DEVICE_POWER_STATE) {
    write(&format!("filter sleep D{}", to - 1));
}

fn register() {
    *state().on_create.borrow_mut() = Some(Rc::new(|pin| unsafe {
        KsPinRegisterPowerCallbacks(pin, Some(pin_sleep), Some(pin_wake));
        KsFilterRegisterPowerCallbacks(Pin::of(pin).filter().ks(), Some(filter_sleep), None);
    }));
}

/// R1.16, R1.17, R1.18: pins to PAUSE before SetPower; both orders on the way back. What was told stays.
#[test]
fn running_pins_pause_while_the_device_sleeps() {
    for run_before_power in [false, true] {
        let options = Options { run_before_power, ..Options::default() };
        let bench = Bench::with(Rig::builder().options(options), &[&[Kind::output(), Kind::output()]]);
        register();
        let runs = bench.filters[0].create_pin(0, &format(64)).unwrap();
        let stands = bench.filters[0].create_pin(1, &format(64)).unwrap();
        assert_eq!(bench.device.set_power(PowerDeviceD0), STATUS_SUCCESS);
        runs.set_state(State::Run).unwrap();
        log();
        assert_eq!(bench.device.set_power(PowerDeviceD2), STATUS_SUCCESS);
        assert_eq!(log(), ["0 RUN>PAUSE", "pin sleep D2", "pin sleep D2", "power D0>D2"]);
        let device = Pin::of(pin(0)).filter().device().ks();
        unsafe { assert_eq!((*device).DevicePowerState, PowerDeviceD2) };
        assert_eq!((runs.state(), stands.state()), (Ok(State::Run), Ok(State::Stop)));
        // Deeper, and a command meanwhile.
        assert_eq!(bench.device.set_power(PowerDeviceD3), STATUS_SUCCESS);
        stands.set_state(State::Run).unwrap();
        assert_eq!(log(), ["power D2>D3", "1 STOP>ACQUIRE", "1 ACQUIRE>PAUSE"]);
        assert_eq!(bench.device.set_power(PowerDeviceD0), STATUS_SUCCESS);
        let pins = ["0 PAUSE>RUN", "1 PAUSE>RUN"];
        let device = ["power D3>D0", "pin wake", "pin wake"];
        assert_eq!(
            log(),
            if run_before_power { [&pins[..], &device].concat() } else { [&device[..], &pins].concat() }
        );
        // A stopped graph stays stopped.
        runs.set_state(State::Stop).unwrap();
        log();
        assert_eq!(bench.device.set_power(PowerDeviceD3), STATUS_SUCCESS);
        assert_eq!(bench.device.set_power(PowerDeviceD0), STATUS_SUCCESS);
        assert!(!log().iter().any(|line| line.starts_with("0 ")));
        drop((runs, stands));
        assert_eq!(bench.violations(), Vec::<&str>::new());
        assert_eq!(bench.end(), Vec::<&str>::new());
    }
}

/// R1.17: only the processing object is told, and it takes no control mutex.
#[test]
fn the_processing_object_is_told() {
    let bench = Bench::centric(0, &[Kind::input(), Kind::output()]);
    register();
    let open = bench.filters[0].create_pin(1, &format(64)).unwrap();
    log();
    assert_eq!(bench.device.set_power(PowerDeviceD3), STATUS_SUCCESS);
    assert_eq!(bench.device.set_power(PowerDeviceD0), STATUS_SUCCESS);
    assert_eq!(log(), ["filter sleep D3", "power D-1>D3", "power D3>D0"]);
    unsafe { KsPinRegisterPowerCallbacks(pin(1), None, None) };
    assert_eq!(bench.violations(), ["KsPowerCallbacks"]);
    drop(open);
    assert_eq!(bench.end(), Vec::<&str>::new());

    let bench = Bench::new(&[&[Kind::output()]]);
    register();
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    state().header_size.set(1);
    assert_eq!(bench.device.set_power(PowerDeviceD3), STATUS_SUCCESS);
    assert_eq!(bench.device.set_power(PowerDeviceD0), STATUS_SUCCESS);
    // Sleep and Wake run under the processing mutex besides.
    assert_eq!(bench.violations(), ["KsPowerCallbacks", "KsProcessingMutex"]);
    drop(open);
    assert_eq!(bench.end(), Vec::<&str>::new());
}

/// Section 1.2, R1.8, 10.30: a veto; a stop with a running pin, which is taken down; nothing opens until the next START.
#[test]
fn stop_and_rebalance_with_open_pins() {
    let bench = Bench::new(&[&[Kind::output()]]);
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    open.set_state(State::Run).unwrap();
    let read = open.submit_read(Packet::new(&[64]));
    log();
    state().veto.set(STATUS_UNSUCCESSFUL);
    assert_eq!(bench.device.stop(), STATUS_UNSUCCESSFUL);
    assert_eq!(log(), ["query stop", "cancel stop, started 1"]);
    assert!(!read.is_done());
    state().veto.set(STATUS_SUCCESS);
    assert_eq!(bench.device.stop(), STATUS_SUCCESS);
    let down = ["0 RUN>PAUSE", "0 PAUSE>ACQUIRE", "0 ACQUIRE>STOP", "reset 0"];
    assert_eq!(log(), [&["query stop"], &down[..], &["stop, started 0"]].concat());
    assert_eq!(read.wait().status, Status(STATUS_CANCELLED));
    let refused = bench.filters[0].create_pin(0, &format(64)).err();
    assert_eq!(refused, Some(Status(STATUS_DEVICE_NOT_READY)), "R1.8");
    assert_eq!(bench.device.start(), STATUS_SUCCESS);
    bench.rig.settle();
    open.set_state(State::Run).unwrap();
    drop(open);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

/// R1.15: objects live until their handles are closed, in whatever state; nothing opens; then REMOVE. What the switch
/// says of the pins: they go on, or they stop and their requests come back.
#[test]
fn surprise_removal_in_every_state() {
    for removal_stops_pins in [false, true] {
        for reached in [State::Stop, State::Acquire, State::Pause, State::Run] {
            let options = Options { removal_stops_pins, ..Options::default() };
            let bench = Bench::with(Rig::builder().options(options), &[&[Kind::output()]]);
            let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
            open.set_state(reached).unwrap();
            let read = (reached != State::Stop).then(|| open.submit_read(Packet::new(&[64])));
            log();
            bench.device.surprise_remove();
            let down = ["0 RUN>PAUSE", "0 PAUSE>ACQUIRE", "0 ACQUIRE>STOP", "reset 0"];
            let skipped = match (removal_stops_pins, reached) {
                (false, _) | (true, State::Stop) => down.len(),
                (true, _) => State::Run as usize - reached as usize,
            };
            assert_eq!(log(), [&down[skipped..], &["surprise removal, started 1"]].concat());
            assert_eq!(open.state(), Ok(if removal_stops_pins { State::Stop } else { reached }));
            assert_eq!(
                read.as_ref().is_some_and(|read| read.is_done()),
                removal_stops_pins && read.is_some()
            );
            let refused = bench.filters[0].create_pin(0, &format(64)).err();
            assert_eq!(refused, Some(Status(STATUS_DEVICE_NOT_READY)));
            drop(open);
            if let Some(read) = read {
                assert_eq!(read.wait().status, Status(STATUS_CANCELLED));
            }
            let steps = log();
            assert_eq!(steps.last().map(String::as_str), Some("close 0"));
            let Bench { filters, device, .. } = &bench;
            assert!(!device.is_removed() && filters.len() == 1);
            assert_eq!(bench.violations(), Vec::<&str>::new());
            assert_eq!(bench.end(), Vec::<&str>::new());
        }
    }
}

/// A device that has agreed to be removed streams on and lets nothing be opened, until the question is taken back.
#[test]
fn nothing_opens_after_the_question_of_removal() {
    let bench = Bench::new(&[&[Kind::output()]]);
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    open.set_state(State::Run).unwrap();
    let read = open.submit_read(Packet::new(&[64]));
    log();
    assert_eq!(bench.device.send(IRP_MN_QUERY_REMOVE_DEVICE as u8), STATUS_SUCCESS);
    let refused = bench.filters[0].create_pin(0, &format(64)).err();
    assert_eq!(refused, Some(Status(STATUS_DEVICE_NOT_READY)));
    assert_eq!(open.state(), Ok(State::Run));
    assert!(!read.is_done());
    assert_eq!(bench.device.send(IRP_MN_CANCEL_REMOVE_DEVICE as u8), STATUS_SUCCESS);
    drop(bench.filters[0].create_pin(0, &format(64)).unwrap());
    drop(open);
    drop(read.wait());
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

/// R5.18: what is marked so does not outlive the pause; the rest does.
#[test]
fn flush_on_pause() {
    let bench = Bench::new(&[&[Kind::input()]]);
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    open.set_state(State::Run).unwrap();
    let [stays, goes] = [0, KSSTREAM_HEADER_OPTIONSF_FLUSHONPAUSE].map(|flags| {
        let mut packet = Packet::new(&[64]);
        packet.used(0, 4);
        let mut header = packet.header(0);
        header.OptionsFlags = flags;
        packet.set_header(0, &header);
        open.submit_write(packet)
    });
    assert!(!stays.is_done() && !goes.is_done());
    open.set_state(State::Pause).unwrap();
    assert!(!stays.is_done() && goes.is_done());
    assert_eq!(goes.wait().status, Status(STATUS_CANCELLED));
    drop(open);
    drop(stays.wait());
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

/// R3.18, R6.3: a change of format in the stream is a plain header, alone, with the format as its data; the minidriver
/// gets it as it is.
#[test]
fn a_format_in_the_stream() {
    let bench = Bench::new(&[&[Kind::input()]]);
    let open = bench.filters[0].create_pin(0, &format(64)).unwrap();
    let seen = Rc::new(std::cell::Cell::new((0, 0)));
    let told = Rc::clone(&seen);
    fixture::on_process(0, move |ks| unsafe {
        use ksrig::ks::stream_pointer::*;
        let edge =
            KsPinGetLeadingEdgeStreamPointer(ks, KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        let format = &*(*edge).OffsetIn.__bindgen_anon_1.Data.cast::<KSDATAFORMAT>();
        told.set(((*(*edge).StreamHeader).OptionsFlags, format.__bindgen_anon_1.FormatSize));
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    open.set_state(State::Run).unwrap();
    let size = size_of::<KSDATAFORMAT>();
    let change = |lengths: &[usize], used: u32| {
        let mut packet = Packet::new(lengths);
        packet.frame_mut(0)[..4].copy_from_slice(&(size as u32).to_le_bytes());
        packet.used(0, used);
        let mut header = packet.header(0);
        header.OptionsFlags = KSSTREAM_HEADER_OPTIONSF_TYPECHANGED;
        packet.set_header(0, &header);
        open.submit_write(packet).wait().status
    };
    assert_eq!(change(&[size], size as u32), Status::SUCCESS);
    assert_eq!(seen.get(), (KSSTREAM_HEADER_OPTIONSF_TYPECHANGED, size as u32));
    assert_eq!(change(&[size], 8), Status(STATUS_INVALID_BUFFER_SIZE), "no whole format");
    assert_eq!(change(&[size, size], size as u32), Status(STATUS_INVALID_BUFFER_SIZE), "not alone");
    drop(open);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}
