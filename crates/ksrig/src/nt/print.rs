//! DbgPrint: what the driver says goes to the event log.

use std::{ffi::CStr, fmt::Write as _};

use ks_sys::*;

use super::{string::text, trace};
use crate::pe::stub::PerThread;

/// The arguments of a variadic call: three in registers, the rest on the caller's stack.
struct Arguments {
    registers: [u64; 3],
    next: usize,
}

impl Arguments {
    fn take(&mut self) -> u64 {
        let index = self.next;
        self.next += 1;
        if let Some(value) = self.registers.get(index) {
            return *value;
        }
        // Behind the return address and the home space of four registers.
        let address = PerThread::noted().driver_rsp as usize + 8 + 8 * (index + 1);
        // SAFETY: the caller's stack goes on there.
        unsafe { *(address as *const u64) }
    }
}

/// Prints to the log. The usual conversions of C are understood; precision and width only as far as a
/// string's `.*`. (`nf-wdm-dbgprint.md`)
pub unsafe fn DbgPrint(Format: *const u8, First: u64, Second: u64, Third: u64) -> NTSTATUS {
    let mut arguments = Arguments { registers: [First, Second, Third], next: 0 };
    // SAFETY: the driver's format is terminated and tells the arguments.
    let line = unsafe { format(CStr::from_ptr(Format.cast()).to_bytes(), &mut arguments) };
    trace::event("print", "driver", line.trim_end());
    STATUS_SUCCESS
}

unsafe fn format(format: &[u8], arguments: &mut Arguments) -> String {
    let mut out = String::new();
    let mut rest = format.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            continue;
        }
        let (mut wide, mut long, mut precision) = (false, false, None);
        for byte in rest.by_ref() {
            match byte {
                b'%' => out.push('%'),
                b'w' | b'l' => {
                    wide = true;
                    continue;
                }
                b'I' | b'6' | b'4' | b'z' | b'j' => {
                    long = true;
                    continue;
                }
                b'*' => {
                    precision = Some(arguments.take() as usize);
                    continue;
                }
                b'0'..=b'9' | b'.' | b'-' | b'+' | b'#' | b' ' | b'h' => continue,
                // SAFETY: the format says that the argument is a string.
                b's' if !wide => out.push_str(&unsafe { narrow(arguments.take(), precision) }),
                // SAFETY: as above, of wide characters.
                b's' | b'S' => out.push_str(&unsafe { wide_text(arguments.take()) }),
                // SAFETY: the format says that the argument is a counted string.
                b'Z' => out.push_str(&unsafe { text(arguments.take() as *const UNICODE_STRING) }),
                b'c' => out.push(char::from(arguments.take() as u8)),
                _ => number(&mut out, byte, long, arguments.take()),
            }
            break;
        }
    }
    out
}

fn number(out: &mut String, conversion: u8, long: bool, value: u64) {
    let narrow = if long { value } else { value & 0xFFFF_FFFF };
    let _ = match conversion {
        b'd' | b'i' if long => write!(out, "{}", value as i64),
        b'd' | b'i' => write!(out, "{}", value as i32),
        b'u' => write!(out, "{narrow}"),
        b'x' => write!(out, "{narrow:x}"),
        b'X' => write!(out, "{narrow:X}"),
        // Addresses differ from run to run, the log may not.
        b'p' => write!(out, "<pointer>"),
        other => write!(out, "%{}", char::from(other)),
    };
}

unsafe fn narrow(address: u64, precision: Option<usize>) -> String {
    if address == 0 {
        return "(null)".to_owned();
    }
    // SAFETY: the caller's string is terminated, or has the precision's length.
    let bytes = unsafe {
        match precision {
            Some(length) => std::slice::from_raw_parts(address as *const u8, length),
            None => CStr::from_ptr(address as *const _).to_bytes(),
        }
    };
    String::from_utf8_lossy(bytes).into_owned()
}

unsafe fn wide_text(address: u64) -> String {
    if address == 0 {
        return "(null)".to_owned();
    }
    // SAFETY: the caller's string is terminated.
    unsafe {
        let length = super::string::wcslen(address as *const u16);
        String::from_utf16_lossy(std::slice::from_raw_parts(address as *const u16, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strings, counted strings and numbers come out as C prints them.
    #[test]
    fn conversions() {
        let name = super::super::string::wide("wide");
        let string = super::super::string::counted(&name);
        let pointer = &raw const string as u64;
        let mut arguments =
            Arguments { registers: [c"text".as_ptr() as u64, pointer, -5_i64 as u64], next: 0 };
        // SAFETY: the arguments are what the format says.
        let line = unsafe { format(b"%s %wZ %d 100%%", &mut arguments) };
        assert_eq!(line, "text wide -5 100%");
    }
}
