//! A filter: what a client opens.

use core::{marker::PhantomData, ptr::NonNull};

use crate::{
    automation, bag,
    callback::callbacks,
    context::{Context, Control},
    device::{self, DeviceDispatch},
    error::{Error, Result, status_of},
    event::EventSet,
    ffi::{GUID, KSAUTOMATION_TABLE, KSFILTER, KSFILTER_DISPATCH, KsGetDevice, NTSTATUS, PIRP, PKSFILTER},
    kbox::KBox,
    opened::Opened,
    opener::Opener,
    owner::OfFilter,
    property::PropertySet,
    shared::Shared,
};

/// A kind of filter. A value is the context of one instance, that is of one client.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_ksfilter_dispatch>
pub trait FilterDispatch: Sized + Send + Sync + 'static {
    /// The device that has such filters.
    type Device: DeviceDispatch;

    /// Its properties, beside those that the class driver has.
    const PROPERTIES: &'static [PropertySet<OfFilter<Self>>] = &[];

    /// Its events.
    const EVENTS: &'static [EventSet<OfFilter<Self>>] = &[];

    /// Makes the context of a filter that a client opens. PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// Any: the open fails with it.
    fn create(filter: &Filter<'_, Control>, device: &Self::Device) -> Result<Self>;
}

/// A filter, during one of its callbacks.
pub struct Filter<'a, C: Context> {
    raw: NonNull<KSFILTER>,
    opener: Opener,
    callback: PhantomData<(&'a KSFILTER, C)>,
}

impl<C: Context> Filter<'_, C> {
    /// For a DDI that this crate does not know.
    #[must_use]
    pub const fn as_ptr(&self) -> PKSFILTER {
        self.raw.as_ptr()
    }

    pub(crate) const fn raw(&self) -> NonNull<KSFILTER> {
        self.raw
    }
}

impl Filter<'_, Control> {
    /// The reference GUID of the description that it is made from, by which a kind of filter with several descriptions
    /// tells them apart.
    #[must_use]
    pub fn reference(&self) -> &GUID {
        // SAFETY: a live filter.
        let descriptor = unsafe { (*self.as_ptr()).Descriptor };
        // SAFETY: the description that the filter was made from, or a copy (R2.1).
        let reference = unsafe { (*descriptor).ReferenceGuid };
        // SAFETY: every description of this crate has one.
        unsafe { &*reference }
    }

    /// Who opens it.
    #[must_use]
    pub const fn opener(&self) -> Opener {
        self.opener
    }

    /// Has [`bag::Ends::end`] called when the filter ends.
    pub(crate) fn ends<T: bag::Ends>(&self, value: Shared<T>) -> Result {
        // SAFETY: a live filter.
        let bag = unsafe { (*self.as_ptr()).Bag };
        // SAFETY: its bag; the control mutex is held (R2.2).
        unsafe { bag::add_shared(bag, value) }
    }
}

/// A filter with its context.
///
/// # Safety
///
/// `filter` is a filter of kind `F`, and outlives the reference.
pub(crate) unsafe fn opened<'a, F: FilterDispatch>(filter: PKSFILTER) -> Result<&'a Opened<F>> {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter.as_ref() }.ok_or(Error::INVALID_PARAMETER)?;
    // SAFETY: Create has put it there, and it lives as long as the filter.
    unsafe { filter.Context.cast::<Opened<F>>().as_ref() }.ok_or(Error::DEVICE_NOT_READY)
}

/// The context of a filter.
///
/// # Safety
///
/// As for [`opened`].
pub(crate) unsafe fn context<'a, F: FilterDispatch>(filter: PKSFILTER) -> Result<&'a F> {
    // SAFETY: the caller's promise.
    unsafe { opened::<F>(filter) }.map(|opened| &**opened)
}

/// The dispatch table of a kind of filter.
pub(crate) struct Table<F>(PhantomData<F>);

impl<F: FilterDispatch> Table<F> {
    pub(crate) const DISPATCH: KSFILTER_DISPATCH =
        KSFILTER_DISPATCH { Create: Some(create::<F>), Close: None, Process: None, Reset: None };

    pub(crate) const AUTOMATION: KSAUTOMATION_TABLE = automation::table(F::PROPERTIES, F::EVENTS);
}

callbacks! {
    /// `KSFILTER_DISPATCH.Create` (`nc-ks-pfnksfilterirp.md`).
    fn create<F: FilterDispatch>(filter: PKSFILTER, irp: PIRP) -> NTSTATUS {
        let Some(raw) = NonNull::new(filter) else { return Error::INVALID_PARAMETER.status() };
        // SAFETY: the class driver's promise: the filter is being created (R2.1).
        let opener = unsafe { Opener::of(irp) };
        // SAFETY: as above.
        status_of(unsafe { create_context::<F>(raw, opener) })
    }
}

/// # Safety
///
/// `raw` is a filter of kind `F` that is being created.
unsafe fn create_context<F: FilterDispatch>(raw: NonNull<KSFILTER>, opener: Opener) -> Result {
    let filter = raw.as_ptr();
    // SAFETY: a live filter, PASSIVE_LEVEL.
    let device = NonNull::new(unsafe { KsGetDevice(filter.cast()) }).ok_or(Error::DEVICE_NOT_READY)?;
    // SAFETY: the device of a filter whose kind says which kind of device it belongs to; it outlives it.
    let at = unsafe { device::context::<F::Device>(device.as_ptr()) }?;
    let context = F::create(&Filter { raw, opener, callback: PhantomData }, at)?;
    // SAFETY: as above.
    let opened = KBox::new(unsafe { Opened::new(context, device) })?;
    // SAFETY: a live filter.
    let bag = unsafe { (*filter).Bag };
    // SAFETY: the bag of a live filter, whose control mutex is held (R2.2).
    let item = unsafe { bag::add(bag, opened) }?;
    // SAFETY: a live filter; its pins, which copy the context, come later (R1.5).
    unsafe { (*filter).Context = item.as_ptr().cast() };
    Ok(())
}

/// Does something with a filter that has such a context.
#[cfg(test)]
pub(crate) fn with_context<F: FilterDispatch>(context: F, action: impl FnOnce(&mut KSFILTER, &F)) {
    // SAFETY: numbers and null pointers.
    let mut filter: KSFILTER = unsafe { core::mem::zeroed() };
    // SAFETY: nobody asks for its device.
    let mut opened = unsafe { Opened::new(context, NonNull::dangling()) };
    filter.Context = (&raw mut opened).cast();
    action(&mut filter, &opened);
}
