//! The property *readers*: who reads, what, and how well.

use avstream::{Answer, LongProperty, OfFilter, Result, Room, callbacks, ffi::KSPROPERTY};

use super::Reader;
use crate::{
    camera::{self, Camera},
    hub::Hub,
};

/// The open pins *Capture*.
pub struct Readers;

impl LongProperty for Readers {
    type Owner = OfFilter<Camera>;
    type Request = KSPROPERTY;

    const ID: u32 = loopcam_api::READERS;
    const GET: Option<callbacks::GetLong<Self>> = Some(|camera, _, room| list(camera, room));
}

fn list(camera: &Camera, room: Room<'_>) -> Result<Answer> {
    // Who comes or goes while the list is written is in it as a whole or not at all; how many there are is said first.
    let mut readers = [const { None }; loopcam_api::MAX_READERS as usize];
    let mut count: usize = 0;
    for (place, reader) in readers.iter_mut().zip(camera.hub.roster.iter()) {
        *place = Some(reader);
        count += 1;
    }
    room.list(count, readers.iter().flatten().map(|reader| describe(&camera.hub, &reader.lock())))
}

fn describe(hub: &Hub, reader: &camera::Reader) -> Reader {
    let stream = reader.stream;
    let counter = reader.counter(hub);
    Reader {
        state: reader.state as u32,
        follows: reader.follows().into(),
        fourcc: stream.format.pixel.fourcc(),
        bits: stream.format.pixel.bits_per_pixel().into(),
        width: stream.format.geometry.width(),
        height: stream.format.geometry.height(),
        interval: stream.interval,
        pictures: counter.picture,
        dropped: counter.dropped,
    }
}
