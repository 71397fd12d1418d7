//! The pin of the test source.

use avstream::{
    Control, DataRange, Error, Format, Pin, PinDispatch, PinTimer, Processed, Processing, Result, SpinLock,
    State, VideoFormat,
};

use super::{FRAMES, TestSource};
use crate::{
    clock::Clock,
    counter::Counter,
    formats::{self, Stream},
    picture::Sink,
};

/// One stream of bars: a new picture with every tick, whether or not there is a frame for it.
pub struct Output {
    stream: SpinLock<Stream>,
    counter: SpinLock<Counter>,
    clock: Clock,
    timer: PinTimer,
}

impl PinDispatch for Output {
    type Filter = TestSource;

    fn create(pin: &Pin<'_, Control>, _: &TestSource) -> Result<Self> {
        let stream = Stream::of(pin.format())?;
        pin.ask_for_frame_info();
        pin.set_framing(FRAMES, stream.format.image_size())?;
        Ok(Self {
            stream: SpinLock::new(stream),
            counter: SpinLock::new(Counter::ZERO),
            clock: Clock::new(),
            timer: PinTimer::new(pin)?,
        })
    }

    const PROCESS: Option<fn(&Self, &mut Pin<'_, Processing>) -> Processed> = Some(Self::process);
    const SET_FORMAT: Option<fn(Option<&Self>, &TestSource, &Pin<'_, Control>, Format<'_>) -> Result> =
        Some(Self::set_format);
    const SET_STATE: Option<fn(&Self, &Pin<'_, Control>, State, State) -> Result> = Some(Self::set_state);
    const INTERSECT: Option<fn(DataRange<'_>, DataRange<'_>) -> Result<VideoFormat>> =
        Some(formats::intersect);
}

impl Output {
    fn set_format(
        pin: Option<&Self>,
        filter: &TestSource,
        raw: &Pin<'_, Control>,
        format: Format<'_>,
    ) -> Result {
        let stream = Stream::of(format)?;
        if let Some(pin) = pin {
            raw.set_framing(FRAMES, stream.format.image_size())?;
            *pin.stream.lock() = stream;
        }
        // Before Create: a sink may ask for it during its Connect, which may come first (contract 10.1).
        *filter.about.stream.lock() = Some(stream);
        Ok(())
    }

    fn set_state(&self, pin: &Pin<'_, Control>, to: State, from: State) -> Result {
        match (from, to) {
            (State::Stop, State::Acquire) => {
                self.clock.acquire(pin);
                *self.counter.lock() = Counter::ZERO;
            }
            (State::Pause, State::Run) => {
                self.clock.run();
                self.timer.enable();
                let interval = self.stream.lock().interval;
                self.timer.arm(interval);
            }
            (State::Run, State::Pause) => {
                self.timer.disable();
                self.clock.pause();
            }
            (State::Acquire, State::Stop) => self.clock.release(),
            _ => {}
        }
        Ok(())
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        let Some(missed) = self.timer.take_ticks().checked_sub(1) else { return Processed::Wait };
        let stream = *self.stream.lock();
        let Some(mut edge) = pin.leading_edge() else {
            self.counter.lock().miss(u64::from(missed) + 1);
            return Processed::Wait;
        };
        let counter = {
            let mut counter = self.counter.lock();
            counter.show(missed.into());
            *counter
        };
        let painted = edge
            .sink()
            .is_some_and(|sink| video::bars::paint(stream.format, counter.stamp(), &mut Sink(sink)));
        if painted {
            edge.set_time(self.clock.time(), stream.interval);
            edge.set_frame_info(counter.picture, counter.dropped);
            edge.finish(stream.format.image_size());
        } else {
            // Smaller than the format says, or no buffer at all.
            edge.refuse(Error::INVALID_BUFFER_SIZE);
        }
        Processed::Continue
    }
}
