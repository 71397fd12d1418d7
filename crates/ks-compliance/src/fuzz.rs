//! Random and mutated requests. The same seed sends the same requests.
//!
//! A grammar of KS requests: filters and pins are resources that later requests use; property, method and event
//! requests are made from the sets that the objects name, then some of their bytes, lengths and addresses are changed.

use std::collections::{BTreeMap, VecDeque};

use ks_sys::*;

use crate::{
    Bench,
    client::{self, Filter, Object, Pin},
    packet::Packet,
    property::{self, DISABLE_EVENT, ENABLE_EVENT, METHOD, PROPERTY},
    survey::{self, Subject, frame_size},
    system::{Reply, Request, Span},
    wire::{Format, Status, bytes},
};

/// Where choices come from.
pub struct Random(Source);

enum Source {
    /// Splitmix64.
    Seed(u64),
    /// What a fuzzer gives: each choice takes as few bytes as it needs, so that a changed byte changes one choice.
    Bytes(VecDeque<u8>),
}

impl Random {
    /// Numbers without an end.
    pub fn new(seed: u64) -> Self {
        Self(Source::Seed(seed))
    }

    /// The choices that are written down in bytes; behind their end all are 0.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Source::Bytes(bytes.iter().copied().collect()))
    }

    /// Whether the bytes are used up.
    pub fn is_over(&self) -> bool {
        matches!(&self.0, Source::Bytes(bytes) if bytes.is_empty())
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.take(8)
    }

    /// The next number, of so many bytes at least.
    fn take(&mut self, bytes: usize) -> u64 {
        match &mut self.0 {
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                z ^ (z >> 31)
            }
            Source::Bytes(source) => {
                source.drain(..bytes.min(source.len())).fold(0, |number, byte| number << 8 | u64::from(byte))
            }
        }
    }

    /// A number below a limit, which is above 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let bytes = if limit <= 1 << 8 { 1 } else { 4 };
        (self.take(bytes) % limit.max(1) as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<'t, T>(&mut self, list: &'t [T]) -> Option<&'t T> {
        (!list.is_empty()).then(|| &list[self.below(list.len())])
    }

    /// Changes some bytes: bits, whole words, to numbers that are often wrong.
    fn mutate(&mut self, bytes: &mut [u8]) {
        const WORDS: [u32; 10] = [0, 1, 4, 8, 0x7F, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000];
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(3) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.number() as u8,
                _ => {
                    let word = WORDS[self.below(WORDS.len())].to_le_bytes();
                    let at = at & !3;
                    let length = word.len().min(bytes.len() - at);
                    bytes[at..at + length].copy_from_slice(&word[..length]);
                }
            }
        }
    }
}

/// A stream request that may be pending; it goes before what it fills.
struct Stream {
    request: Box<dyn Request>,
    _packet: Packet,
}

/// An open pin, and what is on its way to it. The requests go first.
struct Opened<'a> {
    streams: Vec<Stream>,
    pin: Pin<'a>,
    output: bool,
    size: usize,
}

/// What requests are made of.
pub struct Ground<'a> {
    subjects: Vec<Subject<'a>>,
    /// Sets that the objects name, and some that they may not have.
    sets: Vec<GUID>,
    /// Where memory was.
    freed: usize,
}

impl<'a> Ground<'a> {
    /// Looks at the filters.
    pub fn survey(bench: &Bench<'a>) -> Self {
        let subjects = bench.subjects();
        let mut sets: Vec<GUID> =
            subjects.iter().flat_map(|s| survey::sets(&s.filter).unwrap_or_default()).collect();
        sets.extend([KSPROPSETID_Connection, KSPROPSETID_Stream, KSPROPSETID_Clock, KSPROPSETID_General]);
        sets.extend([KSEVENTSETID_Connection, KSEVENTSETID_Clock, PROPSETID_VIDCAP_DROPPEDFRAMES, GUID_NULL]);
        Self { subjects, sets, freed: bench.system.memory(0x9000).address() }
    }

    /// Sends requests until the choices are over, the bench's number of them at most; closes everything. The statuses
    /// that came back, with how often.
    pub fn play(&self, bench: &Bench<'a>, random: Random) -> BTreeMap<Status, u64> {
        let (pins, filters, statuses) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut fuzzer = Fuzzer { bench, random, ground: self, pins, filters, statuses };
        for _ in 0..bench.requests {
            if fuzzer.random.is_over() {
                break;
            }
            fuzzer.step();
        }
        std::mem::take(&mut fuzzer.statuses)
    }
}

struct Fuzzer<'b, 'a> {
    bench: &'b Bench<'a>,
    random: Random,
    ground: &'b Ground<'a>,
    pins: Vec<Opened<'a>>,
    filters: Vec<(usize, Filter<'a>)>,
    statuses: BTreeMap<Status, u64>,
}

/// Check H10.
pub fn run(bench: &Bench<'_>) {
    let ground = Ground::survey(bench);
    if ground.subjects.is_empty() {
        return;
    }
    let before = bench.footprint();
    let statuses = ground.play(bench, Random::new(bench.seed));
    let what = format!("{} requests, seed {}", bench.requests, bench.seed);
    let unknown: Vec<String> =
        statuses.keys().filter(|status| status.name().is_none()).map(ToString::to_string).collect();
    bench.holds(unknown.is_empty(), format_args!("{what}: statuses"), "documented ones", unknown.join(", "));
    let hung = statuses.get(&Status(STATUS_IO_TIMEOUT)).copied().unwrap_or_default();
    bench.equal(format_args!("{what}: requests without an end"), hung, 0);
    bench.holds(statuses.len() > 5, format_args!("{what}: statuses met"), "several", statuses.len());
    bench.nothing_left(&what, before);
    if let Some(machine) = bench.system.machine() {
        bench.equal(format_args!("{what}: broken rules"), machine.broken_rules(), Vec::new());
    }
    let mut met: Vec<_> = statuses.iter().map(|(status, times)| (*times, status.to_string())).collect();
    met.sort_unstable_by(|a, b| b.cmp(a));
    let met: Vec<String> = met.into_iter().map(|(times, status)| format!("{status} {times}")).collect();
    bench.note(format_args!("{what}: {}", met.join(", ")));
}

impl Fuzzer<'_, '_> {
    fn step(&mut self) {
        match self.random.below(100) {
            0..=3 => self.open_filter(),
            4..=11 => self.open_pin(),
            12..=15 if !self.pins.is_empty() => {
                let gone = self.random.below(self.pins.len());
                self.pins.swap_remove(gone);
            }
            16..=17 if !self.filters.is_empty() => {
                let gone = self.random.below(self.filters.len());
                self.filters.swap_remove(gone);
            }
            18..=33 => self.stream(),
            34..=43 => self.state(),
            44 => self.bench.system.sleep(10_000 * self.random.below(200) as u64),
            _ => self.control(),
        }
    }

    fn met(&mut self, status: Status) {
        *self.statuses.entry(status).or_default() += 1;
    }

    fn open_filter(&mut self) {
        let index = self.random.below(self.ground.subjects.len());
        let mut name = client::utf16(&self.ground.subjects[index].interface.link);
        if self.random.one_in(2) {
            self.random.mutate(&mut name);
            match self.bench.system.open(None, &name, GENERIC_READ) {
                Ok(handle) => {
                    self.bench.system.close(handle);
                    self.met(Status::SUCCESS);
                }
                Err(status) => self.met(status),
            }
        } else if self.filters.len() < 4 {
            match Filter::open(self.bench.system, &self.ground.subjects[index].interface.link) {
                Ok(filter) => self.filters.push((index, filter)),
                Err(status) => self.met(status),
            }
        }
    }

    fn open_pin(&mut self) {
        if self.pins.len() >= 8 {
            return;
        }
        let Some(which) = (!self.filters.is_empty()).then(|| self.random.below(self.filters.len())) else {
            return;
        };
        let subjects = &self.ground.subjects;
        let Some(model) = self.random.of(&subjects[self.filters[which].0].pins) else { return };
        let Some(format) = self.random.of(&model.formats) else { return };
        let sink = match self.random.below(3) {
            0 if !self.pins.is_empty() => self.pins[self.random.below(self.pins.len())].pin.handle(),
            _ => 0,
        };
        let mut connect = [bytes::of(&client::connect(model.id, sink)), &format.0].concat();
        if self.random.one_in(2) {
            self.random.mutate(&mut connect);
        }
        if self.random.one_in(8) {
            let length = self.random.below(connect.len() + 1);
            connect.truncate(length);
        }
        match self.filters[which].1.create(&connect) {
            Ok(pin) => {
                let size = frame_size(&Format(connect[72.min(connect.len())..].to_vec())).min(1 << 22);
                self.pins.push(Opened { streams: Vec::new(), pin, output: model.output, size });
                self.met(Status::SUCCESS);
            }
            Err(status) => self.met(status),
        }
    }

    fn stream(&mut self) {
        let Some(which) = (!self.pins.is_empty()).then(|| self.random.below(self.pins.len())) else { return };
        let (size, output) = (self.pins[which].size, self.pins[which].output);
        let count = 1 + self.random.below(3);
        let mut packet = Packet::new(self.bench.system, &vec![size; count], self.random.one_in(2));
        if !output {
            packet.change(0, |header| header.DataUsed = size as u32);
        }
        let mut span = packet.span();
        if self.random.one_in(3) {
            self.lie(&mut packet, size);
        }
        if self.random.one_in(12) {
            span.length = self.random.below(200) as u32;
            span.length = span.length.min(packet.span().length);
        }
        if self.random.one_in(20) {
            span.address = self.nowhere();
        }
        let against = self.random.one_in(12);
        let code = if output != against { IOCTL_KS_READ_STREAM } else { IOCTL_KS_WRITE_STREAM };
        let request = self.pins[which].pin.stream(code, span);
        let done: Vec<Reply> = {
            let opened = &mut self.pins[which];
            opened.streams.push(Stream { request, _packet: packet });
            if opened.streams.len() > 6 {
                // The oldest is given up: its drop cancels it and waits.
                opened.streams.remove(0);
            }
            let mut done = Vec::new();
            opened.streams.retain(|stream| match stream.request.wait(0) {
                Some(reply) => {
                    done.push(reply);
                    false
                }
                None => true,
            });
            done
        };
        for reply in done {
            self.met(reply.status);
        }
    }

    /// One member of a header that is wrong; the buffer is never longer than its memory.
    fn lie(&mut self, packet: &mut Packet, size: usize) {
        let index = self.random.below(packet.len());
        let (value, nowhere) = (self.random.number(), self.nowhere());
        let kind = self.random.below(7);
        packet.change(index, |header| match kind {
            0 => header.Size = value as u32 % 128,
            1 => header.OptionsFlags = value as u32,
            2 => header.DataUsed = value as u32,
            3 => header.FrameExtent = (value % (size as u64 + 1)) as u32,
            4 => header.Data = nowhere as *mut _,
            5 => header.PresentationTime.Time = value as i64,
            _ => header.Duration = value as i64,
        });
    }

    fn state(&mut self) {
        let Some(which) = (!self.pins.is_empty()).then(|| self.random.below(self.pins.len())) else { return };
        let value =
            if self.random.one_in(10) { self.random.number() as u32 } else { self.random.below(4) as u32 };
        let status = match self.random.below(6) {
            0 => self.pins[which].pin.reset(value & !2),
            1 => self.pins[which].pin.step_to(3).err().unwrap_or(Status::SUCCESS),
            _ => self.pins[which].pin.set_state(value),
        };
        self.met(status);
    }

    /// An address that is no memory of the process.
    fn nowhere(&mut self) -> usize {
        let places = [0, 0x10, self.ground.freed, 0xFFFF_8000_0000_1000, usize::MAX - 7];
        places[self.random.below(places.len())]
    }

    /// A property, method, event or unknown device control request.
    fn control(&mut self) {
        const VERBS: [u32; 12] = [1, 1, 1, 2, 2, 0x100, 0x200, 0x400, 0x800, 0x10000, 0x1000_0001, 3];
        let on_pin = !self.pins.is_empty() && self.random.one_in(2);
        let handle = if on_pin {
            self.pins[self.random.below(self.pins.len())].pin.handle()
        } else if self.filters.is_empty() {
            self.ground.subjects[self.random.below(self.ground.subjects.len())].filter.handle()
        } else {
            self.filters[self.random.below(self.filters.len())].1.handle()
        };
        let code = match self.random.below(20) {
            0 => METHOD,
            1..=2 => ENABLE_EVENT,
            3 => DISABLE_EVENT,
            4 => self.random.number() as u32 & 0x002F_FFFF,
            _ => PROPERTY,
        };
        let set = self.ground.sets[self.random.below(self.ground.sets.len())];
        let id = self.random.below(20) as u32;
        let flags = VERBS[self.random.below(VERBS.len())];
        let subject = &self.ground.subjects[self.random.below(self.ground.subjects.len())];
        let model = self.random.of(&subject.pins);
        let pin = model.map_or(0, |model| model.id);
        let range = model.and_then(|model| self.random.of(&model.ranges));
        let mut input = property::request(set, id, flags, &property::extra(&set, id, pin, range));
        if self.random.one_in(3) {
            self.random.mutate(&mut input);
        }
        if self.random.one_in(6) {
            let length = self.random.below(input.len() + 1);
            input.truncate(length);
        }
        let room = [0, 1, 4, 8, 24, 64, 200, 1024][self.random.below(8)];
        let mut output = vec![0; room];
        if flags & 2 != 0 || code == ENABLE_EVENT {
            output.iter_mut().for_each(|byte| *byte = 0);
            if let Some(format) = model.and_then(|model| self.random.of(&model.formats)) {
                let length = room.min(format.0.len());
                output[..length].copy_from_slice(&format.0[..length]);
            }
            self.random.mutate(&mut output);
        }
        let status = if self.random.one_in(16) {
            let (given, taken) = (self.nowhere(), self.nowhere());
            let length = self.random.below(64) as u32;
            property::send_spans(
                self.bench.system,
                handle,
                code,
                Span { address: given, length },
                Span { address: taken, length: room as u32 },
            )
            .status
        } else {
            property::send(self.bench.system, handle, code, &input, output).status
        };
        self.met(status);
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            (0..10).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn bytes_are_choices() {
        let mut random = Random::of_bytes(&[7, 0, 0, 1, 4, 9]);
        assert_eq!((random.below(5), random.below(1000), random.is_over()), (2, 260, false));
        assert_eq!((random.number(), random.is_over(), random.below(3)), (9, true, 0));
    }
}
