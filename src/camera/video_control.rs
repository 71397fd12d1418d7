//! PROPSETID_VIDCAP_VIDEOCONTROL: at which rates there are pictures. Pictures are not turned over and nothing triggers
//! them, so there is no KSPROPERTY_VIDEOCONTROL_MODE.

use avstream::{
    Error, LongProperty, OfFilter, Property, PropertyItem, PropertySet, Result, callbacks,
    ffi::{
        GUID, KSPROPERTY_VIDCAP_VIDEOCONTROL as Id, KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE_S,
        KSPROPERTY_VIDEOCONTROL_CAPS_S, KSPROPERTY_VIDEOCONTROL_FRAME_RATES_S, PROPSETID_VIDCAP_VIDEOCONTROL,
        SIZE,
    },
    time::SECOND,
};
use video::Geometry;

use super::{CAPTURE_ID, Camera};
use crate::formats::{DATA_RANGES, MIN_INTERVAL};

static SET: GUID = PROPSETID_VIDCAP_VIDEOCONTROL;

/// The set.
pub const PROPERTIES: PropertySet<OfFilter<Camera>> = PropertySet::new(
    &SET,
    &[PropertyItem::new::<Caps>(), PropertyItem::new::<Actual>(), PropertyItem::long::<Rates>()],
);

/// Whether a client means the pin *Capture*: the only stream that there is here.
fn check_stream(index: u32) -> Result {
    if index == CAPTURE_ID { Ok(()) } else { Err(Error::INVALID_PARAMETER) }
}

/// Whether there is such a data range, and in it such a size.
fn check_range(index: u32, size: SIZE) -> Result<Geometry> {
    let sides = (u32::try_from(size.cx), u32::try_from(size.cy));
    let (Ok(width), Ok(height)) = sides else { return Err(Error::INVALID_PARAMETER) };
    if index as usize >= DATA_RANGES.len() {
        return Err(Error::INVALID_PARAMETER);
    }
    Geometry::new(width, height).ok_or(Error::INVALID_PARAMETER)
}

struct Caps;

impl Property for Caps {
    type Owner = OfFilter<Camera>;
    type Request = KSPROPERTY_VIDEOCONTROL_CAPS_S;
    type Value = KSPROPERTY_VIDEOCONTROL_CAPS_S;

    const ID: u32 = Id::KSPROPERTY_VIDEOCONTROL_CAPS as u32;
    const GET: Option<callbacks::Get<Self>> = Some(|_, request| {
        check_stream(request.StreamIndex)?;
        Ok(KSPROPERTY_VIDEOCONTROL_CAPS_S { VideoControlCaps: 0, ..*request })
    });
}

/// At which rate there are pictures now.
struct Actual;

impl Property for Actual {
    type Owner = OfFilter<Camera>;
    type Request = KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE_S;
    type Value = KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE_S;

    const ID: u32 = Id::KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE as u32;
    const GET: Option<callbacks::Get<Self>> = Some(|camera, request| {
        check_stream(request.StreamIndex)?;
        check_range(request.RangeIndex, request.Dimensions)?;
        let own = camera.hub.roster.iter().find_map(|reader| {
            let reader = reader.lock();
            (reader.client == camera.client).then(|| (reader.stream, reader.follows()))
        });
        // "The minidriver should return STATUS_NOT_SUPPORTED if the pin is not open."
        let (stream, follows) = own.ok_or(Error::NOT_SUPPORTED)?;
        let writer = camera.hub.writer().filter(|_| follows);
        let interval = writer.map_or(stream.interval, |writer| writer.interval.max(stream.interval));
        Ok(KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE_S {
            CurrentActualFrameRate: interval,
            CurrentMaxAvailableFrameRate: MIN_INTERVAL,
            ..*request
        })
    });
}

/// At which rates there can be pictures: at any between the slowest and the fastest; these are the usual ones.
struct Rates;

const USUAL: [i64; 9] = [60, 50, 30, 25, 24, 20, 15, 10, 5];

impl LongProperty for Rates {
    type Owner = OfFilter<Camera>;
    type Request = KSPROPERTY_VIDEOCONTROL_FRAME_RATES_S;

    const ID: u32 = Id::KSPROPERTY_VIDEOCONTROL_FRAME_RATES as u32;
    const GET: Option<callbacks::GetLong<Self>> = Some(|_, request, room| {
        check_stream(request.StreamIndex)?;
        check_range(request.RangeIndex, request.Dimensions)?;
        // ASSUMED: LONGLONGs, as in the interface that shows them to applications (IAMVideoControl::GetFrameRateList) and
        // in the set's other structure; the structure's page says VT_I4.
        room.list(USUAL.len(), USUAL.iter().map(|rate| SECOND.checked_div(*rate).unwrap_or(0)))
    });
}
