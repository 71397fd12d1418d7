//! Pins pause and run again.

use ks_sys::KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY;
use ksrig::client::State;
use loopcam_tests::{
    images,
    stand::{Stand, builder, set_state},
    studio::Shape,
};

use crate::graph::{FORMAT, Feed, Graph, counters};

/// `stream/capturing-video`: PictureNumber and DropCount are not updated on the way from RUN to PAUSE and back. What a
/// reader without buffers has missed stays missed, and is told with its next picture; what comes while it pauses is not
/// its own.
#[test]
fn counters_stay() {
    for image in images::loopcam() {
        for feed in Feed::ALL {
            let stand = Stand::built(&image, builder().trace(false));
            let mut graph = Graph::open(&stand, feed, State::Run);
            let first = graph.begin(&stand);
            let last = graph.stall(&stand, first);
            graph.go_on(&stand, 10);
            // Not at the moment of a picture.
            stand.rig.sleep(100_000);
            let missed = counters(&graph.reader.pin);
            assert!(missed.1 >= 8 && missed.0 - missed.1 == last.number, "{missed:?} after {last:?}");
            set_state(&graph.reader.pin, State::Pause);
            assert_eq!(counters(&graph.reader.pin), missed, "{feed:?}: RUN to PAUSE");
            graph.go_on(&stand, 10);
            assert_eq!(counters(&graph.reader.pin), missed, "{feed:?}: in PAUSE");
            stand.rig.sleep(100_000);
            set_state(&graph.reader.pin, State::Run);
            assert_eq!(counters(&graph.reader.pin), missed, "{feed:?}: PAUSE to RUN");
            let next = graph.next(&stand);
            let more = next.dropped - missed.1;
            assert_eq!(next.number - missed.0, more + 1, "{next:?} after {missed:?}");
            assert!(more <= 1 && next.gap, "{feed:?}: {next:?} after {missed:?}");
            assert!(next.time > last.time);
            graph.follow(&stand, next);
            graph.set_state(State::Stop);
            drop(graph);
            stand.end();
        }
    }
}

/// The same for the Test Source, read by a program.
#[test]
fn counters_of_the_test_source_stay() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let shape = Shape::new(FORMAT);
        let source = stand.open(stand.output(), &shape.format(), State::Run);
        let info = |number: i64| {
            let info = source.frame(shape.len()).frame_info(0).expect("KS_FRAME_INFO");
            assert_eq!((info.PictureNumber, info.DropCount), (number, 0));
        };
        (1..=3).for_each(info);
        stand.rig.sleep(10 * shape.video.interval);
        let missed = counters(&source.pin);
        assert!(missed.1 >= 8 && missed.0 - missed.1 == 3, "{missed:?}");
        for state in [State::Pause, State::Run] {
            set_state(&source.pin, state);
            assert_eq!(counters(&source.pin), missed, "{state:?}");
        }
        let packet = source.frame(shape.len());
        let next = packet.frame_info(0).expect("KS_FRAME_INFO");
        assert_eq!((next.PictureNumber, next.DropCount), (missed.0 + 1, missed.1));
        let flags = packet.header(0).OptionsFlags;
        assert_ne!(flags & KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY, 0);
        set_state(&source.pin, State::Stop);
        drop(source);
        stand.end();
    }
}
