//! Frames.

use super::lane::{Flight, Lane, set_state};
use super::stage::Stage;
use super::traffic::{Feed, Link, Traffic, lane};
use crate::client::{Driver, Reset, State};

/// Every source connected to every sink: streamed, and closed in each state in both orders.
pub fn connect(stage: &Stage<'_>) {
    for pair in stage.pairs.iter() {
        for (number, last) in State::ALL.into_iter().enumerate() {
            let Ok(mut link) = Link::new(&stage.survey, pair) else { continue };
            stage.did("pairs connected");
            stage.did_often("pairs that ran", u64::from(link.to(State::Run).is_ok()));
            let mut readers = Traffic::new(&stage.survey, &[], Feed::Links);
            readers.to(State::Run);
            readers.flow(stage.rig, 2);
            stage.did_often("frames", readers.frames());
            let _ = link.to(State::Stop);
            let _ = link.to(last);
            if number % 2 == 0 {
                link.sink.take();
                stage.rig.sleep(500_000);
            }
        }
    }
}

/// Several readers and a writer at every pin: with sources inside the kernel, then with programs.
pub fn stream(stage: &Stage<'_>) {
    for feed in [Feed::Links, Feed::Writers] {
        let mut traffic = Traffic::new(&stage.survey, &stage.pairs, feed);
        stage.did_often("pins made", (traffic.lanes.len() + 2 * traffic.links.len()) as u64);
        traffic.to(State::Run);
        traffic.flow(stage.rig, 4);
        traffic.stop();
        traffic.to(State::Run);
        traffic.flow(stage.rig, 2);
        stage.did_often("frames", traffic.frames());
    }
}

/// PAUSE and RUN in turns.
pub fn pause(stage: &Stage<'_>) {
    for feed in [Feed::Links, Feed::Writers] {
        let mut traffic = Traffic::new(&stage.survey, &stage.pairs, feed);
        for _ in 0..3 {
            traffic.to(State::Run);
            traffic.flow(stage.rig, 2);
            traffic.to(State::Pause);
            traffic.flow(stage.rig, 1);
            traffic.to(State::Acquire);
        }
        stage.did_often("frames", traffic.frames());
    }
}

/// The state in which requests are sent, and the one in which they are met: each, and PAUSE after RUN, where a driver can
/// have them that is waiting for its hardware.
const MEETINGS: [(State, State); 5] = [
    (State::Stop, State::Stop),
    (State::Acquire, State::Acquire),
    (State::Pause, State::Pause),
    (State::Run, State::Run),
    (State::Run, State::Pause),
];

/// Requests in each state: cancelled newest first, flushed, stopped over, closed over.
pub fn cancel(stage: &Stage<'_>) {
    let places = stage.survey.pins(|pin| pin.is_readable() || pin.is_writable());
    for place in places {
        let Some(format) = stage.survey.pin(place).and_then(|pin| pin.small.as_ref()) else { continue };
        for (sent, met) in MEETINGS {
            let Ok(mut lane) = lane(&stage.survey, place, format) else { continue };
            for way in 0..3 {
                let _ = set_state(&lane.pin, sent);
                (0..3).for_each(|_| lane.submit());
                stage.did_often("requests sent", 3);
                let _ = set_state(&lane.pin, met);
                match way {
                    0 => lane.flights.iter().rev().for_each(Flight::cancel),
                    1 => {
                        let _ = lane.pin.reset(Reset::Begin);
                        lane.submit();
                        let _ = lane.pin.reset(Reset::End);
                    }
                    _ => {
                        let _ = set_state(&lane.pin, State::Stop);
                        let _ = set_state(&lane.pin, met);
                    }
                }
                lane.flights.clear();
            }
            let _ = set_state(&lane.pin, sent);
            // The pin is closed with these on their way.
            (0..2).for_each(|_| lane.submit());
            let _ = set_state(&lane.pin, met);
            let Lane { flights, line, .. } = lane;
            drop(line);
            drop(flights);
            // Until it is gone, a driver with hardware for one refuses the next.
            stage.each_driver(Driver::wait_for_files);
        }
    }
}
