//! Everything that can stream at once, streams.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lane::{Lane, Line, set_state};
use super::survey::{Pair, PinModel, Survey};
use crate::client::{Filter, Format, Pin, Rig, State, Status};

/// What feeds the sinks that can be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Sources inside the kernel.
    Links,
    /// Programs that write.
    Writers,
}

/// A source and a sink that are connected. The source is closed first.
pub struct Link {
    /// The source pin.
    pub source: Option<Pin>,
    /// The sink pin.
    pub sink: Option<Pin>,
    _filters: [Filter; 2],
}

impl Link {
    /// Makes both pins, each on a filter instance of its own.
    pub fn new(survey: &Survey, pair: &Pair) -> Result<Self, Status> {
        let filters = [survey.filters[pair.sink.0].open()?, survey.filters[pair.source.0].open()?];
        let sink = filters[0].create_pin(pair.sink.1, &pair.format)?;
        let source = filters[1].connect(pair.source.1, &pair.format, &sink)?;
        Ok(Self { source: Some(source), sink: Some(sink), _filters: filters })
    }

    /// Both to a state: upwards the sink first, downwards the source.
    pub fn to(&self, state: State) -> Result<(), Status> {
        let (Some(source), Some(sink)) = (&self.source, &self.sink) else { return Ok(()) };
        let order = if source.state()? < state { [sink, source] } else { [source, sink] };
        order.into_iter().try_for_each(|pin| set_state(pin, state))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.source.take();
        self.sink.take();
    }
}

/// Opens a filter and makes a pin that is read or written.
pub fn lane(survey: &Survey, place: (usize, u32), format: &Format) -> Result<Lane, Status> {
    let filter = survey.filters[place.0].open()?;
    let pin = filter.create_pin(place.1, format)?;
    let reads = survey.pin(place).is_some_and(|model| model.info.output);
    Ok(Lane::new(Line::new(filter, pin, format, reads)))
}

/// Readers of each pin that can be read.
const READERS: usize = 2;
/// Requests that a lane keeps on their way.
const DEPTH: usize = 2;

/// Links, readers and writers; closed in this order on drop.
pub struct Traffic {
    /// Connected pairs.
    pub links: Vec<Link>,
    /// Pins that are read or written.
    pub lanes: Vec<Lane>,
}

impl Traffic {
    /// Makes the pins, in STOP: each sink once, each readable pin for several readers. What cannot be made is left out.
    pub fn new(survey: &Arc<Survey>, pairs: &[Pair], feed: Feed) -> Self {
        let mut taken = BTreeSet::new();
        let mut links = Vec::new();
        for pair in pairs.iter().filter(|_| feed == Feed::Links) {
            // A source that programs can read, too, is left to them.
            let readable = survey.pin(pair.source).is_some_and(PinModel::is_readable);
            if !readable && !taken.contains(&pair.sink) {
                taken.insert(pair.sink);
                links.extend(Link::new(survey, pair));
            }
        }
        let readable = survey.pins(PinModel::is_readable);
        let writable = survey.pins(PinModel::is_writable);
        let lanes = writable.into_iter().filter(|pin| !taken.contains(pin)).map(|pin| (pin, 1));
        let lanes = lanes.chain(readable.into_iter().map(|pin| (pin, READERS)));
        let lanes = lanes.flat_map(|(pin, count)| std::iter::repeat_n(pin, count)).filter_map(|place| {
            let format = survey.pin(place)?.small.as_ref()?;
            lane(survey, place, format).ok()
        });
        let lanes = lanes.collect();
        Self { links, lanes }
    }

    /// Everything to a state; errors are the driver's right.
    pub fn to(&mut self, state: State) {
        for link in &self.links {
            let _ = link.to(state);
        }
        for lane in &self.lanes {
            let _ = lane.to(state);
        }
    }

    /// So many times a frame's time, with requests on their way.
    pub fn flow(&mut self, rig: &Rig, rounds: usize) {
        for _ in 0..rounds {
            for lane in &mut self.lanes {
                lane.turn(DEPTH);
            }
            let interval = self.lanes.iter().map(|lane| lane.interval).max();
            rig.sleep(interval.unwrap_or(crate::client::format::SECOND / 30));
        }
        for lane in &mut self.lanes {
            lane.turn(0);
        }
    }

    /// Frames that came back with success.
    pub fn frames(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.done).sum()
    }

    /// Stops everything, with the requests still on their way, which come back then.
    pub fn stop(&mut self) {
        self.to(State::Stop);
        self.lanes.iter_mut().for_each(|lane| lane.flights.clear());
    }
}
