//! The device mutex.

use core::{
    marker::PhantomData,
    ptr::{NonNull, null_mut},
};

use crate::{
    descriptor::FilterDescriptor,
    device::{Device, DeviceDispatch},
    error::{Error, Result},
    factory::FilterFactory,
    ffi::{
        KsCreateFilterFactory, KsDeleteFilterFactory, KsFilterFactorySetDeviceClassesState, KsReleaseDevice,
    },
};

/// The device mutex of a device of kind `D`, held: what changes its list of filter factories. Released when dropped.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/stream/device-mutex-in-avstream>
///
/// # Invariants
///
/// This thread holds the mutex.
#[must_use = "the mutex is released at once"]
pub struct DeviceLock<'a, D: DeviceDispatch> {
    device: Device<'a, D>,
    /// A thread releases what it has acquired.
    of_this_thread: PhantomData<*mut ()>,
}

impl<'a, D: DeviceDispatch> DeviceLock<'a, D> {
    /// # Safety
    ///
    /// This thread has acquired the device's mutex, and leaves it to the value to release it.
    pub(crate) const unsafe fn new(device: Device<'a, D>) -> Self {
        Self { device, of_this_thread: PhantomData }
    }

    /// Whose mutex it is.
    #[must_use]
    pub const fn device(&self) -> Device<'a, D> {
        self.device
    }

    /// Makes a filter factory beside those that the device has: filters of this description can be opened from now on by
    /// whoever knows the path, and are found by others as soon as they are [enabled](Self::enable). A device that has
    /// not been started yet enables them when it is. PASSIVE_LEVEL, in the context of a system thread, which the class
    /// driver registers the interfaces in.
    ///
    /// It lives until it is [deleted](Self::delete), or as long as the device.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kscreatefilterfactory>
    ///
    /// # Errors
    ///
    /// What the class driver says, such as that there is no memory.
    pub fn create(&self, descriptor: &'static FilterDescriptor<D>) -> Result<FilterFactory<D>> {
        let serial = self.device.serial()?;
        let mut raw = null_mut();
        // SAFETY: a live device.
        let object = unsafe { (*self.device.as_ptr()).FunctionalDeviceObject };
        // SAFETY: a static description for this kind of device, and its mutex is held (R1.20).
        let status = unsafe {
            KsCreateFilterFactory(
                object,
                descriptor.as_raw(),
                null_mut(),
                null_mut(),
                0,
                None,
                None,
                &raw mut raw,
            )
        };
        Error::check(status)?;
        let raw = NonNull::new(raw).ok_or(Error::UNSUCCESSFUL)?;
        Ok(FilterFactory::new(raw, serial))
    }

    /// Has the filters of a factory found, which was made after the device was started.
    ///
    /// ASSUMED: they still are when the device has been stopped and started again. Nothing that is said of STOP disables
    /// interfaces (`nf-wdm-iosetdeviceinterfacestate.md`), and of AVStream no page tells.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-ksfilterfactorysetdeviceclassesstate>
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`]: it belongs to another device. Otherwise what the class driver says.
    pub fn enable(&self, factory: &FilterFactory<D>) -> Result {
        let raw = factory.at(self.device)?;
        // SAFETY: a factory of this device, whose mutex is held.
        Error::check(unsafe { KsFilterFactorySetDeviceClassesState(raw.as_ptr(), 1) })
    }

    /// Ends a factory: its filters are not found and not opened any more; those that are open stay until they are closed.
    ///
    /// ASSUMED: the last, since only the create items are freed, and no page forbids it while filters are open.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-ksdeletefilterfactory>
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`]: it belongs to another device.
    pub fn delete(&self, factory: FilterFactory<D>) -> Result {
        let raw = factory.at(self.device)?;
        // SAFETY: a factory of this device, whose mutex is held. If it cannot be disabled it goes all the same.
        let _ = unsafe { KsFilterFactorySetDeviceClassesState(raw.as_ptr(), 0) };
        // SAFETY: as above; nobody uses it afterwards.
        Error::check(unsafe { KsDeleteFilterFactory(raw.as_ptr()) })
    }
}

impl<D: DeviceDispatch> Drop for DeviceLock<'_, D> {
    fn drop(&mut self) {
        // SAFETY: by the invariant.
        unsafe { KsReleaseDevice(self.device.as_ptr()) };
    }
}
