//! What the drivers that are loaded offer, found by asking: no scenario knows a driver.

use ks_compliance::survey;

use crate::client::{Filter, Format, Interface, PinInfo, Range, Rig, Status, Video};

/// All filters.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// In the order of their registration.
    pub filters: Vec<FilterModel>,
}

/// A filter that can be opened.
#[derive(Clone, Debug)]
pub struct FilterModel {
    /// Where it is.
    pub interface: Interface,
    /// Its pin types.
    pub pins: Vec<PinModel>,
}

/// A pin type.
#[derive(Clone, Debug)]
pub struct PinModel {
    /// What it says of itself.
    pub info: PinInfo,
    /// A complete format for each range, where the pin gave one.
    pub formats: Vec<Format>,
    /// The one with the smallest frames.
    pub small: Option<Format>,
}

impl PinModel {
    /// Whether a program can read from it.
    pub fn is_readable(&self) -> bool {
        self.info.communication.can_be_sink() && self.info.output && self.small.is_some()
    }

    /// Whether a program can write into it.
    pub fn is_writable(&self) -> bool {
        self.info.communication.can_be_sink() && !self.info.output && self.small.is_some()
    }
}

/// Two pins that can be connected inside the kernel.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The source's filter, by its place in the survey, and pin.
    pub source: (usize, u32),
    /// The sink's.
    pub sink: (usize, u32),
    /// A format that both have.
    pub format: Format,
}

/// A range with its smallest pictures proposed; the range itself where it is of something else.
fn smallest(range: &Range) -> Range {
    let (Some(pixels), Some(pictures)) = (range.pixels(), range.video()) else { return range.clone() };
    let size = pictures.caps.MinOutputSize;
    let (Ok(width), Ok(height)) = (u32::try_from(size.cx), u32::try_from(size.cy)) else {
        return range.clone();
    };
    range.narrowed(&Video { pixels, width, height, interval: pictures.interval.max(1) as u64 })
}

impl FilterModel {
    /// Opens the filter.
    pub fn open(&self) -> Result<Filter, Status> {
        Filter::open(&self.interface.link)
    }
}

impl Survey {
    /// Opens each filter and asks it. What cannot be opened, or does not answer, is left out.
    pub fn of(rig: &Rig) -> Self {
        let one = |interface: Interface| {
            let filter = rig.open_filter(&interface).ok()?;
            // No driver has as many.
            let count = filter.pin_count().unwrap_or(0).min(256);
            let pins = (0..count).filter_map(|id| pin(&filter, id)).collect();
            Some(FilterModel { interface, pins })
        };
        Self { filters: rig.filters().into_iter().filter_map(one).collect() }
    }

    /// A pin type.
    pub fn pin(&self, (filter, pin): (usize, u32)) -> Option<&PinModel> {
        self.filters.get(filter)?.pins.iter().find(|model| model.info.id == pin)
    }

    /// The places of all pins of a kind.
    pub fn pins(&self, kind: impl Fn(&PinModel) -> bool) -> Vec<(usize, u32)> {
        let filters = self.filters.iter().enumerate();
        let pins = filters.flat_map(|(index, filter)| filter.pins.iter().map(move |pin| (index, pin)));
        pins.filter(|(_, pin)| kind(pin)).map(|(index, pin)| (index, pin.info.id)).collect()
    }

    /// Every source and every sink that have a format in common, of whichever filters.
    pub fn pairs(&self, rig: &Rig) -> Vec<Pair> {
        let sinks = self.pins(|pin| pin.info.communication.can_be_sink() && !pin.info.output);
        let sources = self.pins(|pin| pin.info.communication.can_be_source() && pin.info.output);
        let mut pairs = Vec::new();
        for source in sources {
            let Ok(filter) = rig.open_filter(&self.filters[source.0].interface) else { continue };
            for sink in &sinks {
                let ranges = self.pin(*sink).map_or(&[][..], |pin| &pin.info.ranges);
                let small = ranges.iter().map(smallest).chain(ranges.iter().cloned());
                let format = small.filter_map(|range| filter.intersect(source.1, &range).ok()).next();
                pairs.extend(format.map(|format| Pair { source, sink: *sink, format }));
            }
        }
        pairs
    }
}

fn pin(filter: &Filter, id: u32) -> Option<PinModel> {
    let info = filter.pin_info(id).ok()?;
    let (mut formats, mut small): (Vec<Format>, Vec<Format>) = Default::default();
    for range in &info.ranges {
        for (range, list) in [(range, &mut formats), (&smallest(range), &mut small)] {
            if let Ok(format) = filter.intersect(id, range)
                && !list.contains(&format)
            {
                list.push(format);
            }
        }
    }
    let small = small.into_iter().chain(formats.iter().cloned()).min_by_key(survey::frame_size);
    Some(PinModel { info, formats, small })
}
