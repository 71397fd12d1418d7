//! Calls into the driver.

use std::fmt::Display;

use ks_sys::*;

/// Whose callback it is: decides which rule an IRQL that changed across it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// DriverEntry, dispatch routines, DPCs, ... (IrqlReturn 0x2001D)
    Driver,
    /// KSDEVICE_DISPATCH (0x81006)
    Device,
    /// KSFILTER_DISPATCH (0x81007)
    Filter,
    /// KSPIN_DISPATCH and pin-like (0x81008)
    Pin,
}

/// A kind of callback. Upper layers make their own constants.
#[derive(Clone, Copy, Debug)]
pub struct CallbackKind {
    /// Its name in logs ("PinConnect").
    pub name: &'static str,
    /// Whose it is.
    pub group: Group,
    /// The statuses it may not return (KsCallbackReturn 0x81005), e.g. `&[STATUS_PENDING]`.
    pub forbidden: &'static [NTSTATUS],
}

impl CallbackKind {
    /// A kind that may return anything.
    pub const fn new(name: &'static str, group: Group) -> Self {
        Self { name, group, forbidden: &[] }
    }

    /// A kind that must not return STATUS_PENDING.
    pub const fn no_pending(name: &'static str, group: Group) -> Self {
        Self { name, group, forbidden: &[STATUS_PENDING] }
    }
}

/// One call into the driver.
pub struct Callback<'a> {
    /// Its kind.
    pub kind: CallbackKind,
    /// The object it is about ("pin Camera/1#2").
    pub object: &'a dyn Display,
}

/// What a callback returns.
pub trait Returned {
    /// As a status, if it is one.
    fn status(&self) -> Option<NTSTATUS>;
}

impl Returned for () {
    fn status(&self) -> Option<NTSTATUS> {
        None
    }
}

impl Returned for NTSTATUS {
    fn status(&self) -> Option<NTSTATUS> {
        Some(*self)
    }
}

macro_rules! no_status {
    ($($t:ty)*) => {$(impl Returned for $t {
        fn status(&self) -> Option<NTSTATUS> {
            None
        }
    })*};
}
no_status!(u8 u32 u64 usize PVOID);

/// Calls into the driver: logs, watches the IRQL and the returned status, measures.
/// Never call it with a lock of the rig held.
pub fn call<R: Returned>(callback: Callback<'_>, body: impl FnOnce() -> R) -> R {
    todo!()
}

/// The callbacks the calling thread is in, innermost last.
pub fn stack() -> Vec<&'static str> {
    todo!()
}

/// Whether the calling thread is in a callback of that kind.
pub fn inside(name: &str) -> bool {
    todo!()
}
