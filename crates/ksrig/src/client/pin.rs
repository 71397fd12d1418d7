//! A pin instance: states, streaming, properties.

use ks_sys::*;

use super::packet::Packet;
use super::property::{self, Answer};
use super::request::Request;
use super::sys::{self, Handle};
use super::{Format, Status};

/// `KSSTATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is held.
    Stop,
    /// Resources are held.
    Acquire,
    /// Ready, the clock stands.
    Pause,
    /// Data flows.
    Run,
}

impl State {
    /// All of them, upwards.
    pub const ALL: [Self; 4] = [Self::Stop, Self::Acquire, Self::Pause, Self::Run];
}

/// `KSRESET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// Flush, and take nothing until the end.
    Begin,
    /// Take requests again.
    End,
}

/// A pin a client has open. Closed on drop.
#[derive(Debug)]
pub struct Pin {
    handle: Handle,
    id: u32,
}

impl Pin {
    pub(super) fn new(handle: Handle, id: u32) -> Self {
        Self { handle, id }
    }

    /// The pin type it is an instance of.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The handle's value.
    pub fn handle(&self) -> usize {
        self.handle.value()
    }

    /// Sets `KSPROPERTY_CONNECTION_STATE`.
    pub fn set_state(&self, state: State) -> Result<(), Status> {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE as u32;
        let input = property::request(KSPROPSETID_Connection, id, property::SET, &[]);
        let value = (state as u32).to_le_bytes().to_vec();
        self.property(&input, value).status.check().map(drop)
    }

    /// Gets `KSPROPERTY_CONNECTION_STATE`.
    pub fn state(&self) -> Result<State, Status> {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE as u32;
        let input = property::request(KSPROPSETID_Connection, id, property::GET, &[]);
        let value: u32 = self.property(&input, vec![0; 4]).value()?;
        State::ALL.get(value as usize).copied().ok_or(Status(STATUS_INVALID_DEVICE_STATE))
    }

    /// Moves the pin to a state, or fails with what the way there failed with.
    pub fn run(&self) -> Result<(), Status> {
        self.set_state(State::Run)
    }

    /// Sets `KSPROPERTY_CONNECTION_DATAFORMAT`.
    pub fn set_format(&self, format: &Format) -> Status {
        let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT as u32;
        let input = property::request(KSPROPSETID_Connection, id, property::SET, &[]);
        self.property(&input, format.0.clone()).status
    }

    /// Sends a property request with any input and output buffer.
    pub fn property(&self, input: &[u8], data: Vec<u8>) -> Answer {
        property::send(self.handle(), input, data)
    }

    /// Starts a read of the packet's frames.
    pub fn submit_read(&self, packet: Packet) -> Request {
        let len = packet.headers().len() as u32;
        Request::send(self.handle(), IOCTL_KS_READ_STREAM, packet, len)
    }

    /// Starts a write of the packet's frames.
    pub fn submit_write(&self, packet: Packet) -> Request {
        let len = packet.headers().len() as u32;
        Request::send(self.handle(), IOCTL_KS_WRITE_STREAM, packet, len)
    }

    /// Starts any stream request with any length for its headers: for tests of what lies.
    pub fn submit_raw(&self, code: u32, packet: Packet, len: u32) -> Request {
        Request::send(self.handle(), code, packet, len)
    }

    /// Sends `IOCTL_KS_RESET_STATE`.
    pub fn reset(&self, reset: Reset) -> Result<(), Status> {
        let value = match reset {
            Reset::Begin => KSRESET::KSRESET_BEGIN,
            Reset::End => KSRESET::KSRESET_END,
        };
        self.control(IOCTL_KS_RESET_STATE, &(value as u32).to_le_bytes(), &mut []).0.check().map(drop)
    }

    /// Sends any device control request.
    pub fn control(&self, code: u32, input: &[u8], output: &mut [u8]) -> (Status, usize) {
        sys::control(self.handle(), code, input, output)
    }

    /// Closes the pin.
    pub fn close(self) {}
}
