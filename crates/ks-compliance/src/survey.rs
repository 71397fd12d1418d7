//! The filters under test and what they say of themselves.

use ks_sys::*;

use crate::{
    bench::Bench,
    client::{Filter, Object},
    property::{self, BASIC_SUPPORT, Property, SET_SUPPORT},
    system::Interface,
    wire::{
        Format, Range, Status,
        bytes::{self, Identifier},
        guid,
    },
};

/// A filter under test.
pub struct Subject<'a> {
    /// Where it is.
    pub interface: Interface,
    /// An open instance.
    pub filter: Filter<'a>,
    /// Its pin types.
    pub pins: Vec<PinModel>,
}

/// What a pin type says of itself.
#[derive(Clone, Debug)]
pub struct PinModel {
    /// Its number.
    pub id: u32,
    /// Whether data leaves the filter here.
    pub output: bool,
    /// `KSPIN_COMMUNICATION`.
    pub communication: u32,
    /// Instances that may exist.
    pub possible: u32,
    /// Its ranges.
    pub ranges: Vec<Range>,
    /// A complete format for each range, where the pin gave one.
    pub formats: Vec<Format>,
    /// `KSPIN_INTERFACE`s.
    pub interfaces: Vec<Identifier>,
    /// `KSPIN_MEDIUM`s.
    pub mediums: Vec<Identifier>,
}

impl PinModel {
    /// Whether a client can make an instance that takes requests.
    pub fn can_be_sink(&self) -> bool {
        matches!(self.communication, 1 | 3)
    }

    /// Whether an instance can be connected to a sink.
    pub fn can_be_source(&self) -> bool {
        matches!(self.communication, 2 | 3)
    }

    /// Whether a client can read from it.
    pub fn is_readable(&self) -> bool {
        self.can_be_sink() && self.output && !self.formats.is_empty()
    }

    /// Whether a client can write into it.
    pub fn is_writable(&self) -> bool {
        self.can_be_sink() && !self.output && !self.formats.is_empty()
    }
}

impl Subject<'_> {
    /// The filter's pin for people.
    pub fn name(&self, pin: &PinModel) -> String {
        format!("{}/{}", self.interface.name, pin.id)
    }
}

/// The size of a frame of a format: what the format says itself.
pub fn frame_size(format: &Format) -> usize {
    let size = format.head().map_or(0, |head| head.SampleSize as usize);
    match format.video() {
        Some(video) => video.frame_len().max(size),
        None => size,
    }
    .clamp(1, 64 << 20)
}

/// The time between frames, 100 ns units; a tenth of a second where the format does not say.
pub fn interval(format: &Format) -> u64 {
    format.video().map_or(0, |video| video.interval).clamp(10_000, crate::system::SECOND)
}

/// Opens and asks the filters under test. That they can be opened is an assertion.
pub fn subjects<'a>(bench: &Bench<'a>) -> Vec<Subject<'a>> {
    let interfaces = bench.promises.chosen(bench.system.interfaces());
    bench.holds(!interfaces.is_empty(), "the list of filters", "a filter under test", "none");
    let mut subjects = Vec::new();
    for interface in interfaces {
        let opened = Filter::open(bench.system, &interface.link);
        let Some(filter) = bench.take(format_args!("opening {}", interface.name), opened) else { continue };
        let pins = pins(bench, &interface, &filter);
        subjects.push(Subject { interface, filter, pins });
    }
    subjects
}

/// How many pin types a filter has.
pub fn pin_count(filter: &Filter<'_>) -> Result<u32, Status> {
    filter.get(KSPROPSETID_Pin, KSPROPERTY_PIN::KSPROPERTY_PIN_CTYPES as u32, &[])
}

fn pins(bench: &Bench<'_>, interface: &Interface, filter: &Filter<'_>) -> Vec<PinModel> {
    let count = bench.take(format_args!("{}: KSPROPERTY_PIN_CTYPES", interface.name), pin_count(filter));
    let one = |id| {
        let model = pin(filter, id);
        bench.take(format_args!("{}/{id}: properties of the pin", interface.name), model)
    };
    (0..count.unwrap_or(0).min(256)).filter_map(one).collect()
}

fn pin(filter: &Filter<'_>, id: u32) -> Result<PinModel, Status> {
    use KSPROPERTY_PIN::*;
    let identifiers = |property| -> Result<Vec<Identifier>, Status> {
        let items = filter.pin_items(property, id)?;
        let items = items.get(size_of::<KSMULTIPLE_ITEM>()..).unwrap_or_default();
        Ok(items.chunks_exact(size_of::<Identifier>()).filter_map(bytes::read).collect())
    };
    let ranges = Range::list(&filter.pin_items(KSPROPERTY_PIN_DATARANGES, id)?);
    let mut formats: Vec<Format> = Vec::new();
    for range in &ranges {
        if let Ok(format) = filter.intersect(id, &[range])
            && !formats.contains(&format)
        {
            formats.push(format);
        }
    }
    let flow: u32 = filter.pin_value(KSPROPERTY_PIN_DATAFLOW, id)?;
    Ok(PinModel {
        id,
        output: flow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT as u32,
        communication: filter.pin_value(KSPROPERTY_PIN_COMMUNICATION, id)?,
        possible: filter.instances(id)?.PossibleCount,
        ranges,
        formats,
        interfaces: identifiers(KSPROPERTY_PIN_INTERFACES)?,
        mediums: identifiers(KSPROPERTY_PIN_MEDIUMS)?,
    })
}

/// The property sets of an object.
pub fn sets(object: &impl Object) -> Result<Vec<GUID>, Status> {
    let sets = object.get_sized(&property::request(GUID_NULL, 0, SET_SUPPORT, &[]))?;
    Ok(sets.chunks_exact(size_of::<GUID>()).filter_map(bytes::read).collect())
}

/// The numbers of properties that are looked for in each set: no published set has more.
const MOST_IDS: u32 = 64;

/// The properties of an object: those that answer BASICSUPPORT. `pin` and `range` complete the requests that need
/// them.
pub fn properties(object: &impl Object, pin: u32, range: Option<&Range>) -> Vec<Property> {
    let mut found = Vec::new();
    for set in sets(object).unwrap_or_default() {
        for id in 0..MOST_IDS {
            let extra = property::extra(&set, id, pin, range);
            let answer = object.property(&property::request(set, id, BASIC_SUPPORT, &extra), vec![0; 4]);
            if let Ok(access) = answer.value::<u32>() {
                found.push(Property { set, id, access, extra });
            }
        }
    }
    found
}

/// All objects of the driver with their properties: each filter, and an instance of each pin that can be made.
pub fn each_property(bench: &Bench<'_>, mut check: impl FnMut(&str, &dyn Asked, &[Property])) {
    for subject in bench.subjects() {
        let pin = subject.pins.first();
        let range = pin.and_then(|pin| pin.ranges.first());
        let list = properties(&subject.filter, pin.map_or(0, |pin| pin.id), range);
        check(&subject.interface.name, &subject.filter, &list);
        for model in subject.pins.iter().filter(|model| model.can_be_sink()) {
            let Some((_filter, pin)) = bench.pin_of(&subject, model.id) else {
                bench.note(format_args!("{}: no instance could be made", subject.name(model)));
                continue;
            };
            check(&subject.name(model), &pin, &properties(&pin, 0, None));
        }
    }
}

/// An object that can be asked, whatever it is.
pub trait Asked {
    /// The handle's value.
    fn handle(&self) -> usize;
    /// Sends a property request and waits.
    fn ask(&self, input: &[u8], data: Vec<u8>) -> property::Answer;
    /// Sends any request and waits.
    fn send(&self, code: u32, input: &[u8], data: Vec<u8>) -> property::Answer;
}

impl<T: Object> Asked for T {
    fn handle(&self) -> usize {
        Object::handle(self)
    }

    fn ask(&self, input: &[u8], data: Vec<u8>) -> property::Answer {
        self.property(input, data)
    }

    fn send(&self, code: u32, input: &[u8], data: Vec<u8>) -> property::Answer {
        self.control(code, input, data)
    }
}

/// Two pins that can be connected inside the kernel: filter and pin of the source, of the sink, and a format.
pub fn pairs<'s, 'a>(
    subjects: &'s [Subject<'a>],
) -> Vec<(&'s Subject<'a>, &'s PinModel, &'s Subject<'a>, &'s PinModel, Format)> {
    let mut pairs = Vec::new();
    for source in subjects {
        for from in source.pins.iter().filter(|pin| pin.can_be_source()) {
            for sink in subjects.iter().filter(|sink| sink.interface.reference != source.interface.reference)
            {
                for to in sink.pins.iter().filter(|pin| pin.can_be_sink() && pin.output != from.output) {
                    let ranges: Vec<&Range> = to.ranges.iter().collect();
                    if let Ok(format) = source.filter.intersect(from.id, &ranges) {
                        pairs.push((source, from, sink, to, format));
                    }
                }
            }
        }
    }
    pairs
}

/// A GUID for people.
pub fn label(guid: &GUID) -> String {
    guid::label(guid)
}
