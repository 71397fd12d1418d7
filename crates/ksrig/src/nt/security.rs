//! What a driver hands to the kernel in its own name must be the kernel's. (`devtest/security-checks.md`)

use core::{ffi::c_void, ptr::null};
use ks_sys::*;

use super::{exports, machine::Machine, thread::KERNEL_MODE, user, violation};

/// Whether the function is a system call by which a driver acts as the kernel.
pub const fn is_service(name: &str) -> bool {
    let name = name.as_bytes();
    name.len() > 2 && name[0] == b'Z' && name[1] == b'w'
}

fn watched() -> bool {
    Machine::try_current().is_some_and(|machine| machine.options().watch.security)
        && exports::called_by_driver()
}

fn is_user(address: usize) -> bool {
    address != 0 && user::contains(address as *const c_void, 1)
}

/// An argument as a word; 0 what is no pointer.
pub fn word<T: Copy>(argument: &T) -> usize {
    if size_of::<T>() != size_of::<usize>() {
        return 0;
    }
    // SAFETY: the argument is as large as the word, and was passed in a register or a slot of the stack.
    unsafe { std::mem::transmute_copy(argument) }
}

/// A driver calls a Zw function with these arguments: (type, word).
pub fn service(name: &'static str, arguments: &[(&'static str, usize)]) {
    if !watched() {
        return;
    }
    for (kind, word) in arguments.iter().filter(|(kind, _)| kind.starts_with(['P', '*'])) {
        if is_user(*word) {
            report(0xE3, name, format_args!("a {kind} is an address of a program's memory"));
            continue;
        }
        // SAFETY: the driver's promise: NULL, or what the type says.
        let string = unsafe {
            match *kind {
                "PUNICODE_STRING" | "PCUNICODE_STRING" => (*word as PCUNICODE_STRING).as_ref(),
                "POBJECT_ATTRIBUTES" => {
                    let attributes = (*word as *const OBJECT_ATTRIBUTES).as_ref();
                    let string = attributes.map_or(null(), |attributes| attributes.ObjectName.cast_const());
                    if is_user(string as usize) {
                        report(0xE3, name, format_args!("ObjectName is an address of a program's memory"));
                        continue;
                    }
                    string.as_ref()
                }
                _ => None,
            }
        };
        if let Some(what) = string.and_then(malformed) {
            report(0xE4, name, format_args!("a UNICODE_STRING {what}"));
        }
    }
}

fn malformed(string: &UNICODE_STRING) -> Option<String> {
    let UNICODE_STRING { Length, MaximumLength, Buffer } = *string;
    if Length % 2 != 0 {
        Some(format!("has the odd length {Length}"))
    } else if Length > MaximumLength {
        Some(format!("of {Length} bytes has room for {MaximumLength}"))
    } else {
        is_user(Buffer as usize).then(|| "lies in a program's memory".to_owned())
    }
}

/// A driver sends an IRP.
///
/// # Safety
/// A live IRP whose next stack location is filled in, and is the given one.
pub unsafe fn request(irp: PIRP, location: PIO_STACK_LOCATION) {
    if !watched() {
        return;
    }
    // SAFETY: the caller's IRP.
    unsafe {
        if (*irp).RequestorMode != KERNEL_MODE {
            return;
        }
        let control = matches!(
            u32::from((*location).MajorFunction),
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL
        );
        let input = if control {
            (*location).Parameters.DeviceIoControl.Type3InputBuffer
        } else {
            std::ptr::null_mut()
        };
        let members = [
            ("UserBuffer", (*irp).UserBuffer),
            ("UserIosb", (*irp).UserIosb.cast()),
            ("Type3InputBuffer", input),
        ];
        for (member, _) in members.into_iter().filter(|(_, address)| is_user(*address as usize)) {
            let message =
                format_args!("RequestorMode is KernelMode, and {member} is an address of a program's memory");
            report(0xE2, "IoCallDriver", message);
        }
    }
}

fn report(code: u32, function: &str, message: std::fmt::Arguments<'_>) {
    violation::report("SecurityChecks", code, function, message);
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::nt::{
        IoAllocateIrp, IoFreeIrp, IoGetNextIrpStackLocation,
        callback::{CallbackKind, Group},
        flags::Flags,
    };

    fn codes(watch: bool, deed: impl FnOnce()) -> Vec<u32> {
        let kind = CallbackKind::new("Deed", Group::Driver);
        let found = violation::broken_by(kind, Flags { security: watch, ..Flags::NONE }, deed);
        found.iter().map(|found| found.code).collect()
    }

    const NOTHING: [u32; 0] = [];

    /// Zw functions get the kernel's addresses and well-formed strings, through object attributes too.
    #[test]
    fn services() {
        const ATTRIBUTES: &str = "POBJECT_ATTRIBUTES";
        let string =
            |length, room| UNICODE_STRING { Length: length, MaximumLength: room, Buffer: null_mut() };
        let given = |string: UNICODE_STRING| {
            let mut string = string;
            let attributes =
                OBJECT_ATTRIBUTES { ObjectName: &raw mut string, ..OBJECT_ATTRIBUTES::default() };
            let word = |at: *const c_void| at as usize;
            service("ZwOpenKey", &[(ATTRIBUTES, word((&raw const attributes).cast()))]);
            service("ZwQueryValueKey", &[("PUNICODE_STRING", word((&raw const string).cast()))]);
        };
        assert_eq!(codes(true, || given(string(4, 4))), NOTHING);
        assert_eq!(codes(true, || given(string(3, 4))), [0xE4; 2]);
        assert_eq!(codes(true, || given(string(6, 4))), [0xE4; 2]);
        assert_eq!(codes(false, || given(string(3, 4))), NOTHING);
        let pointer = |kind: &'static str| {
            let buffer = user::Buffer::new(8);
            service("ZwQueryKey", &[(kind, buffer.address() as usize)]);
        };
        assert_eq!(codes(true, || pointer("PULONG")), [0xE3]);
        assert_eq!(codes(true, || pointer("HANDLE")), NOTHING);
        let named = || {
            let buffer = user::Buffer::new(16);
            let attributes =
                OBJECT_ATTRIBUTES { ObjectName: buffer.address().cast(), ..OBJECT_ATTRIBUTES::default() };
            service("ZwOpenKey", &[(ATTRIBUTES, &raw const attributes as usize)]);
        };
        assert_eq!(codes(true, named), [0xE3]);
        assert!(is_service("ZwClose") && !is_service("KeSetEvent"));
        assert_eq!((word(&null_mut::<u8>()), word(&7_u64), word(&7_u32)), (0, 7, 0));
    }

    /// An IRP in the kernel's name has no address of a program's.
    #[test]
    fn requests() {
        let send = |user: bool, mode: i8| {
            let (buffer, own) = (user::Buffer::new(8), Box::into_raw(Box::new(0_u64)));
            // SAFETY: a fresh IRP with a stack location.
            unsafe {
                let irp = IoAllocateIrp(1, 0);
                (*irp).RequestorMode = mode;
                (*irp).UserBuffer = if user { buffer.address() } else { own.cast() };
                request(irp, IoGetNextIrpStackLocation(irp));
                IoFreeIrp(irp);
            }
        };
        assert_eq!(codes(true, || send(true, 0)), [0xE2]);
        assert_eq!(codes(true, || send(false, 0)), NOTHING);
        assert_eq!(codes(true, || send(true, 1)), NOTHING);
    }
}
