//! The property *time-out*: how long a writer may be silent.

use avstream::{Error, OfFilter, Property, Result, Values, callbacks, ffi::KSPROPERTY};
use loopcam_api::{DEFAULT_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT};

use crate::{camera::Camera, hub::Hub};

const _: () = assert!(Hub::DEFAULT_TIMEOUT == DEFAULT_TIMEOUT);

/// Milliseconds of silence before the placeholder is shown.
pub struct Timeout;

impl Property for Timeout {
    type Owner = OfFilter<Camera>;
    type Request = KSPROPERTY;
    type Value = u32;

    const ID: u32 = loopcam_api::TIMEOUT;
    const GET: Option<callbacks::Get<Self>> = Some(|camera, _| Ok(camera.hub.timeout()));
    const SET: Option<callbacks::Set<Self>> = Some(|camera, _, milliseconds| set(camera, milliseconds));
    const VALUES: Option<Values> = Some(Values::unsigned(MIN_TIMEOUT, MAX_TIMEOUT, 1, DEFAULT_TIMEOUT));
}

fn set(camera: &Camera, milliseconds: u32) -> Result {
    camera.check_write()?;
    if !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&milliseconds) {
        return Err(Error::INVALID_PARAMETER);
    }
    camera.hub.set_timeout(milliseconds);
    camera.hub.changed();
    Ok(())
}
