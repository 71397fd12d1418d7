//! The connection of two pins inside the kernel, as its callbacks see it (contract section 4), with every setting
//! of the points that the documentation leaves open, for both flavours of the driver.

use ksrig::{
    client::{Pin, State, Status},
    ks::Options,
    nt::trace::Event,
};
use loopcam_tests::{
    events::{callbacks, calls_of, count, position, value},
    images, movie, raw,
    stand::{CAMERA, INPUT, Link, Stand, TEST_SOURCE, format},
    switches,
};

const FORMAT: &str = "nv12:64x48@30";

/// Runs a test with each flavour and each setting.
fn with_all(test: impl Fn(&Stand, &Options)) {
    for image in images::loopcam() {
        for options in switches::all() {
            println!("{}: {}", image.display(), switches::text(&options));
            let stand = Stand::new(&image, options.clone());
            test(&stand, &options);
            stand.end();
        }
    }
}

/// The names of the sink pin and the source pin, in the order of their creation.
fn names(events: &[Event]) -> (String, String) {
    let names = |index: usize| {
        events
            .iter()
            .filter(|event| event.kind == "callback" && event.detail == "PinSetDataFormat")
            .nth(index)
    };
    let name = |index| names(index).expect("two pins were made").object.clone();
    (name(0), name(1))
}

/// The callback runs at PASSIVE_LEVEL with the control mutex of the sink's filter held (R4.11).
fn assert_under_control(call: &Event, filter: &str) {
    assert_eq!(value(call, "irql"), Some("0"), "{call:?}");
    let holds = value(call, "holds").unwrap_or_default();
    assert!(holds.split(", ").any(|mutex| mutex == format!("control {filter}")), "{call:?} in {filter}");
}

/// T4.1: a client that opens the sink alone: SetDataFormat, Create, no Connect; and none when it closes it.
#[test]
fn sink_alone() {
    with_all(|stand, _| {
        let camera = stand.filter(CAMERA);
        let sink = camera.create_pin(INPUT, &format(FORMAT)).expect("the sink pin");
        let events = stand.rig.events();
        let pin: Vec<_> =
            callbacks(&events).into_iter().filter(|(name, _)| name.starts_with("Pin")).collect();
        let name = events.iter().rfind(|event| event.detail == "PinCreate").expect("Create").object.as_str();
        assert_eq!(pin, [("PinSetDataFormat", name), ("PinCreate", name)]);
        sink.close();
        let events = stand.rig.events();
        assert_eq!((count(&events, "PinConnect"), count(&events, "PinDisconnect")), (0, 0));
    });
}

/// T4.2: an AVStream source connects: exactly one Connect, on the sink, with the control mutex of its filter held,
/// at PASSIVE_LEVEL; after the source's SetDataFormat, and before or after its Create (10.1).
#[test]
fn one_connect_on_the_sink() {
    with_all(|stand, options| {
        let link = stand.connect(FORMAT);
        let events = stand.rig.events();
        let (sink, source) = names(&events);
        let connects = calls_of(&events, "PinConnect");
        assert_eq!(connects.len(), 1);
        assert_eq!(connects[0].object, sink);
        assert_under_control(connects[0], &calls_of(&events, "FilterCreate")[0].object);
        let connect = position(&events, "PinConnect", &sink);
        assert!(position(&events, "PinSetDataFormat", &source) < connect);
        assert_eq!(position(&events, "PinCreate", &source) < connect, options.connect_after_create);
        let returned = events.iter().find(|event| event.kind == "return" && event.detail == "PinConnect");
        assert_eq!(value(returned.expect("Connect returns"), "status"), Some("0x00000000"));
        drop(link);
    });
}

/// T4.5: the source closes: exactly one Disconnect, on the sink, under the control mutex of its filter, after or
/// before the source's Close (10.1b). The sink can be connected again.
#[test]
fn one_disconnect_on_the_sink() {
    with_all(|stand, options| {
        let Link { source, sink, filters } = stand.connect(FORMAT);
        let events = stand.rig.events();
        let (sink_name, source_name) = names(&events);
        source.close();
        let events = stand.rig.events();
        let disconnects = calls_of(&events, "PinDisconnect");
        assert_eq!(disconnects.len(), 1);
        assert_eq!(disconnects[0].object, sink_name);
        assert_under_control(disconnects[0], &calls_of(&events, "FilterCreate")[0].object);
        let close = position(&events, "PinClose", &source_name);
        assert_eq!(position(&events, "PinDisconnect", &sink_name) < close, options.disconnect_before_close);
        let again = filters.0.connect(0, &format(FORMAT), &sink).expect("the sink can be connected again");
        drop(again);
        let events = stand.rig.events();
        assert_eq!((count(&events, "PinConnect"), count(&events, "PinDisconnect")), (2, 2));
    });
}

/// T4.6: the sink's handle is closed first: its Close comes when the source has gone, after Disconnect (R4.4).
#[test]
fn sink_handle_closed_first() {
    with_all(|stand, options| {
        let Link { source, sink, filters } = stand.connect(FORMAT);
        let (sink_name, source_name) = names(&stand.rig.events());
        sink.close();
        assert_eq!(count(&stand.rig.events(), "PinClose"), 0, "the source holds the sink's file object");
        source.close();
        let events = stand.rig.events();
        let end: Vec<_> = callbacks(&events)
            .into_iter()
            .filter(|(name, _)| ["PinClose", "PinDisconnect"].contains(name))
            .collect();
        let (close, disconnect) = (("PinClose", source_name.as_str()), ("PinDisconnect", sink_name.as_str()));
        let [first, second] =
            if options.disconnect_before_close { [disconnect, close] } else { [close, disconnect] };
        assert_eq!(end, [first, second, ("PinClose", sink_name.as_str())]);
        drop(filters);
    });
}

/// A connection that streams is taken down in any order without a broken rule: pins not stopped, the sink's handle
/// first, filters before pins (R3.13, R4.16).
#[test]
fn closed_while_it_runs() {
    for image in images::loopcam() {
        for options in switches::all() {
            for sink_first in [false, true] {
                let stand = Stand::new(&image, options.clone());
                let link = stand.connect(FORMAT);
                for state in [State::Acquire, State::Pause, State::Run] {
                    link.set_state(state);
                }
                stand.rig.sleep(2_000_000);
                let Link { source, sink, filters } = link;
                drop(filters);
                let [first, second] = if sink_first { [sink, source] } else { [source, sink] };
                first.close();
                stand.rig.sleep(1_000_000);
                second.close();
                let events = stand.rig.events();
                assert_eq!((count(&events, "PinConnect"), count(&events, "PinDisconnect")), (1, 1));
                stand.end();
            }
        }
    }
}

/// T4.9: the connected-pin functions on a sink nobody is connected to, on both ends of a connection, inside Connect
/// (10.33) and after the connection: what section 4.5 says.
#[test]
fn questions_about_the_peer() {
    const UNSUCCESSFUL: i32 = ks_sys::STATUS_UNSUCCESSFUL;
    let alone = raw::Answers {
        pin_interface: UNSUCCESSFUL,
        filter_interface: UNSUCCESSFUL,
        nobodys_interface: UNSUCCESSFUL,
        file_object: false,
        device_object: false,
    };
    let connected = raw::Answers {
        pin_interface: ks_sys::STATUS_SUCCESS,
        filter_interface: ks_sys::STATUS_SUCCESS,
        nobodys_interface: ks_sys::STATUS_NOINTERFACE,
        ..alone
    };
    for options in switches::all() {
        println!("{}", switches::text(&options));
        let stand = Stand::new(images::raw("sound"), options.clone());
        let (sinks, sources) = (stand.filter(raw::SINK), stand.filter(raw::SOURCE));
        let sink = sinks.create_pin(0, &format(raw::FORMAT)).expect("the sink pin");
        let read = sources.create_pin(0, &format(raw::FORMAT)).expect("a pin to read from");
        assert_eq!(raw::answers(&sink), alone, "a sink that nobody is connected to");
        assert_eq!(raw::answers(&read), alone, "a pin that a client reads from");
        let source = sources.connect(0, &format(raw::FORMAT), &sink).expect("the source pin");
        let in_connect = raw::answers_in_connect(&sink);
        assert_eq!(
            in_connect,
            if options.peer_visible_in_connect { connected } else { alone },
            "inside Connect"
        );
        assert_eq!(raw::answers(&sink), connected, "a connected sink");
        let both = raw::Answers { file_object: true, device_object: true, ..connected };
        assert_eq!(raw::answers(&source), both, "a connected source");
        source.close();
        assert_eq!(raw::answers(&sink), alone, "a sink whose source has gone");
        drop((sink, read));
        drop((sinks, sources));
        stand.end();
    }
}

/// A sink takes one source (10.11), and the camera one writer: the second is refused, nothing changes for the first.
#[test]
fn one_source_at_a_time() {
    with_all(|stand, _| {
        let link = stand.connect(FORMAT);
        let refused = |sink: &Pin| link.filters.0.connect(0, &format(FORMAT), sink).map(drop);
        assert_eq!(refused(&link.sink), Err(Status(ks_sys::STATUS_UNSUCCESSFUL)));
        assert_eq!(
            count(&stand.rig.events(), "PinConnect"),
            1,
            "no Connect for a source that is refused (10.11)"
        );
        let other = stand.filter(CAMERA);
        let other_sink = other
            .create_pin(INPUT, &format(FORMAT))
            .expect("another filter instance has an Input of its own");
        assert!(refused(&other_sink).is_err(), "the camera has its writer");
        link.set_state(State::Run);
        link.set_state(State::Stop);
        drop(link);
        let connected = stand.filter(TEST_SOURCE).connect(0, &format(FORMAT), &other_sink);
        assert!(connected.is_ok(), "{connected:?}");
    });
}

/// Two drivers in one kernel: another driver's source is connected to the camera's Input, and neither leaves anything
/// behind.
#[test]
fn the_source_of_another_driver() {
    for image in images::loopcam() {
        let other = images::raw("sound");
        let [image, other] = [&image, &other].map(|path| path.to_str().expect("a path in UTF-8"));
        let arguments =
            ["connect", image, "--also", other, "--from", "4/0", "--to", "0/1", "--format", raw::FORMAT];
        let output = movie::ksrig(env!("CARGO_BIN_EXE_ksrig-under-test"), &arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("returned STATUS_SUCCESS"), "{text}");
    }
}
