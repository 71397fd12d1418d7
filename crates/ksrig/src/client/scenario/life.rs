//! What the PnP and power managers do, while programs stream.

use super::stage::Stage;
use super::traffic::{Feed, Traffic};
use crate::client::State;

/// Unloaded and loaded again.
pub fn load(stage: &Stage<'_>) {
    stage.unload();
    if stage.load().is_ok() {
        stage.did("loaded again");
    }
}

fn with_traffic(stage: &Stage<'_>, body: impl Fn(&mut Traffic)) {
    for feed in [Feed::Links, Feed::Writers] {
        let mut traffic = Traffic::new(&stage.survey, &stage.pairs, feed);
        traffic.to(State::Run);
        traffic.flow(stage.rig, 2);
        body(&mut traffic);
        stage.did_often("frames", traffic.frames());
    }
}

/// STOP_DEVICE and START_DEVICE; QUERY_REMOVE_DEVICE and CANCEL_REMOVE_DEVICE.
pub fn restart(stage: &Stage<'_>) {
    with_traffic(stage, |traffic| {
        stage.each_driver(|driver| {
            let _ = driver.query_remove();
            let _ = driver.cancel_remove();
        });
        traffic.flow(stage.rig, 1);
        let stopped = std::cell::Cell::new(true);
        stage.each_driver(|driver| stopped.set(driver.stop().is_ok() && stopped.get()));
        stage.did_often("devices stopped", u64::from(stopped.get()));
        traffic.flow(stage.rig, 1);
        stage.each_driver(|driver| driver.start());
        traffic.flow(stage.rig, 1);
        traffic.stop();
        traffic.to(State::Run);
        traffic.flow(stage.rig, 1);
    });
}

/// D3 and D0.
pub fn power(stage: &Stage<'_>) {
    with_traffic(stage, |traffic| {
        stage.each_driver(|driver| driver.sleep());
        stage.did("slept");
        traffic.flow(stage.rig, 1);
        stage.each_driver(|driver| driver.wake());
        traffic.flow(stage.rig, 2);
        stage.each_driver(|driver| driver.sleep());
        traffic.stop();
        stage.each_driver(|driver| driver.wake());
    });
}

/// SURPRISE_REMOVAL; everything is closed afterwards.
pub fn removal(stage: &Stage<'_>) {
    let mut traffic = Traffic::new(&stage.survey, &stage.pairs, Feed::Links);
    traffic.to(State::Run);
    traffic.flow(stage.rig, 2);
    stage.each_driver(crate::client::Driver::pull_out);
    stage.did("pulled out");
    traffic.flow(stage.rig, 1);
    traffic.to(State::Pause);
    traffic.to(State::Stop);
    drop(stage.open(0));
}

/// Disabled while files are open, which is refused, and while none is; enabled again.
pub fn disable(stage: &Stage<'_>) {
    let mut traffic = Traffic::new(&stage.survey, &stage.pairs, Feed::Links);
    traffic.to(State::Run);
    traffic.flow(stage.rig, 1);
    stage.each_driver(|driver| driver.disable());
    traffic.flow(stage.rig, 1);
    drop(traffic);
    stage.rig.settle();
    stage.each_driver(|driver| {
        if driver.disable().is_ok() {
            stage.did("disabled");
            stage.did_often("enabled", u64::from(driver.enable().is_ok()));
        }
    });
    drop(stage.open(0));
}
