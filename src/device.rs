//! The device.

use avstream::{Device, DeviceDispatch, FilterDescriptor, Result, Shared};

use crate::{camera, hub::Hub, test_source};

/// The one device of this driver.
pub struct Loopcam {
    /// Where writer and readers meet.
    pub hub: Shared<Hub>,
}

impl DeviceDispatch for Loopcam {
    const FILTERS: &'static [&'static FilterDescriptor<Self>] = &[&camera::FILTER, &test_source::FILTER];

    fn add(_: &Device<'_>) -> Result<Self> {
        Ok(Self { hub: Shared::new(Hub::new()?)? })
    }
}
