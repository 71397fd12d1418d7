//! The pin *Capture*: gives pictures to one reader.

use avstream::{
    Control, Error, Format, LeadingEdge, Pin, PinDispatch, PinTimer, Processed, Processing, Reading, Result,
    Shared, SpinLock, State, Subscription, callbacks, time,
};

use super::{Camera, FRAMES};
use crate::{
    clock::{self, Clock},
    counter::Counter,
    formats::{self, Stream},
    hub::Hub,
    picture::{self, Sink, Source},
};

/// One reader.
pub struct Capture {
    hub: Shared<Hub>,
    reader: SpinLock<Reader>,
    /// Ticks while the reader has nobody to follow; and, seldom, while it has, in case nobody says that the writer
    /// is gone: no page promises that an attempt to process is remembered while Process runs (contract 10.19).
    timer: PinTimer,
    subscription: Subscription,
}

/// Between looks at a writer, in 100 ns.
const WATCH: i64 = 5_000_000;

struct Reader {
    stream: Stream,
    /// Changes in Process and at rest only.
    progress: Progress,
    clock: Clock,
}

#[derive(Clone, Copy)]
struct Progress {
    counter: Counter,
    /// The writer's last picture that was shown; `None` while there is no writer to follow, or no picture of it.
    following: Option<u64>,
    /// Since when there has been a writer without a picture.
    waiting: Option<i64>,
}

impl Progress {
    const BEGIN: Self = Self { counter: Counter::ZERO, following: None, waiting: None };
}

impl PinDispatch for Capture {
    type Filter = Camera;

    fn create(pin: &Pin<'_, Control>, filter: &Camera) -> Result<Self> {
        let stream = Stream::of(pin.format())?;
        pin.set_framing(FRAMES, stream.format.image_size())?;
        Ok(Self {
            hub: filter.hub.clone(),
            reader: SpinLock::new(Reader { stream, progress: Progress::BEGIN, clock: Clock::STOPPED }),
            timer: PinTimer::new(pin)?,
            subscription: Subscription::new(pin, filter.hub.readers.clone())?,
        })
    }

    const FRAME_INFO: bool = true;
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
                let reference = clock::reference(pin)?;
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
        let (stream, mut progress) = {
            let reader = self.reader.lock();
            (reader.stream, reader.progress)
        };
        let geometry = stream.format.geometry;
        if self.hub.live().is_none_or(|live| live.geometry != geometry) {
            progress.waiting = None;
            return self.hold(pin, stream, progress);
        }
        let newer = self.hub.frames.newer_than(progress.following.unwrap_or(0));
        // Otherwise of a format that the writer has left.
        let newer = newer
            .filter(|reading| picture::format(reading.mark()).is_some_and(|from| from.geometry == geometry));
        match newer {
            Some(reading) => self.follow(pin, stream, progress, reading),
            None => self.wait(pin, stream, progress),
        }
    }

    /// There is a writer, and nothing new. One that has given no picture at all may never give one.
    fn wait(&self, pin: &mut Pin<'_, Processing>, stream: Stream, mut progress: Progress) -> Processed {
        if progress.following.is_none() {
            let now = time::now();
            let since = *progress.waiting.get_or_insert(now);
            if now.wrapping_sub(since) >= WATCH {
                return self.hold(pin, stream, progress);
            }
            // These ticks are no pictures.
            let _ = self.timer.take_ticks();
            self.reader.lock().progress = progress;
        }
        self.timer.arm(WATCH);
        Processed::Wait
    }

    /// Shows the writer's newest picture.
    fn follow(
        &self,
        pin: &mut Pin<'_, Processing>,
        stream: Stream,
        mut progress: Progress,
        reading: Reading<'_>,
    ) -> Processed {
        self.timer.arm(WATCH);
        let seen = progress.following;
        let Some(from) = picture::format(reading.mark()) else { return Processed::Wait };
        let Some(mut edge) = pin.leading_edge() else { return Processed::Wait };
        let missed = seen.map_or(0, |seen| reading.sequence().saturating_sub(seen.saturating_add(1)));
        progress.following = Some(reading.sequence());
        progress.waiting = None;
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
        if progress.following.take().is_some() {
            // From now on, and at once. What has ticked so far was no picture.
            self.timer.disarm();
        }
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
        mut progress: Progress,
        shown: bool,
    ) -> Processed {
        let gap = shown && progress.counter.take_gap();
        let clock = {
            let mut reader = self.reader.lock();
            reader.progress = progress;
            reader.clock.face()
        };
        if shown {
            edge.set_time(clock.time(), stream.interval);
            edge.set_frame_info(progress.counter.picture, progress.counter.dropped);
            if gap {
                edge.set_discontinuity();
            }
            edge.finish(stream.format.image_size());
        } else {
            // Smaller than the format says, or no buffer at all.
            edge.refuse(Error::INVALID_BUFFER_SIZE);
        }
        Processed::Continue
    }
}
