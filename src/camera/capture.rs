//! The pin *Capture*: gives pictures to one reader.

use avstream::{
    Control, DataRange, Error, Format, LeadingEdge, Pin, PinDispatch, PinTimer, Processed, Processing,
    Result, Shared, SpinLock, State, Subscription, VideoFormat,
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
    stream: SpinLock<Stream>,
    progress: SpinLock<Progress>,
    clock: Clock,
    /// Ticks while the reader has nobody to follow.
    timer: PinTimer,
    subscription: Subscription,
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
            stream: SpinLock::new(stream),
            progress: SpinLock::new(Progress::BEGIN),
            clock: Clock::new(),
            timer: PinTimer::new(pin)?,
            subscription: Subscription::new(pin, filter.hub.readers.clone())?,
        })
    }

    const PROCESS: Option<fn(&Self, &mut Pin<'_, Processing>) -> Processed> = Some(Self::process);
    const SET_FORMAT: Option<fn(Option<&Self>, &Camera, &Pin<'_, Control>, Format<'_>) -> Result> =
        Some(Self::set_format);
    const SET_STATE: Option<fn(&Self, &Pin<'_, Control>, State, State) -> Result> = Some(Self::set_state);
    const INTERSECT: Option<fn(DataRange<'_>, DataRange<'_>) -> Result<VideoFormat>> =
        Some(formats::intersect);
}

impl Capture {
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
            (State::Stop, State::Acquire) => {
                self.clock.acquire(pin);
                *self.progress.lock() = Progress::BEGIN;
            }
            (State::Pause, State::Run) => {
                self.clock.run();
                self.timer.enable();
                self.subscription.join();
            }
            (State::Run, State::Pause) => {
                self.subscription.leave();
                self.timer.disable();
                self.clock.pause();
            }
            (State::Acquire, State::Stop) => self.clock.release(),
            _ => {}
        }
        Ok(())
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        let stream = *self.stream.lock();
        let progress = *self.progress.lock();
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
        let Some(mut edge) = pin.leading_edge() else { return Processed::Wait };
        let missed = seen.map_or(0, |seen| reading.sequence().saturating_sub(seen.saturating_add(1)));
        progress.following = Some(reading.sequence());
        progress.counter.show(missed);
        let from = picture::format(reading.mark());
        let shown = match (from, reading.source(), edge.sink()) {
            (Some(from), Some(source), Some(sink)) => {
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
            *self.progress.lock() = progress;
            return Processed::Wait;
        };
        let Some(mut edge) = pin.leading_edge() else {
            progress.counter.miss(u64::from(missed) + 1);
            *self.progress.lock() = progress;
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
        *self.progress.lock() = progress;
        if shown {
            edge.set_time(self.clock.time(), stream.interval);
            edge.set_frame_info(progress.counter.picture, progress.counter.dropped);
            edge.finish(stream.format.image_size());
        } else {
            // Smaller than the format says, or no buffer at all.
            edge.refuse(Error::INVALID_BUFFER_SIZE);
        }
        Processed::Continue
    }
}
