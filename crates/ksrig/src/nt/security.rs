//! What a driver hands to the kernel in its own name must be the kernel's. (`devtest/security-checks.md`)

use core::{ffi::c_void, ptr::null};
use ks_sys::*;

use super::{exports, machine::Machine, thread::KERNEL_MODE, user, violation};

/// Types of arguments that point to the kernel's own objects, of which a program's memory can hold none. Other pointers
/// may lead there: a driver that has probed the memory copies from it, makes an MDL for it, compares it.
const OBJECTS: &[&str] = &[
    "PDEVICE_OBJECT",
    "PDRIVER_OBJECT",
    "PERESOURCE",
    "PFAST_MUTEX",
    "PFILE_OBJECT",
    "PIO_REMOVE_LOCK",
    "PIO_WORKITEM",
    "PIRP",
    "PKDPC",
    "PKEVENT",
    "PKLOCK_QUEUE_HANDLE",
    "PKSPIN_LOCK",
    "PKTIMER",
    "PLIST_ENTRY",
    "PMDL",
    "PNPAGED_LOOKASIDE_LIST",
    "PPAGED_LOOKASIDE_LIST",
    "PRKDPC",
    "PRKEVENT",
    "PRKMUTEX",
    "PRKSEMAPHORE",
    "PSLIST_ENTRY",
    "PSLIST_HEADER",
    "PWORK_QUEUE_ITEM",
];

const fn is_same(first: &str, second: &str) -> bool {
    let (first, second) = (first.as_bytes(), second.as_bytes());
    let mut at = 0;
    while at < first.len() && at < second.len() && first[at] == second[at] {
        at += 1;
    }
    at == first.len() && at == second.len()
}

const fn is_object(kind: &str) -> bool {
    let mut at = 0;
    while at < OBJECTS.len() {
        if is_same(OBJECTS[at], kind) {
            return true;
        }
        at += 1;
    }
    false
}

/// Whether the function is a system call by which a driver acts as the kernel.
const fn is_service(name: &str) -> bool {
    let name = name.as_bytes();
    name.len() > 2 && name[0] == b'Z' && name[1] == b'w'
}

/// Whether [`check`] looks at the arguments of a function, of these types.
pub const fn is_checked(name: &str, kinds: &[&str]) -> bool {
    let mut at = 0;
    while at < kinds.len() {
        if is_object(kinds[at]) {
            return true;
        }
        at += 1;
    }
    is_service(name)
}

/// Whether what drivers give to functions is looked at now.
pub fn watched() -> bool {
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

/// A driver calls a function with these arguments: (type, word).
pub fn check(name: &'static str, arguments: &[(&'static str, usize)]) {
    if !watched() {
        return;
    }
    if is_service(name) {
        return service(name, arguments);
    }
    for (kind, _) in arguments.iter().filter(|(kind, word)| is_object(kind) && is_user(*word)) {
        report(0xE0, name, format_args!("a {kind} is an address of a program's memory"));
    }
}

/// A Zw function: none of its arguments is a program's.
fn service(name: &'static str, arguments: &[(&'static str, usize)]) {
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
                    let members = attributes.into_iter().flat_map(|attributes| {
                        [
                            ("ObjectName", attributes.ObjectName as usize),
                            ("SecurityDescriptor", attributes.SecurityDescriptor as usize),
                            ("SecurityQualityOfService", attributes.SecurityQualityOfService as usize),
                        ]
                    });
                    for (member, _) in members.filter(|(_, address)| is_user(*address)) {
                        report(0xE3, name, format_args!("{member} is an address of a program's memory"));
                    }
                    string.as_ref().filter(|_| !is_user(string as usize))
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
    } else if MaximumLength % 2 != 0 {
        Some(format!("has room for {MaximumLength} bytes, which is odd"))
    } else if Length > MaximumLength {
        Some(format!("of {Length} bytes has room for {MaximumLength}"))
    } else if Length != 0 && Buffer.is_null() {
        Some(format!("of {Length} bytes has no buffer"))
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
            ("SystemBuffer", (*irp).AssociatedIrp.SystemBuffer),
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
        static UNITS: [u16; 8] = [0; 8];
        let string = |length, room| UNICODE_STRING {
            Length: length,
            MaximumLength: room,
            Buffer: UNITS.as_ptr().cast_mut(),
        };
        let nowhere = |length| UNICODE_STRING { Length: length, MaximumLength: 4, Buffer: null_mut() };
        let given = |string: UNICODE_STRING| {
            let mut string = string;
            let attributes =
                OBJECT_ATTRIBUTES { ObjectName: &raw mut string, ..OBJECT_ATTRIBUTES::default() };
            let word = |at: *const c_void| at as usize;
            check("ZwOpenKey", &[(ATTRIBUTES, word((&raw const attributes).cast()))]);
            check("ZwQueryValueKey", &[("PUNICODE_STRING", word((&raw const string).cast()))]);
        };
        assert_eq!(codes(true, || given(string(4, 4))), NOTHING);
        assert_eq!(codes(true, || given(string(3, 4))), [0xE4; 2]);
        assert_eq!(codes(true, || given(string(4, 5))), [0xE4; 2]);
        assert_eq!(codes(true, || given(string(6, 4))), [0xE4; 2]);
        assert_eq!(codes(true, || given(nowhere(0))), NOTHING);
        assert_eq!(codes(true, || given(nowhere(2))), [0xE4; 2]);
        assert_eq!(codes(false, || given(string(3, 4))), NOTHING);
        let pointer = |kind: &'static str| {
            let buffer = user::Buffer::new(8);
            check("ZwQueryKey", &[(kind, buffer.address() as usize)]);
        };
        assert_eq!(codes(true, || pointer("PULONG")), [0xE3]);
        assert_eq!(codes(true, || pointer("HANDLE")), NOTHING);
        let named = || {
            let buffer = user::Buffer::new(16);
            let attributes =
                OBJECT_ATTRIBUTES { ObjectName: buffer.address().cast(), ..OBJECT_ATTRIBUTES::default() };
            check("ZwOpenKey", &[(ATTRIBUTES, &raw const attributes as usize)]);
        };
        assert_eq!(codes(true, named), [0xE3]);
        let guarded = || {
            let buffer = user::Buffer::new(16);
            let attributes =
                OBJECT_ATTRIBUTES { SecurityDescriptor: buffer.address(), ..OBJECT_ATTRIBUTES::default() };
            check("ZwOpenKey", &[(ATTRIBUTES, &raw const attributes as usize)]);
        };
        assert_eq!(codes(true, guarded), [0xE3]);
        assert!(is_service("ZwClose") && !is_service("KeSetEvent"));
        assert_eq!((word(&null_mut::<u8>()), word(&7_u64), word(&7_u32)), (0, 7, 0));
    }

    /// The kernel's own objects do not lie in a program's memory; what a driver probes, locks and copies does.
    #[test]
    fn objects() {
        let pointer = |name: &'static str, kind: &'static str, user: bool| {
            let buffer = user::Buffer::new(8);
            let own = 0_u64;
            let word = if user { buffer.address() as usize } else { &raw const own as usize };
            assert!(is_checked(name, &["ULONG", "PKSPIN_LOCK", kind]));
            check(name, &[("ULONG", word), (kind, word)]);
        };
        assert_eq!(codes(true, || pointer("KeSetEvent", "PRKEVENT", true)), [0xE0]);
        assert_eq!(codes(true, || pointer("KeSetEvent", "PRKEVENT", false)), NOTHING);
        assert_eq!(codes(false, || pointer("KeSetEvent", "PRKEVENT", true)), NOTHING);
        assert_eq!(codes(true, || pointer("ExQueueWorkItem", "PWORK_QUEUE_ITEM", true)), [0xE0]);
        assert_eq!(codes(true, || pointer("IoAllocateMdl", "PVOID", true)), NOTHING);
        assert_eq!(codes(true, || pointer("ZwOpenKey", "PHANDLE", true)), [0xE3]);
        assert!(!is_checked("IoAllocateMdl", &["PVOID", "ULONG"]));
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
        let buffered = || {
            let buffer = user::Buffer::new(8);
            // SAFETY: as above.
            unsafe {
                let irp = IoAllocateIrp(1, 0);
                (*irp).AssociatedIrp.SystemBuffer = buffer.address();
                request(irp, IoGetNextIrpStackLocation(irp));
                IoFreeIrp(irp);
            }
        };
        assert_eq!(codes(true, || send(true, 0)), [0xE2]);
        assert_eq!(codes(true, buffered), [0xE2]);
        assert_eq!(codes(true, || send(false, 0)), NOTHING);
        assert_eq!(codes(true, || send(true, 1)), NOTHING);
    }
}
