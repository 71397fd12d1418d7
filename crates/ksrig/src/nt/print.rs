//! DbgPrint: what the driver says goes to the event log.

use std::ffi::CStr;

use ks_sys::*;

use super::{
    crt::{Arguments, Flavour, format},
    exports::{Export, exports},
    trace,
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    DbgPrint(Format: *const u8, First: u64, Second: u64, Third: u64) -> NTSTATUS, 0..=15;
    DbgPrintEx(ComponentId: ULONG, Level: ULONG, Format: *const u8, First: u64) -> NTSTATUS, 0..=15;
    vDbgPrintEx(ComponentId: ULONG, Level: ULONG, Format: *const u8, List: *const u64) -> NTSTATUS, 0..=15;
    vDbgPrintExWithPrefix(Prefix: *const u8, ComponentId: ULONG, Level: ULONG, Format: *const u8, List: *const u64) -> NTSTATUS, 0..=15;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// Prints to the log.
unsafe fn print(prefix: *const u8, given: *const u8, mut arguments: Arguments) -> NTSTATUS {
    // SAFETY: the driver's strings are terminated; the format tells the arguments.
    unsafe {
        let text = |of: *const u8| CStr::from_ptr(of.cast()).to_string_lossy().into_owned();
        let prefix = if prefix.is_null() { String::new() } else { text(prefix) };
        let line = prefix + &format(&text(given), &mut arguments, Flavour::Log);
        trace::event("print", "driver", line.trim_end());
    }
    STATUS_SUCCESS
}

/// Prints to the log. (`nf-wdm-dbgprint.md`)
pub unsafe fn DbgPrint(Format: *const u8, First: u64, Second: u64, Third: u64) -> NTSTATUS {
    // SAFETY: the driver's promise.
    unsafe { print(std::ptr::null(), Format, Arguments::Call([0, First, Second, Third], 1)) }
}

/// The same for a component at a level; the rig shows all of them. (`nf-wdm-dbgprintex.md`)
pub unsafe fn DbgPrintEx(_ComponentId: ULONG, _Level: ULONG, Format: *const u8, First: u64) -> NTSTATUS {
    // SAFETY: the driver's promise.
    unsafe { print(std::ptr::null(), Format, Arguments::Call([0, 0, 0, First], 3)) }
}

/// The same with a list of arguments. (`nf-wdm-vdbgprintex.md`)
pub unsafe fn vDbgPrintEx(
    _ComponentId: ULONG,
    _Level: ULONG,
    Format: *const u8,
    List: *const u64,
) -> NTSTATUS {
    // SAFETY: the driver's promise.
    unsafe { print(std::ptr::null(), Format, Arguments::List(List)) }
}

/// The same behind a prefix. (`nf-wdm-vdbgprintexwithprefix.md`)
pub unsafe fn vDbgPrintExWithPrefix(
    Prefix: *const u8,
    _ComponentId: ULONG,
    _Level: ULONG,
    Format: *const u8,
    List: *const u64,
) -> NTSTATUS {
    // SAFETY: the driver's promise.
    unsafe { print(Prefix, Format, Arguments::List(List)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions};

    /// What is printed is in the log, without the end of the line.
    #[test]
    fn prints_are_logged() {
        let machine = Machine::new(MachineOptions::default());
        // SAFETY: the arguments are what the formats say.
        unsafe {
            DbgPrint(c"%d %s\n".as_ptr().cast(), 1, c"a".as_ptr() as u64, 0);
            DbgPrintEx(1, 2, c"%u".as_ptr().cast(), 3);
            vDbgPrintExWithPrefix(c"cam: ".as_ptr().cast(), 1, 2, c"%x".as_ptr().cast(), [255].as_ptr());
            vDbgPrintEx(1, 2, c"%x".as_ptr().cast(), [254].as_ptr());
        }
        let lines: Vec<_> = trace::take().into_iter().map(|event| event.detail).collect();
        assert_eq!(lines, ["1 a", "3", "cam: ff", "fe"]);
        machine.shutdown();
    }
}
