//! Threads that meet.

use std::sync::Arc;

use super::lane::{Lane, set_state};
use super::stage::{Race, Stage};
use super::survey::{PinModel, Survey};
use super::traffic::{Feed, Link, Traffic, lane};
use crate::client::{Filter, Pin, Reset, State};
use crate::nt::pnp::Device;
use crate::nt::sched;

fn thread(name: &'static str, body: impl FnOnce() + Send + 'static) -> Race {
    (name, Box::new(body))
}

/// The places of all pins that programs or sources can make, small first.
fn places(stage: &Stage<'_>) -> Vec<(usize, u32)> {
    stage.survey.pins(|pin| pin.small.is_some() && pin.info.communication.can_be_sink())
}

fn one_lane(survey: &Survey, place: (usize, u32)) -> Option<Lane> {
    let format = survey.pin(place)?.small.as_ref()?;
    lane(survey, place, format).ok()
}

/// Filters are opened, pins made and closed, by several threads at once; pairs too, where there are some.
pub fn open(stage: &Stage<'_>) {
    let (all, survey) = (places(stage), &stage.survey);
    let pins = |name, reverse: bool| {
        let (survey, mut places) = (Arc::clone(survey), all.clone());
        if reverse {
            places.reverse();
        }
        thread(name, move || places.iter().for_each(|place| drop(one_lane(&survey, *place))))
    };
    let pairs = |name| {
        let (survey, pairs) = (Arc::clone(survey), Arc::clone(&stage.pairs));
        thread(name, move || pairs.iter().for_each(|pair| drop(Link::new(&survey, pair))))
    };
    stage.race(vec![pins("opener 1", false), pins("opener 2", true), pairs("opener 3"), pairs("opener 4")]);
}

/// The pins of one instance, their states changed by several threads.
pub fn states(stage: &Stage<'_>) {
    for place in places(stage) {
        let Some(lane) = one_lane(&stage.survey, place) else { continue };
        let lane = Arc::new(lane.line);
        let states = |name, states: [State; 3]| {
            let lane = Arc::clone(&lane);
            thread(name, move || {
                for state in states {
                    let _ = lane.to(state);
                }
            })
        };
        stage.race(vec![
            states("up", [State::Run, State::Pause, State::Run]),
            states("down", [State::Pause, State::Stop, State::Acquire]),
        ]);
    }
}

/// One thread streams, one cancels and flushes, one stops.
pub fn cancel(stage: &Stage<'_>) {
    for place in stage.survey.pins(|pin| pin.is_readable() || pin.is_writable()) {
        let Some(lane) = one_lane(&stage.survey, place) else { continue };
        let _ = lane.to(State::Run);
        let handle = Arc::new(lane.line);
        let (streams, flushes, stops) = (Arc::clone(&handle), Arc::clone(&handle), Arc::clone(&handle));
        stage.race(vec![
            thread("streams", move || {
                for _ in 0..2 {
                    let flights = [streams.one(), streams.one()];
                    flights[1].cancel();
                    sched::sleep(streams.interval);
                }
            }),
            thread("flushes", move || {
                let _ = flushes.pin.reset(Reset::Begin);
                let _ = flushes.pin.reset(Reset::End);
            }),
            thread("stops", move || {
                let _ = stops.to(State::Stop);
                let _ = stops.to(State::Run);
            }),
        ]);
    }
}

/// A thread that lets frames flow on a lane.
fn flows(name: &'static str, mut lane: Lane) -> Race {
    thread(name, move || {
        for _ in 0..3 {
            lane.turn(2);
            sched::sleep(lane.interval);
        }
    })
}

/// Threads for all lanes that stream.
fn streams(traffic: &mut Traffic) -> Vec<Race> {
    const NAMES: [&str; 4] = ["stream 1", "stream 2", "stream 3", "stream 4"];
    NAMES.into_iter().zip(traffic.lanes.drain(..)).map(|(name, lane)| flows(name, lane)).collect()
}

/// Everything runs; `more` does something to it at the same time.
fn among_streams(stage: &Stage<'_>, feed: Feed, more: Vec<Race>) {
    let mut traffic = Traffic::new(&stage.survey, &stage.pairs, feed);
    traffic.to(State::Run);
    traffic.flow(stage.rig, 1);
    let mut threads = streams(&mut traffic);
    threads.extend(more);
    stage.race(threads);
}

/// The format is set while frames flow.
pub fn format(stage: &Stage<'_>) {
    for place in stage.survey.pins(|pin| pin.is_readable() || pin.is_writable()) {
        let formats = stage.survey.pin(place).map_or_else(Vec::new, |pin| pin.formats.clone());
        let (Some(lane), Some(small)) =
            (one_lane(&stage.survey, place), stage.survey.pin(place).and_then(|pin| pin.small.clone()))
        else {
            continue;
        };
        let _ = lane.to(State::Run);
        let lane = Arc::new(lane.line);
        let (flows, sets) = (Arc::clone(&lane), Arc::clone(&lane));
        stage.race(vec![
            thread("streams", move || {
                for _ in 0..3 {
                    let flight = flows.one();
                    sched::sleep(flows.interval);
                    drop(flight);
                }
            }),
            thread("sets", move || {
                for format in formats.iter().take(3).chain([&small]) {
                    sets.pin.set_format(format);
                }
            }),
        ]);
    }
}

/// Pairs are connected, run and closed by two threads, which want the same sinks.
pub fn connect(stage: &Stage<'_>) {
    let one = |name| {
        let (survey, pairs) = (Arc::clone(&stage.survey), Arc::clone(&stage.pairs));
        thread(name, move || {
            for pair in pairs.iter() {
                if let Ok(link) = Link::new(&survey, pair) {
                    let _ = link.to(State::Run);
                }
            }
        })
    };
    stage.race(vec![one("first"), one("second")]);
}

/// The sink of a pair that streams is closed while the source changes its state.
pub fn close(stage: &Stage<'_>) {
    for pair in stage.pairs.iter() {
        let Ok(mut link) = Link::new(&stage.survey, pair) else { continue };
        let _ = link.to(State::Run);
        let (Some(source), Some(sink)) = (link.source.take(), link.sink.take()) else { continue };
        let down = |pin: Pin| {
            for state in [State::Pause, State::Run, State::Stop] {
                let _ = set_state(&pin, state);
            }
        };
        stage.race(vec![
            thread("source", move || down(source)),
            thread("sink", move || {
                sched::sleep(330_000);
                drop(sink);
            }),
        ]);
    }
}

/// A program that writes, or holds a connection, dies.
pub fn writer(stage: &Stage<'_>) {
    let mut traffic = Traffic::new(&stage.survey, &stage.pairs, Feed::Writers);
    traffic.to(State::Run);
    traffic.flow(stage.rig, 1);
    let writable = stage.survey.pins(PinModel::is_writable).len();
    let writers: Vec<Lane> = traffic.lanes.drain(..writable.min(traffic.lanes.len())).collect();
    let mut threads = streams(&mut traffic);
    threads.push(thread("dies", move || {
        for mut lane in writers {
            lane.turn(3);
            // Its handles go in the order that the system likes, its requests with them.
            let Lane { flights, line, .. } = lane;
            drop(line);
            drop(flights);
        }
    }));
    stage.race(threads);
}

fn devices(stage: &Stage<'_>) -> Vec<&'static Device> {
    stage.drivers.borrow().iter().map(crate::client::Driver::device).collect()
}

fn to_devices(
    stage: &Stage<'_>,
    name: &'static str,
    body: impl Fn(&'static Device) + Send + 'static,
) -> Race {
    let devices = devices(stage);
    thread(name, move || devices.into_iter().for_each(body))
}

/// SURPRISE_REMOVAL among streams, while a filter is opened.
pub fn removal(stage: &Stage<'_>) {
    let link = stage.survey.filters.first().map(|filter| filter.interface.link.clone());
    let pull = to_devices(stage, "pulls", Device::surprise_remove);
    let opens = thread("opens", move || drop(link.map(|link| Filter::open(&link))));
    among_streams(stage, Feed::Links, vec![pull, opens]);
    stage.rig.settle();
}

/// D3 and D0 among streams.
pub fn power(stage: &Stage<'_>) {
    use ks_sys::_DEVICE_POWER_STATE::{PowerDeviceD0, PowerDeviceD3};
    let sleeps = to_devices(stage, "sleeps", |device| {
        device.set_power(PowerDeviceD3);
        device.set_power(PowerDeviceD0);
    });
    among_streams(stage, Feed::Links, vec![sleeps]);
    stage.rig.settle();
}

/// STOP_DEVICE and START_DEVICE among streams.
pub fn restart(stage: &Stage<'_>) {
    let stops = to_devices(stage, "stops", |device| {
        device.stop();
        device.start();
    });
    among_streams(stage, Feed::Links, vec![stops]);
    stage.rig.settle();
}
