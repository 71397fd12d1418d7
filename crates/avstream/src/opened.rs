//! A filter that a client has open.

use core::{ops::Deref, ptr::NonNull};

use crate::{device::Device, ffi::KSDEVICE, filter::FilterDispatch};

/// An open filter: its context, and the way to its device. It lives as long as the filter, and so no longer than the device.
///
/// # Invariants
///
/// `device` is a device of kind `F::Device` that outlives this value.
pub struct Opened<F> {
    context: F,
    device: NonNull<KSDEVICE>,
}

impl<F: FilterDispatch> Opened<F> {
    /// # Safety
    ///
    /// As the invariant says.
    pub(crate) const unsafe fn new(context: F, device: NonNull<KSDEVICE>) -> Self {
        Self { context, device }
    }

    /// The device that the filter belongs to.
    #[must_use]
    pub fn device(&self) -> Device<'_, F::Device> {
        // SAFETY: by the invariant.
        unsafe { Device::new(self.device) }
    }
}

impl<F> Deref for Opened<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.context
    }
}

// SAFETY: whatever is done with the device goes through `Device`, which is for any thread.
unsafe impl<F: Send> Send for Opened<F> {}
// SAFETY: as above.
unsafe impl<F: Sync> Sync for Opened<F> {}
