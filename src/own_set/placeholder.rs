//! The property *placeholder*: the picture that is shown while nobody writes.

use avstream::{
    Answer, Bytes, Error, KBuffer, LongProperty, OfFilter, Result, Room, Shared, callbacks, ffi::KSPROPERTY,
};
use loopcam_api::{MAX_PLACEHOLDER_HEIGHT, MAX_PLACEHOLDER_WIDTH};
use video::{Format, Geometry, Order, PixelFormat};

use super::Placeholder;
use crate::{camera::Camera, placeholder::Picture};

/// The picture that a client has chosen.
pub struct Chosen;

impl LongProperty for Chosen {
    type Owner = OfFilter<Camera>;
    type Request = KSPROPERTY;

    const ID: u32 = loopcam_api::PLACEHOLDER;
    const GET: Option<callbacks::GetLong<Self>> = Some(|camera, _, room| get(camera, room));
    const SET: Option<callbacks::SetLong<Self>> = Some(|camera, _, bytes| set(camera, bytes));
}

/// The camera's own picture.
const DEFAULT: Placeholder = Placeholder { fourcc: 0, bits: 0, width: 0, height: 0 };
const HEAD: usize = size_of::<Placeholder>();

fn get(camera: &Camera, room: Room<'_>) -> Result<Answer> {
    let Some(picture) = camera.hub.placeholder.get() else { return room.record(&DEFAULT, &[]) };
    let head = Placeholder {
        fourcc: picture.format.pixel.fourcc(),
        bits: picture.format.pixel.bits_per_pixel().into(),
        width: picture.format.geometry.width(),
        height: picture.format.geometry.height(),
    };
    room.record(&head, &picture.bytes)
}

fn set(camera: &Camera, bytes: Bytes<'_>) -> Result {
    camera.check_write()?;
    let head = bytes.head::<Placeholder>()?;
    let picture = if head == DEFAULT {
        check_size(bytes, HEAD)?;
        None
    } else {
        let format = format(head).ok_or(Error::INVALID_PARAMETER)?;
        let size = format.image_size() as usize;
        check_size(bytes, HEAD.saturating_add(size))?;
        let mut picture = Picture { format, bytes: KBuffer::new(size)? };
        if !bytes.read(HEAD, &mut picture.bytes) {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        Some(Shared::new(picture)?)
    };
    camera.hub.placeholder.set(picture);
    camera.hub.changed();
    Ok(())
}

/// Neither more nor less.
fn check_size(bytes: Bytes<'_>, size: usize) -> Result {
    if bytes.len() == size { Ok(()) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

/// How such a picture lies in memory; `None` if it cannot be.
fn format(head: Placeholder) -> Option<Format> {
    let pixel = PixelFormat::ALL
        .into_iter()
        .find(|pixel| (pixel.fourcc(), u32::from(pixel.bits_per_pixel())) == (head.fourcc, head.bits))?;
    let geometry = Geometry::new(head.width, head.height)?;
    let fits = head.width <= MAX_PLACEHOLDER_WIDTH && head.height <= MAX_PLACEHOLDER_HEIGHT;
    let format = Format::new(pixel, geometry).with_order(Order::TopDown)?;
    fits.then_some(format)
}
