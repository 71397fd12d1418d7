//! Family D: pins come and go.

use ks_sys::*;

use super::formats::{each_format, each_pin};
use crate::{
    Bench, Check,
    client::{self, Filter, Object, Pin},
    survey::{self, PinModel, Subject, frame_size},
    system::Job,
    wire::{
        Format, Status,
        bytes::{self, Identifier},
    },
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "D1",
        title: "CINSTANCES counts exactly; one pin more than possible fails and changes nothing",
        page: "stream/ksproperty-pin-cinstances",
        run: counts,
    },
    Check {
        id: "D2",
        title: "a creation that lacks memory leaves nothing behind",
        page: "nf-ks-kscreatepin",
        run: scarcity,
    },
    Check {
        id: "D3",
        title: "a pin is closed in each state",
        page: "nc-ks-pfnkspinirp",
        run: close_in_each_state,
    },
    Check {
        id: "D4",
        title: "the filter is closed before its pins, and after them",
        page: "stream/ks-filters",
        run: order_of_closing,
    },
    Check {
        id: "D5",
        title: "a duplicate of a handle keeps the pin alive, in another program too, and when its owner dies",
        page: "kernel/object-handles",
        run: duplicates,
    },
    Check {
        id: "D6",
        title: "connections with wrong interfaces, mediums, and handles that are no pin to connect to",
        page: "ns-ks-kspin_connect",
        run: wrong_connections,
    },
    Check {
        id: "D7",
        title: "Connect comes once, before the first state; Disconnect once, in all orders of closing",
        page: "nc-ks-pfnkspin",
        run: connect_once,
    },
    Check {
        id: "D8",
        title: "a failed Connect reaches the caller, leaves the sink usable, and gets no Disconnect",
        page: "nc-ks-pfnkspin",
        run: failed_connect,
    },
    Check {
        id: "D9",
        title: "connecting and disconnecting a hundred thousand times: nothing grows",
        page: "stream/ks-pins",
        run: many_cycles,
    },
];

/// How many instances of a pin type a filter says there are.
fn current(filter: &Filter<'_>, pin: u32) -> Option<u32> {
    filter.instances(pin).map(|counts| counts.CurrentCount).ok()
}

fn counts(bench: &Bench<'_>) {
    // No driver means so many when it names a limit.
    const MOST: u32 = 64;
    each_pin(bench, |subject, pin, name| {
        let Some(format) = pin.formats.first().filter(|_| pin.can_be_sink()) else { return };
        let before = bench.footprint();
        let limit = pin.possible.min(MOST);
        let mut pins = Vec::new();
        for count in 0..limit {
            bench.equal(format_args!("{name}: CINSTANCES"), current(&subject.filter, pin.id), Some(count));
            let made = subject.filter.create_pin(pin.id, format);
            match made {
                Ok(made) => pins.push(made),
                Err(status) => {
                    // Another limit than the descriptor's: one writer, a device in use.
                    bench.holds(count > 0, format_args!("{name}: the first instance"), "success", status);
                    bench.refused(format_args!("{name}: instance {count}"), status);
                    break;
                }
            }
        }
        let made = pins.len() as u32;
        bench.equal(format_args!("{name}: CINSTANCES"), current(&subject.filter, pin.id), Some(made));
        if pin.possible <= MOST {
            for _ in 0..2 {
                let status = subject.filter.create_pin(pin.id, format).err().unwrap_or(Status::SUCCESS);
                bench.refused(format_args!("{name}: one pin more than possible"), status);
                bench.equal(format_args!("{name}: CINSTANCES"), current(&subject.filter, pin.id), Some(made));
            }
        }
        if let Ok(other) = Filter::open(bench.system, &subject.interface.link) {
            bench.equal(
                format_args!("{name}: CINSTANCES of another filter"),
                current(&other, pin.id),
                Some(0),
            );
        }
        while pins.pop().is_some() {
            let left = pins.len() as u32;
            bench.equal(format_args!("{name}: CINSTANCES"), current(&subject.filter, pin.id), Some(left));
        }
        bench.nothing_left(format_args!("{made} instances of {name}"), before);
    });
}

fn scarcity(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    each_format(bench, |subject, pin, format, what| {
        for callback in ["PinSetDataFormat", "PinCreate"] {
            machine.watch_calls(callback, None);
            let made = subject.filter.create_pin(pin.id, format);
            drop(made);
            let (calls, _) = machine.watched_calls();
            for (index, call) in calls.iter().enumerate() {
                let nth = calls[..index].iter().filter(|other| *other == call).count() as u32;
                let before = bench.footprint();
                machine.watch_calls(callback, Some((call, nth)));
                let made = subject.filter.create_pin(pin.id, format);
                let (_, struck) = machine.watched_calls();
                let status = made.as_ref().err().copied().unwrap_or(Status::SUCCESS);
                let what = format!("{what}: {callback} when {call} fails");
                bench.holds(struck, &what, "the call is made again", "it was not");
                bench.known(&what, status);
                drop(made);
                bench.equal(format_args!("{what}: CINSTANCES"), current(&subject.filter, pin.id), Some(0));
                bench.nothing_left(&what, before);
            }
        }
    });
}

fn close_in_each_state(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let Some(format) = pin.formats.first().filter(|_| pin.can_be_sink()) else { return };
        for state in 0..4 {
            let before = bench.footprint();
            let Some(made) = bench.take(name, subject.filter.create_pin(pin.id, format)) else { return };
            let reached = made.step_to(state);
            bench.known(format_args!("{name}: state {state}"), reached.err().unwrap_or(Status::SUCCESS));
            drop(made);
            bench.equal(format_args!("{name}: CINSTANCES"), current(&subject.filter, pin.id), Some(0));
            bench.nothing_left(format_args!("{name} closed in state {state}"), before);
        }
    });
}

fn order_of_closing(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let Some(format) = pin.formats.first().filter(|_| pin.can_be_sink()) else { return };
        for filter_first in [false, true] {
            let before = bench.footprint();
            let Some(filter) = bench.reopen(subject) else { return };
            let Some(made) = bench.take(name, filter.create_pin(pin.id, format)) else { return };
            if filter_first {
                drop(filter);
                bench.take(format_args!("{name}: state, its filter's handle closed"), made.state());
                bench.succeeds(format_args!("{name}: ACQUIRE"), made.set_state(1));
                bench.succeeds(format_args!("{name}: STOP"), made.set_state(0));
                drop(made);
            } else {
                drop(made);
                bench.equal(format_args!("{name}: CINSTANCES"), current(&filter, pin.id), Some(0));
                drop(filter);
            }
            bench.nothing_left(name, before);
        }
    });
}

fn duplicates(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let Some(format) = pin.formats.first().filter(|_| pin.can_be_sink()) else { return };
        let before = bench.footprint();
        let count = |what: &str, expected: u32| {
            bench.equal(
                format_args!("{name}: CINSTANCES {what}"),
                current(&subject.filter, pin.id),
                Some(expected),
            );
        };
        let Some(made) = bench.take(name, subject.filter.create_pin(pin.id, format)) else { return };
        let copy = bench.system.duplicate(made.handle());
        let Some(copy) = bench.take(format_args!("{name}: a duplicate"), copy) else { return };
        drop(made);
        count("with a duplicate", 1);
        bench.succeeds(format_args!("{name}: closing the duplicate"), bench.system.close(copy));
        count("without it", 0);

        // The other program holds the last handle, and dies.
        let Some(made) = bench.take(name, subject.filter.create_pin(pin.id, format)) else { return };
        let other = bench.system.program();
        let Some(other) = bench.take("another program", other) else { return };
        let given = other.give(made.handle());
        bench.take(format_args!("{name}: a duplicate in another program"), given);
        drop(made);
        count("with a duplicate in another program", 1);
        drop(other);
        count("after the end of the other program", 0);
        bench.nothing_left(format_args!("the end of a program that had the last handle of {name}"), before);

        // The other program made the pin and dies while it runs; the duplicate goes on.
        let Some(other) = bench.take("another program", bench.system.program()) else { return };
        let job = program_job(subject, pin);
        let owned = other.stream(&job);
        let Some(owned) = bench.take(format_args!("{name}: a pin of another program"), owned) else { return };
        let copy = other.take(owned);
        let Some(copy) = bench.take(format_args!("{name}: a duplicate of another program's"), copy) else {
            return;
        };
        drop(other);
        let copy = Pin::adopt(bench.system, copy);
        bench.equal(format_args!("{name}: the state after the end of its owner"), copy.state(), Ok(3));
        bench.take(format_args!("{name}: STOP after the end of its owner"), copy.step_to(0));
        bench.take(format_args!("{name}: ACQUIRE after the end of its owner"), copy.step_to(1));
        drop(copy);
        count("after the last duplicate of a dead program's pin", 0);
        bench.nothing_left(format_args!("a duplicate of a dead program's {name}"), before);
    });
}

/// A pin type as another program uses it: a few requests pending.
pub fn program_job(subject: &Subject<'_>, pin: &PinModel) -> Job {
    let format = &pin.formats[0];
    Job {
        link: subject.interface.link.clone(),
        connect: [bytes::of(&client::connect(pin.id, 0)), &format.0].concat(),
        frame: frame_size(format),
        reads: pin.output,
        requests: 6,
    }
}

/// What is wrong about a connection.
type Change<'c> = dyn Fn(&mut KSPIN_CONNECT) + 'c;

fn wrong_connections(bench: &Bench<'_>) {
    each_format(bench, |subject, pin, format, what| {
        let before = bench.footprint();
        let create = |change: &Change<'_>| {
            let mut connect = client::connect(pin.id, 0);
            change(&mut connect);
            let made = subject.filter.create(&[bytes::of(&connect), &format.0].concat());
            made.err().unwrap_or(Status::SUCCESS)
        };
        let strange = guid(0x7B0C_93E2_51A4_4D6F_8E0B_6C2A_913F_55D3);
        let wrong: [(&str, &Change<'_>); 9] = [
            ("an unknown interface", &|c| c.Interface = interface(strange, 0)),
            ("an unknown interface number", &|c| c.Interface = interface(KSINTERFACESETID_Standard, 77)),
            ("an unknown medium", &|c| c.Medium = interface(strange, 0)),
            ("an unknown medium number", &|c| c.Medium = interface(KSMEDIUMSETID_Standard, 77)),
            ("a pin number beyond the count", &|c| c.PinId = 0x7FFF_FFFF),
            ("a handle that is none", &|c| c.PinToHandle = 0xDEAD_BEE8_usize as HANDLE),
            ("a handle of the kernel's", &|c| c.PinToHandle = (usize::MAX - 7) as HANDLE),
            ("the current process", &|c| c.PinToHandle = usize::MAX as HANDLE),
            ("the filter's handle", &|c| c.PinToHandle = subject.filter.handle() as HANDLE),
        ];
        for (kind, change) in wrong {
            bench.refused(format_args!("{what}: {kind}"), create(change));
        }
        let priority = create(&|c| c.Priority.PriorityClass = 0xFFFF_FFFF);
        bench.known(format_args!("{what}: an unknown priority class"), priority);
        if let Ok(pin_itself) = subject.filter.create_pin(pin.id, format) {
            let handle = pin_itself.handle();
            if !pin.can_be_source() {
                let status = create(&|c| c.PinToHandle = handle as HANDLE);
                bench.refused(format_args!("{what}: connected to a pin of its own type"), status);
            }
            drop(pin_itself);
            let status = create(&|c| c.PinToHandle = handle as HANDLE);
            bench.refused(format_args!("{what}: connected to a closed handle"), status);
        }
        for length in [0, 2, 70, 72, 74, 72 + 62, 72 + format.0.len() - 2] {
            let whole = [bytes::of(&client::connect(pin.id, 0)), &format.0].concat();
            let status = subject.filter.create(&whole[..length]).err().unwrap_or(Status::SUCCESS);
            bench.refused(format_args!("{what}: {length} bytes of {}", whole.len()), status);
        }
        bench.equal(format_args!("{what}: CINSTANCES"), current(&subject.filter, pin.id), Some(0));
        bench.nothing_left(what, before);
    });
}

fn interface(set: GUID, id: u32) -> KSPIN_INTERFACE {
    let mut interface = client::connect(0, 0).Interface;
    interface.__bindgen_anon_1.__bindgen_anon_1 = Identifier { Set: set, Id: id, Flags: 0 };
    interface
}

/// Two connected pins with their filters.
pub struct Link<'a> {
    /// The source pin.
    pub source: Pin<'a>,
    /// The sink pin.
    pub sink: Pin<'a>,
    filters: (Filter<'a>, Filter<'a>),
}

/// Runs a check with every pair of pin types that can be connected; the closure makes a connection.
pub fn each_pair<'a>(bench: &Bench<'a>, mut check: impl FnMut(&str, &dyn Fn() -> Result<Link<'a>, Status>)) {
    let subjects = bench.subjects();
    let pairs = survey::pairs(&subjects);
    if pairs.is_empty() {
        bench.note("no two pins of the filters can be connected");
    }
    for (source, from, sink, to, format) in pairs {
        let name = format!("{} > {}", source.name(from), sink.name(to));
        let system = bench.system;
        check(&name, &|| {
            let filters =
                (Filter::open(system, &source.interface.link)?, Filter::open(system, &sink.interface.link)?);
            let made = filters.1.create_pin(to.id, &format)?;
            let connected = filters.0.connect(from.id, &format, made.handle())?;
            Ok(Link { source: connected, sink: made, filters })
        });
    }
}

fn connect_once(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    let counts = || ["PinConnect", "PinDisconnect"].map(|callback| machine.calls(callback));
    each_pair(bench, |name, connect| {
        // Once to see whether the sink has the callbacks at all: they are optional.
        let before = counts();
        let Some(link) = bench.take(name, connect()) else { return };
        let has = counts()[0] - before[0];
        drop(link);
        for sink_first in [false, true] {
            for state in 0..4 {
                let footprint = bench.footprint();
                let start = counts();
                let Some(link) = bench.take(name, connect()) else { return };
                bench.equal(format_args!("{name}: calls of Connect"), counts()[0] - start[0], has.min(1));
                bench.equal(format_args!("{name}: calls of Disconnect"), counts()[1], start[1]);
                let mut moved = Status::SUCCESS;
                for step in 1..=state {
                    for pin in [&link.sink, &link.source] {
                        let status = pin.set_state(step);
                        moved = if moved.is_success() { status } else { moved };
                    }
                }
                bench.known(format_args!("{name}: state {state}"), moved);
                bench.equal(format_args!("{name}: calls of Connect"), counts()[0] - start[0], has.min(1));
                bench.equal(format_args!("{name}: calls of Disconnect"), counts()[1], start[1]);
                let Link { source, sink, filters } = link;
                if sink_first {
                    drop(sink);
                    drop(filters);
                    drop(source);
                } else {
                    drop(source);
                    drop(sink);
                    drop(filters);
                }
                let disconnects = counts()[1] - start[1];
                bench.holds(
                    disconnects <= has.min(1),
                    format_args!("{name}: calls of Disconnect"),
                    has.min(1),
                    disconnects,
                );
                bench.nothing_left(name, footprint);
            }
        }
    });
}

fn failed_connect(bench: &Bench<'_>) {
    let Some(machine) = bench.machine() else { return };
    each_pair(bench, |name, connect| {
        machine.watch_calls("PinConnect", None);
        drop(connect());
        let (calls, _) = machine.watched_calls();
        if calls.is_empty() {
            bench.note(format_args!("{name}: Connect calls nothing that could fail"));
        }
        for (index, call) in calls.iter().enumerate() {
            let nth = calls[..index].iter().filter(|other| *other == call).count() as u32;
            let before = bench.footprint();
            let disconnects = machine.calls("PinDisconnect");
            machine.watch_calls("PinConnect", Some((call, nth)));
            let result = connect();
            let (_, struck) = machine.watched_calls();
            let what = format!("{name}: Connect when {call} fails");
            bench.holds(struck, &what, "the call is made again", "it was not");
            match result {
                Ok(link) => drop(link),
                Err(status) => {
                    bench.refused(&what, status);
                    bench.equal(
                        format_args!("{what}: calls of Disconnect"),
                        machine.calls("PinDisconnect"),
                        disconnects,
                    );
                }
            }
            bench.nothing_left(&what, before);
            bench.take(format_args!("{what}: a connection afterwards"), connect());
        }
    });
}

fn many_cycles(bench: &Bench<'_>) {
    let cycles = bench.rounds;
    each_pair(bench, |name, connect| {
        drop(connect());
        let before = bench.footprint();
        for _ in 0..cycles {
            let Some(link) = bench.take(name, connect()) else { return };
            drop(link);
        }
        bench.nothing_left(format_args!("{cycles} connections of {name}"), before);
    });
    each_pin(bench, |subject: &Subject<'_>, pin: &PinModel, name| {
        let Some(format) = pin.formats.first().filter(|_| pin.can_be_sink()) else { return };
        let before = bench.footprint();
        for _ in 0..cycles {
            if bench.take(name, create(subject, pin, format)).is_none() {
                return;
            }
        }
        bench.nothing_left(format_args!("{cycles} instances of {name}"), before);
    });
}

fn create<'a>(subject: &Subject<'a>, pin: &PinModel, format: &Format) -> Result<Pin<'a>, Status> {
    subject.filter.create_pin(pin.id, format)
}
