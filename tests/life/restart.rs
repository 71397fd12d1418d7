//! The user disables the device and enables it, again and again.

use ks_sys::*;
use ksrig::client::{State, Status};
use loopcam_tests::{
    images,
    stand::{Stand, builder},
};

use crate::graph::{Feed, Graph, all_back, refusal};

const ROUNDS: usize = 1000;
/// Rounds from one in which pictures flow to the next.
const STREAMS: usize = 50;

/// R1.2 to R1.4, R1.7, R1.11, R1.23: QUERY_REMOVE, REMOVE, AddDevice, START, a thousand times: the same filters under the
/// same names each time, pictures in every fiftieth round; after the last there is what there was after the first.
#[test]
fn a_thousand_times() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let names = |stand: &Stand| {
            let mut names: Vec<_> = stand.rig.filters().into_iter().map(|filter| filter.link).collect();
            names.sort();
            names
        };
        let before = names(&stand);
        let mut first = None;
        for round in 0..=ROUNDS {
            stand.driver().disable().expect("nothing is open");
            assert_eq!(refusal(&stand), Status(STATUS_OBJECT_NAME_NOT_FOUND));
            stand.driver().enable().expect("it starts");
            assert_eq!(names(&stand), before, "round {round}");
            if round % STREAMS == 0 {
                let feed = Feed::ALL[round / STREAMS % Feed::ALL.len()];
                let mut graph = Graph::open(&stand, feed, State::Run);
                graph.begin(&stand);
                graph.set_state(State::Stop);
                all_back(graph.take_requests());
                drop(graph);
            }
            if round % STREAMS == 0 || round == ROUNDS {
                let alive = stand.alive();
                assert_eq!(*first.get_or_insert(alive), alive, "round {round}");
            }
        }
        stand.end();
    }
}
