//! The pin *Input*: takes pictures from the writer.

use avstream::{
    Control, Error, Format, Pin, PinDispatch, Processed, Processing, Result, Shared, Slots, SpinLock, State,
    callbacks,
};

use super::{Camera, FRAMES, connect::Connection};
use crate::{
    formats::{self, Stream},
    hub::{Claim, Hub},
    picture,
};

/// The writer, or somebody who wants to be.
pub struct Input {
    pub(super) hub: Shared<Hub>,
    stream: SpinLock<Stream>,
    /// The right to write: from a connection, or from ACQUIRE on.
    pub(super) claim: SpinLock<Option<Claim>>,
    pub(super) connection: SpinLock<Connection>,
}

impl PinDispatch for Input {
    type Filter = Camera;

    fn create(pin: &Pin<'_, Control>, filter: &Camera) -> Result<Self> {
        let stream = Stream::of(pin.format())?;
        pin.set_framing(FRAMES, stream.format.image_size())?;
        Ok(Self {
            hub: filter.hub.clone(),
            stream: SpinLock::new(stream),
            claim: SpinLock::new(None),
            connection: SpinLock::new(Connection::None),
        })
    }

    const PROCESS: Option<callbacks::Process<Self>> = Some(Self::process);
    const SET_FORMAT: Option<callbacks::SetFormat<Self>> = Some(Self::set_format);
    const SET_STATE: Option<callbacks::SetState<Self>> = Some(Self::set_state);
    const CONNECT: Option<callbacks::Connect<Self>> = Some(Self::connect);
    const DISCONNECT: Option<callbacks::Disconnect<Self>> = Some(Self::disconnect);
    const INTERSECT: Option<callbacks::Intersect> = Some(formats::intersect);
    const PUBLISHES: Option<callbacks::Publishes<Self>> = Some(Self::publishes);
}

impl Input {
    /// What the writer writes.
    pub(super) fn stream(&self) -> Stream {
        *self.stream.lock()
    }

    fn publishes(&self) -> Shared<Slots> {
        self.hub.frames.clone()
    }

    fn set_format(pin: Option<&Self>, _: &Camera, raw: &Pin<'_, Control>, format: Format<'_>) -> Result {
        let stream = Stream::of(format)?;
        if let Some(pin) = pin {
            raw.set_framing(FRAMES, stream.format.image_size())?;
            *pin.stream.lock() = stream;
        }
        Ok(())
    }

    fn set_state(&self, pin: &Pin<'_, Control>, to: State, from: State) -> Result {
        match (from, to) {
            (State::Stop, State::Acquire) => self.acquire(pin)?,
            (State::Pause, State::Run) => self.hub.start(self.stream().format),
            (State::Run, State::Pause) => self.hub.stop(),
            (State::Acquire, State::Stop) => self.release(),
            _ => {}
        }
        Ok(())
    }

    /// Becomes the writer, unless a connection has made it so; and makes up for what the connection could not do.
    fn acquire(&self, pin: &Pin<'_, Control>) -> Result {
        let claimed_now = self.claim()?;
        let result = self.complete_connection(pin);
        if result.is_err() && claimed_now {
            self.unclaim();
        }
        result
    }

    fn release(&self) {
        if !self.is_connected() {
            self.unclaim();
        }
    }

    /// Becomes the writer; whether it was not before.
    pub(super) fn claim(&self) -> Result<bool> {
        if self.claim.lock().is_some() {
            return Ok(false);
        }
        let claim = Hub::claim(&self.hub)?;
        *self.claim.lock() = Some(claim);
        Ok(true)
    }

    /// Is not the writer any more.
    pub(super) fn unclaim(&self) {
        let claim = self.claim.lock().take();
        drop(claim);
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        let Some(edge) = pin.leading_edge() else { return Processed::Wait };
        let format = self.stream().format;
        let size = format.image_size();
        match edge.source().map(|source| source.len()) {
            Some(len) if len == size as usize => {}
            // Flags without a picture.
            None | Some(0) => {
                edge.skip();
                return Processed::Continue;
            }
            Some(_) => {
                edge.refuse(Error::INVALID_BUFFER_SIZE);
                return Processed::Continue;
            }
        }
        match self.hub.frames.publish(&edge, picture::mark(format)) {
            Ok(reading) => {
                edge.finish(size);
                // In this thread, while the picture is held: each reader copies it from where it is.
                self.hub.readers.attempt_processing(false);
                drop(reading);
            }
            // It is lost: there is no memory, or it comes too late.
            Err(_) => edge.skip(),
        }
        Processed::Continue
    }
}
