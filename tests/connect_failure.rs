//! Connect fails: whoever created the source pin learns why, and nothing else happens (R4.14).

use ks_sys::*;
use ksrig::{
    client::{Filter, Pin, State, Status},
    ks::options::{ConnectError, Options},
    nt::{
        inject::{self, Fault},
        pool,
        trace::Event,
    },
};
use loopcam_tests::{
    events::{count, value},
    images, raw,
    stand::{CAMERA, INPUT, Stand, TEST_SOURCE, builder, format},
    switches,
};

const FORMAT: &str = "nv12:64x48@30";

/// Failures of several kinds, a warning among them.
const STATUSES: [NTSTATUS; 7] = [
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_ACCESS_DENIED,
    STATUS_NOINTERFACE,
    STATUS_IO_DEVICE_ERROR,
    STATUS_INVALID_DEVICE_STATE,
    STATUS_DEVICE_BUSY,
    STATUS_UNSUCCESSFUL,
];

/// The two filters and a sink pin that is to be connected.
struct Bench {
    sink: Pin,
    sources: Filter,
    _sinks: Filter,
    format: &'static str,
}

impl Bench {
    fn new(stand: &Stand, sinks: (&str, u32), sources: &str, format: &'static str) -> Self {
        let (sink_filter, sources) = (stand.filter(sinks.0), stand.filter(sources));
        let sink = sink_filter.create_pin(sinks.1, &self::format(format)).expect("the sink pin");
        Self { sink, sources, _sinks: sink_filter, format }
    }

    fn loopcam(stand: &Stand) -> Self {
        Self::new(stand, (CAMERA, INPUT), TEST_SOURCE, FORMAT)
    }

    fn raw(stand: &Stand) -> Self {
        Self::new(stand, (raw::SINK, 0), raw::SOURCE, raw::FORMAT)
    }

    fn connect(&self) -> Result<Pin, Status> {
        self.sources.connect(0, &format(self.format), &self.sink)
    }
}

/// How many Connects succeeded, how many failed, and how many Disconnects there were.
fn balance(events: &[Event]) -> (usize, usize, usize) {
    let returned = events.iter().filter(|event| event.kind == "return" && event.detail == "PinConnect");
    let (good, bad): (Vec<_>, Vec<_>) =
        returned.partition(|event| value(event, "status") == Some("0x00000000"));
    (good.len(), bad.len(), count(events, "PinDisconnect"))
}

/// What the creator of the source gets when Connect fails: the status, or, with the other reading of 10.2, a source
/// that uses IRPs.
fn expected(options: &Options, status: NTSTATUS) -> Result<(), Status> {
    match options.connect_error {
        ConnectError::Fails => Err(Status(status)),
        ConnectError::FallsBack => Ok(()),
    }
}

/// What must be true after a Connect that failed: no Disconnect, the sink takes states and can be connected.
fn assert_sink_is_well(stand: &Stand, bench: &Bench) {
    let before = balance(&stand.rig.events());
    assert_eq!(before.0, before.2, "as many Disconnects as successful Connects");
    bench.sink.set_state(State::Acquire).expect("the sink can be acquired by a client");
    bench.sink.set_state(State::Stop).expect("and stopped");
    let source = bench.connect().expect("the sink can be connected");
    source.close();
    let after = balance(&stand.rig.events());
    assert_eq!((after.0, after.1, after.2), (before.0 + 1, before.1, before.2 + 1));
}

/// T4.3: whatever status Connect fails with reaches the creator of the source pin unchanged; no Disconnect; the sink
/// is open and connectable. With a driver whose Connect says what it is told.
#[test]
fn every_status_arrives_unchanged() {
    for options in switches::all() {
        println!("{}", switches::text(&options));
        let stand = Stand::new(images::raw("failing-connect"), options.clone());
        let bench = Bench::raw(&stand);
        for status in STATUSES {
            raw::set_connect_status(&bench.sink, status);
            assert_eq!(bench.connect().map(drop), expected(&options, status), "{}", Status(status));
            // A source whose Create has run is closed, no other (R3.9).
            let closes = count(&stand.rig.events(), "PinClose");
            assert_eq!(closes, 0, "the specimen has no Close");
            assert_eq!(balance(&stand.rig.events()).2, 0, "no Disconnect");
        }
        raw::set_connect_status(&bench.sink, STATUS_SUCCESS);
        assert_sink_is_well(&stand, &bench);
        drop(bench);
        stand.end();
    }
}

/// What a failure of a call inside Connect must lead to.
enum Outcome {
    /// Connect fails with it.
    Fails(NTSTATUS),
    /// It is an answer that the driver can live with.
    Tolerated,
}

/// A call inside Connect that fails.
fn outcome(call: &str, status: NTSTATUS) -> Outcome {
    // A warning is none of the documented answers, and no error of the driver's can be one (avstream::Error).
    let status = if status == STATUS_DEVICE_BUSY { STATUS_UNSUCCESSFUL } else { status };
    match (call, status) {
        // "There is no such link": perhaps not yet (10.33); tried again on the way into ACQUIRE.
        ("KsPinGetConnectedPinInterface", STATUS_UNSUCCESSFUL) => Outcome::Tolerated,
        // An ordinary source does not have loopcam's own interface.
        ("KsPinGetConnectedFilterInterface", STATUS_NOINTERFACE) => Outcome::Tolerated,
        ("ExAllocatePool2" | "ExAllocatePoolWithTag", ..) => Outcome::Fails(STATUS_INSUFFICIENT_RESOURCES),
        _ => Outcome::Fails(status),
    }
}

/// Calls that give a pointer and cannot fail.
const CANNOT_FAIL: [&str; 6] = [
    "KsGetDevice",
    "KsGetParent",
    "KsPinGetParentFilter",
    "KsGetOuterUnknown",
    "KeGetCurrentThread",
    "KeSetEvent",
];

/// Every failure of every call that loopcam's Connect makes, one by one, with several statuses each, reaches the creator
/// of the source pin unchanged; nothing leaks; the sink is connectable.
#[test]
fn every_call_of_connect_fails() {
    for image in images::loopcam() {
        for options in switches::all() {
            println!("{}: {}", image.display(), switches::text(&options));
            let stand = Stand::new(&image, options.clone());
            let bench = Bench::loopcam(&stand);
            inject::arm("PinConnect", None);
            drop(bench.connect().expect("nothing fails yet"));
            let (calls, _) = inject::disarm();
            println!("Connect calls {calls:?}");
            assert!(calls.contains(&"KsPinGetConnectedPinInterface"), "Connect asks for its peer: {calls:?}");
            let alive = stand.alive();
            for (index, call) in calls.iter().enumerate().filter(|(_, call)| !CANNOT_FAIL.contains(call)) {
                let nth = calls[..index].iter().filter(|other| *other == call).count() as u32;
                for status in STATUSES {
                    let before = balance(&stand.rig.events());
                    let closes = count(&stand.rig.events(), "PinClose");
                    inject::arm("PinConnect", Some(Fault { call: (*call).to_owned(), nth, status }));
                    let result = bench.connect().map(drop);
                    assert!(inject::disarm().1, "{call} #{nth} was called");
                    let name = Status(status);
                    match outcome(call, status) {
                        Outcome::Tolerated => assert_eq!(result, Ok(()), "{call} #{nth} with {name}"),
                        Outcome::Fails(status) => {
                            assert_eq!(result, expected(&options, status), "{call} #{nth} with {name}");
                            let after = balance(&stand.rig.events());
                            let expected = (before.0, before.1 + 1, before.2);
                            assert_eq!(after, expected, "{call} #{nth} with {name}");
                            // Close pairs with a Create that succeeded (R3.9, R4.14).
                            let closed = count(&stand.rig.events(), "PinClose") - closes;
                            let created = result.is_ok() || options.connect_after_create;
                            assert_eq!(closed, usize::from(created));
                        }
                    }
                    assert_sink_is_well(&stand, &bench);
                    assert_eq!(stand.alive(), alive, "after {call} #{nth} with {name}");
                }
            }
            drop(bench);
            stand.end();
        }
    }
}

/// The attempt that could not be made in Connect is made on the way into ACQUIRE, where its error fails the state
/// change (design, 10.33); afterwards the pair can still be acquired.
#[test]
fn second_attempt_fails_acquire() {
    for image in images::loopcam() {
        for status in STATUSES {
            let options = Options { peer_visible_in_connect: false, ..Options::default() };
            let stand = Stand::new(&image, options);
            let bench = Bench::loopcam(&stand);
            let source = bench.connect().expect("the connection");
            inject::arm(
                "PinSetDeviceState",
                Some(Fault { call: "KsPinGetConnectedPinInterface".to_owned(), nth: 0, status }),
            );
            // The pipe moves when both of its pins have been told (R4.37).
            bench.sink.set_state(State::Acquire).expect("the sink waits for its source");
            let result = source.set_state(State::Acquire);
            let (calls, struck) = inject::disarm();
            assert!(struck, "ACQUIRE makes the attempt: {calls:?}");
            // A warning is not an error that the driver can return.
            let status = if status == STATUS_DEVICE_BUSY { STATUS_UNSUCCESSFUL } else { status };
            assert_eq!(result, Err(Status(status)));
            source.set_state(State::Stop).expect("the source stays in STOP");
            bench.sink.set_state(State::Stop).expect("the sink stays in STOP");
            for state in [State::Acquire, State::Run, State::Stop] {
                bench.sink.set_state(state).expect("the sink's state");
                source.set_state(state).expect("the source's state");
            }
            source.close();
            drop(bench);
            stand.end();
        }
    }
}

/// T4.10: connections with a failure at each step: of every call in SetDataFormat, Create and Connect, and of every
/// allocation. Nothing grows, Connect and Disconnect are balanced.
#[test]
fn failures_at_each_step() {
    for (image, options) in
        images::loopcam().iter().flat_map(|image| switches::all().map(move |options| (image, options)))
    {
        println!("{}: {}", image.display(), switches::text(&options));
        let stand = Stand::new(image, options.clone());
        let bench = Bench::loopcam(&stand);
        drop(bench.connect().expect("nothing fails yet"));
        let alive = stand.alive();
        for callback in ["PinSetDataFormat", "PinCreate", "PinConnect"] {
            inject::arm(callback, None);
            drop(bench.connect().expect("nothing fails"));
            let (calls, _) = inject::disarm();
            println!("{callback} calls {calls:?}");
            for (index, call) in calls.iter().enumerate().filter(|(_, call)| !CANNOT_FAIL.contains(call)) {
                let nth = calls[..index].iter().filter(|other| *other == call).count() as u32;
                let status = STATUS_INSUFFICIENT_RESOURCES;
                inject::arm(callback, Some(Fault { call: (*call).to_owned(), nth, status }));
                let refused = balance(&stand.rig.events()).1;
                let result = bench.connect().map(drop);
                assert!(inject::disarm().1, "{call} #{nth} in {callback} was called");
                let by_connect = balance(&stand.rig.events()).1 > refused;
                assert_eq!(by_connect, callback == "PinConnect", "{call} #{nth} in {callback}");
                let right = if by_connect { expected(&options, status) } else { Err(Status(status)) };
                assert_eq!(result, right, "{call} #{nth} in {callback}");
                assert_eq!(stand.alive(), alive, "after {call} #{nth} in {callback}");
            }
        }
        let mut failures = 0;
        loop {
            let refused = balance(&stand.rig.events()).1;
            pool::fail_after(failures);
            let result = bench.connect().map(drop);
            pool::fail_when(None);
            assert_eq!(stand.alive(), alive, "after a failure of allocation {failures}");
            let by_connect = balance(&stand.rig.events()).1 > refused;
            if result.is_ok() && !by_connect {
                break;
            }
            let none = STATUS_INSUFFICIENT_RESOURCES;
            let right = if by_connect { expected(&options, none) } else { Err(Status(none)) };
            assert_eq!(result, right, "allocation {failures}");
            failures += 1;
            assert!(failures < 100, "a connection that never succeeds");
        }
        println!("{failures} allocations failed one by one");
        let (good, _, disconnects) = balance(&stand.rig.events());
        assert_eq!(good, disconnects);
        assert_sink_is_well(&stand, &bench);
        drop(bench);
        stand.end();
    }
}

/// T4.11: the source's Create fails: if Connect has succeeded before it, Disconnect follows; if Connect was to come
/// after it (10.1), there is neither. The create fails with Create's status.
#[test]
fn source_create_fails() {
    for options in switches::all() {
        println!("{}", switches::text(&options));
        let stand = Stand::new(images::raw("create-fails"), options.clone());
        let bench = Bench::raw(&stand);
        for round in 1..=3 {
            assert_eq!(bench.connect().map(drop), Err(Status(STATUS_INSUFFICIENT_RESOURCES)));
            let rounds = if options.connect_after_create { 0 } else { round };
            assert_eq!(balance(&stand.rig.events()), (rounds, 0, rounds));
        }
        let unconnected = raw::answers(&bench.sink);
        assert_eq!(unconnected.pin_interface, STATUS_UNSUCCESSFUL, "no link is left");
        drop(bench);
        stand.end();
    }
}

/// 10,000 times connected and disconnected, refused now and then in between: nothing grows.
fn ten_thousand(options: &Options) {
    const CYCLES: u32 = 10_000;
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false).options(options.clone()));
        let bench = Bench::loopcam(&stand);
        let cycle = |number: u32| {
            if number.is_multiple_of(10) {
                let fault = Fault {
                    call: "KsPinGetConnectedPinInterface".to_owned(),
                    nth: 0,
                    status: STATUS_NO_MEMORY,
                };
                inject::arm("PinConnect", Some(fault));
                assert_eq!(bench.connect().map(drop), expected(options, STATUS_NO_MEMORY));
                inject::disarm();
            }
            drop(bench.connect().expect("the connection"));
        };
        cycle(0);
        let alive = stand.alive();
        (0..CYCLES).for_each(cycle);
        assert_eq!(stand.alive(), alive);
        drop(bench);
        stand.end();
    }
}

/// With the documented settings.
#[test]
fn ten_thousand_cycles() {
    ten_thousand(&Options::default());
}

/// With every switch in its other position.
#[test]
fn ten_thousand_cycles_otherwise() {
    ten_thousand(&Options {
        connect_after_create: true,
        disconnect_before_close: true,
        connect_error: ConnectError::FallsBack,
        peer_visible_in_connect: false,
        ..Options::default()
    });
}
