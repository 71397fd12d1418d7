//! Family H: the device goes, sleeps, and comes back.

use std::collections::BTreeMap;

use ks_sys::*;

use super::transfer::finish;
use crate::{
    Bench, Check, Verdict, check,
    client::{Filter, Object, Pin},
    narrow::Narrow,
    packet::Packet,
    property::{GET, PATIENCE},
    survey::{self, PinModel, frame_size},
    system::{Interface, Machine, Request},
    wire::Status,
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "H1",
        title: "the device is pulled out in each state, with requests pending",
        page: "kernel/handling-an-irp-mn-surprise-removal-request",
        run: pulled_out,
    },
    Check {
        id: "H2",
        title: "a question about removal while handles are open",
        page: "kernel/handling-an-irp-mn-query-remove-device-request",
        run: query_remove,
    },
    Check {
        id: "H3",
        title: "the driver is unloaded and loaded a thousand times",
        page: "kernel/handling-an-irp-mn-remove-device-request",
        run: restarts,
    },
    Check {
        id: "H4",
        title: "the device sleeps and wakes up in each state",
        page: "stream/power-and-state-changes-in-avstream",
        run: sleep,
    },
    Check {
        id: "H5",
        title: "resources are assigned anew while pins are open",
        page: "kernel/handling-an-irp-mn-stop-device-request",
        run: rebalance,
    },
    Check {
        id: "H6",
        title: "a program of 32 bits finds in A to G what one of 64 does",
        page: "kernel/supporting-32-bit-i-o-in-your-64-bit-driver",
        run: narrow_callers,
    },
];

/// A pin type that can be made, wherever its filter is opened.
#[derive(Clone)]
struct Target {
    name: String,
    reference: String,
    model: PinModel,
}

fn targets(bench: &Bench<'_>) -> Vec<Target> {
    let mut targets = Vec::new();
    for subject in &bench.subjects() {
        for model in subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()) {
            let reference = subject.interface.reference.clone();
            targets.push(Target { name: subject.name(model), reference, model: model.clone() });
        }
    }
    targets
}

impl Target {
    fn interface(&self, bench: &Bench<'_>) -> Option<Interface> {
        bench.system.interfaces().into_iter().find(|interface| interface.reference == self.reference)
    }

    /// An instance in a state, if that can be reached.
    fn open<'a>(&self, bench: &Bench<'a>, state: u32) -> Option<(Filter<'a>, Pin<'a>)> {
        let interface = self.interface(bench)?;
        let filter = bench.take(&self.name, Filter::open(bench.system, &interface.link))?;
        let pin = bench.take(&self.name, filter.create_pin(self.model.id, &self.model.formats[0]))?;
        bench.take(format_args!("{}: state {state}", self.name), pin.step_to(state))?;
        Some((filter, pin))
    }

    fn packets(&self, bench: &Bench<'_>) -> Vec<Packet> {
        let size = frame_size(&self.model.formats[0]);
        (0..4)
            .map(|_| match self.model.output {
                true => Packet::new(bench.system, &[size], false),
                false => Packet::from_frame(bench.system, &vec![0x42; size]),
            })
            .collect()
    }

    fn submit(&self, pin: &Pin<'_>, packets: &[Packet]) -> Vec<Box<dyn Request>> {
        let one = |packet| if self.model.output { pin.read(packet) } else { pin.write(packet) };
        packets.iter().map(one).collect()
    }
}

fn back(bench: &Bench<'_>, machine: &dyn Machine) -> bool {
    let restarted = machine.restart();
    bench.holds(
        restarted.is_ok(),
        "the driver, loaded once more",
        "it starts",
        restarted.err().unwrap_or_default(),
    )
}

fn pulled_out(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    for target in targets(bench) {
        for state in 0..4 {
            let what = format!("{} pulled out in state {state}", target.name);
            let Some((filter, pin)) = target.open(bench, state) else { continue };
            let packets = target.packets(bench);
            let requests = target.submit(&pin, &packets);
            machine.pull();
            let interface = target.interface(bench);
            bench.holds(interface.is_none(), format_args!("{what}: its interface"), "gone", "there");
            for (index, request) in requests.iter().enumerate() {
                // What is not back by itself comes back when the program gives up.
                if request.wait(PATIENCE / 10).is_none() {
                    request.cancel();
                }
                let status = request.wait(PATIENCE).map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
                bench.known(format_args!("{what}: request {index}"), status);
                bench.holds(
                    status != Status(STATUS_IO_TIMEOUT),
                    format_args!("{what}: request {index}"),
                    "an end",
                    "none",
                );
            }
            let made = filter.create_pin(target.model.id, &target.model.formats[0]);
            bench.refused(format_args!("{what}: a new pin"), made.err().unwrap_or(Status::SUCCESS));
            bench.known(format_args!("{what}: state"), pin.state().err().unwrap_or(Status::SUCCESS));
            bench.known(format_args!("{what}: STOP"), pin.set_state(0));
            let packet = &target.packets(bench)[..1];
            for late in target.submit(&pin, packet) {
                late.cancel();
                let status = finish(&*late, &target.model).status;
                bench.refused(format_args!("{what}: a late request"), status);
            }
            drop(requests);
            drop(packets);
            drop(pin);
            drop(filter);
            if !back(bench, machine) {
                return;
            }
        }
    }
}

fn query_remove(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    for target in targets(bench) {
        for state in 0..4 {
            let Some((filter, pin)) = target.open(bench, state) else { continue };
            let what = format!("{}: QUERY_REMOVE in state {state}", target.name);
            bench.known(&what, machine.query_remove());
            bench.equal(&what, pin.state(), Ok(state));
            bench.take(format_args!("{what}: afterwards"), filter.instances(target.model.id));
            if state == 3 && target.model.output {
                let packets = target.packets(bench);
                let requests = target.submit(&pin, &packets);
                let status = finish(&*requests[0], &target.model).status;
                bench.succeeds(format_args!("{what}: streaming afterwards"), status);
            }
        }
    }
}

fn restarts(bench: &Bench<'_>) {
    let times = bench.rounds.div_ceil(100);
    let Some(machine) = bench.machine() else { return };
    let names = || {
        let mut names: Vec<_> =
            bench.system.interfaces().into_iter().map(|i| (i.reference, i.name)).collect();
        names.sort();
        names
    };
    let before = names();
    if !back(bench, machine) {
        return;
    }
    let footprint = bench.footprint();
    for round in 0..times {
        if !back(bench, machine) {
            return;
        }
        bench.equal(format_args!("the list of filters in round {round}"), names(), before.clone());
    }
    bench.nothing_left(format_args!("{times} restarts"), footprint);
    bench.equal("broken rules", machine.broken_rules(), Vec::new());
}

fn sleep(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    for target in targets(bench) {
        for state in 0..4 {
            let Some((_filter, pin)) = target.open(bench, state) else { continue };
            let what = format!("{}: sleep in state {state}", target.name);
            let before = bench.footprint();
            for _ in 0..3 {
                bench.succeeds(format_args!("{what}: D3"), machine.power(false));
                bench.sleep_a_little();
                bench.succeeds(format_args!("{what}: D0"), machine.power(true));
                bench.equal(&what, pin.state(), Ok(state));
            }
            bench.nothing_left(&what, before);
            if state == 3 && target.model.output {
                let packets = target.packets(bench);
                let requests = target.submit(&pin, &packets);
                bench.succeeds(
                    format_args!("{what}: streaming afterwards"),
                    finish(&*requests[0], &target.model).status,
                );
            }
            bench.take(format_args!("{what}: STOP"), pin.step_to(0));
        }
    }
}

fn rebalance(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    for target in targets(bench) {
        for state in [0, 3] {
            let Some((filter, pin)) = target.open(bench, state) else { continue };
            let what = format!("{}: rebalance in state {state}", target.name);
            bench.known(&what, machine.rebalance());
            bench.known(format_args!("{what}: state"), pin.state().err().unwrap_or(Status::SUCCESS));
            bench.known(format_args!("{what}: STOP"), pin.set_state(0));
            drop(pin);
            drop(filter);
            let Some((_filter, pin)) = target.open(bench, 0) else { continue };
            bench.holds(pin.handle() != 0, format_args!("{what}: a new pin afterwards"), "a handle", "none");
        }
    }
}

/// Checks of the families A to G that a program of 32 bits makes with another result than one of 64.
fn narrow_callers(bench: &Bench<'_>) {
    /// What repeats itself for ever does so a few times: it was done by the program of 64 bits.
    const ROUNDS: u32 = 100;
    /// Room for any value.
    const ROOM: usize = 1 << 16;
    let Some(narrow) = Narrow::beside(bench.system) else {
        bench.note(format_args!("{} starts no programs of 32 bits beside this one", bench.system.name()));
        return;
    };
    let own = |system| {
        let mut own = Bench::new(system, bench.promises.clone());
        (own.seed, own.requests, own.rounds) = (bench.seed, bench.requests, ROUNDS);
        own
    };
    // Each property that can be read answers both alike, whatever its value is at the moment.
    let mut answers = BTreeMap::new();
    survey::each_property(&own(bench.system), |name, object, list| {
        for property in list.iter().filter(|property| property.access & GET != 0) {
            let answer = object.ask(&property.request(GET), vec![0; ROOM]);
            let what = format!("{name}: {}", property.name());
            answers.insert(what, (property.clone(), answer.status, answer.information));
        }
    });
    survey::each_property(&own(&narrow), |name, object, _| {
        for (what, (property, status, information)) in &answers {
            if what.strip_prefix(name).is_some_and(|rest| rest.starts_with(": ")) {
                let answer = object.ask(&property.request(GET), vec![0; ROOM]);
                let got = (answer.status, answer.information);
                bench.equal(format_args!("{what} from a program of 32 bits"), got, (*status, *information));
            }
        }
    });
    let make = |system, check: &Check| check.make(own(system));
    for check in check::all().filter(|check| check.id < "H") {
        let found = make(&narrow, check);
        if found.verdict == Verdict::Ok {
            bench.made(found.assertions);
            continue;
        }
        let wide = make(bench.system, check);
        bench.equal(format_args!("{}: {}", check.id, check.title), found.verdict, wide.verdict);
        for failure in found.failures {
            let known = wide.failures.iter().any(|known| known.at == failure.at && known.got == failure.got);
            bench.holds(
                known,
                format_args!("{}: {}", check.id, failure.what),
                format_args!("{}, as from a program of 64 bits", failure.expected),
                failure.got,
            );
        }
    }
}
