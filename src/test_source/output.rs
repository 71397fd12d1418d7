//! The pin of the test source.

use avstream::{
    Control, DataRange, Error, Format, LeadingEdge, OfPin, Pin, PinDispatch, PinTimer, Processed, Processing,
    PropertySet, Result, SpinLock, State, VideoFormat, callbacks,
};

use super::{FRAMES, TestSource};
use crate::{
    clock::{self, Clock},
    counter::Counter,
    dropped_frames::{self, Counts},
    formats::{self, Stream},
    negotiation,
    picture::{self, Sink},
};

/// One stream of bars: a new picture with every tick, whether or not there is a frame for it.
pub struct Output {
    bars: SpinLock<Bars>,
    timer: PinTimer,
}

struct Bars {
    stream: Stream,
    counter: Counter,
    clock: Clock,
    /// The last stamp.
    time: i64,
}

impl PinDispatch for Output {
    type Filter = TestSource;

    fn create(pin: &Pin<'_, Control>, _: &TestSource) -> Result<Self> {
        let stream = Stream::of(pin.format())?;
        pin.set_framing(FRAMES, stream.format.image_size())?;
        Ok(Self {
            bars: SpinLock::new(Bars {
                stream,
                counter: Counter::ZERO,
                clock: Clock::STOPPED,
                time: clock::NONE,
            }),
            timer: PinTimer::new(pin)?,
        })
    }

    const FRAME_INFO: bool = true;
    const PROPERTIES: &'static [PropertySet<OfPin<Self>>] =
        &[dropped_frames::Current::PROPERTIES, negotiation::of_pin()];
    const PROCESS: Option<callbacks::Process<Self>> = Some(Self::process);
    const SET_FORMAT: Option<callbacks::SetFormat<Self>> = Some(Self::set_format);
    const SET_STATE: Option<callbacks::SetState<Self>> = Some(Self::set_state);
    const INTERSECT: Option<callbacks::Intersect<Self>> = Some(Self::intersect);
}

impl Counts for Output {
    fn counter(&self) -> Counter {
        let mut counter = self.bars.lock().counter;
        // The last of them may be painted yet.
        counter.miss(u64::from(self.timer.ticks()).saturating_sub(1));
        counter
    }
}

impl Output {
    fn intersect(_: &TestSource, theirs: DataRange<'_>, ours: DataRange<'_>) -> Result<VideoFormat> {
        formats::intersect(None, theirs, ours)
    }

    /// Paints the bars into a frame; what they look like there.
    fn paint(format: video::Format, number: u32, edge: &mut LeadingEdge<'_>) -> Result<video::Format> {
        let format = picture::with_pitch(format, edge.surface_pitch()).ok_or(Error::INVALID_PARAMETER)?;
        let sink = edge.sink().ok_or(Error::INVALID_BUFFER_SIZE)?;
        if video::bars::paint(format, number, &mut Sink(sink)) {
            Ok(format)
        } else {
            Err(Error::INVALID_BUFFER_SIZE)
        }
    }

    fn set_format(
        pin: Option<&Self>,
        filter: &TestSource,
        raw: &Pin<'_, Control>,
        format: Format<'_>,
    ) -> Result {
        let stream = Stream::of(format)?;
        if let Some(pin) = pin {
            raw.set_framing(FRAMES, stream.format.image_size())?;
            pin.bars.lock().stream = stream;
            // At rest it is not enabled, and this does nothing.
            pin.timer.arm(stream.interval);
        }
        // Before Create: a sink may ask for it during its Connect, which may come first (contract 10.1).
        *filter.about.stream.lock() = Some(stream);
        Ok(())
    }

    fn set_state(&self, pin: &Pin<'_, Control>, to: State, from: State) -> Result {
        match (from, to) {
            (State::Stop, State::Acquire) => {
                let reference = clock::reference(pin)?;
                // What ticked before is no picture of this stream.
                self.timer.disarm();
                let old = {
                    let mut bars = self.bars.lock();
                    bars.counter = Counter::ZERO;
                    bars.time = clock::NONE;
                    bars.clock.reset(reference)
                };
                drop(old);
            }
            (State::Pause, State::Run) => {
                let clock = self.bars.lock().clock.face();
                let start = clock.now();
                let interval = {
                    let mut bars = self.bars.lock();
                    bars.clock.run(start);
                    bars.stream.interval
                };
                self.timer.enable();
                self.timer.arm(interval);
            }
            (State::Run, State::Pause) => {
                self.timer.disable();
                // No counter changes on this way (`stream/capturing-video`). In RUN the last may be painted yet.
                let due = self.timer.take_ticks().map_or(0, |ticks| u64::from(ticks.count));
                let mut bars = self.bars.lock();
                bars.counter.miss(due.saturating_sub(1));
                bars.clock.pause();
            }
            (State::Acquire, State::Stop) => {
                let old = self.bars.lock().clock.reset(None);
                drop(old);
            }
            _ => {}
        }
        Ok(())
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        let Some(ticks) = self.timer.take_ticks() else { return Processed::Wait };
        let Some(mut edge) = pin.leading_edge() else {
            self.bars.lock().counter.miss(ticks.count.into());
            return Processed::Wait;
        };
        let (stream, counter, clock, last) = {
            let mut bars = self.bars.lock();
            bars.counter.show(u64::from(ticks.count).saturating_sub(1));
            (bars.stream, bars.counter, bars.clock.face(), bars.time)
        };
        match Self::paint(stream.format, counter.stamp(), &mut edge) {
            Ok(format) => {
                let time = clock.stamp(ticks.last, last);
                edge.set_time(time, stream.interval);
                edge.set_frame_info(counter.picture, counter.dropped);
                let gap = {
                    let mut bars = self.bars.lock();
                    bars.time = time;
                    bars.counter.see(format.image_size());
                    bars.counter.take_gap()
                };
                if gap {
                    edge.set_discontinuity();
                }
                edge.finish(format.image_size());
            }
            // Smaller than the format says, no buffer at all, or rows that do not fit.
            Err(error) => {
                self.bars.lock().counter.lose();
                edge.refuse(error);
            }
        }
        Processed::Continue
    }
}
