//! The device sleeps and wakes up.

use ksrig::{client::State, ks::Options};
use loopcam_tests::{
    images,
    stand::{CAMERA, Stand, builder},
};

use crate::graph::{Feed, Graph, all_back, counters};

const SECOND: u64 = 10_000_000;
/// How long it sleeps.
const NIGHT: u64 = 3 * SECOND;

/// With both orders of R1.16.
fn each(test: impl Fn(&Stand, Feed)) {
    for image in images::loopcam() {
        for run_before_power in [false, true] {
            for feed in Feed::ALL {
                let options = Options { run_before_power, ..Options::default() };
                let stand = Stand::built(&image, builder().options(options));
                test(&stand, feed);
                stand.end();
            }
        }
    }
}

/// The callbacks of the driver so far.
fn calls() -> usize {
    ksrig::nt::trace::count(|event| event.kind == "callback")
}

/// R1.16: what runs when the device goes to sleep runs when it wakes up, and what does not does not; no request comes back
/// and nothing of the driver runs meanwhile. The next picture is the one after the last: no number is missing, nothing is
/// dropped, and the stream's time has stood still.
#[test]
fn in_each_state() {
    each(|stand, feed| {
        let filter = stand.filter(CAMERA);
        for state in State::ALL {
            let mut graph = Graph::open(stand, feed, state);
            let mut last = (state == State::Run).then(|| graph.begin(stand));
            for _ in 0..3 {
                stand.rig.settle();
                stand.driver().sleep().expect("D3");
                graph.assert_state(state);
                let (before, quiet) = (calls(), graph.is_quiet());
                stand.rig.sleep(NIGHT);
                assert_eq!(calls(), before, "{feed:?} {state:?}: the driver runs while the device sleeps");
                assert_eq!(graph.is_quiet(), quiet, "{feed:?} {state:?}");
                stand.driver().wake().expect("D0");
                graph.assert_state(state);
                last = last.map(|last| {
                    let next = graph.next(stand);
                    assert_eq!(
                        (next.number, next.dropped, next.gap),
                        (last.number + 1, 0, false),
                        "{feed:?}"
                    );
                    let passed = next.time - last.time;
                    assert!(passed > 0 && passed < SECOND as i64, "{feed:?}: the time went on for {passed}");
                    graph.follow(stand, next)
                });
            }
            graph.set_state(State::Stop);
            all_back(graph.take_requests());
        }
        drop(filter);
    });
}

/// What a reader without buffers missed before the device went to sleep stays missed, and nothing is missed while it
/// sleeps.
#[test]
fn counters_stay() {
    each(|stand, feed| {
        let mut graph = Graph::open(stand, feed, State::Run);
        let first = graph.begin(stand);
        let last = graph.stall(stand, first);
        graph.go_on(stand, 10);
        // Not at the moment of a picture.
        stand.rig.sleep(100_000);
        let missed = counters(&graph.reader.pin);
        assert!(missed.1 >= 8 && missed.0 - missed.1 == last.number, "{missed:?} after {last:?}");
        for _ in 0..3 {
            stand.driver().sleep().expect("D3");
            assert_eq!(counters(&graph.reader.pin), missed, "{feed:?}: D3");
            stand.rig.sleep(NIGHT);
            stand.driver().wake().expect("D0");
            assert_eq!(counters(&graph.reader.pin), missed, "{feed:?}: D0");
        }
        let next = graph.next(stand);
        let more = next.dropped - missed.1;
        assert_eq!(next.number - missed.0, more + 1, "{feed:?}: {next:?} after {missed:?}");
        assert!(more <= 1 && next.gap && next.time > last.time, "{feed:?}: {next:?} after {missed:?}");
        graph.follow(stand, next);
        graph.set_state(State::Stop);
    });
}

/// A program that goes on writing while the device sleeps: its pictures wait, and all of them are taken afterwards; the
/// reader is told of those that it has no buffers for.
#[test]
fn writes_wait() {
    each(|stand, feed| {
        if feed != Feed::Program {
            return;
        }
        let mut graph = Graph::open(stand, feed, State::Run);
        let mut last = graph.begin(stand);
        stand.driver().sleep().expect("D3");
        graph.go_on(stand, 10);
        let pictures = graph.written();
        stand.driver().wake().expect("D0");
        while !last.is_live || last.stamp < pictures {
            let next = graph.next(stand);
            let missing = next.number - last.number - 1;
            assert_eq!(
                (next.dropped - last.dropped, next.gap),
                (missing, missing > 0),
                "{next:?} after {last:?}"
            );
            // Those that have waited are taken at one moment.
            assert!(next.time >= last.time, "{next:?} after {last:?}");
            last = next;
        }
        graph.follow(stand, last);
        graph.set_state(State::Stop);
        all_back(graph.take_requests());
    });
}
