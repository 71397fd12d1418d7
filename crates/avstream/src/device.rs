//! The device: what a driver is loaded for.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::zeroed,
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{
    bag,
    callback::callbacks,
    descriptor::FilterDescriptor,
    device_lock::DeviceLock,
    error::{Error, Result, status_of},
    ffi::{
        KSDEVICE, KSDEVICE_DESCRIPTOR, KSDEVICE_DESCRIPTOR_VERSION, KSDEVICE_DISPATCH, KsAcquireDevice,
        KsInitializeDriver, NTSTATUS, PDEVICE_OBJECT, PDRIVER_OBJECT, PIRP, PKSDEVICE, PUNICODE_STRING,
    },
    kbox::KBox,
};

/// A kind of device: its filters, and what it does. A value is the context of one device; all its
/// filters and pins meet there.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_ksdevice_dispatch>
pub trait DeviceDispatch: Sized + Send + Sync + 'static {
    /// The filters that exist as long as the device.
    const FILTERS: &'static [&'static FilterDescriptor<Self>];

    /// Makes the context of a device that Plug and Play has found. PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// Any: the device is not added.
    fn add(device: Device<'_, Self>) -> Result<Self>;
}

/// A device of kind `D`, which lives for `'a`.
///
/// # Invariants
///
/// So it does, and is.
pub struct Device<'a, D> {
    raw: NonNull<KSDEVICE>,
    kind: PhantomData<fn() -> D>,
    life: PhantomData<&'a KSDEVICE>,
}

impl<D> Clone for Device<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Device<'_, D> {}

impl<'a, D: DeviceDispatch> Device<'a, D> {
    /// # Safety
    ///
    /// As the invariant says.
    pub(crate) const unsafe fn new(raw: NonNull<KSDEVICE>) -> Self {
        Self { raw, kind: PhantomData, life: PhantomData }
    }

    /// For a DDI that this crate does not know.
    #[must_use]
    pub const fn as_ptr(&self) -> PKSDEVICE {
        self.raw.as_ptr()
    }

    /// What Plug and Play knows the device as.
    pub(crate) fn physical(&self) -> PDEVICE_OBJECT {
        // SAFETY: by the invariant it is alive; set before Add (R1.4).
        unsafe { (*self.as_ptr()).PhysicalDeviceObject }
    }

    /// Whether it has been started, and neither stopped since nor pulled out, as far as the class driver has told.
    #[must_use]
    pub fn is_started(&self) -> bool {
        // SAFETY: by the invariant it is alive; the class driver sets it (R1.8).
        let started = unsafe { (*self.as_ptr()).Started != 0 };
        // No page says that a surprise removal clears it.
        started && self.block().is_ok_and(|block| !block.is_pulled_out.load(Ordering::Acquire))
    }

    /// A number that no other device of this driver has or will have.
    pub(crate) fn serial(&self) -> Result<u64> {
        Ok(self.block()?.serial)
    }

    fn block(&self) -> Result<&'a Block<D>> {
        // SAFETY: by the invariant.
        unsafe { block(self.as_ptr()) }
    }

    /// Its context.
    ///
    /// # Errors
    ///
    /// [`Error::DEVICE_NOT_READY`]: it is still being added.
    pub fn context(&self) -> Result<&'a D> {
        // SAFETY: by the invariant.
        unsafe { context(self.as_ptr()) }
    }

    /// Takes the device mutex, which is not recursive. PASSIVE_LEVEL; not in a callback that is made with it held, as the
    /// creation of a filter may be (contract 10.4).
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/stream/device-mutex-in-avstream>
    pub fn lock(self) -> DeviceLock<'a, D> {
        // SAFETY: by the invariant it is alive; PASSIVE_LEVEL.
        unsafe { KsAcquireDevice(self.as_ptr()) };
        // SAFETY: acquired.
        unsafe { DeviceLock::new(self) }
    }
}

/// What belongs to a device: an item of its bag, there before its context is, and also if that never comes.
pub(crate) struct Block<D> {
    serial: u64,
    is_pulled_out: AtomicBool,
    /// The context is there, and stays.
    is_added: AtomicBool,
    context: UnsafeCell<Option<D>>,
}

// SAFETY: the context is written once, by who adds the device, and shared from then on, which `is_added` tells.
unsafe impl<D: Send + Sync> Sync for Block<D> {}

impl<D> Block<D> {
    pub(crate) fn new() -> Self {
        static DEVICES: AtomicU64 = AtomicU64::new(0);
        Self {
            serial: DEVICES.fetch_add(1, Ordering::Relaxed),
            is_pulled_out: AtomicBool::new(false),
            is_added: AtomicBool::new(false),
            context: UnsafeCell::new(None),
        }
    }

    /// # Safety
    ///
    /// Once, by who adds the device.
    unsafe fn fill(&self, context: D) {
        // SAFETY: nobody looks at it before the flag says so.
        unsafe { *self.context.get() = Some(context) };
        self.is_added.store(true, Ordering::Release);
    }

    fn context(&self) -> Result<&D> {
        if !self.is_added.load(Ordering::Acquire) {
            return Err(Error::DEVICE_NOT_READY);
        }
        // SAFETY: nobody writes it any more.
        unsafe { &*self.context.get() }.as_ref().ok_or(Error::DEVICE_NOT_READY)
    }
}

/// # Safety
///
/// `device` is a device of kind `D`, and outlives the reference.
unsafe fn block<'a, D: DeviceDispatch>(device: PKSDEVICE) -> Result<&'a Block<D>> {
    // SAFETY: the caller's promise.
    let block = unsafe { (*device).Context }.cast::<Block<D>>();
    // SAFETY: NULL until `add_context` has put a block there, which lives as long as the device.
    unsafe { block.as_ref() }.ok_or(Error::DEVICE_NOT_READY)
}

/// The context of a device.
///
/// # Safety
///
/// `device` is a device of kind `D`, and outlives the reference.
pub(crate) unsafe fn context<'a, D: DeviceDispatch>(device: PKSDEVICE) -> Result<&'a D> {
    // SAFETY: the caller's promise.
    unsafe { block(device) }?.context()
}

struct Table<D>(PhantomData<D>);

impl<D: DeviceDispatch> Table<D> {
    const DISPATCH: KSDEVICE_DISPATCH = KSDEVICE_DISPATCH {
        Add: Some(add::<D>),
        SurpriseRemoval: Some(pulled_out::<D>),
        // SAFETY: absent callbacks.
        ..unsafe { zeroed() }
    };

    const DESCRIPTOR: KSDEVICE_DESCRIPTOR = KSDEVICE_DESCRIPTOR {
        Dispatch: &Self::DISPATCH,
        FilterDescriptorsCount: D::FILTERS.len() as u32,
        FilterDescriptors: D::FILTERS.as_ptr().cast(),
        Version: KSDEVICE_DESCRIPTOR_VERSION,
    };
}

/// What `DriverEntry` does: hands the device's description to the class driver. Called by
/// [`driver!`](crate::driver).
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-ksinitializedriver>
///
/// # Safety
///
/// The arguments are those of `DriverEntry`, at PASSIVE_LEVEL.
#[must_use]
pub unsafe fn initialize<D: DeviceDispatch>(
    driver: PDRIVER_OBJECT,
    registry_path: PUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: the caller's promise; the descriptor is static (R1.1).
    unsafe { KsInitializeDriver(driver, registry_path, &Table::<D>::DESCRIPTOR) }
}

callbacks! {
    /// `KSDEVICE_DISPATCH.Add` (`nc-ks-pfnksdevicecreate.md`).
    fn add<D: DeviceDispatch>(device: PKSDEVICE) -> NTSTATUS {
        let Some(raw) = NonNull::new(device) else { return Error::INVALID_PARAMETER.status() };
        // SAFETY: the class driver's promise: the device is being added (R1.4).
        status_of(unsafe { add_context::<D>(raw) })
    }

    /// `KSDEVICE_DISPATCH.SurpriseRemoval` (`nc-ks-pfnksdeviceirpvoid.md`).
    fn pulled_out<D: DeviceDispatch>(device: PKSDEVICE, _irp: PIRP) {
        // SAFETY: the class driver's promise: a live device of this driver.
        if let Ok(block) = unsafe { block::<D>(device) } {
            block.is_pulled_out.store(true, Ordering::Release);
        }
    }
}

/// # Safety
///
/// `raw` is a device of kind `D` that is being added.
unsafe fn add_context<D: DeviceDispatch>(raw: NonNull<KSDEVICE>) -> Result {
    let block = KBox::new(Block::<D>::new())?;
    // SAFETY: the caller's promise.
    let device = unsafe { Device::<D>::new(raw) };
    // SAFETY: a live device.
    let bag = unsafe { raw.as_ref() }.Bag;
    let place = {
        // The mutex that guards a device's bag. ASSUMED: (contract 10.3) it is not held during Add.
        let _lock = device.lock();
        // SAFETY: the bag of a live device, whose mutex is held.
        unsafe { bag::add(bag, block) }?
    };
    // SAFETY: a live device.
    unsafe { (*raw.as_ptr()).Context = place.as_ptr().cast() };
    let context = D::add(device)?;
    // SAFETY: it lives as long as the device.
    let block = unsafe { place.as_ref() };
    // SAFETY: once, and here.
    unsafe { block.fill(context) };
    Ok(())
}

/// Exports `DriverEntry` of a driver for this kind of device.
///
/// ```ignore
/// avstream::driver!(Loopcam);
/// ```
#[macro_export]
macro_rules! driver {
    ($device:ty) => {
        /// Where Windows enters the driver.
        ///
        /// # Safety
        ///
        /// Called by the I/O manager only.
        #[unsafe(export_name = "DriverEntry")]
        pub unsafe extern "system" fn driver_entry(
            driver: $crate::ffi::PDRIVER_OBJECT,
            registry_path: $crate::ffi::PUNICODE_STRING,
        ) -> $crate::ffi::NTSTATUS {
            // SAFETY: the arguments of DriverEntry.
            unsafe { $crate::device::initialize::<$device>(driver, registry_path) }
        }
    };
}
