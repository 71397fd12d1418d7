//! The camera: what applications see.

mod capture;
mod connect;
mod input;
mod proc_amp;
mod video_control;

use avstream::{
    ANY_NUMBER, Communication, Control, DataFlow, Error, EventSet, Filter, FilterDescriptor, FilterDispatch,
    Framing, OfFilter, Pin, PinDescriptor, PinFlags, Processed, Processing, PropertySet, Provide, Result,
    Shared,
    ffi::{
        GUID, KSCATEGORY_CAPTURE, KSCATEGORY_VIDEO, KSCATEGORY_VIDEO_CAMERA, PINNAME_VIDEO_CAPTURE, guid,
        is_equal_guid,
    },
};

use crate::{
    cameras::PLACES,
    device::Loopcam,
    formats::{DATA_RANGES, MAX_IMAGE_SIZE, Stream},
    hub::Hub,
    negotiation::{self, Offers},
    own_set,
    source_info::SourceInfo,
};
use capture::Capture;
pub use capture::Reader;
use input::Input;

/// One client of the camera.
pub struct Camera {
    /// Where it meets the others.
    pub hub: Shared<Hub>,
    /// Its number.
    client: u64,
    /// Whether it may change what others see.
    may_write: bool,
}

impl Camera {
    /// Whether this client may change what others see.
    ///
    /// # Errors
    ///
    /// [`Error::ACCESS_DENIED`]: it may look on only.
    pub fn check_write(&self) -> Result {
        if self.may_write { Ok(()) } else { Err(Error::ACCESS_DENIED) }
    }
}

impl FilterDispatch for Camera {
    type Device = Loopcam;

    const PROPERTIES: &'static [PropertySet<OfFilter<Self>>] =
        &[own_set::PROPERTIES, proc_amp::PROPERTIES, video_control::PROPERTIES, negotiation::of_filter()];
    const EVENTS: &'static [EventSet<OfFilter<Self>>] = &[own_set::events()];

    fn create(filter: &Filter<'_, Control>, device: &Loopcam) -> Result<Self> {
        filter.provide(Shared::new(Loopback)?)?;
        let hub = device.cameras.hub(number(filter.reference()).ok_or(Error::NOT_FOUND)?)?;
        hub.listeners.add(filter)?;
        Ok(Self { client: hub.next_client(), hub, may_write: filter.opener().may_write() })
    }
}

impl Offers for Camera {
    const PIN_TYPES: u32 = PINS.len() as u32;

    fn given(&self, pin: u32) -> Option<Stream> {
        if pin == CAPTURE_ID { self.hub.writer() } else { None }
    }
}

/// What the camera tells a pin that one of its own is connected to: that it is no source for *Input*.
struct Loopback;

impl Provide<SourceInfo> for Loopback {
    fn provide(&self) -> Result<SourceInfo> {
        Ok(SourceInfo { is_loopback: 1, ..SourceInfo::new(None, "Loopcam") })
    }
}

/// The description of the first camera. The INF names it by its reference string.
pub const FILTER: FilterDescriptor<Loopcam> = described(0);

/// The descriptions of the others.
static ADDED: [FilterDescriptor<Loopcam>; PLACES - 1] = [
    described(1),
    described(2),
    described(3),
    described(4),
    described(5),
    described(6),
    described(7),
    described(8),
    described(9),
    described(10),
    described(11),
    described(12),
    described(13),
    described(14),
    described(15),
];

const fn described(number: usize) -> FilterDescriptor<Loopcam> {
    FilterDescriptor::new::<Camera>(&REFERENCES[number], &CATEGORIES, PINS)
}

/// The description of a camera that is added; `None` if there can be no such.
pub fn added(number: usize) -> Option<&'static FilterDescriptor<Loopcam>> {
    ADDED.get(number.checked_sub(1)?)
}

/// The reference strings of the cameras, by their numbers.
pub static REFERENCES: [GUID; PLACES] = {
    let mut all = [guid(loopcam_api::REFERENCE); PLACES];
    let mut number = 0;
    while number < PLACES {
        all[number] = guid(loopcam_api::REFERENCE + number as u128);
        number += 1;
    }
    all
};

/// The camera that has this reference string.
fn number(reference: &GUID) -> Option<usize> {
    REFERENCES.iter().position(|own| is_equal_guid(own, reference))
}

/// Where applications look for cameras.
pub static CATEGORIES: [GUID; 3] = [KSCATEGORY_CAPTURE, KSCATEGORY_VIDEO, KSCATEGORY_VIDEO_CAMERA];
static CAPTURE: GUID = PINNAME_VIDEO_CAPTURE;
/// The category of the pin *Input*: `{5A0B9E1C-7D43-4F28-B6C5-E81F30D2A974}`.
static INPUT: GUID = guid(0x5A0B_9E1C_7D43_4F28_B6C5_E81F_30D2_A974);

/// Refuses what a pin has to do: its camera is not there any more.
fn turn_away(pin: &mut Pin<'_, Processing>, error: Error) -> Processed {
    let Some(edge) = pin.leading_edge() else { return Processed::Wait };
    edge.refuse(error);
    Processed::Continue
}

/// What is asked for if the format is not known yet.
static FRAMING: Framing = Framing::new(FRAMES, 0, MAX_IMAGE_SIZE);
/// Frames that a pin would like to have: one that is read, one that is written, and one on its way.
const FRAMES: u32 = 4;

/// The number of the pin *Capture* in the list.
const CAPTURE_ID: u32 = 0;

const PINS: &[PinDescriptor<Camera>] = &[
    PinDescriptor::new::<Capture>(DataFlow::Out, Communication::Both)
        .category(&CAPTURE)
        .name(&CAPTURE)
        .instances(ANY_NUMBER, 0)
        .flags(PinFlags::PROCESS_IN_RUN_STATE_ONLY)
        .data_ranges(&DATA_RANGES)
        .framing(&FRAMING),
    PinDescriptor::new::<Input>(DataFlow::In, Communication::Sink)
        // Without a name: it would have to be registered under HKLM, where a driver package that is run from the
        // driver store may not write.
        .category(&INPUT)
        .flags(PinFlags::PROCESS_IN_RUN_STATE_ONLY)
        .data_ranges(&DATA_RANGES)
        .framing(&FRAMING),
];
