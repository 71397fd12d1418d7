//! The pin *Capture*: gives pictures to one reader.

use avstream::{
    Control, Error, Format, LeadingEdge, Pin, PinDispatch, PinTimer, Processed, Processing, Result, Shared,
    SpinLock, State, Subscription, callbacks,
};

use super::{Camera, FRAMES};
use crate::{
    clock::Clock,
    counter::Counter,
    formats::{self, Stream},
    hub::Hub,
    picture::{self, Sink, Source},
};

/// One reader.
pub struct Capture {
    hub: Shared<Hub>,
    reader: SpinLock<Reader>,
    /// Ticks while the reader has nobody to follow.
    timer: PinTimer,
    subscription: Subscription,
}

struct Reader {
    stream: Stream,
    /// Changes in Process and at rest only.
    progress: Progress,
    clock: Clock,
}

#[derive(Clone, Copy)]
struct Progress {
    counter: Counter,
    /// The writer's last picture that was shown; `None` while there is no writer to follow.
    following: Option<u64>,
}

impl Progress {
    const BEGIN: Self = Self { counter: Counter::ZERO, following: None };
}

impl PinDispatch for Capture {
    type Filter = Camera;

    fn create(pin: &Pin<'_, Control>, filter: &Camera) -> Result<Self> {
        let stream = Stream::of(pin.format())?;
        pin.ask_for_frame_info();
        pin.set_framing(FRAMES, stream.format.image_size())?;
        Ok(Self {
            hub: filter.hub.clone(),
            reader: SpinLock::new(Reader { stream, progress: Progress::BEGIN, clock: Clock::STOPPED }),
            timer: PinTimer::new(pin)?,
            subscription: Subscription::new(pin, filter.hub.readers.clone())?,
        })
    }

    const PROCESS: Option<callbacks::Process<Self>> = Some(Self::process);
    const SET_FORMAT: Option<callbacks::SetFormat<Self>> = Some(Self::set_format);
    const SET_STATE: Option<callbacks::SetState<Self>> = Some(Self::set_state);
    const INTERSECT: Option<callbacks::Intersect> = Some(formats::intersect);
}

impl Capture {
    fn set_format(pin: Option<&Self>, _: &Camera, raw: &Pin<'_, Control>, format: Format<'_>) -> Result {
        let stream = Stream::of(format)?;
        if let Some(pin) = pin {
            raw.set_framing(FRAMES, stream.format.image_size())?;
            pin.reader.lock().stream = stream;
        }
        Ok(())
    }

    fn set_state(&self, pin: &Pin<'_, Control>, to: State, from: State) -> Result {
        match (from, to) {
            (State::Stop, State::Acquire) => {
                let reference = pin.reference_clock().ok();
                let old = {
                    let mut reader = self.reader.lock();
                    reader.progress = Progress::BEGIN;
                    reader.clock.reset(reference)
                };
                drop(old);
            }
            (State::Pause, State::Run) => {
                self.reader.lock().clock.run();
                self.timer.enable();
                self.subscription.join();
            }
            (State::Run, State::Pause) => {
                self.subscription.leave();
                self.timer.disable();
                self.reader.lock().clock.pause();
            }
            (State::Acquire, State::Stop) => {
                let old = self.reader.lock().clock.reset(None);
                drop(old);
            }
            _ => {}
        }
        Ok(())
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        let (stream, progress) = {
            let reader = self.reader.lock();
            (reader.stream, reader.progress)
        };
        let is_followed = self.hub.live().is_some_and(|live| live.geometry == stream.format.geometry);
        if is_followed { self.follow(pin, stream, progress) } else { self.hold(pin, stream, progress) }
    }

    /// Shows the writer's newest picture.
    fn follow(&self, pin: &mut Pin<'_, Processing>, stream: Stream, mut progress: Progress) -> Processed {
        if progress.following.is_none() {
            self.timer.disarm();
        }
        let seen = progress.following;
        let Some(reading) = self.hub.frames.newer_than(seen.unwrap_or(0)) else { return Processed::Wait };
        let from = picture::format(reading.mark()).filter(|from| from.geometry == stream.format.geometry);
        let Some(from) = from else {
            // Of a format that the writer has left.
            return Processed::Wait;
        };
        let Some(mut edge) = pin.leading_edge() else { return Processed::Wait };
        let missed = seen.map_or(0, |seen| reading.sequence().saturating_sub(seen.saturating_add(1)));
        progress.following = Some(reading.sequence());
        progress.counter.show(missed);
        let shown = match (reading.source(), edge.sink()) {
            (Some(source), Some(sink)) => {
                picture::deliver(from, Source(source), stream.format, &mut Sink(sink))
            }
            _ => false,
        };
        drop(reading);
        self.finish(edge, stream, progress, shown)
    }

    /// Shows that there is no writer, or none whose pictures have this size.
    fn hold(&self, pin: &mut Pin<'_, Processing>, stream: Stream, mut progress: Progress) -> Processed {
        progress.following = None;
        self.timer.arm(stream.interval);
        let Some(missed) = self.timer.take_ticks().checked_sub(1) else {
            self.reader.lock().progress = progress;
            return Processed::Wait;
        };
        let Some(mut edge) = pin.leading_edge() else {
            progress.counter.miss(u64::from(missed) + 1);
            self.reader.lock().progress = progress;
            return Processed::Wait;
        };
        progress.counter.show(missed.into());
        let number = progress.counter.stamp();
        let shown =
            edge.sink().is_some_and(|sink| video::placeholder::paint(stream.format, number, &mut Sink(sink)));
        self.finish(edge, stream, progress, shown)
    }

    /// Gives the frame to the reader.
    fn finish(
        &self,
        mut edge: LeadingEdge<'_>,
        stream: Stream,
        progress: Progress,
        shown: bool,
    ) -> Processed {
        let clock = {
            let mut reader = self.reader.lock();
            reader.progress = progress;
            reader.clock.face()
        };
        if shown {
            edge.set_time(clock.time(), stream.interval);
            edge.set_frame_info(progress.counter.picture, progress.counter.dropped);
            edge.finish(stream.format.image_size());
        } else {
            // Smaller than the format says, or no buffer at all.
            edge.refuse(Error::INVALID_BUFFER_SIZE);
        }
        Processed::Continue
    }
}
