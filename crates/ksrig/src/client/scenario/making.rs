//! Pins and what is opened on them.

use ks_sys::KSALLOCATOR_FRAMING;

use super::lane::set_state;
use super::stage::Stage;
use crate::client::{Filter, Format, State};

/// Calls `body` for each pin that a program can make, with its filter open.
fn each_pin(stage: &Stage<'_>, body: impl Fn(&Filter, u32, &[Format], &Format)) {
    for (index, model) in stage.survey.filters.iter().enumerate() {
        let Some(filter) = stage.open(index) else { continue };
        for pin in model.pins.iter().filter(|pin| pin.info.communication.can_be_sink()) {
            if let Some(small) = &pin.small {
                body(&filter, pin.info.id, &pin.formats, small);
            }
        }
    }
}

/// Every pin with a format of each of its ranges, and with one that is cut off.
pub fn formats(stage: &Stage<'_>) {
    each_pin(stage, |filter, pin, formats, small| {
        for format in formats.iter().chain([small]) {
            if let Ok(made) = filter.create_pin(pin, format) {
                stage.did("pins made");
                let _ = set_state(&made, State::Pause);
            }
        }
        let cut = Format(small.0[..small.0.len() / 2].to_vec());
        drop(filter.create_pin(pin, &cut));
    });
}

/// Every pin up and down; and closed in each state.
pub fn states(stage: &Stage<'_>) {
    each_pin(stage, |filter, pin, _, small| {
        for last in State::ALL {
            let Ok(made) = filter.create_pin(pin, small) else { continue };
            stage.did("pins made");
            for state in [State::Run, State::Acquire, State::Pause, State::Stop, last] {
                stage.did_often("states set", u64::from(set_state(&made, state).is_ok()));
            }
        }
    });
}

/// Clocks and allocators of every pin, nodes of every filter; some outlive their parent.
pub fn objects(stage: &Stage<'_>) {
    each_pin(stage, |filter, pin, _, small| {
        let Ok(made) = filter.create_pin(pin, small) else { return };
        let framing = KSALLOCATOR_FRAMING { Frames: 2, FrameSize: 4096, ..KSALLOCATOR_FRAMING::default() };
        let clock = made.clock().inspect(|_| stage.did("clocks opened"));
        let allocator = made.allocator(&framing).inspect(|_| stage.did("allocators opened"));
        if let Ok(clock) = &clock {
            let _ = clock.time();
            let _ = made.set_master_clock(Some(clock));
            let marks = (clock.at(1), clock.every(10_000, 10_000));
            let _ = set_state(&made, State::Run);
            stage.rig.sleep(100_000);
            drop(marks);
            let _ = made.set_master_clock(None);
        }
        if let Ok(allocator) = &allocator {
            let _ = allocator.status();
            let _ = made.set_allocator(Some(allocator));
            let _ = made.set_allocator(None);
        }
        drop(made);
        drop((clock, allocator));
    });
    for index in 0..stage.survey.filters.len() {
        let Some(filter) = stage.open(index) else { continue };
        let nodes: Vec<_> = (0..3).map_while(|node| filter.node(node).ok()).collect();
        stage.did_often("nodes opened", nodes.len() as u64);
    }
}
