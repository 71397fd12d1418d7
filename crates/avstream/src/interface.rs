//! Interfaces in the manner of COM: a pointer to a structure that begins with a pointer to a table of
//! functions, the first three of which are those of `IUnknown`.
//!
//! The kernel's `IUnknown` answers an `NTSTATUS`.

use core::ptr::{NonNull, null_mut};

use crate::{
    context::Control,
    error::{Error, Result},
    ffi::{
        GUID, IKsControl, IKsReferenceClock, IUnknown, KsPinGetConnectedFilterInterface,
        KsPinGetConnectedPinInterface, KsPinGetReferenceClockInterface, guid,
    },
    pin::Pin,
};

/// `IID_IUnknown`.
pub(crate) const IID_IUNKNOWN: GUID = guid(0x0000_0000_0000_0000_C000_0000_0000_0046);

/// An interface.
///
/// # Safety
///
/// What an object gives out for `IID` is a pointer to a `Self`, which begins with a pointer to a
/// table that begins with `IUnknown`'s.
pub unsafe trait Interface {
    /// Its identifier.
    const IID: GUID;
}

// SAFETY: declared in ks.h with that table.
unsafe impl Interface for IKsControl {
    const IID: GUID = guid(0x28F5_4685_06FD_11D2_B27A_00A0_C922_3196);
}

// SAFETY: declared in ks.h with that table.
unsafe impl Interface for IKsReferenceClock {
    const IID: GUID = guid(0x877E_4351_6FEA_11D0_B863_00AA_00A2_16A1);
}

/// A reference to an object's interface, released when dropped.
///
/// # Invariants
///
/// `pointer` is an interface of which one reference belongs to this value.
pub struct Owned<I: Interface> {
    pointer: NonNull<I>,
}

// SAFETY: KS's interfaces are called from any thread.
unsafe impl<I: Interface> Send for Owned<I> {}
// SAFETY: as above.
unsafe impl<I: Interface> Sync for Owned<I> {}

impl<I: Interface> Owned<I> {
    /// # Safety
    ///
    /// `pointer`, if not NULL, is an interface, with a reference for this value.
    unsafe fn new(pointer: *mut I) -> Result<Self> {
        // A success without an interface breaks the function's contract; it is not taken for a success.
        NonNull::new(pointer).map(|pointer| Self { pointer }).ok_or(Error::UNSUCCESSFUL)
    }

    pub(crate) const fn pointer(&self) -> NonNull<I> {
        self.pointer
    }

    /// The table that every interface begins with.
    const fn unknown(&self) -> &IUnknown {
        // SAFETY: the promise of `Interface`.
        unsafe { self.pointer.cast::<IUnknown>().as_ref() }
    }
}

impl<I: Interface> Clone for Owned<I> {
    fn clone(&self) -> Self {
        // SAFETY: a live interface has a table.
        if let Some(add) = unsafe { (*self.unknown().lpVtbl).AddRef } {
            // SAFETY: a live interface.
            unsafe { add(self.pointer.as_ptr().cast()) };
        }
        Self { pointer: self.pointer }
    }
}

impl<I: Interface> Drop for Owned<I> {
    fn drop(&mut self) {
        // SAFETY: a live interface has a table.
        if let Some(release) = unsafe { (*self.unknown().lpVtbl).Release } {
            // SAFETY: the reference is this value's, and goes with it.
            unsafe { release(self.pointer.as_ptr().cast()) };
        }
    }
}

impl Pin<'_, Control> {
    /// An interface of the pin at the other end of the connection.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kspingetconnectedpininterface>
    ///
    /// # Errors
    ///
    /// [`Error::NOINTERFACE`]: the pin does not have it. [`Error::UNSUCCESSFUL`]: there is no such pin.
    pub fn connected_pin<I: Interface>(&self) -> Result<Owned<I>> {
        let mut interface = null_mut();
        // SAFETY: a live pin, PASSIVE_LEVEL.
        let status = unsafe { KsPinGetConnectedPinInterface(self.as_ptr(), &I::IID, &mut interface) };
        Error::check(status)?;
        // SAFETY: the interface asked for, with a reference for the caller (R4.20).
        unsafe { Owned::new(interface.cast()) }
    }

    /// An interface of the filter at the other end of the connection.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kspingetconnectedfilterinterface>
    ///
    /// # Errors
    ///
    /// As for [`connected_pin`](Self::connected_pin).
    pub fn connected_filter<I: Interface>(&self) -> Result<Owned<I>> {
        let mut interface = null_mut();
        // SAFETY: a live pin, PASSIVE_LEVEL.
        let status = unsafe { KsPinGetConnectedFilterInterface(self.as_ptr(), &I::IID, &mut interface) };
        Error::check(status)?;
        // SAFETY: the interface asked for, with a reference for the caller (R4.20).
        unsafe { Owned::new(interface.cast()) }
    }

    /// The clock that the graph runs by. To be asked on the way into ACQUIRE.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kspingetreferenceclockinterface>
    ///
    /// # Errors
    ///
    /// [`Error::DEVICE_NOT_READY`]: there is none.
    pub fn reference_clock(&self) -> Result<Owned<IKsReferenceClock>> {
        let mut interface = null_mut();
        // SAFETY: a live pin, PASSIVE_LEVEL.
        Error::check(unsafe { KsPinGetReferenceClockInterface(self.as_ptr(), &mut interface) })?;
        // SAFETY: with a reference for the caller (R7.4).
        unsafe { Owned::new(interface) }
    }
}

impl Owned<IKsReferenceClock> {
    /// The clock's time, and the system's at the same moment, both in 100 ns. The clock stands still outside RUN; the
    /// system's time is that of [`time::now`](crate::time::now) (`ns-ks-kscorrelated_time.md`). `None`: it does not say.
    /// IRQL ≤ DISPATCH_LEVEL; no spin lock should be held, as this may call the driver whose clock it is.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-iksreferenceclock-getcorrelatedtime>
    // ASSUMED: units of 100 ns, as this page and that of the function behind it (`nc-ks-pfnksclock_correlatedtime.md`) say;
    // `ns-ks-kscorrelated_time.md` says ticks.
    #[must_use]
    pub fn correlated_time(&self) -> Option<(i64, i64)> {
        let mut system_time = 0;
        // SAFETY: a live interface.
        let table = unsafe { self.pointer.as_ref() }.lpVtbl;
        // SAFETY: a live interface has a table.
        let get = unsafe { (*table).GetCorrelatedTime }?;
        // SAFETY: a live interface.
        let time = unsafe { get(self.pointer.as_ptr(), &mut system_time) };
        Some((time, system_time))
    }
}
