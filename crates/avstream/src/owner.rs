//! Whose a property or an event is: a filter's or a pin's.

use core::{marker::PhantomData, ptr::NonNull};

use crate::{
    error::{Error, Result},
    ffi::{KsGetFilterFromIrp, KsGetPinFromIrp, PIRP},
    filter::{self, FilterDispatch},
    opened::Opened,
    pin_dispatch::{self, PinDispatch},
};

mod sealed {
    pub trait Sealed {}
}

/// [`OfFilter`] or [`OfPin`].
pub trait Owner: sealed::Sealed + 'static {
    /// The context that is given to what serves the property or event.
    type Context: 'static;

    /// The context of the object that a request was sent to.
    ///
    /// # Safety
    ///
    /// `irp` is a device control request to an object in whose automation table this owner's items are; it is not
    /// complete as long as the reference is used.
    #[doc(hidden)]
    unsafe fn context<'a>(irp: PIRP) -> Result<&'a Self::Context>;
}

/// Of filters of kind `F`; what serves them is given the [`Opened`] filter.
pub struct OfFilter<F>(PhantomData<fn() -> F>);

/// Of pins of kind `P`.
pub struct OfPin<P>(PhantomData<fn() -> P>);

impl<F> sealed::Sealed for OfFilter<F> {}
impl<P> sealed::Sealed for OfPin<P> {}

impl<F: FilterDispatch> Owner for OfFilter<F> {
    type Context = Opened<F>;

    unsafe fn context<'a>(irp: PIRP) -> Result<&'a Opened<F>> {
        // SAFETY: the request that is being handled.
        let filter = unsafe { KsGetFilterFromIrp(irp) };
        // SAFETY: the items of `F` are found in its table only (R7.16), and the request keeps its file open.
        unsafe { filter::opened(filter) }
    }
}

impl<P: PinDispatch> Owner for OfPin<P> {
    type Context = P;

    unsafe fn context<'a>(irp: PIRP) -> Result<&'a P> {
        // SAFETY: the request that is being handled.
        let pin = unsafe { KsGetPinFromIrp(irp) };
        // NULL for a request to a filter (`nf-ks-ksgetpinfromirp.md`).
        let pin = NonNull::new(pin).ok_or(Error::INVALID_PARAMETER)?;
        // SAFETY: the items of `P` are found in its table only (R7.16), and the request keeps its file open.
        unsafe { pin_dispatch::context(pin) }
    }
}
