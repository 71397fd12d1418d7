//! The pin *Capture*: gives pictures to one reader.

use avstream::{
    Control, DataRange, Error, Format, LeadingEdge, OfPin, Pin, PinDispatch, PinTimer, Processed, Processing,
    PropertySet, Reading, Result, Shared, SpinLock, State, Subscription, VideoFormat, callbacks,
};

use super::{Camera, FRAMES, turn_away};
use crate::{
    clock::{self, Clock, Face, Moment},
    counter::Counter,
    dropped_frames::{self, Counts},
    formats::{self, Stream},
    hub::Hub,
    negotiation,
    picture::{self, Sink, Source, Way},
    placeholder::View,
};

/// One reader.
pub struct Capture {
    hub: Shared<Hub>,
    reader: Shared<SpinLock<Reader>>,
    /// Its place among the readers.
    place: usize,
    /// Ticks while the reader has nobody to follow; and, seldom, while it has, in case nobody says that the writer
    /// is gone: no page promises that an attempt to process is remembered while Process runs (contract 10.19).
    timer: Shared<PinTimer>,
    subscription: Subscription,
    /// How the last picture was converted. Process takes it out while it uses it, and nobody else does.
    way: SpinLock<Option<Way>>,
    /// The placeholder as it was shown last; in the same manner.
    view: SpinLock<View>,
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.hub.roster.remove(self.place);
        self.hub.changed();
    }
}

/// What others may know of a reader, and what it needs itself.
pub struct Reader {
    /// What it reads.
    pub stream: Stream,
    /// How far it is.
    pub state: State,
    /// The client that it belongs to.
    pub client: u64,
    /// Changes in Process and at rest only.
    progress: Progress,
    /// What was due when it paused, until it runs again.
    rest: Option<Due>,
    clock: Clock,
    timer: Shared<PinTimer>,
}

impl Reader {
    /// Its pictures so far, with those that it has missed since the last because it has no buffer for them.
    pub fn counter(&self, hub: &Hub) -> Counter {
        let mut counter = self.progress.counter;
        counter.miss(self.due(hub).missed);
        counter
    }

    /// What has come since its last picture.
    fn due(&self, hub: &Hub) -> Due {
        if let Some(due) = self.rest {
            return due;
        }
        let (due, comes): (u64, _) = match self.progress.following {
            None => (self.timer.ticks().into(), true),
            Some(seen) => (seen.due(hub, self.stream.interval), hub.is_written()),
        };
        // The last of them may be shown yet, unless its writer has gone.
        let open = due.min(comes.into());
        Due { missed: due.saturating_sub(open), open }
    }

    /// What Process works with.
    fn turn(&self) -> Turn {
        Turn { stream: self.stream, progress: self.progress, clock: self.clock.face() }
    }

    /// Whether its last picture was the writer's.
    pub const fn follows(&self) -> bool {
        self.progress.following.is_some()
    }

    /// Its camera is taken away: nothing is due any more.
    pub fn rest_for_good(&self) {
        self.timer.disarm();
    }

    /// The way from RUN to PAUSE, on which no counter changes (`stream/capturing-video`).
    fn pause(&mut self, hub: &Hub) {
        self.rest = Some(self.due(hub));
        // They are counted.
        let _ = self.timer.take_ticks();
        self.clock.pause();
    }

    /// The way from PAUSE to RUN: what the writer has written meanwhile was not for this reader.
    fn run(&mut self, hub: &Hub, start: Moment) {
        if let Some(due) = self.rest.take() {
            self.progress.counter.miss(due.missed);
            if let Some(seen) = &mut self.progress.following {
                seen.skip_to(hub.frames.sequence().saturating_sub(due.open));
            }
        }
        self.clock.run(start);
    }
}

/// Pictures that have come since a reader's last.
#[derive(Clone, Copy)]
struct Due {
    missed: u64,
    /// Whether there is one more, which may be shown yet: 0 or 1.
    open: u64,
}

/// What Process works with while nothing is locked.
struct Turn {
    stream: Stream,
    progress: Progress,
    clock: Face,
}

#[derive(Clone, Copy)]
struct Progress {
    counter: Counter,
    /// The last stamp.
    time: i64,
    /// What was shown of the writer; `None` while there is no writer to follow, or no picture of it.
    following: Option<Following>,
}

impl Progress {
    const BEGIN: Self = Self { counter: Counter::ZERO, time: clock::NONE, following: None };
}

/// What was shown of a writer.
#[derive(Clone, Copy)]
struct Following {
    /// Its first picture.
    first: u64,
    /// Its last picture.
    last: u64,
    /// When that arrived.
    time: i64,
}

impl Following {
    /// The writer's pictures up to this one are none of the reader's.
    const fn skip_to(&mut self, sequence: u64) {
        let pictures = sequence.saturating_sub(self.last);
        self.first = self.first.wrapping_add(pictures);
        self.last = self.last.wrapping_add(pictures);
    }

    /// The reader's pictures from the last that was shown to this one of the writer's; 0 if it is not its turn.
    ///
    /// By the intervals of both formats a reader that wants fewer pictures is shown the first of those that fall into one of
    /// its own; and, as a writer may be slower than its format says, one that comes an interval after the last.
    fn steps(&self, sequence: u64, time: i64, writer: i64, reader: i64) -> u64 {
        if reader <= writer || sequence <= self.last {
            return sequence.saturating_sub(self.last);
        }
        let slot = |sequence: u64| {
            let halves = sequence.saturating_sub(self.first).wrapping_mul(2).wrapping_add(1);
            let halves = halves.wrapping_mul(writer.unsigned_abs());
            halves.checked_div(reader.unsigned_abs().wrapping_mul(2)).unwrap_or(0)
        };
        let steps = slot(sequence).saturating_sub(slot(self.last));
        if time.wrapping_sub(self.time) >= reader { steps.max(1) } else { steps }
    }

    /// The pictures of a reader at such an interval that have come since.
    fn due(&self, hub: &Hub, reader: i64) -> u64 {
        self.steps(hub.frames.sequence(), hub.arrival(), hub.interval(), reader)
    }
}

impl PinDispatch for Capture {
    type Filter = Camera;

    fn create(pin: &Pin<'_, Control>, filter: &Camera) -> Result<Self> {
        filter.hub.check()?;
        let stream = Stream::of(pin.format())?;
        pin.set_framing(FRAMES, stream.format.image_size())?;
        let (timer, subscription) =
            (Shared::new(PinTimer::new(pin)?)?, Subscription::new(pin, filter.hub.readers.clone())?);
        let reader = Shared::new(SpinLock::new(Reader {
            stream,
            state: State::Stop,
            client: filter.client,
            progress: Progress::BEGIN,
            rest: None,
            clock: Clock::STOPPED,
            timer: timer.clone(),
        }))?;
        // At the end: what has a place gives it back.
        let place = filter.hub.roster.add(reader.clone())?;
        filter.hub.changed();
        Ok(Self {
            hub: filter.hub.clone(),
            reader,
            place,
            timer,
            subscription,
            way: SpinLock::new(None),
            view: SpinLock::new(View::NOTHING),
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

impl Counts for Capture {
    fn counter(&self) -> Counter {
        self.reader.lock().counter(&self.hub)
    }
}

impl Capture {
    fn set_format(pin: Option<&Self>, _: &Camera, raw: &Pin<'_, Control>, format: Format<'_>) -> Result {
        let stream = Stream::of(format)?;
        if let Some(pin) = pin {
            raw.set_framing(FRAMES, stream.format.image_size())?;
            pin.reader.lock().stream = stream;
            pin.hub.changed();
        }
        Ok(())
    }

    fn intersect(filter: &Camera, theirs: DataRange<'_>, ours: DataRange<'_>) -> Result<VideoFormat> {
        formats::intersect(filter.hub.writer(), theirs, ours)
    }

    /// Makes the way from what the writer writes now to what the reader wants, so that it is there for the first
    /// picture.
    fn prepare(&self) -> Result {
        let to = self.reader.lock().stream.format;
        let way = match self.hub.live() {
            Some(from) => Way::new(from, to, self.hub.controls.adjust())?,
            None => None,
        };
        let old = core::mem::replace(&mut *self.way.lock(), way);
        drop(old);
        Ok(())
    }

    fn set_state(&self, pin: &Pin<'_, Control>, to: State, from: State) -> Result {
        if to > from {
            self.hub.check()?;
        }
        match (from, to) {
            (State::Stop, State::Acquire) => {
                self.prepare()?;
                let reference = clock::reference(pin)?;
                // What ticked before is no picture of this stream.
                self.timer.disarm();
                let old = {
                    let mut reader = self.reader.lock();
                    reader.progress = Progress::BEGIN;
                    reader.rest = None;
                    reader.clock.reset(reference)
                };
                drop(old);
            }
            (State::Pause, State::Run) => {
                let clock = self.reader.lock().clock.face();
                let start = clock.now();
                self.reader.lock().run(&self.hub, start);
                self.timer.enable();
                self.subscription.join();
            }
            (State::Run, State::Pause) => {
                self.subscription.leave();
                self.timer.disable();
                // What Process has counted and not stored yet would be counted once more.
                let processing = pin.hold_processing();
                self.reader.lock().pause(&self.hub);
                drop(processing);
            }
            (State::Acquire, State::Stop) => {
                let old = self.reader.lock().clock.reset(None);
                drop(old);
                let way = self.way.lock().take();
                drop(way);
                let view = core::mem::replace(&mut *self.view.lock(), View::NOTHING);
                drop(view);
            }
            _ => {}
        }
        self.reader.lock().state = to;
        self.hub.changed();
        Ok(())
    }

    fn process(&self, pin: &mut Pin<'_, Processing>) -> Processed {
        if let Err(error) = self.hub.check() {
            self.timer.disarm();
            return turn_away(pin, error);
        }
        let mut turn = self.reader.lock().turn();
        if !self.hub.is_written() {
            return self.hold(pin, &mut turn);
        }
        let following = turn.progress.following;
        let Some(reading) = self.hub.frames.newer_than(following.map_or(0, |seen| seen.last)) else {
            return self.wait(&mut turn);
        };
        let (last, time) = (reading.sequence(), reading.time());
        let steps = following.map(|seen| seen.steps(last, time, self.hub.interval(), turn.stream.interval));
        if steps == Some(0) {
            return self.wait(&mut turn);
        }
        let first = following.map_or(last, |seen| seen.first);
        turn.progress.following = Some(Following { first, last, time });
        self.follow(pin, &mut turn, steps, reading)
    }

    /// There is a writer, and nothing new.
    fn wait(&self, turn: &mut Turn) -> Processed {
        if turn.progress.following.is_none() {
            turn.progress.counter.miss(self.missed_ticks());
            self.store(turn.progress);
        }
        self.timer.arm(self.hub.watch());
        Processed::Wait
    }

    /// The placeholders that there was no buffer for, now that the writer is to be followed; the last tick is no picture,
    /// as one of the writer's comes in its place.
    fn missed_ticks(&self) -> u64 {
        self.timer.take_ticks().map_or(0, |ticks| u64::from(ticks.count).saturating_sub(1))
    }

    /// Shows the writer's newest picture, so many steps from the last; `None`: the first of this writer.
    fn follow(
        &self,
        pin: &mut Pin<'_, Processing>,
        turn: &mut Turn,
        steps: Option<u64>,
        reading: Reading<'_>,
    ) -> Processed {
        self.timer.arm(self.hub.watch());
        let Some(from) = picture::format(reading.mark()) else { return Processed::Wait };
        let Some(mut edge) = pin.leading_edge() else { return Processed::Wait };
        let missed = steps.map_or_else(|| self.missed_ticks(), |steps| steps.saturating_sub(1));
        turn.progress.counter.show(missed);
        let shown = self.show(from, &reading, turn.stream.format, &mut edge);
        let (number, time) = (reading.sequence(), reading.time());
        drop(reading);
        self.finish(edge, turn, time, shown);
        // Nobody would say that another has come meanwhile (contract 10.19).
        if self.hub.frames.sequence() > number { Processed::Continue } else { Processed::Wait }
    }

    /// Puts the writer's picture into a frame; what it looks like there.
    fn show(
        &self,
        from: video::Format,
        reading: &Reading<'_>,
        to: video::Format,
        edge: &mut LeadingEdge<'_>,
    ) -> Result<video::Format> {
        let to = picture::with_pitch(to, edge.surface_pitch()).ok_or(Error::INVALID_PARAMETER)?;
        let source = Source(reading.source().ok_or(Error::INVALID_BUFFER_SIZE)?);
        let mut sink = Sink(edge.sink().ok_or(Error::INVALID_BUFFER_SIZE)?);
        let adjust = self.hub.controls.adjust();
        if picture::is_plain(from, to, adjust) {
            picture::copy((from, &source), (to, &mut sink))?;
            return Ok(to);
        }
        let mut way = self.way.lock().take();
        let converted = picture::convert((from, &source), (to, &mut sink), adjust, &mut way);
        *self.way.lock() = way;
        converted.map(|()| to)
    }

    /// Shows that there is no writer, or none that says anything.
    fn hold(&self, pin: &mut Pin<'_, Processing>, turn: &mut Turn) -> Processed {
        if let Some(seen) = turn.progress.following.take() {
            // Nobody will see what has come since.
            turn.progress.counter.miss(seen.due(&self.hub, turn.stream.interval));
            // From now on, and at once. What has ticked so far was no picture.
            self.timer.disarm();
        }
        self.timer.arm(turn.stream.interval);
        let Some(ticks) = self.timer.take_ticks() else {
            self.store(turn.progress);
            return Processed::Wait;
        };
        let Some(mut edge) = pin.leading_edge() else {
            turn.progress.counter.miss(ticks.count.into());
            self.store(turn.progress);
            return Processed::Wait;
        };
        turn.progress.counter.show(u64::from(ticks.count).saturating_sub(1));
        let number = turn.progress.counter.stamp();
        let shown = self.paint(turn.stream.format, number, &mut edge);
        self.finish(edge, turn, ticks.last, shown);
        Processed::Continue
    }

    /// Paints the placeholder into a frame; what it looks like there.
    fn paint(&self, format: video::Format, number: u32, edge: &mut LeadingEdge<'_>) -> Result<video::Format> {
        let format = picture::with_pitch(format, edge.surface_pitch()).ok_or(Error::INVALID_PARAMETER)?;
        let sink = edge.sink().ok_or(Error::INVALID_BUFFER_SIZE)?;
        let mut view = core::mem::replace(&mut *self.view.lock(), View::NOTHING);
        let painted = view.paint(&self.hub.placeholder, format, number, &mut Sink(sink));
        *self.view.lock() = view;
        if painted { Ok(format) } else { Err(Error::INVALID_BUFFER_SIZE) }
    }

    /// Keeps what has changed, and tells if the reader sees the writer now and did not, or the other way round.
    fn store(&self, progress: Progress) {
        let did_follow = {
            let mut reader = self.reader.lock();
            core::mem::replace(&mut reader.progress, progress).following.is_some()
        };
        if did_follow != progress.following.is_some() {
            self.hub.changed();
        }
    }

    /// Gives the frame to the reader, if there is a picture in it; which is of this moment.
    fn finish(
        &self,
        mut edge: LeadingEdge<'_>,
        Turn { stream, progress, clock }: &mut Turn,
        moment: i64,
        shown: Result<video::Format>,
    ) {
        match shown {
            Ok(format) => {
                progress.counter.see(format.image_size());
                let gap = progress.counter.take_gap();
                progress.time = clock.stamp(moment, progress.time);
                self.store(*progress);
                edge.set_time(progress.time, stream.interval);
                edge.set_frame_info(progress.counter.picture, progress.counter.dropped);
                if gap {
                    edge.set_discontinuity();
                }
                edge.finish(format.image_size());
            }
            // Smaller than the format says, no buffer at all, or rows that do not fit.
            Err(error) => {
                progress.counter.lose();
                self.store(*progress);
                edge.refuse(error);
            }
        }
    }
}
