//! The device is stopped and started again.

use ks_sys::*;
use ksrig::client::{State, Status};
use loopcam_tests::{
    images,
    stand::{CAMERA, Stand, builder},
};

use crate::graph::{Feed, Graph, all_back, refusal};

const NOT_READY: Status = Status(STATUS_DEVICE_NOT_READY);

/// With nothing open, or no more than a filter: nothing opens until the device is started; then everything does.
#[test]
fn without_pins() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        drop(stand.filter(CAMERA));
        let alive = stand.alive();
        for _ in 0..3 {
            stand.driver().stop().expect("STOP_DEVICE");
            assert_eq!(refusal(&stand), NOT_READY, "R1.8");
            stand.driver().start().expect("START_DEVICE");
            let filter = stand.filter(CAMERA);
            stand.driver().stop().expect("STOP_DEVICE");
            assert_eq!(
                filter.create_pin(0, &loopcam_tests::stand::format("nv12:64x48@30")).err(),
                Some(NOT_READY)
            );
            stand.driver().start().expect("START_DEVICE");
            assert_eq!(filter.pin_count(), Ok(2));
            drop(filter);
            assert_eq!(stand.alive(), alive);
        }
        stand.end();
    }
}

/// Section 1.2, R1.8, 10.30: pins in each state stop and their requests come back; the same handles stream again after the
/// next START, with counters as after any STOP. R1.12: a START without a STOP changes nothing for them.
#[test]
fn in_each_state() {
    for image in images::loopcam() {
        for feed in Feed::ALL {
            for state in State::ALL {
                let stand = Stand::built(&image, builder().trace(false));
                let filter = stand.filter(CAMERA);
                let mut graph = Graph::open(&stand, feed, state);
                if state == State::Run {
                    graph.begin(&stand);
                }
                stand.driver().stop().expect("STOP_DEVICE");
                all_back(graph.take_requests());
                graph.assert_state(State::Stop);
                assert_eq!(refusal(&stand), NOT_READY, "{feed:?} {state:?}");
                stand.rig.sleep(3_000_000);
                stand.driver().start().expect("START_DEVICE");
                graph.set_state(State::Run);
                let last = graph.begin(&stand);
                stand.driver().start().expect("START_DEVICE once more");
                graph.follow(&stand, last);
                graph.set_state(State::Stop);
                all_back(graph.take_requests());
                drop((graph, filter));
                stand.end();
            }
        }
    }
}
