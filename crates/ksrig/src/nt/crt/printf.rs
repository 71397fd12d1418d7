//! Formatting as C's printf, with Microsoft's sizes and strings.
//!
//! <https://learn.microsoft.com/cpp/c-runtime-library/format-specification-syntax-printf-and-wprintf-functions>

use std::ffi::{CString, c_char};

use ks_sys::{UNICODE_STRING, WCHAR};

use crate::{
    nt::string::{text, wcslen, wide},
    pe::stub::PerThread,
};

/// The arguments of a variadic call.
pub enum Arguments {
    /// A driver's call of an import: the four register arguments, and the number of the next argument. The others lie
    /// on the caller's stack.
    Call([u64; 4], usize),
    /// A `va_list`: the next argument's slot.
    List(*const u64),
}

impl Arguments {
    fn take(&mut self) -> u64 {
        match self {
            Self::Call(registers, next) => {
                let index = *next;
                *next += 1;
                if let Some(value) = registers.get(index) {
                    return *value;
                }
                // Behind the return address; the first four have a home there too.
                let address = PerThread::noted().driver_rsp as usize + 8 + 8 * index;
                // SAFETY: the caller's stack goes on there.
                unsafe { *(address as *const u64) }
            }
            Self::List(slot) => {
                // SAFETY: the format says that there is one more.
                unsafe {
                    let value = **slot;
                    *slot = slot.add(1);
                    value
                }
            }
        }
    }
}

/// What differs between the functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// For the log: addresses, which differ from run to run, are not shown; `%s` is narrow.
    Log,
    /// Into a buffer; `%s` is narrow.
    Narrow,
    /// Into a buffer; `%s` is wide, `%S` narrow.
    Wide,
}

/// One conversion: `%[flags][width][.precision][size]type`.
#[derive(Default)]
struct Conversion {
    flags: String,
    width: Option<i32>,
    precision: Option<i32>,
    size: Size,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Size {
    #[default]
    Plain,
    Byte,
    Short,
    /// `l`, `w`: 32 bits of a number, a wide string.
    Long,
    /// 64 bits.
    Wide,
}

/// The formatted text.
///
/// # Safety
/// The arguments are what the format says.
pub unsafe fn format(format: &str, arguments: &mut Arguments, flavour: Flavour) -> String {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut conversion = Conversion::default();
        rest = conversion.parse(rest, arguments);
        let Some(kind) = rest.chars().next() else { break };
        rest = &rest[kind.len_utf8()..];
        // SAFETY: the caller's promise.
        unsafe { conversion.write(&mut out, kind, arguments, flavour) };
    }
    out.push_str(rest);
    out
}

impl Conversion {
    /// Reads up to the type; what follows.
    fn parse<'a>(&mut self, text: &'a str, arguments: &mut Arguments) -> &'a str {
        let flags = text.bytes().take_while(|byte| b"-+ #0".contains(byte)).count();
        self.flags = text[..flags].to_owned();
        let (width, mut rest) = number(&text[flags..], arguments);
        self.width = width;
        if self.width.is_some_and(|width| width < 0) {
            self.flags.push('-');
            self.width = self.width.map(i32::wrapping_abs);
        }
        if let Some(behind) = rest.strip_prefix('.') {
            let (precision, behind) = number(behind, arguments);
            self.precision = Some(precision.unwrap_or(0)).filter(|precision| *precision >= 0);
            rest = behind;
        }
        const SIZES: [(&str, Size); 13] = [
            ("I64", Size::Wide),
            ("I32", Size::Plain),
            ("ll", Size::Wide),
            ("hh", Size::Byte),
            ("h", Size::Short),
            ("l", Size::Long),
            ("w", Size::Long),
            ("I", Size::Wide),
            ("z", Size::Wide),
            ("t", Size::Wide),
            ("j", Size::Wide),
            ("L", Size::Plain),
            ("q", Size::Wide),
        ];
        for (prefix, size) in SIZES {
            if let Some(behind) = rest.strip_prefix(prefix) {
                self.size = size;
                return behind;
            }
        }
        rest
    }

    unsafe fn write(&self, out: &mut String, kind: char, arguments: &mut Arguments, flavour: Flavour) {
        let wide_text = flavour == Flavour::Wide;
        // SAFETY: the caller's promise.
        unsafe {
            match kind {
                '%' => out.push('%'),
                'd' | 'i' => {
                    let value = arguments.take();
                    let value = match self.size {
                        Size::Byte => i64::from(value as i8),
                        Size::Short => i64::from(value as i16),
                        Size::Wide => value as i64,
                        Size::Plain | Size::Long => i64::from(value as i32),
                    };
                    self.number(out, "lld", value as u64);
                }
                'u' | 'x' | 'X' | 'o' => {
                    let value = arguments.take();
                    let value = match self.size {
                        Size::Byte => u64::from(value as u8),
                        Size::Short => u64::from(value as u16),
                        Size::Wide => value,
                        Size::Plain | Size::Long => u64::from(value as u32),
                    };
                    self.number(out, &format!("ll{kind}"), value);
                }
                'p' | 'P' if flavour == Flavour::Log => {
                    arguments.take();
                    out.push_str("<pointer>");
                }
                'p' | 'P' => self.pad(out, &format!("{:016X}", arguments.take())),
                'f' | 'F' | 'e' | 'E' | 'g' | 'G' | 'a' | 'A' => self.float(out, kind, arguments.take()),
                'c' | 'C' => {
                    let wide = self.is_wide(kind == 'C', wide_text);
                    let unit = arguments.take() as u16;
                    let unit = if wide { u32::from(unit) } else { u32::from(unit as u8) };
                    self.pad(out, &char::from_u32(unit).unwrap_or('?').to_string());
                }
                's' | 'S' => {
                    let wide = self.is_wide(kind == 'S', wide_text);
                    let string = self.string(arguments.take(), wide);
                    self.pad(out, &string);
                }
                'Z' => {
                    let string = arguments.take() as *const UNICODE_STRING;
                    let string = if string.is_null() {
                        "(null)".to_owned()
                    } else if self.size == Size::Long {
                        text(string)
                    } else {
                        let bytes = usize::from((*string).Length);
                        bytes_text(std::slice::from_raw_parts((*string).Buffer.cast(), bytes))
                    };
                    self.pad(out, &string);
                }
                other => {
                    out.push('%');
                    out.push(other);
                }
            }
        }
    }

    /// Whether a string or character is wide: by its size, else by the letter and the function.
    fn is_wide(&self, upper: bool, function: bool) -> bool {
        match self.size {
            Size::Long => true,
            Size::Short => false,
            _ => upper != function,
        }
    }

    unsafe fn string(&self, address: u64, wide: bool) -> String {
        if address == 0 {
            return "(null)".to_owned();
        }
        let limit = self.precision.map_or(usize::MAX, |precision| precision as usize);
        // SAFETY: the caller's string is terminated, or has the precision's length.
        unsafe {
            if wide {
                let at = address as *const WCHAR;
                let length = (0..limit).take_while(|index| *at.add(*index) != 0).count();
                String::from_utf16_lossy(std::slice::from_raw_parts(at, length))
            } else {
                let at = address as *const u8;
                let length = (0..limit).take_while(|index| *at.add(*index) != 0).count();
                bytes_text(std::slice::from_raw_parts(at, length))
            }
        }
    }

    /// The specification for this process's own printf.
    fn specification(&self, kind: &str) -> CString {
        let width = self.width.map_or_else(String::new, |width| width.to_string());
        let precision = self.precision.map_or_else(String::new, |precision| format!(".{precision}"));
        CString::new(format!("%{}{width}{precision}{kind}", self.flags)).unwrap_or_default()
    }

    fn number(&self, out: &mut String, kind: &str, value: u64) {
        print(
            out,
            |buffer, size, format| {
                // SAFETY: the specification asks for one 64-bit number.
                unsafe { libc::snprintf(buffer, size, format, value) }
            },
            &self.specification(kind),
        );
    }

    fn float(&self, out: &mut String, kind: char, bits: u64) {
        print(
            out,
            |buffer, size, format| {
                // SAFETY: the specification asks for one double.
                unsafe { libc::snprintf(buffer, size, format, f64::from_bits(bits)) }
            },
            &self.specification(&kind.to_string()),
        );
    }

    fn pad(&self, out: &mut String, text: &str) {
        let length = text.chars().count();
        let fill = (self.width.unwrap_or(0) as usize).saturating_sub(length);
        let fill = " ".repeat(fill);
        if self.flags.contains('-') {
            out.extend([text, &fill]);
        } else {
            out.extend([&fill, text]);
        }
    }
}

fn print(out: &mut String, mut one: impl FnMut(*mut c_char, usize, *const c_char) -> i32, format: &CString) {
    let length = one(std::ptr::null_mut(), 0, format.as_ptr()).max(0) as usize;
    let mut buffer = vec![0_u8; length + 1];
    one(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr());
    out.push_str(&String::from_utf8_lossy(&buffer[..length]));
}

/// A width or precision: digits, or `*` for an argument.
fn number<'a>(text: &'a str, arguments: &mut Arguments) -> (Option<i32>, &'a str) {
    if let Some(rest) = text.strip_prefix('*') {
        return (Some(arguments.take() as i32), rest);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (text[..digits].parse().ok(), &text[digits..])
}

/// Bytes as text: one character each.
pub(super) fn bytes_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

unsafe fn narrow_format(format: *const c_char) -> String {
    // SAFETY: the driver's format is terminated.
    bytes_text(unsafe { std::ffi::CStr::from_ptr(format) }.to_bytes())
}

/// Writes into a driver's buffer: everything and a terminator if there is room; without the terminator if there is
/// room for the rest alone; else as much as fits, and -1.
unsafe fn store<T: Copy>(units: &[T], zero: T, buffer: *mut T, count: usize) -> i32 {
    // SAFETY: the driver's buffer has room for `count` units.
    unsafe {
        buffer.copy_from_nonoverlapping(units.as_ptr(), units.len().min(count));
        if units.len() < count {
            buffer.add(units.len()).write(zero);
        }
    }
    if units.len() <= count { units.len() as i32 } else { -1 }
}

unsafe fn narrow(buffer: *mut c_char, count: usize, given: *const c_char, mut arguments: Arguments) -> i32 {
    // SAFETY: the driver's format, arguments and buffer.
    unsafe {
        let text = format(&narrow_format(given), &mut arguments, Flavour::Narrow);
        let bytes: Vec<c_char> =
            text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?') as c_char).collect();
        store(&bytes, 0, buffer, count)
    }
}

unsafe fn units(buffer: *mut WCHAR, count: usize, given: *const WCHAR, mut arguments: Arguments) -> i32 {
    // SAFETY: the driver's format, arguments and buffer.
    unsafe {
        let given = String::from_utf16_lossy(std::slice::from_raw_parts(given, wcslen(given)));
        store(&wide(&format(&given, &mut arguments, Flavour::Wide)), 0, buffer, count)
    }
}

functions! {
    "_vsnprintf" vsnprintf(buffer: *mut c_char, count: usize, format: *const c_char, list: *const u64) -> i32 {
        narrow(buffer, count, format, Arguments::List(list))
    }
    "_vsnwprintf" vsnwprintf(buffer: *mut WCHAR, count: usize, format: *const WCHAR, list: *const u64) -> i32 {
        units(buffer, count, format, Arguments::List(list))
    }
    "vsprintf" vsprintf(buffer: *mut c_char, format: *const c_char, list: *const u64) -> i32 {
        narrow(buffer, usize::MAX, format, Arguments::List(list))
    }
    "_snprintf" snprintf(buffer: *mut c_char, count: usize, format: *const c_char, first: u64) -> i32 {
        narrow(buffer, count, format, Arguments::Call([0, 0, 0, first], 3))
    }
    "_snwprintf" snwprintf(buffer: *mut WCHAR, count: usize, format: *const WCHAR, first: u64) -> i32 {
        units(buffer, count, format, Arguments::Call([0, 0, 0, first], 3))
    }
    "sprintf" sprintf(buffer: *mut c_char, format: *const c_char, first: u64, second: u64) -> i32 {
        narrow(buffer, usize::MAX, format, Arguments::Call([0, 0, first, second], 2))
    }
    "swprintf" swprintf(buffer: *mut WCHAR, format: *const WCHAR, first: u64, second: u64) -> i32 {
        units(buffer, usize::MAX, format, Arguments::Call([0, 0, first, second], 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::string::counted;

    fn formatted(given: &str, arguments: &[u64], flavour: Flavour) -> String {
        // SAFETY: the arguments are what the formats below say.
        unsafe { format(given, &mut Arguments::List(arguments.as_ptr()), flavour) }
    }

    /// Numbers, strings, widths and precisions come out as C prints them, with Microsoft's sizes.
    #[test]
    fn conversions() {
        use Flavour::{Log, Narrow, Wide};
        let name = wide("wide");
        let string = counted(&name);
        let terminated = [wide("uni"), vec![0]].concat();
        let (narrow, unicode) = (c"text".as_ptr() as u64, terminated.as_ptr() as u64);
        let counted = &raw const string as u64;
        let minus = -5_i64 as u64;
        for (given, arguments, flavour, expected) in [
            ("%s %wZ %d 100%%", &[narrow, counted, minus][..], Narrow, "text wide -5 100%"),
            ("[%5d|%-5d|%05d|%+d]", &[7, 7, 7, 7], Narrow, "[    7|7    |00007|+7]"),
            (
                "%x %X %#x %o %u",
                &[255, 255, 255, 8, 0xFFFF_FFFF_FFFF_FFFF],
                Narrow,
                "ff FF 0xff 10 4294967295",
            ),
            (
                "%I64d %lld %I64x %Iu %ld",
                &[minus, minus, 1 << 40, 1 << 33, 1 << 33],
                Narrow,
                "-5 -5 10000000000 8589934592 0",
            ),
            ("%hd %hhu", &[0x1_FFFF, 0x1FF], Narrow, "-1 255"),
            ("%.2s|%6s|%-6s|%.*s", &[narrow, narrow, narrow, 1, narrow], Narrow, "te|  text|text  |t"),
            ("%S %ls %ws %hs", &[unicode, unicode, unicode, narrow], Narrow, "uni uni uni text"),
            ("%s %S %hs", &[unicode, narrow, narrow], Wide, "uni text text"),
            ("%c%C%lc", &[65, 66, 0x20AC], Narrow, "AB€"),
            ("%*d", &[4, 1], Narrow, "   1"),
            ("%s", &[0], Narrow, "(null)"),
            ("%p", &[0x1234], Narrow, "0000000000001234"),
            ("%p", &[0x1234], Log, "<pointer>"),
            ("%.2f", &[2.5_f64.to_bits()], Narrow, "2.50"),
            ("%y %", &[], Narrow, "%y "),
        ] {
            assert_eq!(formatted(given, arguments, flavour), expected, "{given}");
        }
    }

    /// A buffer that is too small is filled without a terminator, and the answer is -1.
    #[test]
    fn buffers() {
        let arguments = [12345_u64];
        for (count, answer, expected) in [(8, 5, *b"12345\0UU"), (5, 5, *b"12345UUU"), (3, -1, *b"123UUUUU")]
        {
            let mut buffer = [b'U'; 8];
            // SAFETY: the buffer has at least `count` bytes.
            let result =
                unsafe { vsnprintf(buffer.as_mut_ptr().cast(), count, c"%d".as_ptr(), arguments.as_ptr()) };
            assert_eq!((result, buffer), (answer, expected));
            let mut units = [u16::from(b'U'); 8];
            let format = [wide("%d"), vec![0]].concat();
            // SAFETY: as above.
            let result =
                unsafe { vsnwprintf(units.as_mut_ptr(), count, format.as_ptr(), arguments.as_ptr()) };
            assert_eq!((result, units), (answer, expected.map(u16::from)));
        }
    }
}
