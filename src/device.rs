//! The device.

use avstream::{Device, DeviceDispatch, FilterDescriptor, Result};

use crate::{camera, cameras::Cameras, manager, test_source};

/// The one device of this driver.
pub struct Loopcam {
    /// Its cameras.
    pub cameras: Cameras,
}

impl DeviceDispatch for Loopcam {
    const FILTERS: &'static [&'static FilterDescriptor<Self>] =
        &[&camera::FILTER, &test_source::FILTER, &manager::FILTER];

    fn add(device: Device<'_, Self>) -> Result<Self> {
        Ok(Self { cameras: Cameras::new(device)? })
    }
}
