//! Questions: what a filter has, properties, events, methods.

use ks_compliance::client::{Filter as Asked, Object};
use ks_compliance::property::{self, Property};
use ks_compliance::survey;
use ks_sys::{
    KSEVENT_TYPE_ENABLE, KSEVENT_TYPE_ONESHOT, KSMETHOD_TYPE_SETSUPPORT, KSPROPERTY_TYPE_SETSUPPORT,
};

use super::stage::Stage;
use super::survey::Survey;
use crate::client::system::Caller;
use crate::client::{Event, Filter, Pin, event};

/// Every filter opened and asked.
pub fn enumerate(stage: &Stage<'_>) {
    let found = Survey::of(stage.rig);
    let count = |what: &str, number: usize| stage.did_often(what, number as u64);
    count("filters opened", found.filters.len());
    count("pins asked", found.filters.iter().map(|filter| filter.pins.len()).sum());
    let formats = found.filters.iter().flat_map(|filter| &filter.pins).map(|pin| pin.formats.len());
    count("formats given", formats.sum());
    count("pairs found", found.pairs(stage.rig).len());
}

/// Asks an object for its properties, in all the ways there are.
fn ask(stage: &Stage<'_>, object: &impl Object, pin: u32, range: Option<&crate::client::Range>) {
    for found in survey::properties(object, pin, range) {
        stage.did("properties asked");
        let Property { access, .. } = &found;
        let input = found.request(property::GET);
        let mut value = None;
        if access & property::GET != 0 {
            for length in [0, 1, 4, 64, 1024] {
                object.property(&input, vec![0; length]);
            }
            value = object.get_sized(&input).ok();
            object.property(&input[..input.len() - 1], vec![0; 64]);
        }
        if let Some(value) = value.filter(|_| access & property::SET != 0) {
            // What it is, once more; then less of it than there is.
            let input = found.request(property::SET);
            object.property(&input, value.clone());
            object.property(&input, value[..value.len() / 2].to_vec());
            object.property(&input, Vec::new());
        }
    }
}

/// Every property of every filter, and of every pin that can be made.
pub fn properties(stage: &Stage<'_>) {
    for model in &stage.survey.filters {
        let Ok(filter) = Asked::open(&Caller, &model.interface.link) else { continue };
        let first = model.pins.first();
        let range = first.and_then(|pin| pin.info.ranges.first());
        ask(stage, &filter, first.map_or(0, |pin| pin.info.id), range);
        for pin in model.pins.iter().filter(|pin| pin.info.communication.can_be_sink()) {
            let Some(format) = &pin.small else { continue };
            let Ok(pin) = filter.create_pin(pin.info.id, format) else { continue };
            stage.did("pins made");
            ask(stage, &pin, 0, None);
        }
    }
}

/// The numbers of events that are tried in each set.
const MOST_EVENTS: u32 = 16;

fn events_of(stage: &Stage<'_>, object: usize) {
    for set in event::sets(object).unwrap_or_default() {
        let enabled = (0..MOST_EVENTS).flat_map(|id| {
            [KSEVENT_TYPE_ENABLE, KSEVENT_TYPE_ENABLE | KSEVENT_TYPE_ONESHOT]
                .into_iter()
                .filter_map(move |flags| Event::enable(object, (set, id), flags, None, &[0; 16]).ok())
        });
        let enabled: Vec<Event> = enabled.collect();
        stage.did_often("events enabled", enabled.len() as u64);
        // Half of them are left to the end of the object.
        for event in enabled.into_iter().step_by(2) {
            let _ = event.disable();
        }
    }
    for flags in [KSMETHOD_TYPE_SETSUPPORT, KSPROPERTY_TYPE_SETSUPPORT, 0] {
        let input = crate::client::property::request(ks_sys::GUID_NULL, 0, flags, &[]);
        event::method(object, &input, vec![0; 64]);
    }
}

/// Every event of every filter and pin, and its methods.
pub fn events(stage: &Stage<'_>) {
    for (index, model) in stage.survey.filters.iter().enumerate() {
        let Some(filter) = stage.open(index) else { continue };
        events_of(stage, Filter::handle(&filter));
        for pin in model.pins.iter().filter(|pin| pin.info.communication.can_be_sink()) {
            let made = pin.small.as_ref().and_then(|format| filter.create_pin(pin.info.id, format).ok());
            let Some(made) = made else { continue };
            stage.did("pins made");
            events_of(stage, Pin::handle(&made));
        }
    }
}
