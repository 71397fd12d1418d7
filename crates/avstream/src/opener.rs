//! Who opens a filter or a pin.

use crate::{
    ffi::{FILE_WRITE_DATA, GENERIC_ALL, GENERIC_WRITE, PIRP},
    raw,
};

/// Who opens a filter or a pin, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opener {
    is_kernel: bool,
    access: u32,
}

impl Opener {
    /// # Safety
    ///
    /// `irp` is the create request that is being handled.
    pub(crate) unsafe fn of(irp: PIRP) -> Self {
        // SAFETY: the caller's promise.
        let (mode, access) = unsafe { raw::create(irp) };
        const KERNEL_MODE: i8 = 0;
        Self { is_kernel: mode == KERNEL_MODE, access }
    }

    /// Whether it is a part of the system itself, which no security descriptor stops.
    #[must_use]
    pub const fn is_kernel(self) -> bool {
        self.is_kernel
    }

    /// Whether it has asked for the right to write, and, as it has got this far, has been granted it by the device's
    /// security descriptor (`ns-wdm-_io_security_context`, `kernel/controlling-device-access`); the kernel always has.
    ///
    /// Who asks for as much as is allowed (`MAXIMUM_ALLOWED`) has not asked for it: no page says what stands here then.
    #[must_use]
    pub const fn may_write(self) -> bool {
        // The object manager replaces generic rights by those of files before it asks the driver; where it does not
        // they mean the same.
        self.is_kernel || self.access & (FILE_WRITE_DATA | GENERIC_WRITE | GENERIC_ALL) != 0
    }
}

#[cfg(test)]
mod tests {
    use core::mem::zeroed;

    use super::*;
    use crate::ffi::{FILE_READ_DATA, GENERIC_READ, IO_SECURITY_CONTEXT, IO_STACK_LOCATION, IRP};

    fn opener(mode: i8, access: u32) -> Opener {
        // SAFETY: numbers and null pointers.
        let (mut irp, mut location, mut context): (IRP, IO_STACK_LOCATION, IO_SECURITY_CONTEXT) =
            unsafe { zeroed() };
        context.DesiredAccess = access;
        location.Parameters.Create.SecurityContext = &raw mut context;
        irp.RequestorMode = mode;
        irp.Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation = &raw mut location;
        // SAFETY: a request with all that is looked at.
        unsafe { Opener::of(&raw mut irp) }
    }

    /// The right to write is what was asked for, in either wording; the kernel has it.
    #[test]
    fn who_may_write() {
        const USER_MODE: i8 = 1;
        for access in [FILE_WRITE_DATA, GENERIC_WRITE, GENERIC_ALL, GENERIC_READ | GENERIC_WRITE] {
            assert!(opener(USER_MODE, access).may_write(), "{access:#x}");
        }
        const MAXIMUM_ALLOWED: u32 = 0x0200_0000;
        for access in [0, FILE_READ_DATA, GENERIC_READ, 0x0012_0089, MAXIMUM_ALLOWED] {
            assert!(!opener(USER_MODE, access).may_write(), "{access:#x}");
            assert!(opener(0, access).may_write());
        }
        assert!(opener(0, 0).is_kernel() && !opener(USER_MODE, GENERIC_ALL).is_kernel());
    }
}
