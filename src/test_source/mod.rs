//! The test source: moving bars, for whoever wants to connect something to the camera's *Input*.

mod output;

use avstream::{
    Communication, Control, DataFlow, Filter, FilterDescriptor, FilterDispatch, Framing, OfFilter,
    PinDescriptor, PinFlags, PropertySet, Provide, Result, Shared, SpinLock,
    ffi::{GUID, PINNAME_VIDEO_CAPTURE, guid},
};

use crate::{
    device::Loopcam,
    formats::{DATA_RANGES, MAX_IMAGE_SIZE, Stream},
    negotiation::{self, Offers},
    source_info::SourceInfo,
};
use output::Output;

/// One client of the test source.
pub struct TestSource {
    about: Shared<About>,
}

impl FilterDispatch for TestSource {
    type Device = Loopcam;

    const PROPERTIES: &'static [PropertySet<OfFilter<Self>>] = &[negotiation::of_filter()];

    fn create(filter: &Filter<'_, Control>, _: &Loopcam) -> Result<Self> {
        let about = Shared::new(About { stream: SpinLock::new(None) })?;
        filter.provide(about.clone())?;
        Ok(Self { about })
    }
}

impl Offers for TestSource {
    const PIN_TYPES: u32 = PINS.len() as u32;

    fn given(&self, _: u32) -> Option<Stream> {
        None
    }
}

/// What the filter tells whoever is connected to its pin.
struct About {
    /// What the pin was opened for last.
    stream: SpinLock<Option<Stream>>,
}

impl Provide<SourceInfo> for About {
    fn provide(&self) -> Result<SourceInfo> {
        let stream = *self.stream.lock();
        Ok(SourceInfo::new(stream, "Loopcam Test Source"))
    }
}

/// The filter's description. The INF names it by its reference string.
pub const FILTER: FilterDescriptor<Loopcam> =
    FilterDescriptor::new::<TestSource>(&REFERENCE, &CATEGORIES, PINS);

static REFERENCE: GUID = guid(0xB8A4_D2C7_5E61_4B39_A7F0_91C3_E8D5_062F);
/// A category of its own: among the cameras it would be a second webcam.
static CATEGORIES: [GUID; 1] = [guid(0x3D7A_9C14_0B5E_4C86_9E27_F4A6_B1D8_0C53)];
static OUTPUT: GUID = PINNAME_VIDEO_CAPTURE;

static FRAMING: Framing = Framing::new(FRAMES, 0, MAX_IMAGE_SIZE);
/// Frames on their way: one that is painted, one that is the camera's newest picture, one that somebody still
/// reads, and one to spare.
const FRAMES: u32 = 4;

const PINS: &[PinDescriptor<TestSource>] =
    &[PinDescriptor::new::<Output>(DataFlow::Out, Communication::Both)
        .category(&OUTPUT)
        .name(&OUTPUT)
        .flags(PinFlags::PROCESS_IN_RUN_STATE_ONLY.with(PinFlags::DO_NOT_INITIATE_PROCESSING))
        .data_ranges(&DATA_RANGES)
        .framing(&FRAMING)];
