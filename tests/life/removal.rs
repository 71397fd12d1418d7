//! The device is asked to go, and is pulled out.

use ks_sys::*;
use ksrig::{
    client::{State, Status},
    ks::Options,
};
use loopcam_tests::{
    images,
    stand::{CAMERA, Stand, builder, format},
};

use crate::graph::{FORMAT, Feed, Graph, all_back, refusal};

const NOT_READY: Status = Status(STATUS_DEVICE_NOT_READY);

/// Section 1.2: the driver has nothing against its removal, in whatever state; streams go on all the time, nothing opens
/// until the question is taken back. The removal itself is for the PnP manager to refuse while files are open.
#[test]
fn asked_and_taken_back() {
    for image in images::loopcam() {
        for feed in Feed::ALL {
            for state in State::ALL {
                let stand = Stand::built(&image, builder().trace(false));
                let mut graph = Graph::open(&stand, feed, state);
                let filter = stand.filter(CAMERA);
                let mut last = (state == State::Run).then(|| graph.begin(&stand));
                stand.driver().query_remove().expect("no veto");
                assert_eq!(refusal(&stand), NOT_READY, "{feed:?} {state:?}");
                assert_eq!(filter.create_pin(0, &format(FORMAT)).err(), Some(NOT_READY));
                graph.assert_state(state);
                last = last.map(|last| graph.follow(&stand, last));
                stand.driver().cancel_remove().expect("CANCEL_REMOVE_DEVICE");
                drop(filter.create_pin(0, &format(FORMAT)).expect("it opens again"));
                last = last.map(|last| graph.follow(&stand, last));
                assert_eq!(stand.driver().disable(), Err(Status(STATUS_DEVICE_BUSY)));
                graph.assert_state(state);
                match last {
                    Some(last) => drop(graph.follow(&stand, last)),
                    None => {
                        assert!(graph.is_quiet());
                        all_back_after_stop(&mut graph);
                        graph.set_state(State::Run);
                        graph.begin(&stand);
                    }
                }
                all_back_after_stop(&mut graph);
                drop((graph, filter));
                stand.driver().disable().expect("nothing is open");
                stand.end();
            }
        }
    }
}

fn all_back_after_stop(graph: &mut Graph) {
    graph.set_state(State::Stop);
    all_back(graph.take_requests());
}

/// R1.15: pulled out in each state, nothing open, or no more than a filter: the camera is not listed any more and does not
/// open; every request has an end when the handles are closed, or at once where the class driver stops the pins; then the
/// device is removed, and nothing is left.
#[test]
fn pulled_out() {
    for image in images::loopcam() {
        for removal_stops_pins in [false, true] {
            let options = || Options { removal_stops_pins, ..Options::default() };
            let stand = Stand::built(&image, builder().trace(false).options(options()));
            stand.driver().pull_out();
            assert_eq!(refusal(&stand), Status(STATUS_OBJECT_NAME_NOT_FOUND));
            assert!(stand.driver().is_gone());
            stand.end();
            for feed in Feed::ALL {
                for state in State::ALL {
                    let stand = Stand::built(&image, builder().trace(false).options(options()));
                    let filter = stand.filter(CAMERA);
                    let mut graph = Graph::open(&stand, feed, state);
                    if state == State::Run {
                        graph.begin(&stand);
                        graph.ask();
                    }
                    stand.driver().pull_out();
                    assert_eq!(refusal(&stand), Status(STATUS_OBJECT_NAME_NOT_FOUND));
                    assert_eq!(filter.create_pin(0, &format(FORMAT)).err(), Some(NOT_READY));
                    let requests = graph.take_requests();
                    if removal_stops_pins {
                        graph.assert_state(State::Stop);
                        assert!(requests.iter().all(ksrig::client::Request::is_done), "{feed:?} {state:?}");
                    } else {
                        graph.assert_state(state);
                    }
                    // Programs notice late.
                    stand.rig.sleep(3_000_000);
                    assert!(!stand.driver().is_gone());
                    drop(graph);
                    stand.rig.settle();
                    all_back(requests);
                    assert!(!stand.driver().is_gone());
                    drop(filter);
                    stand.rig.settle();
                    assert!(stand.driver().is_gone(), "{feed:?} {state:?}");
                    stand.end();
                }
            }
        }
    }
}

/// Pulled out while it is stopped, while it sleeps, and after it has agreed to go.
#[test]
fn pulled_out_at_bad_moments() {
    for image in images::loopcam() {
        for moment in 0..3 {
            for feed in Feed::ALL {
                let stand = Stand::built(&image, builder().trace(false));
                let mut graph = Graph::open(&stand, feed, State::Run);
                graph.begin(&stand);
                match moment {
                    0 => stand.driver().stop().expect("STOP_DEVICE"),
                    1 => stand.driver().sleep().expect("D3"),
                    _ => stand.driver().query_remove().expect("QUERY_REMOVE_DEVICE"),
                }
                stand.driver().pull_out();
                let requests = graph.take_requests();
                drop(graph);
                stand.rig.settle();
                all_back(requests);
                assert!(stand.driver().is_gone(), "{feed:?} {moment}");
                stand.end();
            }
        }
    }
}
