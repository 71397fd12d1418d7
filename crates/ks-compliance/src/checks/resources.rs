//! Family H: scarcity, rules, what is left over, and chance.

use super::instances::each_pair;
use crate::{
    Bench, Check,
    client::{Filter, Pin},
    fuzz::{self, Random},
    packet::Packet,
    property::PATIENCE,
    survey::{PinModel, Subject, frame_size, interval},
    system::{Machine, Request, Work},
    wire::{Format, Status},
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "H7",
        title: "each kernel call that can fail fails once, in each callback",
        page: "devtest/systematic-low-resources-simulation",
        run: faults,
    },
    Check {
        id: "H8",
        title: "no rule of Driver Verifier is broken",
        page: "devtest/rules-for-avstream-drivers",
        run: rules,
    },
    Check {
        id: "H9",
        title: "nothing is left over after the unload",
        page: "devtest/pool-tracking",
        run: unload,
    },
    Check {
        id: "H10",
        title: "random and mutated requests",
        page: "devtest/how-to-perform-fuzz-tests-with-ioctlspy",
        run: fuzz::run,
    },
    Check {
        id: "H11",
        title: "two writers, four readers and a remover at once, scheduled by chance",
        page: "devtest/df---concurrent-hardware-and-operating-system--chaos--tests",
        run: at_once,
    },
];

/// What a program does with a pin: it makes one, reads or writes, asks, and closes it. The first failure ends it.
fn use_pin(bench: &Bench<'_>, subject: &Subject<'_>, model: &PinModel) -> Result<(), Status> {
    let filter = Filter::open(bench.system, &subject.interface.link)?;
    if let Some(range) = model.ranges.first() {
        filter.intersect(model.id, &[range])?;
    }
    let pin = filter.create_pin(model.id, &model.formats[0])?;
    pin.step_to(3)?;
    let size = frame_size(&model.formats[0]);
    for _ in 0..2 {
        let packet = match model.output {
            true => Packet::new(bench.system, &[size], true),
            false => Packet::from_frame(bench.system, &vec![0x21; size]),
        };
        let request = if model.output { pin.read(&packet) } else { pin.write(&packet) };
        let patience = PATIENCE / 4 + interval(&model.formats[0]) * 4;
        if let Some(reply) = request.wait(patience) {
            reply.status.check()?;
        }
    }
    let _ = pin.format();
    pin.step_to(0)
}

/// The callbacks in which calls are made to fail.
const CALLBACKS: [&str; 8] = [
    "FilterCreate",
    "PinSetDataFormat",
    "PinCreate",
    "PinSetDeviceState",
    "PinProcess",
    "PinIntersect",
    "PropertyGet",
    "PinReset",
];

fn faults(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    for subject in &bench.subjects() {
        for model in subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()) {
            for callback in CALLBACKS {
                let name = format!("{} in {callback}", subject.name(model));
                let work = || use_pin(bench, subject, model);
                each_fault(bench, machine, callback, &name, &work);
            }
        }
    }
    each_pair(bench, |name, connect| {
        each_fault(bench, machine, "PinConnect", &format!("{name} in PinConnect"), &|| connect().map(drop));
    });
}

/// Lets each call in a callback fail in turn, and does the work once more afterwards.
fn each_fault(
    bench: &Bench<'_>,
    machine: &dyn Machine,
    callback: &'static str,
    name: &str,
    work: &dyn Fn() -> Result<(), Status>,
) {
    // A call site in a loop is met by its first calls.
    const MOST: usize = 40;
    machine.watch_calls(callback, None);
    let whole = work();
    let (calls, _) = machine.watched_calls();
    bench.take(name, whole);
    for (index, call) in calls.iter().enumerate().take(MOST) {
        let nth = calls[..index].iter().filter(|other| *other == call).count() as u32;
        let before = bench.footprint();
        machine.watch_calls(callback, Some((call, nth)));
        let result = work();
        machine.watched_calls();
        let what = format!("{name} when call {nth} of {call} fails");
        bench.known(&what, result.err().unwrap_or(Status::SUCCESS));
        bench.nothing_left(&what, before);
        bench.take(format_args!("{what}: afterwards"), work());
    }
}

fn rules(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    for subject in &bench.subjects() {
        for model in subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()) {
            let name = subject.name(model);
            bench.take(&name, use_pin(bench, subject, model));
            bench.equal(format_args!("{name}: broken rules"), machine.broken_rules(), Vec::new());
        }
    }
    each_pair(bench, |name, connect| {
        if let Some(link) = bench.take(name, connect()) {
            for state in [1, 2, 3, 2, 1, 0] {
                for pin in [&link.sink, &link.source] {
                    bench.known(format_args!("{name}: state {state}"), pin.set_state(state));
                }
                bench.sleep_a_little();
            }
        }
        bench.equal(format_args!("{name}: broken rules"), machine.broken_rules(), Vec::new());
    });
}

fn unload(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    {
        let subjects = bench.subjects();
        for subject in &subjects {
            for model in subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()) {
                bench.take(subject.name(model), use_pin(bench, subject, model));
            }
        }
    }
    let left = machine.unload();
    if let Some(left) =
        bench.holds(left.is_ok(), "the unload", "it goes", "it does not").then_some(left).and_then(Result::ok)
    {
        bench.equal("pool after the unload", (left.allocations, left.bytes), (0, 0));
        bench.equal("MDLs after the unload", left.mdls, 0);
    }
    bench.holds(bench.system.interfaces().is_empty(), "interfaces after the unload", "none", "some");
    bench.equal("broken rules", machine.broken_rules(), Vec::new());
}

/// A pin of a program that comes and goes, and its requests.
struct Program<'a> {
    requests: Vec<(Box<dyn Request>, Packet)>,
    pin: Pin<'a>,
    output: bool,
    size: usize,
    _filter: Filter<'a>,
}

impl<'a> Program<'a> {
    fn start(bench: &Bench<'a>, subject: &Subject<'a>, model: &PinModel) -> Result<Self, Status> {
        let filter = Filter::open(bench.system, &subject.interface.link)?;
        let pin = filter.create_pin(model.id, &model.formats[0])?;
        let size = frame_size(&model.formats[0]);
        Ok(Self { requests: Vec::new(), pin, output: model.output, size, _filter: filter })
    }

    fn step(&mut self, bench: &Bench<'_>, random: &mut Random) {
        match random.below(8) {
            0 => bench.known("a state by chance", self.pin.set_state(random.below(4) as u32)),
            1 => bench.known("a reset by chance", self.pin.reset(random.below(2) as u32)),
            2 => {
                if let Some((request, _)) = self.requests.last() {
                    request.cancel();
                }
                true
            }
            3 => {
                self.requests.retain(|(request, _)| request.wait(0).is_none());
                true
            }
            _ if self.requests.len() < 8 => {
                let packet = match self.output {
                    true => Packet::new(bench.system, &[self.size], true),
                    false => Packet::from_frame(bench.system, &vec![0x66; self.size]),
                };
                let request = if self.output { self.pin.read(&packet) } else { self.pin.write(&packet) };
                self.requests.push((request, packet));
                true
            }
            _ => bench.known("the way to RUN", self.pin.step_to(3).err().unwrap_or(Status::SUCCESS)),
        };
    }
}

fn at_once(bench: &Bench<'_>) {
    chaos(bench);
    together(bench);
}

fn chaos(bench: &Bench<'_>) {
    const STEPS: usize = 3000;
    let mut random = Random::new(bench.seed);
    let before;
    {
        let subjects = bench.subjects();
        let models: Vec<(&Subject<'_>, &PinModel)> = subjects
            .iter()
            .flat_map(|subject| subject.pins.iter().map(move |model| (subject, model)))
            .filter(|(_, model)| model.can_be_sink() && !model.formats.is_empty())
            .collect();
        if models.is_empty() {
            bench.note("no pin can be made");
            return;
        }
        before = bench.footprint();
        let mut programs: Vec<Program<'_>> = Vec::new();
        for _ in 0..STEPS {
            match random.below(20) {
                0 | 1 if programs.len() < 6 => {
                    let (subject, model) = models[random.below(models.len())];
                    match Program::start(bench, subject, model) {
                        Ok(program) => programs.push(program),
                        Err(status) => {
                            bench.known("a program's start by chance", status);
                        }
                    }
                }
                2 if !programs.is_empty() => {
                    let gone = random.below(programs.len());
                    programs.swap_remove(gone);
                }
                3 => bench.system.sleep(10_000 * (1 + random.below(400) as u64)),
                _ if !programs.is_empty() => {
                    let one = random.below(programs.len());
                    programs[one].step(bench, &mut random);
                }
                _ => {}
            }
        }
        drop(programs);
        bench.nothing_left(format_args!("{STEPS} steps by chance, seed {}", bench.seed), before);
    }
    if let Some(machine) = bench.system.machine() {
        bench.equal("broken rules", machine.broken_rules(), Vec::new());
    }
    for subject in &bench.subjects() {
        for model in subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()) {
            bench.take(format_args!("{} afterwards", subject.name(model)), use_pin(bench, subject, model));
        }
    }
}

/// A pin type that threads use.
#[derive(Clone)]
struct Target {
    name: String,
    reference: String,
    pin: u32,
    format: Format,
    output: bool,
    size: usize,
}

/// What a thread of [`together`] does: pins come, run, take requests, and go, until the filter is gone or enough is done.
fn user(target: &Target, link: &str, seed: u64) -> Work {
    const PINS: usize = 6;
    let (target, link) = (target.clone(), link.to_owned());
    Box::new(move |system| {
        let mut random = Random::new(seed);
        let mut met = Vec::new();
        for _ in 0..1 + random.below(PINS) {
            let mut note = |what: &str, status: Status| {
                met.push((format!("{}: {what}", target.name), status));
                status.is_success()
            };
            let filter = match Filter::open(system, &link) {
                Ok(filter) => filter,
                Err(status) => {
                    note("opening the filter", status);
                    break;
                }
            };
            let pin = match filter.create_pin(target.pin, &target.format) {
                Ok(pin) => pin,
                Err(status) => {
                    // Another one has it, or it is gone.
                    note("making the pin", status);
                    continue;
                }
            };
            note("RUN", pin.step_to(3).err().unwrap_or(Status::SUCCESS));
            let mut requests = Vec::new();
            for _ in 0..1 + random.below(6) {
                let packet = match target.output {
                    true => Packet::new(system, &[target.size], true),
                    false => Packet::from_frame(system, &vec![random.below(256) as u8; target.size]),
                };
                let request = if target.output { pin.read(&packet) } else { pin.write(&packet) };
                match random.below(4) {
                    0 => request.cancel(),
                    1 => _ = request.wait(random.below(1_000_000) as u64),
                    _ => {}
                }
                requests.push((request, packet));
            }
            match random.below(4) {
                0 => _ = note("PAUSE", pin.set_state(2)),
                1 => _ = note("a reset", pin.reset(random.below(2) as u32)),
                2 => system.sleep(random.below(2_000_000) as u64),
                _ => {}
            }
            for (request, _) in &requests {
                if let Some(reply) = request.wait(0) {
                    note("a request", reply.status);
                }
            }
            // Requests before the pin, or with it: their drop cancels them and waits.
            if random.below(2) == 0 {
                drop(requests);
                note("STOP", pin.set_state(0));
                drop(pin);
                drop(filter);
            } else {
                drop(filter);
                note("STOP", pin.set_state(0));
                drop(requests);
            }
        }
        met
    })
}

/// Two writers, four readers and a remover in threads of their own. On a machine that can be told so, they run by
/// priorities that the seed draws, with few changes at drawn places: each seed is another schedule.
fn together(bench: &Bench<'_>) {
    const CHANGES: usize = 3;
    let targets: Vec<Target> = {
        let subjects = bench.subjects();
        let one = |subject: &Subject<'_>, model: &PinModel| Target {
            name: subject.name(model),
            reference: subject.interface.reference.clone(),
            pin: model.id,
            format: model.formats[0].clone(),
            output: model.output,
            size: frame_size(&model.formats[0]),
        };
        let pins = subjects.iter().flat_map(|subject| subject.pins.iter().map(move |pin| (subject, pin)));
        pins.filter(|(_, pin)| pin.is_readable() || pin.is_writable())
            .map(|(subject, pin)| one(subject, pin))
            .collect()
    };
    let (readable, writable): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(|target| target.output);
    let machine = bench.system.machine();
    let rounds = bench.rounds.div_ceil(500);
    let mut steps = 2000;
    let mut baseline = None;
    for round in 0..rounds {
        let seed = bench.seed.wrapping_mul(0x1_0000).wrapping_add(u64::from(round));
        let mut random = Random::new(seed);
        let interfaces = bench.system.interfaces();
        let mut threads: Vec<Work> = Vec::new();
        for (list, count) in [(&writable, 2), (&readable, 4)] {
            for number in 0..count {
                let Some(target) = list.get((number + round as usize) % list.len().max(1)) else { break };
                let link = interfaces.iter().find(|interface| interface.reference == target.reference);
                if let Some(link) = link {
                    threads.push(user(target, &link.link, random.number()));
                }
            }
        }
        if let Some(machine) = machine {
            let (pull, delay) = (machine.puller(), random.below(4_000_000) as u64);
            threads.push(Box::new(move |system| {
                system.sleep(delay);
                pull();
                Vec::new()
            }));
            machine.prioritize(seed, CHANGES, steps);
        }
        let what = format!("round {round} of seed {}", bench.seed);
        let met = bench.system.together(threads);
        if let Some(machine) = machine {
            steps = machine.unprioritize().max(100);
        }
        for (place, status) in met {
            bench.known(format_args!("{what}: {place}"), status);
        }
        if let Some(machine) = machine {
            if !bench.holds(machine.restart().is_ok(), &what, "the driver starts again", "it does not") {
                return;
            }
            bench.equal(format_args!("{what}: broken rules"), machine.broken_rules(), Vec::new());
            let now = bench.footprint();
            bench.equal(format_args!("what is alive after {what}"), now, *baseline.get_or_insert(now));
        }
    }
    for subject in &bench.subjects() {
        for model in subject.pins.iter().filter(|pin| pin.can_be_sink() && !pin.formats.is_empty()) {
            bench.take(format_args!("{} afterwards", subject.name(model)), use_pin(bench, subject, model));
        }
    }
}
