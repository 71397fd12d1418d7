//! A pin, during one of its callbacks.

use core::{marker::PhantomData, ptr::NonNull};

use crate::{
    bag,
    context::{Context, Control, Processing},
    edge::LeadingEdge,
    error::{Error, Result},
    ffi::{_KsEdit, KSALLOCATOR_FRAMING_EX, KSPIN, KSPIN_COMMUNICATION, KSPIN_DESCRIPTOR_EX, PKSPIN},
    format::Format,
    shared::Shared,
};

/// A pin, during one of its callbacks; `C` says which, and offers only what is legal there.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_kspin>
pub struct Pin<'a, C: Context> {
    raw: NonNull<KSPIN>,
    callback: PhantomData<(&'a KSPIN, C)>,
}

impl<C: Context> Pin<'_, C> {
    /// # Safety
    ///
    /// `raw` is a live pin in a callback that `C` describes, and stays so as long as the value lives.
    pub(crate) const unsafe fn from_raw(raw: NonNull<KSPIN>) -> Self {
        Self { raw, callback: PhantomData }
    }

    /// For a DDI that this crate does not know.
    #[must_use]
    pub const fn as_ptr(&self) -> PKSPIN {
        self.raw.as_ptr()
    }
}

impl Pin<'_, Control> {
    /// The number of the pin type in the filter's descriptor.
    #[must_use]
    pub fn id(&self) -> u32 {
        // SAFETY: a live pin, whose Id does not change.
        unsafe { (*self.as_ptr()).Id }
    }

    /// Whether this instance makes the requests: it is connected to a sink pin, which does not.
    #[must_use]
    pub fn is_source(&self) -> bool {
        // SAFETY: a live pin. ASSUMED: (contract 10.8) the role that was taken, or what the descriptor says.
        let communication = unsafe { (*self.as_ptr()).Communication };
        communication == KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SOURCE
    }

    /// The format in force; in SetDataFormat, the new one.
    #[must_use]
    pub fn format(&self) -> Format<'_> {
        // SAFETY: a live pin; the control mutex guards the format.
        let format = unsafe { (*self.as_ptr()).ConnectionFormat };
        // SAFETY: the class driver's private copy, whose size it has checked (contract 3.2, R3.16).
        unsafe { Format::from_raw(format) }
    }

    /// Asks for `frames` frames of exactly `size` bytes. To be called in Create, or when the format changes.
    /// The pin type needs a [framing](crate::PinDescriptor::framing).
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_DEVICE_REQUEST`]: the descriptor has no framing.
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-_ksedit>
    pub fn set_framing(&self, frames: u32, size: u32) -> Result {
        let pin = self.as_ptr();
        // SAFETY: a live pin.
        let descriptor = unsafe { (*pin).Descriptor };
        // SAFETY: its descriptor.
        if unsafe { (*descriptor).AllocatorFraming }.is_null() {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        // SAFETY: a live pin.
        let place = unsafe { &raw mut (*pin).Descriptor };
        // SAFETY: a member that points at a KSPIN_DESCRIPTOR_EX; the control mutex is held.
        let descriptor = unsafe { self.edit::<KSPIN_DESCRIPTOR_EX>(place) }?;
        // SAFETY: the pin's own copy.
        let place = unsafe { &raw mut (*descriptor).AllocatorFraming };
        // SAFETY: a member that points at a KSALLOCATOR_FRAMING_EX; the control mutex is held.
        let framing = unsafe { self.edit::<KSALLOCATOR_FRAMING_EX>(place) }?;
        // SAFETY: the pin's own copy, which nobody reads before the control mutex is dropped.
        let [item] = unsafe { &mut (*framing).FramingItem };
        item.Frames = frames;
        item.FramingRange.Range.MinFrameSize = size;
        item.FramingRange.Range.MaxFrameSize = size;
        Ok(())
    }

    /// Makes what `place` points at the pin's own, so that it may be changed (R3.10, R7.30).
    ///
    /// # Safety
    ///
    /// `place` is a member that points at a `T`.
    unsafe fn edit<T>(&self, place: *mut *const T) -> Result<*mut T> {
        let size = const { size_of::<T>() as u32 };
        const TAG: u32 = u32::from_le_bytes(*b"avst");
        // SAFETY: a live pin.
        let bag = unsafe { (*self.as_ptr()).Bag };
        // SAFETY: the bag of a pin whose control mutex is held, and the caller's promise.
        Error::check(unsafe { _KsEdit(bag, place.cast(), size, size, TAG) })?;
        // SAFETY: the same member; it points at a private copy now.
        Ok(unsafe { *place }.cast_mut())
    }

    /// Has [`bag::Ends::end`] called when the pin ends.
    pub(crate) fn ends<T: bag::Ends>(&self, value: Shared<T>) -> Result {
        // SAFETY: a live pin.
        let bag = unsafe { (*self.as_ptr()).Bag };
        // SAFETY: its bag; the control mutex is held.
        unsafe { bag::add_shared(bag, value) }
    }
}

impl Pin<'_, Processing> {
    /// Locks the frame at the leading edge; `None` if there is none.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kspingetleadingedgestreampointer>
    pub fn leading_edge(&mut self) -> Option<LeadingEdge<'_>> {
        LeadingEdge::lock(self)
    }
}
