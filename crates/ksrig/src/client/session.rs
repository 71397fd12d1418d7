//! A session: something feeds a driver, programs read from it, everything is closed again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;
use super::graph::{PinName, Place};
use super::pin::{Pin, State};
use super::rig::Rig;
use super::stream::{Frame, Reader, Writer};
use super::{Format, Video};
use crate::nt::machine::JoinHandle;

/// What feeds the driver.
pub enum Input<'a> {
    /// Nothing: the driver makes its pictures itself, or shows that there are none.
    Nothing,
    /// A source pin that is connected to a sink pin inside the kernel.
    Connect {
        /// The source pin.
        from: PinName,
        /// The sink pin.
        to: PinName,
        /// The format of the connection.
        format: Video,
    },
    /// A program that writes frames into a sink pin.
    Write {
        /// The sink pin.
        to: PinName,
        /// The frames' format.
        format: Video,
        /// Fills the buffer with the next frame; false when there is none.
        next: &'a mut dyn FnMut(&mut [u8]) -> Result<bool, Error>,
    },
}

/// What a reader does with its frames.
pub type OnFrame = Box<dyn FnMut(&Frame<'_>) + Send>;

/// One program that reads.
pub struct Read {
    /// The pin.
    pub pin: PinName,
    /// The format it asks for.
    pub format: Video,
    /// How many frames it reads.
    pub frames: u64,
    /// What it does with them.
    pub on_frame: OnFrame,
}

/// What a reader got.
#[derive(Clone, Debug, Default)]
pub struct Got {
    /// The pin's name.
    pub pin: String,
    /// The virtual time of each frame's arrival.
    pub arrivals: Vec<u64>,
    /// The first frame whose presentation time is not later than that of the one before.
    pub backwards: Option<u64>,
    /// The last `KS_FRAME_INFO.DropCount`, where the driver counts.
    pub dropped: Option<i64>,
    /// Why it stopped early.
    pub error: Option<String>,
}

/// What came of a session.
#[derive(Debug)]
pub struct Outcome {
    /// What the connection came back with, when there was one to make.
    pub connected: Option<Result<(), Error>>,
    /// The readers, in the order of the plan.
    pub readers: Vec<Got>,
    /// Frames written.
    pub written: u64,
}

/// How many buffers a program keeps at a pin.
const DEPTH: usize = 4;

/// The pins at the driver's input, source last: they are closed in the opposite order.
struct Feed {
    sink: Option<Pin>,
    source: Option<Pin>,
    _places: Vec<Place>,
}

impl Feed {
    /// Upwards the sink goes first: a consumer is ready before its producer (R4.37).
    fn rise(&self, state: State) -> Result<(), Error> {
        let pins = [(&self.sink, "the sink pin"), (&self.source, "the source pin")];
        for (pin, name) in pins.into_iter().filter_map(|(pin, name)| Some((pin.as_ref()?, name))) {
            set_state(pin, name, state)?;
        }
        Ok(())
    }

    fn fall(&self) -> Result<(), Error> {
        let pins = [(&self.source, "the source pin"), (&self.sink, "the sink pin")];
        for (pin, name) in pins.into_iter().filter_map(|(pin, name)| Some((pin.as_ref()?, name))) {
            set_state(pin, name, State::Stop)?;
        }
        Ok(())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.source.take();
        self.sink.take();
    }
}

fn set_state(pin: &Pin, name: &str, state: State) -> Result<(), Error> {
    pin.set_state(state).map_err(Error::status(format!("setting {name} to {state:?}")))
}

impl Rig {
    /// Runs a session to its end. An error of the connection ends it before anything streams and comes back
    /// in the outcome; so do errors of readers.
    pub fn session(&self, input: Input<'_>, reads: Vec<Read>) -> Result<Outcome, Error> {
        let mut outcome = Outcome { connected: None, readers: Vec::new(), written: 0 };
        let feed = match self.feed(&input) {
            Ok(feed) => feed,
            Err(error) if matches!(input, Input::Connect { .. }) => {
                outcome.connected = Some(Err(error));
                return Ok(outcome);
            }
            Err(error) => return Err(error),
        };
        if let Input::Connect { .. } = input {
            outcome.connected = Some(Ok(()));
        }
        feed.rise(State::Acquire)?;
        feed.rise(State::Pause)?;
        if let Some(sink) = &feed.sink {
            set_state(sink, "the sink pin", State::Run)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let readers = self.start_readers(reads, &stop)?;
        if let Some(source) = &feed.source {
            set_state(source, "the source pin", State::Run)?;
        }
        // The driver may keep the newest frame until its pin stops: the writer lives until then.
        let mut writer = None;
        let written = match (input, &feed.sink) {
            (Input::Write { to, format, next }, Some(sink)) => {
                let writer = writer.insert(Writer::new(sink, &to.to_string(), format.interval, DEPTH));
                write_all(writer, &format, next, &stop, &mut outcome.written)
            }
            _ => Ok(()),
        };
        if written.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        outcome.readers = readers.into_iter().map(JoinHandle::join).collect();
        feed.fall()?;
        drop(writer);
        written.map(|()| outcome)
    }

    fn feed(&self, input: &Input<'_>) -> Result<Feed, Error> {
        let mut feed = Feed { sink: None, source: None, _places: Vec::new() };
        let (from, to, format) = match input {
            Input::Nothing => return Ok(feed),
            Input::Connect { from, to, format } => (Some(from), to, format),
            Input::Write { to, format, .. } => (None, to, format),
        };
        let place = self.place(to)?;
        let sink = place.create(&place.format(format)?)?;
        feed._places.push(place);
        if let Some(from) = from {
            let place = self.place(from)?;
            feed.source = Some(place.connect(&place.format(format)?, &sink)?);
            feed._places.push(place);
        }
        feed.sink = Some(sink);
        Ok(feed)
    }

    /// Starts a thread for each reader; they all wait for their first frame when this returns.
    fn start_readers(&self, reads: Vec<Read>, stop: &Arc<AtomicBool>) -> Result<Vec<JoinHandle<Got>>, Error> {
        let mut ready = Vec::new();
        for read in reads {
            let place = self.place(&read.pin)?;
            let format = place.format(&read.format)?;
            let pin = place.create(&format)?;
            ready.push((read, place, format, pin));
        }
        let start = |(index, (read, place, format, pin)): (usize, (Read, Place, Format, Pin))| {
            let stop = stop.clone();
            self.spawn(&format!("reader {}", index + 1), move || read_all(read, &place, &format, pin, &stop))
        };
        let readers = ready.into_iter().enumerate().map(start).collect();
        self.settle();
        Ok(readers)
    }
}

/// The life of a reader: up to RUN, frames, down to STOP, close.
fn read_all(mut read: Read, place: &Place, format: &Format, pin: Pin, stop: &AtomicBool) -> Got {
    let mut got = Got { pin: place.name(), ..Got::default() };
    let len = format.head().map_or(0, |head| head.SampleSize as usize).max(read.format.frame_len());
    let mut last = None;
    let result = (|| {
        set_state(&pin, "a reader", State::Acquire)?;
        set_state(&pin, "a reader", State::Pause)?;
        let mut reader = Reader::new(&pin, &place.name(), len, DEPTH);
        reader.prime();
        set_state(&pin, "a reader", State::Run)?;
        while (got.arrivals.len() as u64) < read.frames && !stop.load(Ordering::Relaxed) {
            reader.next(|frame| {
                got.arrivals.push(frame.time);
                if frame.header.OptionsFlags & ks_sys::KSSTREAM_HEADER_OPTIONSF_TIMEVALID != 0 {
                    let time = frame.header.PresentationTime.Time;
                    if last.replace(time).is_some_and(|last| time <= last) {
                        got.backwards.get_or_insert(frame.index);
                    }
                }
                got.dropped = frame.info.map(|info| info.DropCount);
                (read.on_frame)(&frame);
            })?;
        }
        // What is still on its way comes back when the pin stops.
        set_state(&pin, "a reader", State::Stop)
    })();
    got.error = result.err().map(|error| error.to_string());
    got
}

fn write_all(
    writer: &mut Writer<'_>,
    format: &Video,
    next: &mut dyn FnMut(&mut [u8]) -> Result<bool, Error>,
    stop: &AtomicBool,
    written: &mut u64,
) -> Result<(), Error> {
    let mut frame = vec![0; format.frame_len()];
    while !stop.load(Ordering::Relaxed) && next(&mut frame)? {
        writer.write(&frame)?;
        *written += 1;
    }
    crate::nt::sched::settle();
    Ok(())
}
