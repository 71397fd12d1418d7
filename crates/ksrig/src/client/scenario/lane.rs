//! One pin that streams, with the requests that are on their way.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Deref;

use ks_compliance::survey;

use crate::client::{Filter, Format, Packet, Pin, Request, State, Status};
use crate::nt::{Machine, violation};

/// How long a request that was cancelled may take, 100 ns units.
const PATIENCE: u64 = 10 * crate::client::format::SECOND;

/// A request; dropped, it is cancelled, and has to come back.
pub struct Flight(Option<Request>);

impl Flight {
    /// A request on its way.
    pub fn new(request: Request) -> Self {
        Self(Some(request))
    }

    /// Asks for its cancellation.
    pub fn cancel(&self) {
        if let Some(request) = &self.0 {
            request.cancel();
        }
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        self.0.as_ref().is_none_or(Request::is_done)
    }

    /// Its status and the packet, if it is done within so many 100 ns units.
    pub fn wait_for(mut self, units: u64) -> Option<(Status, Packet)> {
        match self.0.take()?.wait_for(units) {
            Ok(done) => Some((done.status, done.packet)),
            Err(request) => {
                self.0 = Some(request);
                None
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(request) = self.0.take() else { return };
        if !request.is_done() {
            request.cancel();
        }
        if let Err(request) = request.wait_for(PATIENCE) {
            violation::report(
                "IrpCancelled",
                0x135,
                "request",
                "it was cancelled and did not come back within 10 s",
            );
            // To drop it would be to wait for it.
            std::mem::forget(request);
            let abandoned = &Machine::current().extension::<Abandoned>().0;
            abandoned.set(abandoned.get() + 1);
        }
    }
}

/// Requests of this machine's programs that were cancelled and never came back. Each keeps its event.
#[derive(Default)]
pub struct Abandoned(pub Cell<usize>);

/// A pin with a format, of a filter instance of its own, that threads share; closed on drop.
pub struct Line {
    /// The pin.
    pub pin: Pin,
    _filter: Filter,
    reads: bool,
    /// Bytes of a frame.
    pub frame: usize,
    /// The time between frames, 100 ns units.
    pub interval: u64,
}

impl Line {
    /// A pin on a filter.
    pub fn new(filter: Filter, pin: Pin, format: &Format, reads: bool) -> Self {
        let (frame, interval) = (survey::frame_size(format), survey::interval(format));
        Self { pin, _filter: filter, reads, frame, interval }
    }

    /// Step by step to a state; the first error ends it.
    pub fn to(&self, state: State) -> Result<(), Status> {
        set_state(&self.pin, state)
    }

    /// A request that is sent.
    pub fn one(&self) -> Flight {
        self.send(Packet::new(&[self.frame]))
    }

    /// Sends a request with this packet, all of whose bytes are data if they are written.
    pub fn send(&self, mut packet: Packet) -> Flight {
        if self.reads {
            return Flight::new(self.pin.submit_read(packet));
        }
        for index in 0..packet.len() {
            let frame = packet.frame_mut(index);
            frame.fill(0x42);
            let bytes = frame.len();
            packet.used(index, bytes as u32);
        }
        Flight::new(self.pin.submit_write(packet))
    }
}

/// A pin that streams; closed on drop, after its requests.
pub struct Lane {
    /// Requests on their way, oldest first.
    pub flights: VecDeque<Flight>,
    /// The pin.
    pub line: Line,
    /// Frames that came back with success.
    pub done: u64,
}

impl Deref for Lane {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.line
    }
}

impl Lane {
    /// Without requests.
    pub fn new(line: Line) -> Self {
        Self { flights: VecDeque::new(), line, done: 0 }
    }

    /// Sends one more request.
    pub fn submit(&mut self) {
        let flight = self.one();
        self.flights.push_back(flight);
    }

    /// Takes what is done, and sends as many as are missing to `depth`.
    pub fn turn(&mut self, depth: usize) {
        while self.flights.front().is_some_and(Flight::is_done) {
            let done = self.flights.pop_front().and_then(|flight| flight.wait_for(0));
            self.done += u64::from(done.is_some_and(|(status, _)| status.is_success()));
        }
        while self.flights.len() < depth {
            self.submit();
        }
    }
}

/// Step by step to a state.
pub fn set_state(pin: &Pin, state: State) -> Result<(), Status> {
    let now = pin.state()?;
    let between = |step: &State| {
        if now < state { *step > now && *step <= state } else { *step < now && *step >= state }
    };
    let mut steps = State::ALL.into_iter().filter(between);
    let set = |step| pin.set_state(step);
    if now < state { steps.try_for_each(set) } else { steps.rev().try_for_each(set) }
}
