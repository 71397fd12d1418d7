//! What programs and managers do with a driver, whichever it is: each scenario finds by asking what there is.

mod asking;
mod buffers;
mod lane;
mod life;
mod making;
mod races;
mod stage;
mod streaming;
mod survey;
mod traffic;

pub(in crate::client) use lane::Abandoned;
pub use stage::{Done, Race, Stage};
pub use survey::{FilterModel, Pair, PinModel, Survey};
pub use traffic::{Feed, Traffic};

/// One of them.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name on command lines.
    pub name: &'static str,
    /// What is done.
    pub title: &'static str,
    /// Whether threads race in it: whose schedules are explored.
    pub races: bool,
    /// Whether calls fail from the loading of the driver on, and not only after.
    pub loads: bool,
    pub(super) act: fn(&Stage<'_>),
}

const fn quiet(name: &'static str, title: &'static str, act: fn(&Stage<'_>)) -> Scenario {
    Scenario { name, title, races: false, loads: false, act }
}

const fn race(name: &'static str, title: &'static str, act: fn(&Stage<'_>)) -> Scenario {
    Scenario { name, title, races: true, loads: false, act }
}

/// All of them.
#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    Scenario { loads: true, ..quiet("load", "loaded, unloaded and loaded again", life::load) },
    quiet("enumerate", "every filter opened, its pins, ranges and intersections asked for", asking::enumerate),
    quiet("properties", "every property of filters and pins asked and set, with buffers of all lengths", asking::properties),
    quiet("events", "every event enabled and disabled, every method asked", asking::events),
    quiet("formats", "every pin made with a format of each of its ranges", making::formats),
    quiet("states", "every pin up and down, and closed in each state", making::states),
    quiet("objects", "clocks, allocators and nodes of every pin and filter", making::objects),
    quiet("connect", "every source connected to every sink, streamed, closed in each state", streaming::connect),
    quiet("stream", "several readers and a writer at every pin", streaming::stream),
    quiet("pause", "PAUSE and RUN in turns while frames are on their way", streaming::pause),
    quiet("buffers", "too little room or data, several frames in one request, pitches that cannot be", buffers::buffers),
    quiet("cancel", "requests cancelled, flushed and closed over, in each state", streaming::cancel),
    quiet("restart", "STOP_DEVICE and START_DEVICE, query and cancel of the removal while streaming", life::restart),
    quiet("power", "D3 and D0 while streaming", life::power),
    quiet("removal", "surprise removal while streaming", life::removal),
    quiet("disable", "disabled while in use and while not, and enabled", life::disable),
    race("race-open", "threads open filters and make and close the same pins", races::open),
    race("race-states", "threads change the states of the same pins", races::states),
    race("race-cancel", "one thread streams, another cancels, a third stops the pin", races::cancel),
    race("race-format", "the format is set while frames flow", races::format),
    race("race-connect", "pairs are connected and closed by several threads", races::connect),
    race("race-close", "a source streams while another thread closes its sink", races::close),
    race("race-writer", "a program that writes dies while others read", races::writer),
    race("race-removal", "surprise removal while threads stream", races::removal),
    race("race-power", "D3 and D0 while threads stream", races::power),
    race("race-restart", "STOP_DEVICE and START_DEVICE while threads stream", races::restart),
];

/// The scenario of this name.
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}
