//! What a client opens on a pin or a filter: clocks, allocators, topology nodes.

use ks_sys::*;

use super::Status;
use super::bytes;
use super::event::Event;
use super::filter::Filter;
use super::guid;
use super::narrow;
use super::pin::{Pin, State};
use super::property::{self, Answer};
use super::sys::Handle;

/// A clock, allocator or node that a client has open. Closed on drop.
#[derive(Debug)]
pub struct Opened {
    handle: Handle,
}

impl Opened {
    /// Opens an object of a class, with the bytes that follow it, relative to a handle.
    pub fn open(parent: usize, class: &GUID, create: &[u8]) -> Result<Self, Status> {
        let class = format!("{}\\", guid::text(class));
        let mut name: Vec<u8> = class.encode_utf16().flat_map(u16::to_le_bytes).collect();
        name.extend(create);
        Ok(Self { handle: Handle::open(Some(parent), &name, GENERIC_READ | GENERIC_WRITE)? })
    }

    /// The handle's value.
    pub fn handle(&self) -> usize {
        self.handle.value()
    }

    /// Sends a property request with any input and output buffer.
    pub fn property(&self, input: &[u8], data: Vec<u8>) -> Answer {
        property::send(self.handle(), input, data)
    }

    fn get<T: bytes::Plain>(&self, set: GUID, id: i32) -> Result<T, Status> {
        let input = property::request(set, id as u32, property::GET, &[]);
        self.property(&input, vec![0; size_of::<T>()]).value()
    }
}

/// A clock of a pin.
#[derive(Debug)]
pub struct Clock(pub Opened);

impl Clock {
    /// Its presentation time, 100 ns units.
    pub fn time(&self) -> Result<i64, Status> {
        self.0.get(KSPROPSETID_Clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_TIME)
    }

    /// Its physical time, which never goes back, 100 ns units.
    pub fn physical_time(&self) -> Result<i64, Status> {
        self.0.get(KSPROPSETID_Clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_PHYSICALTIME)
    }

    /// Its time and the system's at the same moment.
    pub fn correlated_time(&self) -> Result<(i64, i64), Status> {
        let pair: KSCORRELATED_TIME =
            self.0.get(KSPROPSETID_Clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_CORRELATEDTIME)?;
        Ok((pair.Time, pair.SystemTime))
    }

    /// Granularity and error of its notifications, 100 ns units.
    pub fn resolution(&self) -> Result<(i64, i64), Status> {
        let resolution: KSRESOLUTION =
            self.0.get(KSPROPSETID_Clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_RESOLUTION)?;
        Ok((resolution.Granularity, resolution.Error))
    }

    /// The state that it follows its pin in.
    pub fn state(&self) -> Result<State, Status> {
        let state: u32 = self.0.get(KSPROPSETID_Clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_STATE)?;
        State::ALL.get(state as usize).copied().ok_or(Status(STATUS_INVALID_DEVICE_STATE))
    }

    /// Asks to be told when the clock gets to a time.
    pub fn at(&self, time: i64) -> Result<Event, Status> {
        self.mark(KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_POSITION_MARK, &[time])
    }

    /// Asks to be told at a time and every interval after it.
    pub fn every(&self, interval: i64, from: i64) -> Result<Event, Status> {
        self.mark(KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_INTERVAL_MARK, &[from, interval])
    }

    fn mark(&self, id: i32, numbers: &[i64]) -> Result<Event, Status> {
        let extra: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let event = (KSEVENTSETID_Clock, id as u32);
        Event::enable(self.0.handle(), event, KSEVENT_TYPE_ENABLE, None, &extra)
    }
}

/// An allocator of a pin.
#[derive(Debug)]
pub struct Allocator(pub Opened);

impl Allocator {
    /// What it was made with, and how many frames are out.
    pub fn status(&self) -> Result<KSSTREAMALLOCATOR_STATUS, Status> {
        let id = KSPROPERTY_STREAMALLOCATOR::KSPROPERTY_STREAMALLOCATOR_STATUS;
        self.0.get(KSPROPSETID_StreamAllocator, id)
    }
}

impl Pin {
    /// Opens the pin's clock.
    pub fn clock(&self) -> Result<Clock, Status> {
        Opened::open(self.handle(), &KSNAME_Clock, &[0; size_of::<KSCLOCK_CREATE>()]).map(Clock)
    }

    /// Opens an allocator on the pin.
    pub fn allocator(&self, framing: &KSALLOCATOR_FRAMING) -> Result<Allocator, Status> {
        Opened::open(self.handle(), &KSNAME_Allocator, bytes::of(framing)).map(Allocator)
    }

    /// Gives the pin a master clock, or takes it away.
    pub fn set_master_clock(&self, clock: Option<&Clock>) -> Result<(), Status> {
        let handle = clock.map_or(0, |clock| clock.0.handle());
        self.set_handle(KSPROPERTY_STREAM::KSPROPERTY_STREAM_MASTERCLOCK, handle)
    }

    /// Gives the pin an allocator, or takes it away.
    pub fn set_allocator(&self, allocator: Option<&Allocator>) -> Result<(), Status> {
        let handle = allocator.map_or(0, |allocator| allocator.0.handle());
        self.set_handle(KSPROPERTY_STREAM::KSPROPERTY_STREAM_ALLOCATOR, handle)
    }

    fn set_handle(&self, id: i32, handle: usize) -> Result<(), Status> {
        let input = property::request(KSPROPSETID_Stream, id as u32, property::SET, &[]);
        self.property(&input, narrow::word(handle)).status.check().map(drop)
    }

    /// Enables an event of the pin.
    pub fn enable_event(&self, set: GUID, id: u32, flags: u32) -> Result<Event, Status> {
        Event::enable(self.handle(), (set, id), flags, None, &[])
    }
}

impl Filter {
    /// Opens a topology node.
    pub fn node(&self, node: u32) -> Result<Opened, Status> {
        let create = [[0; 4], node.to_le_bytes()].concat();
        Opened::open(self.handle(), &KSNAME_TopologyNode, &create)
    }

    /// Enables an event of the filter.
    pub fn enable_event(&self, set: GUID, id: u32, flags: u32) -> Result<Event, Status> {
        Event::enable(self.handle(), (set, id), flags, None, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::format::Format;
    use crate::ks::fixture::{self, Fixture};
    use crate::nt::{io, sched};

    /// R7.1 to R7.6, R4.31, R7.35 as a client sees them.
    #[test]
    fn objects_on_a_pin() {
        let (flow, sink) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
        let pin = |flags| fixture::pin_type(KSPIN_DISPATCH::default(), flow, sink, flags);
        let flags = KSPIN_FLAG_IMPLEMENT_CLOCK | KSPIN_FLAG_GENERATE_EOS_EVENTS;
        let fixture = Fixture::new(vec![fixture::filter(1, vec![pin(flags), pin(0)])]);
        let link = io::interface::interfaces(&fixture::CATEGORY).remove(0).link;
        let filter = Filter::open(&link).expect("the filter opens");
        let format = Format(fixture::bytes(&fixture::format(fixture::SUB)));
        let pin = filter.create_pin(0, &format).expect("the pin opens");
        let clock = pin.clock().expect("the pin has a clock");
        assert_eq!(clock.time(), Ok(0));
        assert_eq!(clock.resolution().map(|(granularity, _)| granularity), Ok(1));
        let (at, every) = (clock.at(500).expect("a mark"), clock.every(300, 300).expect("marks"));
        pin.set_master_clock(Some(&clock)).expect("it can be its own master");
        pin.run().expect("it runs");
        assert!(every.wait_for(301) && !at.is_set());
        assert!(at.wait_for(300));
        assert!(every.wait_for(1000));
        assert_eq!(clock.correlated_time().map(|(time, _)| time), Ok(600));
        assert_eq!(clock.state(), Ok(State::Run));
        assert!(clock.physical_time().expect("it has one") >= 600);
        assert_eq!(at.disable(), Ok(()));
        let other = filter.create_pin(1, &format).expect("the pin opens");
        assert_eq!(other.clock().err(), Some(Status(STATUS_NOT_FOUND)));
        let framing = KSALLOCATOR_FRAMING { Frames: 2, FrameSize: 128, ..KSALLOCATOR_FRAMING::default() };
        let allocator = other.allocator(&framing).expect("an allocator");
        assert_eq!(allocator.status().map(|status| status.Framing.FrameSize), Ok(128));
        other.set_allocator(Some(&allocator)).expect("it is set");
        other.set_allocator(None).expect("it is taken away");
        let end = KSEVENT_CONNECTION::KSEVENT_CONNECTION_ENDOFSTREAM as u32;
        let ended = pin.enable_event(KSEVENTSETID_Connection, end, KSEVENT_TYPE_ENABLE).expect("the event");
        assert!(!ended.is_set());
        let sets = |handle| crate::client::event::sets(handle).map(|sets| sets.len());
        assert_eq!(sets(pin.handle()), Ok(1));
        assert_eq!(sets(other.handle()), Ok(0));
        assert_eq!(filter.node(0).err(), Some(Status(STATUS_INVALID_PARAMETER)), "it has no nodes");
        let method = crate::client::event::method(pin.handle(), &[0; 24], Vec::new());
        assert_eq!(method.status, Status(STATUS_PROPSET_NOT_FOUND));
        drop((every, ended, clock, allocator, pin, other, filter));
        sched::settle();
        fixture.end();
    }
}
