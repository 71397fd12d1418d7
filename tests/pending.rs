//! Drivers that do what they must not: the rig says so, and says what happened where.

use std::process::Output;

use ks_sys::STATUS_UNSUCCESSFUL;
use ksrig::{
    client::{State, Status},
    ks::options::Options,
};
use loopcam_tests::{
    events::count,
    images, movie, raw,
    stand::{Stand, format},
    switches,
};

/// `ksrig connect`: the pins of the specimen.
fn connect(variant: &str) -> Output {
    let image = images::raw(variant);
    let image = image.to_str().expect("a path in UTF-8");
    movie::ksrig(env!("CARGO_BIN_EXE_ksrig-under-test"), &["connect", image, "--from", "1/0", "--to", "0/0"])
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// T4.4: Connect returns STATUS_PENDING: a violation of KsCallbackReturn (0x81005) with the place in the driver, the
/// source's create fails, the sink is as before.
#[test]
fn pending_is_refused() {
    for options in switches::all() {
        println!("{}", switches::text(&options));
        // 10.2: with either setting.
        let status = Status(STATUS_UNSUCCESSFUL);
        let stand = Stand::new(images::raw("pending-connect"), options);
        let (sinks, sources) = (stand.filter(raw::SINK), stand.filter(raw::SOURCE));
        let sink = sinks.create_pin(0, &format(raw::FORMAT)).expect("the sink pin");
        for attempt in 1..=2 {
            assert_eq!(sources.connect(0, &format(raw::FORMAT), &sink).map(drop), Err(status));
            assert_eq!(count(&stand.rig.events(), "PinConnect"), attempt);
        }
        assert_eq!(count(&stand.rig.events(), "PinDisconnect"), 0);
        assert_eq!(raw::answers(&sink).pin_interface, STATUS_UNSUCCESSFUL, "no link is left");
        sink.set_state(State::Acquire).expect("the sink is usable");
        sink.set_state(State::Stop).expect("the sink is usable");
        drop((sink, sinks, sources));
        let violations = stand.end_with_violations();
        assert_eq!(violations.len(), 2, "{violations:?}");
        for violation in violations {
            assert_eq!((violation.rule, violation.code), ("KsCallbackReturn", 0x81005), "{violation:?}");
            assert!(violation.message.contains("PinConnect"), "{violation:?}");
        }
    }
}

/// The command says the same to a person and to a script.
#[test]
fn pending_on_the_command_line() {
    let output = connect("pending-connect");
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("KsCallbackReturn") && text.to_lowercase().contains("0x81005"), "{text}");
}

/// Connect and Disconnect are optional (`nc-ks-pfnkspin.md`): without them two pins connect and stream.
#[test]
fn no_connect_is_fine() {
    for variant in ["no-connect", "sound"] {
        for options in switches::all() {
            let stand = Stand::new(images::raw(variant), options);
            let (sinks, sources) = (stand.filter(raw::SINK), stand.filter(raw::SOURCE));
            let sink = sinks.create_pin(0, &format(raw::FORMAT)).expect("the sink pin");
            let source = sources.connect(0, &format(raw::FORMAT), &sink).expect("the source pin");
            for state in [State::Acquire, State::Pause, State::Run] {
                sink.set_state(state).expect("the sink's state");
                source.set_state(state).expect("the source's state");
            }
            stand.rig.settle();
            source.set_state(State::Stop).expect("the source stops");
            sink.set_state(State::Stop).expect("the sink stops");
            let events = stand.rig.events();
            let once = usize::from(variant == "sound");
            assert_eq!(count(&events, "PinConnect"), once);
            assert!(count(&events, "PinProcess") > 100, "frames went from pin to pin");
            drop((source, sink, sinks, sources));
            stand.end();
        }
    }
}

/// Connect returns at DISPATCH_LEVEL: KsIrqlPinCallbacks (0x81008); the rig goes on at the old level.
/// R8.4
#[test]
fn raised_irql() {
    let stand = Stand::new(images::raw("raised-irql"), Options::default());
    let (sinks, sources) = (stand.filter(raw::SINK), stand.filter(raw::SOURCE));
    let sink = sinks.create_pin(0, &format(raw::FORMAT)).expect("the sink pin");
    let source = sources.connect(0, &format(raw::FORMAT), &sink).expect("the source pin");
    source.set_state(State::Acquire).expect("the source's state");
    drop((source, sink, sinks, sources));
    let violations = stand.end_with_violations();
    let rules: Vec<_> = violations.iter().map(|violation| (violation.rule, violation.code)).collect();
    assert_eq!(rules, [("KsIrqlPinCallbacks", 0x81008)], "{violations:?}");
}

/// Pool that is left at unload: who, how much, allocated where.
#[test]
fn leak() {
    let stand = Stand::new(images::raw("leak"), Options::default());
    let violations = stand.end_with_violations();
    assert_eq!(violations.len(), 1, "{violations:?}");
    let leak = &violations[0];
    assert_eq!((leak.rule, leak.code), ("PoolLeak", 0x62));
    assert!(leak.object.contains("LEAK"), "{leak:?}");
    assert!(leak.message.contains("100 bytes") && leak.message.contains("leak.sys+0x"), "{leak:?}");
}

/// A call that the rig does not emulate stops it loudly: exit code 70, the name, the caller's place in the image.
#[test]
fn not_emulated() {
    let output = connect("not-emulated");
    let text = text(&output);
    assert_eq!(output.status.code(), Some(70), "{text}");
    for part in ["not emulated", "KsLoadResource", "not-emulated.sys+0x", "PinConnect"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// An access violation in the driver: exit code 70, where and in which callback, with symbols.
#[test]
fn access_violation() {
    let output = connect("access-violation");
    let text = text(&output);
    assert_eq!(output.status.code(), Some(70), "{text}");
    for part in ["access violation", "access-violation.sys+0x", "connect", "PinConnect"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// An import that nobody provides is refused by name before anything runs (R0.3).
#[test]
fn missing_import() {
    let output = connect("missing-import");
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("ks.sys!KsPinHandshake"), "{text}");
    assert!(!text.contains("DriverEntry returned"), "{text}");
}
