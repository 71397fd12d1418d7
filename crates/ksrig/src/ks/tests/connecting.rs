//! The tests of section 4.9 of the contract that need no frames.

use std::ptr::null_mut;

use ks_sys::*;

use super::{CONNECT, CREATE, SEEN, pair};
use crate::{
    ks::{
        Options,
        fixture::{Fixture, callbacks, close, control, open_pin},
        object::{Kind, Objects},
    },
    nt::violation,
};

const NO_DISPATCH: fn() -> KSDEVICE_DISPATCH = KSDEVICE_DISPATCH::default;

/// All settings of the switches for the order of callbacks.
fn each_order(test: impl Fn(Options)) {
    for (connect_after_create, disconnect_before_close) in
        [(false, false), (true, false), (false, true), (true, true)]
    {
        test(Options { connect_after_create, disconnect_before_close, ..Options::default() });
    }
}

struct Graph {
    fixture: Fixture,
    sink_filter: HANDLE,
    source_filter: HANDLE,
    sink: HANDLE,
}

impl Graph {
    fn new(options: Options) -> Self {
        let fixture = Fixture::with(options, NO_DISPATCH(), pair());
        let sink_filter = fixture.open_filter(1).unwrap();
        let source_filter = fixture.open_filter(2).unwrap();
        let sink = open_pin(sink_filter, 0, null_mut()).unwrap();
        Self { fixture, sink_filter, source_filter, sink }
    }

    fn source(&self) -> Result<HANDLE, NTSTATUS> {
        open_pin(self.source_filter, 0, self.sink)
    }

    fn end(self) {
        close(self.sink);
        close(self.sink_filter);
        close(self.source_filter);
        assert_eq!(Objects::count(Kind::Pin), 0);
        assert_eq!(Objects::count(Kind::Filter), 0);
        self.fixture.end();
    }
}

fn count(name: &str) -> usize {
    callbacks().iter().filter(|callback| callback.starts_with(&format!("{name} "))).count()
}

/// T4.1
#[test]
fn a_client_alone_connects_nothing() {
    let graph = Graph::new(Options::default());
    let names = callbacks();
    assert_eq!(names, ["PinSetDataFormat pin filter 1#1/0#1", "PinCreate pin filter 1#1/0#1"]);
    graph.end();
}

/// T4.2, T4.5
/// R4.10, R4.13, R4.16
#[test]
fn one_connect_and_one_disconnect_on_the_sink() {
    each_order(|options| {
        SEEN.take();
        let (after, before) = (options.connect_after_create, options.disconnect_before_close);
        let graph = Graph::new(options);
        let skip = callbacks().len();
        let source = graph.source().unwrap();
        assert_eq!(SEEN.take(), ["interface 0x0, file false, held true, irql 0"]);
        let (sink_name, source_name) = ("pin filter 1#1/0#1", "pin filter 2#1/0#1");
        let opened = [format!("PinConnect {sink_name}"), format!("PinCreate {source_name}")];
        let mut expected = vec![format!("PinSetDataFormat {source_name}")];
        expected.extend(if after { opened.into_iter().rev().collect::<Vec<_>>() } else { opened.to_vec() });
        assert_eq!(callbacks()[skip..], expected);
        let skip = callbacks().len();
        close(source);
        let closed = [format!("PinClose {source_name}"), format!("PinDisconnect {sink_name}")];
        let expected = if before { closed.into_iter().rev().collect::<Vec<_>>() } else { closed.to_vec() };
        assert_eq!(callbacks()[skip..], expected);
        graph.end();
    });
}

/// T4.3: the status is the creator's, the sink stays connectable, there is no Disconnect.
#[test]
fn an_error_of_connect_fails_the_source() {
    each_order(|options| {
        let after = options.connect_after_create;
        let graph = Graph::new(options);
        for status in
            [STATUS_UNSUCCESSFUL, STATUS_NOINTERFACE, STATUS_INSUFFICIENT_RESOURCES, STATUS_DEVICE_BUSY]
        {
            CONNECT.set(status);
            assert_eq!(graph.source().unwrap_err(), status);
        }
        CONNECT.set(STATUS_SUCCESS);
        assert_eq!(count("PinDisconnect"), 0);
        assert_eq!(count("PinClose"), if after { 4 } else { 0 });
        let source = graph.source().unwrap();
        close(source);
        assert_eq!((count("PinConnect"), count("PinDisconnect")), (5, 1));
        graph.end();
    });
}

/// T4.4
/// R4.12
#[test]
fn pending_from_connect_is_a_violation() {
    let graph = Graph::new(Options::default());
    CONNECT.set(STATUS_PENDING);
    assert_eq!(graph.source().unwrap_err(), STATUS_UNSUCCESSFUL);
    CONNECT.set(STATUS_SUCCESS);
    let violations = violation::take();
    assert_eq!(violations.len(), 1);
    assert_eq!((violations[0].rule, violations[0].code), ("KsCallbackReturn", 0x81005));
    close(graph.source().unwrap());
    graph.end();
}

/// T4.6
#[test]
fn a_sink_that_is_closed_first_lives_as_long_as_its_source() {
    let graph = Graph::new(Options::default());
    let source = graph.source().unwrap();
    close(graph.sink);
    close(graph.sink_filter);
    assert_eq!(count("PinClose"), 0);
    let skip = callbacks().len();
    close(source);
    let (sink_name, source_name) = ("pin filter 1#1/0#1", "pin filter 2#1/0#1");
    let expected = [
        format!("PinClose {source_name}"),
        format!("PinDisconnect {sink_name}"),
        format!("PinClose {sink_name}"),
    ];
    assert_eq!(callbacks()[skip..], expected);
    close(graph.source_filter);
    assert_eq!(Objects::count(Kind::Filter), 0);
    graph.fixture.end();
}

/// T4.10, without injected failures.
#[test]
fn reconnecting_leaks_nothing() {
    let graph = Graph::new(Options::default());
    let objects = crate::nt::object::handles_and_objects();
    for _ in 0..100 {
        close(graph.source().unwrap());
    }
    assert_eq!(crate::nt::object::handles_and_objects(), objects);
    assert_eq!((count("PinConnect"), count("PinDisconnect")), (100, 100));
    graph.end();
}

/// T4.11
#[test]
fn a_source_whose_create_fails_disconnects() {
    each_order(|options| {
        let after = options.connect_after_create;
        let graph = Graph::new(options);
        CREATE.set(STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(graph.source().unwrap_err(), STATUS_INSUFFICIENT_RESOURCES);
        CREATE.set(STATUS_SUCCESS);
        let expected = if after { (0, 0) } else { (1, 1) };
        assert_eq!((count("PinConnect"), count("PinDisconnect")), expected);
        assert_eq!(count("PinClose"), 0);
        close(graph.source().unwrap());
        graph.end();
    });
}

/// 10.33
/// R4.19
#[test]
fn the_peer_may_be_invisible_in_connect() {
    let graph = Graph::new(Options { peer_visible_in_connect: false, ..Options::default() });
    SEEN.take();
    let source = graph.source().unwrap();
    assert_eq!(SEEN.take(), ["interface 0xc0000001, file false, held true, irql 0"]);
    close(source);
    graph.end();
}

/// R4.15, R4.17, 10.10 and bad handles: Connect is not called.
#[test]
fn what_cannot_be_connected() {
    let graph = Graph::new(Options::default());
    let source = graph.source().unwrap();
    assert_eq!(count("PinConnect"), 1);
    assert_eq!(graph.source().unwrap_err(), STATUS_UNSUCCESSFUL, "a second source");
    assert_eq!(
        open_pin(graph.source_filter, 0, source).unwrap_err(),
        STATUS_INVALID_PARAMETER,
        "a source as sink"
    );
    assert_eq!(
        open_pin(graph.source_filter, 0, graph.sink_filter).unwrap_err(),
        STATUS_INVALID_PARAMETER,
        "a filter"
    );
    assert_eq!(
        open_pin(graph.sink_filter, 0, graph.sink).unwrap_err(),
        STATUS_INVALID_PARAMETER,
        "two sinks"
    );
    assert_eq!(open_pin(graph.source_filter, 0, 0x1234 as HANDLE).unwrap_err(), STATUS_INVALID_HANDLE);
    let reader = open_pin(graph.source_filter, 0, null_mut()).unwrap();
    assert_eq!(
        open_pin(graph.source_filter, 0, reader).unwrap_err(),
        STATUS_INVALID_PARAMETER,
        "the same filter"
    );
    assert_eq!(violation::take().len(), 1, "the same filter is worth a diagnostic");
    close(reader);
    close(source);
    assert_eq!(count("PinConnect"), 1);
    graph.end();
}

/// T4.12: the user may not shake hands.
#[test]
fn the_handshake_is_for_the_kernel() {
    let graph = Graph::new(Options::default());
    let (status, _) = control(graph.sink, IOCTL_KS_HANDSHAKE, &[0; 32], &mut [0; 32]);
    assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
    graph.end();
}

/// Sources that race for one sink, by several orders of the scheduler: at any time at most one has it.
#[test]
fn sources_race_for_a_sink() {
    let mut won = 0;
    for seed in 1..=20 {
        let fixture = Fixture::seeded(seed, Options::default(), NO_DISPATCH(), pair());
        assert_eq!(fixture.device.start(), STATUS_SUCCESS);
        crate::nt::sched::settle();
        let sink_filter = fixture.open_filter(1).unwrap();
        let sink = open_pin(sink_filter, 0, null_mut()).unwrap();
        let filters = [fixture.open_filter(2).unwrap(), fixture.open_filter(2).unwrap()];
        let threads = filters.map(|filter| {
            let (filter, sink) = (filter as usize, sink as usize);
            fixture.machine.spawn("client", move || {
                let mut connected = 0;
                for _ in 0..5 {
                    match open_pin(filter as HANDLE, 0, sink as HANDLE) {
                        Ok(source) => {
                            connected += 1;
                            crate::nt::sched::yield_now();
                            close(source);
                        }
                        Err(status) => assert_eq!(status, STATUS_UNSUCCESSFUL),
                    }
                }
                connected
            })
        });
        let connected: usize = threads.into_iter().map(|thread| thread.join()).sum();
        assert_eq!((count("PinConnect"), count("PinDisconnect")), (connected, connected));
        assert!(connected > 0);
        won += connected;
        filters.into_iter().for_each(close);
        close(sink);
        close(sink_filter);
        assert_eq!((Objects::count(Kind::Pin), Objects::count(Kind::Filter)), (0, 0));
        assert_eq!(violation::list(), []);
        fixture.end();
    }
    assert!(won < 200, "some attempt met a taken sink");
}
