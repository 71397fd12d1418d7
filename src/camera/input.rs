//! The pin *Input*: takes pictures from the writer.

use avstream::{
    Control, DataRange, Error, Format, LeadingEdge, OfPin, Pin, PinDispatch, Processed, Processing,
    PropertySet, Result, Shared, Slots, SpinLock, State, VideoFormat, callbacks, time,
};

use super::{Camera, FRAMES, connect::Connection, turn_away};
use crate::{
    formats::{self, Stream},
    hub::{Claim, Hub},
    negotiation, picture,
};

/// The writer, or somebody who wants to be.
pub struct Input {
    hub: Shared<Hub>,
    writer: SpinLock<Writer>,
    pub(super) connection: SpinLock<Connection>,
}

struct Writer {
    /// What it writes.
    stream: Stream,
    /// The right to write: from a connection or from ACQUIRE on, to the end of both.
    claim: Option<Claim>,
    /// In ACQUIRE or above.
    is_active: bool,
    /// In RUN.
    is_running: bool,
}

impl PinDispatch for Input {
    type Filter = Camera;

    fn create(pin: &Pin<'_, Control>, filter: &Camera) -> Result<Self> {
        filter.hub.check()?;
        let stream = Stream::of(pin.format())?;
        pin.set_framing(FRAMES, stream.format.image_size())?;
        Ok(Self {
            hub: filter.hub.clone(),
            writer: SpinLock::new(Writer { stream, claim: None, is_active: false, is_running: false }),
            connection: SpinLock::new(Connection::None),
        })
    }

    // Who may not write to the camera neither does so nor has a source do it.
    const OPEN: Option<callbacks::Open<Self>> =
        Some(|_, opener| if opener.may_write() { Ok(()) } else { Err(Error::ACCESS_DENIED) });
    const PROPERTIES: &'static [PropertySet<OfPin<Self>>] = &[negotiation::of_pin()];
    const CLOSE: Option<callbacks::Close<Self>> = Some(Self::close);
    const PROCESS: Option<callbacks::Process<Self>> = Some(Self::process);
    const SET_FORMAT: Option<callbacks::SetFormat<Self>> = Some(Self::set_format);
    const SET_STATE: Option<callbacks::SetState<Self>> = Some(Self::set_state);
    const CONNECT: Option<callbacks::Connect<Self>> = Some(Self::connect);
    const DISCONNECT: Option<callbacks::Disconnect<Self>> = Some(Self::disconnect);
    const INTERSECT: Option<callbacks::Intersect<Self>> = Some(Self::intersect);
    const PUBLISHES: Option<callbacks::Publishes<Self>> = Some(Self::publishes);
}

impl Input {
    /// What the writer writes.
    pub(super) fn stream(&self) -> Stream {
        self.writer.lock().stream
    }

    fn publishes(&self) -> Shared<Slots> {
        self.hub.frames.clone()
    }

    /// Whatever another writer does.
    fn intersect(_: &Camera, theirs: DataRange<'_>, ours: DataRange<'_>) -> Result<VideoFormat> {
        formats::intersect(None, theirs, ours)
    }

    fn set_format(pin: Option<&Self>, _: &Camera, raw: &Pin<'_, Control>, format: Format<'_>) -> Result {
        let stream = Stream::of(format)?;
        if let Some(pin) = pin {
            raw.set_framing(FRAMES, stream.format.image_size())?;
            pin.writer.lock().stream = stream;
        }
        Ok(())
    }

    fn set_state(&self, pin: &Pin<'_, Control>, to: State, from: State) -> Result {
        if to > from {
            self.hub.check()?;
        }
        match (from, to) {
            (State::Stop, State::Acquire) => self.acquire(pin)?,
            (State::Pause, State::Run) => self.start(),
            (State::Run, State::Pause) => self.stop(),
            (State::Acquire, State::Stop) => self.release(),
            _ => {}
        }
        Ok(())
    }

    /// The pin goes. No page says that it has been walked down to STOP (contract 10.28).
    fn close(&self, _: &Pin<'_, Control>) {
        let is_running = self.writer.lock().is_running;
        if is_running {
            self.stop();
        }
    }

    /// Becomes the writer, unless a connection has made it so; and makes up for what the connection could not do.
    fn acquire(&self, pin: &Pin<'_, Control>) -> Result {
        let claimed_now = self.claim()?;
        let result = self.complete_connection(pin);
        if result.is_ok() {
            self.writer.lock().is_active = true;
        } else if claimed_now {
            self.unclaim();
        }
        result
    }

    fn release(&self) {
        self.writer.lock().is_active = false;
        if !self.is_connected() {
            self.unclaim();
        }
    }

    fn start(&self) {
        {
            let mut writer = self.writer.lock();
            writer.is_running = true;
            self.hub.set_live(writer.stream, time::now());
        }
        self.hub.wake_readers();
    }

    fn stop(&self) {
        self.writer.lock().is_running = false;
        self.fall_silent();
    }

    /// Lets the readers do without this writer, until the next picture comes.
    fn fall_silent(&self) {
        self.hub.set_silent();
        self.hub.frames.clear();
        self.hub.wake_readers();
    }

    /// Becomes the writer; whether it was not before.
    pub(super) fn claim(&self) -> Result<bool> {
        if self.writer.lock().claim.is_some() {
            return Ok(false);
        }
        let claim = Hub::claim(&self.hub)?;
        self.writer.lock().claim = Some(claim);
        Ok(true)
    }

    /// Is not the writer any more.
    fn unclaim(&self) {
        let claim = self.writer.lock().claim.take();
        drop(claim);
    }

    /// A connection, and with it its source, is gone.
    pub(super) fn lose_source(&self) {
        let is_active = self.writer.lock().is_active;
        if is_active {
            // No page says that a sink is at rest by then (contract 10.1b).
            self.fall_silent();
        } else {
            self.unclaim();
        }
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        if let Err(error) = self.hub.check() {
            return turn_away(pin, error);
        }
        let Some(edge) = pin.leading_edge() else { return Processed::Wait };
        // Flags without a picture.
        if edge.source().is_none_or(|source| source.is_empty()) {
            edge.skip();
            return Processed::Continue;
        }
        let now = time::now();
        let format = match self.format(&edge, now) {
            Ok(format) => format,
            Err(error) => {
                edge.refuse(error);
                return Processed::Continue;
            }
        };
        match self.hub.frames.publish(&edge, picture::mark(format), now) {
            Ok(reading) => {
                edge.finish(format.image_size());
                // In this thread, while the picture is held: each reader copies it from where it is.
                self.hub.readers.attempt_processing(false);
                drop(reading);
            }
            // It is lost: there is no memory, or it comes too late.
            Err(error) => edge.refuse(error),
        }
        Processed::Continue
    }

    /// What the picture at the leading edge, which came at a time, looks like; it is a sign of life of the writer.
    fn format(&self, edge: &LeadingEdge<'_>, time: i64) -> Result<video::Format> {
        let writer = self.writer.lock();
        let stream = writer.stream;
        let format =
            picture::with_pitch(stream.format, edge.surface_pitch()).ok_or(Error::INVALID_PARAMETER)?;
        if edge.source().is_none_or(|source| source.len() != format.image_size() as usize) {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        if writer.is_running {
            self.hub.arrive(stream, time);
        }
        Ok(format)
    }
}
