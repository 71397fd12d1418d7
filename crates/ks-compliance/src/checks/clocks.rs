//! Family G: clocks, allocators, events.

use ks_sys::*;

use super::formats::each_pin;
use super::transfer::{each_reader, finish};
use crate::{
    Bench, Check,
    client::{Handle, Object, Pin},
    packet::Packet,
    property::{self, DISABLE_EVENT, ENABLE_EVENT, GET, SET_SUPPORT},
    survey::{self, frame_size},
    system::{Memory, SECOND, Span},
    wire::{Status, bytes},
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "G1",
        title: "a pin without a clock, with a master clock, with one that is closed in RUN",
        page: "stream/ksproperty-stream-masterclock",
        run: master_clocks,
    },
    Check {
        id: "G2",
        title: "a clock's time rises in RUN, stands in PAUSE",
        page: "stream/ks-clocks",
        run: clock_time,
    },
    Check {
        id: "G3",
        title: "interval and position marks come, and end when they are disabled",
        page: "stream/ksevent-clock-interval-mark",
        run: marks,
    },
    Check {
        id: "G4",
        title: "events: enabled, disabled, by another handle, left behind",
        page: "ni-ks-ioctl_ks_enable_event",
        run: events,
    },
    Check {
        id: "G5",
        title: "allocator framing is sane",
        page: "stream/ksproperty-connection-allocatorframing-ex",
        run: framing,
    },
    Check {
        id: "G6",
        title: "a client that does not keep to the framing",
        page: "ns-ks-_kspin_descriptor_ex",
        run: ignored_framing,
    },
];

/// Runs a check with the clock of an instance of each pin type that has one.
fn each_clock(bench: &Bench<'_>, mut check: impl FnMut(&Pin<'_>, &Handle<'_>, &str)) {
    each_pin(bench, |subject, model, name| {
        let Some((_filter, pin)) = bench.pin_of(subject, model.id).filter(|_| model.can_be_sink()) else {
            return;
        };
        // KSCLOCK_CREATE: CreateFlags, which must be 0.
        match pin.open_name(&KSNAME_Clock, &[0; 4]) {
            Ok(clock) => check(&pin, &clock, name),
            Err(status) => {
                bench.refused(format_args!("{name}: a clock"), status);
                bench.note(format_args!("{name}: offers no clock ({status})"));
            }
        }
    });
}

fn set_master(pin: &Pin<'_>, handle: usize) -> Status {
    let id = KSPROPERTY_STREAM::KSPROPERTY_STREAM_MASTERCLOCK as u32;
    pin.set(KSPROPSETID_Stream, id, &handle.to_le_bytes())
}

fn master_clocks(bench: &Bench<'_>) {
    each_pin(bench, |subject, model, name| {
        let Some((_filter, pin)) = bench.pin_of(subject, model.id).filter(|_| model.can_be_sink()) else {
            return;
        };
        let id = KSPROPERTY_STREAM::KSPROPERTY_STREAM_MASTERCLOCK as u32;
        match pin.get::<u64>(KSPROPSETID_Stream, id, &[]) {
            Ok(handle) => {
                bench.equal(format_args!("{name}: GET of MASTERCLOCK"), handle, 0);
            }
            Err(status) => {
                bench.known(format_args!("{name}: GET of MASTERCLOCK"), status);
            }
        }
        bench.known(format_args!("{name}: no master clock"), set_master(&pin, 0));
        for (handle, kind) in
            [(0xDEAD_BEE8, "no handle"), (usize::MAX - 7, "a kernel's"), (pin.handle(), "the pin's own")]
        {
            bench.refused(format_args!("{name}: {kind} as a master clock"), set_master(&pin, handle));
        }
        if bench.take(format_args!("{name}: RUN without a clock"), pin.step_to(3)).is_some() {
            let _ = pin.step_to(0);
        }
    });
    each_clock(bench, |pin, clock, name| {
        let status = set_master(pin, clock.value());
        bench.succeeds(format_args!("{name}: its own clock as a master clock"), status);
        bench.take(format_args!("{name}: RUN with a clock"), pin.step_to(3));
        bench.sleep_a_little();
        bench.take(format_args!("{name}: STOP with a clock"), pin.step_to(0));
        bench.succeeds(format_args!("{name}: no clock any more"), set_master(pin, 0));
    });
}

fn time_of(clock: &Handle<'_>) -> Result<i64, Status> {
    clock
        .get::<u64>(KSPROPSETID_Clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_TIME as u32, &[])
        .map(|time| time as i64)
}

fn clock_time(bench: &Bench<'_>) {
    each_clock(bench, |pin, clock, name| {
        let time =
            |what: &str| bench.take(format_args!("{name}: {what}"), time_of(clock)).unwrap_or_default();
        if bench.take(format_args!("{name}: RUN"), pin.step_to(3)).is_none() {
            return;
        }
        let mut last = time("time in RUN");
        for _ in 0..5 {
            bench.sleep_a_little();
            let now = time("time in RUN");
            bench.holds(now > last, format_args!("{name}: time in RUN"), format_args!("above {last}"), now);
            last = now;
        }
        bench.succeeds(format_args!("{name}: PAUSE"), pin.set_state(2));
        let (first, second) = (time("time in PAUSE"), {
            bench.sleep_a_little();
            time("time in PAUSE")
        });
        bench.equal(format_args!("{name}: time in PAUSE"), second, first);
        let id = KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_RESOLUTION as u32;
        if let Some(resolution) = bench
            .take(format_args!("{name}: RESOLUTION"), clock.get::<KSRESOLUTION>(KSPROPSETID_Clock, id, &[]))
        {
            bench.holds(
                resolution.Granularity >= 0,
                format_args!("{name}: Granularity"),
                "0 at least",
                resolution.Granularity,
            );
            bench.holds(resolution.Error >= 0, format_args!("{name}: Error"), "0 at least", resolution.Error);
        }
        let _ = pin.step_to(0);
    });
}

/// An event that is enabled, with the memory by which the kernel knows it.
struct Enabled<'a> {
    bench: &'a Bench<'a>,
    event: usize,
    data: Box<dyn Memory>,
    length: usize,
}

impl<'a> Enabled<'a> {
    /// Enables; `more` follows the KSEVENTDATA.
    fn new(
        bench: &'a Bench<'a>,
        object: usize,
        set: GUID,
        id: u32,
        flags: u32,
        more: &[u8],
    ) -> (Self, Status) {
        let event = bench.system.event();
        let length = size_of::<KSEVENTDATA>() + more.len();
        let mut data = bench.system.memory(length);
        // NotificationType, then EventHandle.Event: the union begins at 8.
        let bytes = data.bytes_mut();
        bytes[..4].copy_from_slice(&KSEVENTF_EVENT_HANDLE.to_le_bytes());
        bytes[8..16].copy_from_slice(&event.to_le_bytes());
        bytes[size_of::<KSEVENTDATA>()..][..more.len()].copy_from_slice(more);
        let this = Self { bench, event, data, length };
        let input = property::request(set, id, flags, &[]);
        let mut given = bench.system.memory(input.len());
        given.bytes_mut()[..input.len()].copy_from_slice(&input);
        let reply = property::send_spans(
            bench.system,
            object,
            ENABLE_EVENT,
            Span { address: given.address(), length: input.len() as u32 },
            this.span(this.length),
        );
        (this, reply.status)
    }

    fn span(&self, length: usize) -> Span {
        Span { address: self.data.address(), length: length as u32 }
    }

    fn disable(&self, object: usize) -> Status {
        let span = self.span(size_of::<KSEVENTDATA>());
        property::send_spans(self.bench.system, object, DISABLE_EVENT, span, Span::default()).status
    }

    fn is_set(&self, units: u64) -> bool {
        self.bench.system.is_set(self.event, units)
    }
}

impl Drop for Enabled<'_> {
    fn drop(&mut self) {
        self.bench.system.close(self.event);
    }
}

fn marks(bench: &Bench<'_>) {
    each_clock(bench, |pin, clock, name| {
        if bench.take(format_args!("{name}: RUN"), pin.step_to(3)).is_none() {
            return;
        }
        let now = time_of(clock).unwrap_or_default();
        for (id, kind) in [
            (KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_POSITION_MARK as u32, "position mark"),
            (KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_INTERVAL_MARK as u32, "interval mark"),
        ] {
            // KSEVENT_TIME_MARK: the time; KSEVENT_TIME_INTERVAL: the time and the interval.
            let mut more = (now + SECOND as i64 / 5).to_le_bytes().to_vec();
            if kind == "interval mark" {
                more.extend_from_slice(&(SECOND as i64 / 10).to_le_bytes());
            }
            let (mark, status) = Enabled::new(bench, clock.value(), KSEVENTSETID_Clock, id, 1, &more);
            if !status.is_success() {
                bench.refused(format_args!("{name}: {kind}"), status);
                bench.note(format_args!("{name}: no {kind} ({status})"));
                continue;
            }
            bench.holds(!mark.is_set(0), format_args!("{name}: {kind}"), "not at once", "set");
            bench.holds(
                mark.is_set(SECOND),
                format_args!("{name}: {kind}"),
                "set within a second",
                "not set",
            );
            bench.succeeds(format_args!("{name}: {kind} disabled"), mark.disable(clock.value()));
            bench.refused(format_args!("{name}: {kind} disabled twice"), mark.disable(clock.value()));
        }
        let _ = pin.step_to(0);
    });
}

/// `KSEVENT_TYPE_ONESHOT`.
const ONESHOT: u32 = 2;

fn events(bench: &Bench<'_>) {
    each_pin(bench, |subject, model, name| {
        let Some((_filter, pin)) = bench.pin_of(subject, model.id).filter(|_| model.can_be_sink()) else {
            return;
        };
        let Some((_other_filter, other)) = bench.pin_of(subject, model.id).or_else(|| {
            bench.note(format_args!("{name}: has one instance only"));
            None
        }) else {
            return;
        };
        let all = property::request(GUID_NULL, 0, SET_SUPPORT, &[]);
        let asked = pin.control(ENABLE_EVENT, &all, vec![0; 1024]);
        bench.known(format_args!("{name}: event sets"), asked.status);
        let found = asked.data.get(..asked.information).unwrap_or_default();
        let sets: Vec<GUID> = found.chunks_exact(16).filter_map(bytes::read).collect();
        if !asked.status.is_success() || sets.is_empty() {
            bench.note(format_args!("{name}: has no events ({})", asked.status));
        }
        for set in sets.iter().chain(std::iter::once(&KSEVENTSETID_Connection)) {
            for id in 0..8 {
                for flags in [1, 1 | ONESHOT] {
                    let what = format!("{name}: event {} {id}, flags {flags}", survey::label(set));
                    let before = bench.footprint();
                    let (event, status) = Enabled::new(bench, pin.handle(), *set, id, flags, &[0; 16]);
                    bench.known(&what, status);
                    if !status.is_success() {
                        continue;
                    }
                    bench.refused(
                        format_args!("{what}, disabled by another pin"),
                        event.disable(other.handle()),
                    );
                    bench.succeeds(format_args!("{what}, disabled"), event.disable(pin.handle()));
                    bench.refused(format_args!("{what}, disabled twice"), event.disable(pin.handle()));
                    drop(event);
                    bench.nothing_left(&what, before);
                }
            }
        }
        // An event that nobody disables goes with its pin.
        let before = bench.footprint();
        let Some((filter, left)) = bench.pin_of(subject, model.id) else { return };
        let (event, status) = Enabled::new(bench, left.handle(), KSEVENTSETID_Connection, 0, 1, &[]);
        bench.known(format_args!("{name}: the end of the stream as an event"), status);
        drop(left);
        drop(filter);
        drop(event);
        bench.nothing_left(format_args!("{name} closed with an event enabled"), before);
    });
}

fn framing(bench: &Bench<'_>) {
    use KSPROPERTY_CONNECTION::*;
    each_pin(bench, |subject, model, name| {
        let Some((_filter, pin)) = bench.pin_of(subject, model.id).filter(|_| model.can_be_sink()) else {
            return;
        };
        let size = frame_size(&model.formats[0]);
        let ask = |id: Type| pin.get_sized(&property::request(KSPROPSETID_Connection, id as u32, GET, &[]));
        match ask(KSPROPERTY_CONNECTION_ALLOCATORFRAMING) {
            Ok(data) => {
                let Some(framing) = bytes::read::<KSALLOCATOR_FRAMING>(&data) else {
                    bench.holds(false, format_args!("{name}: ALLOCATORFRAMING"), "24 bytes", data.len());
                    return;
                };
                let what = |member: &str| format!("{name}: ALLOCATORFRAMING: {member}");
                bench.holds(framing.Frames >= 1, what("Frames"), "1 at least", framing.Frames);
                bench.holds(
                    framing.FrameSize as usize >= size,
                    what("FrameSize"),
                    format_args!("{size} at least"),
                    framing.FrameSize,
                );
                let mask = framing.FileAlignment;
                bench.holds(mask & mask.wrapping_add(1) == 0, what("FileAlignment"), "2^n - 1", mask);
            }
            Err(status) => {
                bench.status(
                    format_args!("{name}: ALLOCATORFRAMING"),
                    status,
                    &[STATUS_NOT_FOUND, STATUS_NOT_IMPLEMENTED, STATUS_PROPSET_NOT_FOUND],
                );
            }
        }
        match ask(KSPROPERTY_CONNECTION_ALLOCATORFRAMING_EX) {
            Ok(data) => {
                let Some(framing) = bytes::read::<KSALLOCATOR_FRAMING_EX>(&data) else {
                    bench.holds(false, format_args!("{name}: ALLOCATORFRAMING_EX"), "112 bytes", data.len());
                    return;
                };
                let what = |member: &str| format!("{name}: ALLOCATORFRAMING_EX: {member}");
                let count = framing.CountItems as usize;
                bench.holds(count >= 1, what("CountItems"), "1 at least", count);
                bench.equal(what("length"), data.len(), 24 + 88 * count);
                let item = framing.FramingItem[0];
                bench.holds(item.Frames >= 1, what("Frames"), "1 at least", item.Frames);
                bench.holds(
                    !is_equal_guid(&item.MemoryType, &GUID_NULL),
                    what("MemoryType"),
                    "a type",
                    "NULL",
                );
                let mask = item.FileAlignment;
                bench.holds(mask & mask.wrapping_add(1) == 0, what("FileAlignment"), "2^n - 1", mask);
                for (range, member) in
                    [(item.PhysicalRange, "PhysicalRange"), (item.FramingRange.Range, "FramingRange")]
                {
                    bench.holds(
                        range.MinFrameSize <= range.MaxFrameSize,
                        what(member),
                        "minimum <= maximum",
                        range.MinFrameSize,
                    );
                }
                let largest = item.FramingRange.Range.MaxFrameSize as usize;
                bench.holds(largest >= size, what("FramingRange"), format_args!("{size} at least"), largest);
            }
            Err(status) => {
                bench.status(
                    format_args!("{name}: ALLOCATORFRAMING_EX"),
                    status,
                    &[STATUS_NOT_FOUND, STATUS_NOT_IMPLEMENTED, STATUS_PROPSET_NOT_FOUND],
                );
            }
        }
    });
}

fn ignored_framing(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let size = frame_size(&model.formats[0]);
        for offset in [1, 2, 4, 8, 100] {
            for more in [0, 1, 4096] {
                let mut packet = Packet::new(bench.system, &[size + offset + more + 64], false);
                packet.frame_mut(0).fill(0xA5);
                packet.change(0, |header| {
                    header.Data = header.Data.wrapping_byte_add(offset);
                    header.FrameExtent = (size + more) as u32;
                });
                let reply = finish(&*pin.read(&packet), model);
                let what = format!("{name}: a frame {offset} bytes off its alignment, {more} bytes longer");
                bench.succeeds(&what, reply.status);
                let frame = packet.frame(0);
                bench.holds(
                    frame[..offset].iter().all(|byte| *byte == 0xA5),
                    &what,
                    "nothing before it",
                    "bytes",
                );
                bench.holds(
                    frame[offset + size + more..].iter().all(|byte| *byte == 0xA5),
                    &what,
                    "nothing behind it",
                    "bytes",
                );
            }
        }
    });
}
