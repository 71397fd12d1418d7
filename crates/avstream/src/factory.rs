//! Filter factories that are made while a device lives.

use core::{marker::PhantomData, ptr::NonNull};

use crate::{
    device::{Device, DeviceDispatch},
    error::{Error, Result},
    ffi::KSFILTERFACTORY,
};

/// A filter factory of a device of kind `D`: what [`DeviceLock`](crate::DeviceLock) has made. To drop this does nothing:
/// it lives until it is deleted or its device ends.
///
/// # Invariants
///
/// `raw` is a factory of the device of this serial number, and alive as long as that.
pub struct FilterFactory<D> {
    raw: NonNull<KSFILTERFACTORY>,
    /// Its device's: a later device may have the address of one that is gone.
    serial: u64,
    kind: PhantomData<fn() -> D>,
}

impl<D: DeviceDispatch> FilterFactory<D> {
    pub(crate) const fn new(raw: NonNull<KSFILTERFACTORY>, serial: u64) -> Self {
        Self { raw, serial, kind: PhantomData }
    }

    /// The factory, if it belongs to this device.
    pub(crate) fn at(&self, device: Device<'_, D>) -> Result<NonNull<KSFILTERFACTORY>> {
        if self.serial == device.serial()? { Ok(self.raw) } else { Err(Error::INVALID_PARAMETER) }
    }
}

// SAFETY: an address, which is used with the device mutex held only.
unsafe impl<D> Send for FilterFactory<D> {}
// SAFETY: as above.
unsafe impl<D> Sync for FilterFactory<D> {}

#[cfg(test)]
mod tests;
