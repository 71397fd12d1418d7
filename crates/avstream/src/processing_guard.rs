//! The processing mutex.

use core::marker::PhantomData;

use crate::{
    context::Control,
    ffi::{KSPIN, KsPinAcquireProcessingMutex, KsPinReleaseProcessingMutex, PKSPIN},
    pin::Pin,
};

/// The processing mutex of a pin, held: Process does not run, nor begins to. Released when dropped.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/stream/processing-mutex-in-avstream>
///
/// # Invariants
///
/// This thread holds the mutex, and the pin is alive.
#[must_use = "the mutex is released at once"]
pub struct ProcessingGuard<'a> {
    pin: PKSPIN,
    life: PhantomData<&'a KSPIN>,
}

impl Pin<'_, Control> {
    /// Waits until Process does not run, and keeps it from doing so. PASSIVE_LEVEL. The control mutex, which is held, comes
    /// before this one (R8.1).
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kspinacquireprocessingmutex>
    pub fn hold_processing(&self) -> ProcessingGuard<'_> {
        let pin = self.as_ptr();
        // SAFETY: a live pin, PASSIVE_LEVEL; a callback that has the control mutex is not called by Process.
        unsafe { KsPinAcquireProcessingMutex(pin) };
        ProcessingGuard { pin, life: PhantomData }
    }
}

impl Drop for ProcessingGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: by the invariant.
        unsafe { KsPinReleaseProcessingMutex(self.pin) };
    }
}
