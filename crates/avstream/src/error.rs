//! Failure, and nothing but failure.

use core::num::NonZero;

use crate::ffi::{self, NTSTATUS};

/// The result of whatever can fail.
pub type Result<T = ()> = core::result::Result<T, Error>;

/// A failure: an `NTSTATUS` whose severity is *error* (the upper two bits are set).
///
/// Success, information, warnings and above all `STATUS_PENDING` are no failures and cannot be
/// represented. A callback that returns [`Result`] therefore cannot return `STATUS_PENDING`, which
/// AVStream forbids wherever that type is used here (Driver Verifier rule KsCallbackReturn, 0x81005).
///
/// ```
/// use avstream::{Error, ffi::{STATUS_NO_MATCH, STATUS_PENDING}};
///
/// assert_eq!(Error::new(STATUS_NO_MATCH), Some(Error::NO_MATCH));
/// assert_eq!(Error::new(STATUS_PENDING), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Error(NonZero<NTSTATUS>);

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $status:ident;)*) => {
        $($(#[$doc])* pub const $name: Self = Self::new(ffi::$status).unwrap();)*
    };
}

impl Error {
    errors! {
        /// Whoever asks may not.
        ACCESS_DENIED = STATUS_ACCESS_DENIED;
        /// There is not enough room for the answer, or not enough of a value.
        BUFFER_TOO_SMALL = STATUS_BUFFER_TOO_SMALL;
        /// The state of the device does not allow it now.
        DEVICE_NOT_READY = STATUS_DEVICE_NOT_READY;
        /// It was there, and has been taken away.
        DEVICE_REMOVED = STATUS_DEVICE_REMOVED;
        /// There is no memory.
        INSUFFICIENT_RESOURCES = STATUS_INSUFFICIENT_RESOURCES;
        /// A buffer has not the size that it should have.
        INVALID_BUFFER_SIZE = STATUS_INVALID_BUFFER_SIZE;
        /// The object does not do this.
        INVALID_DEVICE_REQUEST = STATUS_INVALID_DEVICE_REQUEST;
        /// A parameter makes no sense.
        INVALID_PARAMETER = STATUS_INVALID_PARAMETER;
        /// The object does not have the interface.
        NOINTERFACE = STATUS_NOINTERFACE;
        /// There is no such thing.
        NOT_FOUND = STATUS_NOT_FOUND;
        /// A format matches nothing that is supported.
        NO_MATCH = STATUS_NO_MATCH;
        /// It is not there now, or never.
        NOT_SUPPORTED = STATUS_NOT_SUPPORTED;
        /// There is one of that name.
        OBJECT_NAME_COLLISION = STATUS_OBJECT_NAME_COLLISION;
        /// Somebody else has it.
        SHARING_VIOLATION = STATUS_SHARING_VIOLATION;
        /// It did not work, and nothing better is known.
        UNSUCCESSFUL = STATUS_UNSUCCESSFUL;
    }

    const SEVERITY: u32 = 0xC000_0000;

    /// The failure that a status stands for; `None` if it is none.
    #[must_use]
    pub const fn new(status: NTSTATUS) -> Option<Self> {
        if status.cast_unsigned() & Self::SEVERITY != Self::SEVERITY {
            return None;
        }
        match NonZero::new(status) {
            Some(status) => Some(Self(status)),
            None => None,
        }
    }

    /// The status that the class driver understands.
    #[must_use]
    pub const fn status(self) -> NTSTATUS {
        self.0.get()
    }

    /// The result that a status stands for.
    ///
    /// A warning, which KS treats as a failure as well (`!NT_SUCCESS`) and which cannot be
    /// represented, becomes [`Error::UNSUCCESSFUL`].
    ///
    /// # Errors
    ///
    /// The status, if it is a failure.
    pub const fn check(status: NTSTATUS) -> Result {
        match Self::new(status) {
            Some(error) => Err(error),
            None if status < 0 => Err(Self::UNSUCCESSFUL),
            None => Ok(()),
        }
    }
}

impl From<Error> for NTSTATUS {
    fn from(error: Error) -> Self {
        error.status()
    }
}

/// The status that a result is for the class driver.
pub(crate) const fn status_of(result: Result) -> NTSTATUS {
    match result {
        Ok(()) => ffi::STATUS_SUCCESS,
        Err(error) => error.status(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_are_errors() {
        for status in [ffi::STATUS_SUCCESS, ffi::STATUS_PENDING, ffi::STATUS_BUFFER_OVERFLOW, i32::MAX] {
            assert_eq!(Error::new(status), None);
        }
        assert_eq!(Error::new(-1).map(Error::status), Some(-1));
    }

    #[test]
    fn failures_are_unchanged() {
        assert_eq!(Error::check(ffi::STATUS_NO_MATCH), Err(Error::NO_MATCH));
        assert_eq!(status_of(Err(Error::NO_MATCH)), ffi::STATUS_NO_MATCH);
    }

    #[test]
    fn warnings_fail() {
        assert_eq!(Error::check(ffi::STATUS_BUFFER_OVERFLOW), Err(Error::UNSUCCESSFUL));
        assert_eq!(Error::check(ffi::STATUS_PENDING), Ok(()));
    }
}
