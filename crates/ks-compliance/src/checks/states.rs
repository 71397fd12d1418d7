//! Family E: the state machine of a pin.

use ks_sys::*;

use super::formats::each_pin;
use super::instances::each_pair;
use crate::{
    Bench, Check,
    client::{Object, Pin},
    packet::Packet,
    property::{self, PATIENCE, SET},
    survey::{PinModel, Subject, frame_size, interval},
    system::SECOND,
    wire::Status,
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "E1",
        title: "STOP, ACQUIRE, PAUSE, RUN and back, step by step",
        page: "stream/ksproperty-connection-state",
        run: ladder,
    },
    Check { id: "E2", title: "requests that skip states", page: "nc-ks-pfnkspinsetdevicestate", run: skips },
    Check {
        id: "E3",
        title: "the state that a pin already has",
        page: "stream/ksproperty-connection-state",
        run: same_state,
    },
    Check {
        id: "E4",
        title: "values that are no state, and values that are too short",
        page: "ne-ks-ksstate",
        run: no_states,
    },
    Check {
        id: "E5",
        title: "a transition that fails leaves the former state",
        page: "nc-ks-pfnkspinsetdevicestate",
        run: failing_transition,
    },
    Check {
        id: "E6",
        title: "the state can be asked for while requests are pending",
        page: "stream/ksproperty-connection-state",
        run: asked_while_pending,
    },
    Check {
        id: "E7",
        title: "picture numbers begin anew after STOP, and go on over PAUSE",
        page: "stream/capturing-video",
        run: counters,
    },
    Check {
        id: "E8",
        title: "RUN without the instances that are necessary",
        page: "ns-ks-_kspin_descriptor_ex",
        run: necessary_instances,
    },
    Check {
        id: "E9",
        title: "the pins of a filter have states of their own",
        page: "stream/ks-pins",
        run: independent_pins,
    },
    Check {
        id: "E10",
        title: "a thousand starts and stops, balanced or not",
        page: "stream/ksproperty-connection-state",
        run: many_starts,
    },
    Check {
        id: "E11",
        title: "RESET_STATE flushes, refuses until its end, and takes nothing else",
        page: "ni-ks-ioctl_ks_reset_state",
        run: resets,
    },
];

/// Runs a check with an instance of each pin type that takes requests; STOP comes afterwards by closing it.
fn each_instance(bench: &Bench<'_>, mut check: impl FnMut(&Subject<'_>, &PinModel, &Pin<'_>, &str)) {
    each_pin(bench, |subject, pin, name| {
        if !pin.can_be_sink() || pin.formats.is_empty() {
            return;
        }
        let made = subject.filter.create_pin(pin.id, &pin.formats[0]);
        if let Some(made) = bench.take(format_args!("{name}: an instance"), made) {
            check(subject, pin, &made, name);
        }
    });
}

fn ladder(bench: &Bench<'_>) {
    each_instance(bench, |_, _, pin, name| {
        bench.equal(format_args!("{name}: a fresh pin"), pin.state(), Ok(0));
        for round in 0..3 {
            for state in [1, 2, 3, 2, 1, 0] {
                let what = format!("{name}: state {state} in round {round}");
                bench.succeeds(&what, pin.set_state(state));
                bench.equal(&what, pin.state(), Ok(state));
            }
        }
    });
}

fn skips(bench: &Bench<'_>) {
    each_instance(bench, |_, _, pin, name| {
        for (from, to) in [(0, 2), (2, 0), (0, 3), (3, 1), (1, 3), (3, 0), (0, 1), (1, 0)] {
            let what = format!("{name}: state {from} to {to}");
            if pin.step_to(from).is_err() {
                bench.note(format_args!("{name}: state {from} is out of reach"));
                continue;
            }
            let status = pin.set_state(to);
            bench.known(&what, status);
            let expected = if status.is_success() { to } else { pin.state().unwrap_or(from) };
            bench.equal(&what, pin.state(), Ok(expected));
        }
        bench.known(format_args!("{name}: STOP"), pin.set_state(0));
    });
}

fn same_state(bench: &Bench<'_>) {
    each_instance(bench, |_, _, pin, name| {
        for state in 0..4 {
            if pin.step_to(state).is_err() {
                break;
            }
            for _ in 0..2 {
                let what = format!("{name}: state {state} once more");
                bench.succeeds(&what, pin.set_state(state));
                bench.equal(&what, pin.state(), Ok(state));
            }
        }
        let _ = pin.step_to(0);
    });
}

fn no_states(bench: &Bench<'_>) {
    each_instance(bench, |_, _, pin, name| {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE as u32;
        for state in 0..4 {
            if pin.step_to(state).is_err() {
                break;
            }
            for value in [4, 5, 0xFF, 0x100, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
                let what = format!("{name}: {value:#x} in state {state}");
                bench.refused(&what, pin.set_state(value));
                bench.equal(&what, pin.state(), Ok(state));
            }
            for length in [0, 1, 3] {
                let input = property::request(KSPROPSETID_Connection, id, SET, &[]);
                let what = format!("{name}: {length} bytes of a state");
                bench.refused(&what, pin.property(&input, vec![3; length]).status);
                bench.equal(&what, pin.state(), Ok(state));
            }
        }
        let _ = pin.step_to(0);
    });
}

fn failing_transition(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    each_instance(bench, |_, _, pin, name| {
        for state in 1..4 {
            if pin.step_to(state - 1).is_err() {
                break;
            }
            machine.watch_calls("PinSetDeviceState", None);
            let status = pin.set_state(state);
            let (calls, _) = machine.watched_calls();
            bench.succeeds(format_args!("{name}: state {state}"), status);
            if calls.is_empty() {
                bench.note(format_args!("{name}: nothing that could fail on the way to state {state}"));
            }
            let _ = pin.step_to(state - 1);
            for (index, call) in calls.iter().enumerate() {
                let nth = calls[..index].iter().filter(|other| *other == call).count() as u32;
                machine.watch_calls("PinSetDeviceState", Some((call, nth)));
                let status = pin.set_state(state);
                machine.watched_calls();
                let what = format!("{name}: state {state} when {call} fails");
                bench.known(&what, status);
                let expected = if status.is_success() { state } else { state - 1 };
                bench.equal(&what, pin.state(), Ok(expected));
                let _ = pin.step_to(state - 1);
                bench.succeeds(format_args!("{what}: afterwards"), pin.set_state(state));
                let _ = pin.step_to(state - 1);
            }
        }
        let _ = pin.step_to(0);
    });
}

fn asked_while_pending(bench: &Bench<'_>) {
    each_instance(bench, |_, model, pin, name| {
        if !model.is_readable() {
            return;
        }
        if pin.step_to(2).is_err() {
            return;
        }
        let packet = Packet::new(bench.system, &[frame_size(&model.formats[0])], false);
        let read = pin.read(&packet);
        bench.equal(format_args!("{name}: a read in PAUSE"), read.wait(SECOND / 10), None);
        bench.equal(format_args!("{name}: the state"), pin.state(), Ok(2));
        for state in [1, 0] {
            bench.succeeds(format_args!("{name}: state {state} with a read pending"), pin.set_state(state));
        }
        let reply = read.wait(PATIENCE);
        let status = reply.map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
        bench.status(format_args!("{name}: the read after STOP"), status, &[STATUS_CANCELLED]);
    });
}

/// Reads some frames; the picture numbers of those that had one.
fn pictures(bench: &Bench<'_>, pin: &Pin<'_>, model: &PinModel, count: usize) -> Vec<i64> {
    let size = frame_size(&model.formats[0]);
    let patience = PATIENCE + interval(&model.formats[0]) * 4;
    (0..count)
        .filter_map(|_| {
            let packet = Packet::new(bench.system, &[size], true);
            let reply = pin.read(&packet).wait(patience)?;
            reply.status.is_success().then(|| packet.frame_info(0).map(|info| info.PictureNumber)).flatten()
        })
        .collect()
}

fn counters(bench: &Bench<'_>) {
    each_instance(bench, |_, model, pin, name| {
        if !model.is_readable() || pin.step_to(3).is_err() {
            return;
        }
        let first = pictures(bench, pin, model, 5);
        if first.len() < 2 || first.iter().all(|number| *number == 0) {
            bench.note(format_args!("{name}: gives no picture numbers"));
            return;
        }
        for _ in 0..3 {
            bench.succeeds(format_args!("{name}: PAUSE"), pin.set_state(2));
            bench.sleep_a_little();
            bench.succeeds(format_args!("{name}: RUN"), pin.set_state(3));
        }
        let second = pictures(bench, pin, model, 5);
        let (last, next) = (first.last().copied(), second.first().copied());
        bench.holds(
            next > last,
            format_args!("{name}: picture numbers over PAUSE"),
            "they go on",
            format_args!("{last:?}, then {next:?}"),
        );
        let _ = pin.step_to(0);
        let _ = pin.step_to(3);
        let third = pictures(bench, pin, model, 5);
        bench.holds(
            third.first() <= first.first().max(Some(&1)),
            format_args!("{name}: the first picture after STOP"),
            format_args!("{:?}, as at first", first.first()),
            format_args!("{:?}", third.first()),
        );
        let _ = pin.step_to(0);
    });
}

impl Bench<'_> {
    /// A tenth of a second.
    pub fn sleep_a_little(&self) {
        self.system.sleep(SECOND / 10);
    }
}

fn necessary_instances(bench: &Bench<'_>) {
    use KSPROPERTY_PIN::KSPROPERTY_PIN_NECESSARYINSTANCES;
    for subject in &bench.subjects() {
        let necessary: Vec<u32> = subject
            .pins
            .iter()
            .map(|pin| {
                subject.filter.pin_value(KSPROPERTY_PIN_NECESSARYINSTANCES, pin.id).unwrap_or_default()
            })
            .collect();
        for pin in subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()) {
            let others = subject.pins.iter().filter(|other| other.id != pin.id);
            if others
                .into_iter()
                .all(|other| necessary.get(other.id as usize).is_none_or(|count| *count == 0))
            {
                continue;
            }
            let Some((_filter, made)) = bench.pin_of(subject, pin.id) else { continue };
            let name = subject.name(pin);
            let reached = made.step_to(3);
            // The rule is for filters that are processed as a whole; a client cannot tell them from others.
            bench.known(
                format_args!("{name}: RUN without the other pins"),
                reached.err().unwrap_or(Status::SUCCESS),
            );
            let _ = made.step_to(0);
        }
    }
}

fn independent_pins(bench: &Bench<'_>) {
    for subject in &bench.subjects() {
        let makeable: Vec<&PinModel> =
            subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()).collect();
        let mut pins: Vec<(String, Pin<'_>)> = Vec::new();
        for pin in makeable.iter().chain(&makeable) {
            if let Ok(made) = subject.filter.create_pin(pin.id, &pin.formats[0]) {
                pins.push((subject.name(pin), made));
            }
        }
        for index in 0..pins.len() {
            for state in [1, 2, 3, 0] {
                let before: Vec<_> = pins.iter().map(|(_, pin)| pin.state()).collect();
                let (name, pin) = &pins[index];
                let status = pin.set_state(state);
                bench.known(format_args!("{name}: state {state}"), status);
                for (other, (name, pin)) in pins.iter().enumerate().filter(|(other, _)| *other != index) {
                    bench.equal(
                        format_args!("{name}: state while another pin moves"),
                        pin.state(),
                        before[other],
                    );
                }
            }
        }
    }
}

fn many_starts(bench: &Bench<'_>) {
    const CYCLES: usize = 1000;
    each_instance(bench, |_, model, pin, name| {
        let _ = pin.step_to(3);
        let _ = pin.step_to(0);
        let before = bench.footprint();
        let size = frame_size(&model.formats[0]);
        for cycle in 0..CYCLES {
            // Every other cycle as a program does that stops twice, or starts without a stop.
            let states: &[u32] = if cycle % 2 == 0 { &[1, 2, 3, 2, 1, 0] } else { &[3, 3, 0, 0, 2, 3, 0] };
            for state in states {
                bench.succeeds(format_args!("{name}: state {state}"), pin.set_state(*state));
                if *state == 3 && cycle % 50 == 0 && model.is_readable() {
                    let packet = Packet::new(bench.system, &[size], false);
                    let read = pin.read(&packet);
                    read.cancel();
                    drop(read);
                }
            }
        }
        bench.equal(format_args!("{name}: the state in the end"), pin.state(), Ok(0));
        bench.nothing_left(format_args!("{CYCLES} starts of {name}"), before);
    });
    each_pair(bench, |name, connect| {
        let Some(link) = bench.take(name, connect()) else { return };
        let cycle = |bench: &Bench<'_>| {
            for state in [1, 2, 3, 2, 1, 0] {
                for pin in [&link.sink, &link.source] {
                    bench.known(format_args!("{name}: state {state}"), pin.set_state(state));
                }
            }
        };
        cycle(bench);
        let before = bench.footprint();
        for _ in 0..100 {
            cycle(bench);
        }
        bench.nothing_left(format_args!("100 starts of {name}"), before);
    });
}

fn resets(bench: &Bench<'_>) {
    const BEGIN: u32 = KSRESET::KSRESET_BEGIN as u32;
    const END: u32 = KSRESET::KSRESET_END as u32;
    each_instance(bench, |_, model, pin, name| {
        for value in [2, 3, 0x7FFF_FFFF, u32::MAX] {
            bench.refused(format_args!("{name}: reset {value:#x}"), pin.reset(value));
        }
        for length in [0, 1, 3, 5, 8] {
            let status = pin.control(IOCTL_KS_RESET_STATE, &vec![0; length], Vec::new()).status;
            bench.known(format_args!("{name}: {length} bytes of a reset"), status);
            if length < 4 {
                bench.refused(format_args!("{name}: {length} bytes of a reset"), status);
            }
        }
        // Whatever the odd lengths did, requests are taken from here on.
        bench.succeeds(format_args!("{name}: the end of a reset"), pin.reset(END));
        if !model.is_readable() || pin.step_to(2).is_err() {
            return;
        }
        let size = frame_size(&model.formats[0]);
        let packets: Vec<Packet> = (0..4).map(|_| Packet::new(bench.system, &[size], false)).collect();
        let reads: Vec<_> = packets.iter().map(|packet| pin.read(packet)).collect();
        bench.succeeds(format_args!("{name}: the beginning of a reset"), pin.reset(BEGIN));
        for (index, read) in reads.iter().enumerate() {
            let status = read.wait(PATIENCE).map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
            bench.status(
                format_args!("{name}: read {index} after the beginning"),
                status,
                &[STATUS_CANCELLED],
            );
        }
        let packet = Packet::new(bench.system, &[size], false);
        let during = pin.read(&packet).wait(PATIENCE).map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
        bench.status(format_args!("{name}: a read during the reset"), during, &[STATUS_DEVICE_NOT_READY]);
        bench.succeeds(format_args!("{name}: the end"), pin.reset(END));
        bench.succeeds(format_args!("{name}: RUN"), pin.set_state(3));
        let packet = Packet::new(bench.system, &[size], false);
        let after = pin.read(&packet).wait(PATIENCE + interval(&model.formats[0]) * 4);
        let status = after.map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
        bench.succeeds(format_args!("{name}: a read after the reset"), status);
        let _ = pin.step_to(0);
    });
}
