//! A graph as programs make it: something feeds the camera, and somebody reads it.

use std::collections::VecDeque;

use ks_sys::*;
use ksrig::client::{Completion, Error, Pin, Request, State, Status};
use loopcam_tests::{
    own, picture,
    stand::{CAMERA, Link, Stand, done, set_state, status},
    studio::{Open, Shape},
};

/// The one format.
pub const FORMAT: &str = "nv12:64x48@30";
/// Requests that a program keeps at a pin.
const DEPTH: usize = 2;
/// Virtual time within which a picture comes.
const PATIENCE: u64 = 20_000_000;

/// What feeds the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Nothing: the reader sees the placeholder.
    Nobody,
    /// A program that writes into *Input*.
    Program,
    /// The Test Source, connected to *Input* inside the kernel.
    Connection,
}

impl Feed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Program, Self::Connection];
}

enum Source {
    Nobody,
    Program(Box<Program>),
    Connection(Link),
}

/// A program that writes.
struct Program {
    input: Open,
    writes: VecDeque<Request>,
    written: u32,
}

/// A picture that the reader was given: bit-exact the writer's, or the placeholder.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Whether it is the writer's.
    pub is_live: bool,
    /// The number that is drawn in it.
    pub stamp: u32,
    /// KS_FRAME_INFO.PictureNumber.
    pub number: i64,
    /// KS_FRAME_INFO.DropCount.
    pub dropped: i64,
    /// PresentationTime.
    pub time: i64,
    /// KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY.
    pub gap: bool,
}

/// One reader, and what it reads.
pub struct Graph {
    shape: Shape,
    reads: VecDeque<Request>,
    /// The reader's pin *Capture*.
    pub reader: Open,
    source: Source,
}

impl Graph {
    /// All pins in a state, with requests on their way where they are taken.
    pub fn open(stand: &Stand, feed: Feed, state: State) -> Self {
        let shape = Shape::new(FORMAT);
        // First: pins go to sleep in the order in which their filters were opened.
        let reader = stand.reader(&shape, State::Stop);
        let source = match feed {
            Feed::Nobody => Source::Nobody,
            Feed::Program => Source::Program(Box::new(Program {
                input: stand.open(stand.input(), &shape.format(), State::Stop),
                writes: VecDeque::new(),
                written: 0,
            })),
            Feed::Connection => Source::Connection(stand.connect(FORMAT)),
        };
        let mut graph = Self { shape, reads: VecDeque::new(), reader, source };
        graph.set_state(state);
        if state != State::Stop {
            graph.ask();
            if state != State::Run {
                graph.write();
            }
        }
        graph
    }

    /// All pins to a state.
    pub fn set_state(&self, state: State) {
        match &self.source {
            Source::Nobody => {}
            Source::Program(program) => set_state(&program.input.pin, state),
            Source::Connection(link) => link.set_state(state),
        }
        set_state(&self.reader.pin, state);
    }

    /// All pins are in this state.
    pub fn assert_state(&self, state: State) {
        let feeding = match &self.source {
            Source::Nobody => vec![],
            Source::Program(program) => vec![&program.input.pin],
            Source::Connection(link) => vec![&link.sink, &link.source],
        };
        assert!(feeding.into_iter().chain([&self.reader.pin]).all(|pin| pin.state() == Ok(state)));
    }

    /// Sends reads, as many as the program keeps.
    pub fn ask(&mut self) {
        while self.reads.len() < DEPTH {
            self.reads.push_back(self.reader.read(self.shape.len()));
        }
    }

    /// Writes the next picture, where a program does.
    pub fn write(&mut self) {
        let looks = self.shape.looks(None);
        if let Source::Program(program) = &mut self.source {
            program.written += 1;
            let write = program.input.write(&picture::bars(looks, program.written));
            program.writes.push_back(write);
        }
    }

    /// The next picture. A program that writes gives one, an interval after the last.
    pub fn next(&mut self, stand: &Stand) -> Seen {
        self.ask();
        if let Source::Program(_) = self.source {
            stand.rig.sleep(self.interval());
            self.write();
        }
        self.take_writes();
        let read = self.reads.pop_front().expect("a read");
        let Ok(completion) = read.wait_for(PATIENCE) else { panic!("no picture comes") };
        self.see(done(completion))
    }

    /// Takes the pictures that were asked for already, and asks for no more; the last of them.
    pub fn stall(&mut self, stand: &Stand, mut last: Seen) -> Seen {
        while let Some(read) = self.reads.pop_front() {
            if !read.is_done() {
                stand.rig.sleep(self.interval());
                self.write();
            }
            let Ok(completion) = read.wait_for(PATIENCE) else { panic!("no picture comes") };
            last = self.see(done(completion));
        }
        last
    }

    /// So many intervals of the format go by, in each of which a program that writes does so.
    pub fn go_on(&mut self, stand: &Stand, intervals: usize) {
        for _ in 0..intervals {
            self.write();
            stand.rig.sleep(self.interval());
        }
        self.take_writes();
    }

    fn interval(&self) -> u64 {
        self.shape.video.interval
    }

    /// The next pictures: each is the one after the last, as far as numbers go, later, and nothing is missing. The first of
    /// them may be the placeholder.
    pub fn follow(&mut self, stand: &Stand, mut last: Seen) -> Seen {
        for index in 0..5 {
            let next = self.next(stand);
            assert_eq!((next.number, next.dropped), (last.number + 1, last.dropped), "after {last:?}");
            assert!(next.time > last.time && !next.gap, "{next:?} after {last:?}");
            assert!(index < 2 || next.is_live == self.is_fed(), "{next:?}");
            last = next;
        }
        last
    }

    /// The first pictures since ACQUIRE.
    pub fn begin(&mut self, stand: &Stand) -> Seen {
        let first = self.next(stand);
        assert_eq!((first.number, first.dropped, first.gap), (1, 0, false), "{first:?}");
        self.follow(stand, first)
    }

    /// How many pictures a program has written.
    pub fn written(&self) -> u32 {
        if let Source::Program(program) = &self.source { program.written } else { 0 }
    }

    fn is_fed(&self) -> bool {
        !matches!(self.source, Source::Nobody)
    }

    fn see(&self, completion: Completion) -> Seen {
        let looks = self.shape.looks(None);
        let (header, data) = (completion.packet.header(0), completion.packet.data(0));
        let info = completion.packet.frame_info(0).expect("KS_FRAME_INFO");
        let stamp = picture::number(looks, data).expect("a number, the same in first and last row");
        let is_live = data == picture::bars(looks, stamp);
        let is_whole = is_live || data == picture::placeholder(looks, info.PictureNumber as u32);
        assert!(is_whole, "picture {stamp} is neither the writer's nor the placeholder");
        Seen {
            is_live,
            stamp,
            number: info.PictureNumber,
            dropped: info.DropCount,
            time: header.PresentationTime.Time,
            gap: header.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY != 0,
        }
    }

    /// Takes the writes that are done; each was taken as it is.
    fn take_writes(&mut self) {
        if let Source::Program(program) = &mut self.source {
            while program.writes.front().is_some_and(Request::is_done) {
                let write = program.writes.pop_front().expect("a write");
                assert_eq!(write.wait().status, Status::SUCCESS);
            }
        }
    }

    /// Whether nothing came back since the last look.
    pub fn is_quiet(&self) -> bool {
        let writes = match &self.source {
            Source::Program(program) => program.writes.iter().any(Request::is_done),
            _ => false,
        };
        !writes && !self.reads.iter().any(Request::is_done)
    }

    /// The requests on their way, to be looked at when the handles are closed.
    pub fn take_requests(&mut self) -> Vec<Request> {
        let mut all: Vec<_> = self.reads.drain(..).collect();
        if let Source::Program(program) = &mut self.source {
            all.extend(program.writes.drain(..));
        }
        all
    }
}

/// What PROPSETID_VIDCAP_DROPPEDFRAMES says of a pin: picture number and drop count.
pub fn counters(pin: &Pin) -> (i64, i64) {
    let answer = own::ask(pin.handle(), PROPSETID_VIDCAP_DROPPEDFRAMES, 0, 48);
    assert_eq!(answer.status, Status::SUCCESS);
    let number = |at: usize| i64::from_le_bytes(answer.data[at..at + 8].try_into().expect("eight bytes"));
    (number(24), number(32))
}

/// All of these have come back, served or cancelled.
pub fn all_back(requests: Vec<Request>) {
    for request in requests {
        assert!(request.is_done(), "a request is stuck");
        let status = request.wait().status;
        assert!([Status::SUCCESS, Status(STATUS_CANCELLED)].contains(&status), "{status}");
    }
}

/// The status of an attempt to open the camera.
pub fn refusal(stand: &Stand) -> Status {
    let interface = match stand.rig.filter(CAMERA) {
        Ok(interface) => interface,
        Err(Error::NoFilter { .. }) => return Status(STATUS_OBJECT_NAME_NOT_FOUND),
        Err(error) => panic!("{error}"),
    };
    status(stand.rig.open_filter(&interface))
}
