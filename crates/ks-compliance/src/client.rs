//! Filters and pins that a check has open.

use std::mem::ManuallyDrop;

use ks_sys::*;

use crate::{
    packet::Packet,
    property::{self, Answer, GET, SET},
    system::{Job, Request, Span, System},
    wire::{
        Format, Range, Status,
        bytes::{self, Identifier},
        guid,
    },
};

/// A handle; closed on drop.
pub struct Handle<'a> {
    system: &'a dyn System,
    value: usize,
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        self.system.close(self.value);
    }
}

/// An open filter or pin.
pub trait Object {
    /// The system.
    fn system(&self) -> &dyn System;
    /// The handle's value.
    fn handle(&self) -> usize;

    /// Sends any device control request with copies of the buffers, and waits.
    fn control(&self, code: u32, input: &[u8], output: Vec<u8>) -> Answer {
        property::send(self.system(), self.handle(), code, input, output)
    }

    /// A property request.
    fn property(&self, input: &[u8], data: Vec<u8>) -> Answer {
        self.control(property::PROPERTY, input, data)
    }

    /// The value of a property.
    fn get<T: bytes::Plain>(&self, set: GUID, id: u32, extra: &[u8]) -> Result<T, Status>
    where
        Self: Sized,
    {
        self.property(&property::request(set, id, GET, extra), vec![0; size_of::<T>()]).value()
    }

    /// Sets a property.
    fn set(&self, set: GUID, id: u32, value: &[u8]) -> Status {
        self.property(&property::request(set, id, SET, &[]), value.to_vec()).status
    }

    /// A value of any size: the size is asked for first, as clients do.
    fn get_sized(&self, input: &[u8]) -> Result<Vec<u8>, Status> {
        let asked = self.property(input, Vec::new());
        if asked.status != Status(STATUS_BUFFER_OVERFLOW) {
            asked.status.check()?;
        }
        // A driver that asks for gigabytes is not believed.
        let answer = self.property(input, vec![0; asked.information.min(1 << 20)]);
        answer.status.check()?;
        let mut data = answer.data;
        data.truncate(answer.information);
        Ok(data)
    }
}

macro_rules! object {
    ($name:ident) => {
        impl Object for $name<'_> {
            fn system(&self) -> &dyn System {
                self.handle.system
            }

            fn handle(&self) -> usize {
                self.handle.value
            }
        }
    };
}

/// An open filter.
pub struct Filter<'a> {
    handle: Handle<'a>,
}
object!(Filter);

/// An open pin.
pub struct Pin<'a> {
    handle: Handle<'a>,
}
object!(Pin);

/// UTF-16 as it stands in a `UNICODE_STRING`.
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The access right that a client of data going out, or in, asks for (`nf-ks-kscreatepin`).
const ACCESS: u32 = GENERIC_READ | GENERIC_WRITE;

impl<'a> Filter<'a> {
    /// Opens a filter by the name of its interface.
    pub fn open(system: &'a dyn System, link: &str) -> Result<Self, Status> {
        let value = system.open(None, &utf16(link), ACCESS)?;
        Ok(Self { handle: Handle { system, value } })
    }

    /// Makes a pin that receives requests.
    pub fn create_pin(&self, pin: u32, format: &Format) -> Result<Pin<'a>, Status> {
        self.create(&[bytes::of(&connect(pin, 0)), &format.0].concat())
    }

    /// Makes a pin that sends requests to `sink`: connects two pins inside the kernel.
    pub fn connect(&self, pin: u32, format: &Format, sink: usize) -> Result<Pin<'a>, Status> {
        self.create(&[bytes::of(&connect(pin, sink)), &format.0].concat())
    }

    /// Makes a pin from any bytes in the place of `KSPIN_CONNECT` and format.
    pub fn create(&self, connect: &[u8]) -> Result<Pin<'a>, Status> {
        self.open_name(&guid::text(&KSNAME_Pin), connect).map(|handle| Pin { handle })
    }

    /// Opens a name relative to the filter: a class and its parameters.
    pub fn open_name(&self, class: &str, parameters: &[u8]) -> Result<Handle<'a>, Status> {
        let system = self.handle.system;
        let name = [&utf16(&format!("{class}\\")), parameters].concat();
        Ok(Handle { system, value: system.open(Some(self.handle.value), &name, ACCESS)? })
    }

    /// A property of a pin type.
    pub fn pin_value<T: bytes::Plain>(&self, id: KSPROPERTY_PIN::Type, pin: u32) -> Result<T, Status> {
        self.get(KSPROPSETID_Pin, id as u32, &[pin.to_le_bytes(), [0; 4]].concat())
    }

    /// A property of a pin type that is of any size.
    pub fn pin_items(&self, id: KSPROPERTY_PIN::Type, pin: u32) -> Result<Vec<u8>, Status> {
        let pin = [pin.to_le_bytes(), [0; 4]].concat();
        self.get_sized(&property::request(KSPROPSETID_Pin, id as u32, GET, &pin))
    }

    /// How many instances there may be and are.
    pub fn instances(&self, pin: u32) -> Result<KSPIN_CINSTANCES, Status> {
        self.pin_value(KSPROPERTY_PIN::KSPROPERTY_PIN_CINSTANCES, pin)
    }

    /// The input of an intersection.
    pub fn intersection(pin: u32, ranges: &[u8]) -> Vec<u8> {
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_DATAINTERSECTION as u32;
        let pin = [pin.to_le_bytes(), [0; 4]].concat();
        property::request(KSPROPSETID_Pin, id, GET, &[&pin, ranges].concat())
    }

    /// The best format of a pin type in the ranges.
    pub fn intersect(&self, pin: u32, ranges: &[&Range]) -> Result<Format, Status> {
        self.get_sized(&Self::intersection(pin, &property::multiple(ranges))).map(Format)
    }
}

impl<'a> Pin<'a> {
    /// The pin of a handle that is this one's to close from now on.
    pub fn adopt(system: &'a dyn System, value: usize) -> Self {
        Self { handle: Handle { system, value } }
    }

    /// Sets KSPROPERTY_CONNECTION_STATE to any value.
    pub fn set_state(&self, state: u32) -> Status {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE as u32;
        self.set(KSPROPSETID_Connection, id, &state.to_le_bytes())
    }

    /// Gets it.
    pub fn state(&self) -> Result<u32, Status> {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE as u32;
        self.get(KSPROPSETID_Connection, id, &[])
    }

    /// Moves to a state in single steps; the first failure ends it.
    pub fn step_to(&self, state: u32) -> Result<(), Status> {
        let mut now = self.state()?;
        while now != state {
            now = if now < state { now + 1 } else { now - 1 };
            self.set_state(now).check()?;
        }
        Ok(())
    }

    /// Its format.
    pub fn format(&self) -> Result<Format, Status> {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT as u32;
        self.get_sized(&property::request(KSPROPSETID_Connection, id, GET, &[])).map(Format)
    }

    /// Sets its format.
    pub fn set_format(&self, format: &Format) -> Status {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT as u32;
        self.set(KSPROPSETID_Connection, id, &format.0)
    }

    /// Sends IOCTL_KS_RESET_STATE with any value.
    pub fn reset(&self, value: u32) -> Status {
        self.control(IOCTL_KS_RESET_STATE, &value.to_le_bytes(), Vec::new()).status
    }

    /// Starts a read of the packet's frames. The packet has to outlive the request.
    pub fn read(&self, packet: &Packet) -> Box<dyn Request> {
        self.stream(IOCTL_KS_READ_STREAM, packet.span())
    }

    /// Starts a write of the packet's frames.
    pub fn write(&self, packet: &Packet) -> Box<dyn Request> {
        self.stream(IOCTL_KS_WRITE_STREAM, packet.span())
    }

    /// Starts a stream request with any headers.
    pub fn stream(&self, code: u32, headers: Span) -> Box<dyn Request> {
        self.handle.system.start(self.handle.value, code, Span::default(), headers)
    }

    /// Opens an object of a class on the pin: a clock, an allocator.
    pub fn open_name(&self, class: &GUID, parameters: &[u8]) -> Result<Handle<'a>, Status> {
        let system = self.handle.system;
        let name = [&utf16(&format!("{}\\", guid::text(class))), parameters].concat();
        Ok(Handle { system, value: system.open(Some(self.handle.value), &name, ACCESS)? })
    }
}

impl Handle<'_> {
    /// The handle's value.
    pub fn value(&self) -> usize {
        self.value
    }

    /// The handle's value, which nobody closes any more but the end of the program.
    fn into_value(self) -> usize {
        ManuallyDrop::new(self).value
    }
}

/// A program that streams: its pin, and requests that nobody waits for.
pub struct Streaming {
    /// The handle of the pin. Only the end of the program closes it, and the filter's.
    pub pin: usize,
    requests: Vec<(Box<dyn Request>, Packet)>,
}

impl Streaming {
    /// Does a job: filter, pin, RUN, requests.
    pub fn begin(system: &dyn System, job: &Job) -> Result<Self, Status> {
        let filter = Filter::open(system, &job.link)?;
        let pin = filter.create(&job.connect)?;
        pin.step_to(3)?;
        let one = |_| {
            let packet = match job.reads {
                true => Packet::new(system, &[job.frame], false),
                false => Packet::from_frame(system, &vec![0x42; job.frame]),
            };
            (if job.reads { pin.read(&packet) } else { pin.write(&packet) }, packet)
        };
        let requests = (0..job.requests).map(one).collect();
        filter.handle.into_value();
        Ok(Self { pin: pin.handle.into_value(), requests })
    }

    /// Asks for the cancellation of all requests.
    pub fn cancel(&self) {
        self.requests.iter().for_each(|(request, _)| request.cancel());
    }
}

impl Object for Handle<'_> {
    fn system(&self) -> &dyn System {
        self.system
    }

    fn handle(&self) -> usize {
        self.value
    }
}

/// A `KSPIN_CONNECT` with the standard interface and medium.
pub fn connect(pin: u32, handle: usize) -> KSPIN_CONNECT {
    let mut connect: KSPIN_CONNECT = bytes::zeroed();
    connect.Interface.__bindgen_anon_1.__bindgen_anon_1 = Identifier {
        Set: KSINTERFACESETID_Standard,
        Id: KSINTERFACE_STANDARD::KSINTERFACE_STANDARD_STREAMING as u32,
        Flags: 0,
    };
    connect.Medium.__bindgen_anon_1.__bindgen_anon_1 =
        Identifier { Set: KSMEDIUMSETID_Standard, Id: KSMEDIUM_TYPE_ANYINSTANCE, Flags: 0 };
    connect.PinId = pin;
    connect.PinToHandle = handle as HANDLE;
    connect.Priority.PriorityClass = KSPRIORITY_NORMAL;
    connect.Priority.PrioritySubClass = 1;
    connect
}
