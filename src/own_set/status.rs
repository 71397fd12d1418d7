//! The property *status*: who writes, what, and how many read.

use avstream::{OfFilter, Property, State, callbacks, ffi::KSPROPERTY};

use super::Status;
use crate::camera::Camera;

/// The camera, as it is now.
pub struct Now;

impl Property for Now {
    type Owner = OfFilter<Camera>;
    type Request = KSPROPERTY;
    type Value = Status;

    const ID: u32 = loopcam_api::STATUS;
    const GET: Option<callbacks::Get<Self>> = Some(|camera, _| Ok(status(camera)));
}

fn status(camera: &Camera) -> Status {
    let hub = &camera.hub;
    let (mut readers, mut running) = (0, 0);
    for reader in hub.roster.iter() {
        readers += 1;
        running += u32::from(reader.lock().state == State::Run);
    }
    let nothing = Status {
        writer: if hub.is_claimed() { loopcam_api::WRITER_IDLE } else { loopcam_api::WRITER_NONE },
        fourcc: 0,
        bits: 0,
        width: 0,
        height: 0,
        readers,
        running,
        changes: hub.changes(),
        interval: 0,
        pictures: hub.frames.sequence(),
    };
    hub.writer().map_or(nothing, |stream| Status {
        writer: loopcam_api::WRITER_LIVE,
        fourcc: stream.format.pixel.fourcc(),
        bits: stream.format.pixel.bits_per_pixel().into(),
        width: stream.format.geometry.width(),
        height: stream.format.geometry.height(),
        interval: stream.interval,
        ..nothing
    })
}
