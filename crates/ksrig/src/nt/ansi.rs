//! Counted strings of bytes, in the system's ANSI code page.
//!
//! ASSUMED: the code page is 1252, that of an English system; no page says which one a driver meets.

use ks_sys::*;

use super::{
    exports::{Export, exports},
    pool::{ExAllocatePoolWithTag, ExFreePool},
    string::{allocate, units},
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    RtlAnsiStringToUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCANSI_STRING, AllocateDestinationString: BOOLEAN) -> NTSTATUS, 0..=0;
    RtlFreeAnsiString(AnsiString: PANSI_STRING) -> (), 0..=0;
    RtlInitAnsiString(DestinationString: PANSI_STRING, SourceString: *const CHAR) -> (), 0..=2;
    RtlInitString(DestinationString: PANSI_STRING, SourceString: *const CHAR) -> (), 0..=2, RtlInitAnsiString;
    RtlUnicodeStringToAnsiString(DestinationString: PANSI_STRING, SourceString: PCUNICODE_STRING, AllocateDestinationString: BOOLEAN) -> NTSTATUS, 0..=0;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// What code page 1252 has from 0x80 to 0x9F; elsewhere it is Latin-1.
const HIGH: [u16; 32] = [
    0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D,
    0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A,
    0x153, 0x9D, 0x17E, 0x178,
];

fn to_unit(byte: u8) -> u16 {
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        byte => u16::from(byte),
    }
}

/// A character that the code page lacks is a question mark.
fn to_byte(unit: u16) -> u8 {
    match HIGH.iter().position(|known| *known == unit) {
        Some(index) => 0x80 + index as u8,
        None => u8::try_from(unit).ok().filter(|byte| !(0x80..=0x9F).contains(byte)).unwrap_or(b'?'),
    }
}

/// Points a counted string at a terminated one; NULL makes it empty. (`nf-wdm-rtlinitansistring.md`)
pub unsafe fn RtlInitAnsiString(DestinationString: PANSI_STRING, SourceString: *const CHAR) {
    let mut string = ANSI_STRING { Length: 0, MaximumLength: 0, Buffer: SourceString.cast_mut() };
    if !SourceString.is_null() {
        // SAFETY: the caller's string is terminated. The longest one has 65534 bytes.
        let bytes = unsafe { libc::strlen(SourceString) }.min(0xFFFE);
        (string.Length, string.MaximumLength) = (bytes as USHORT, bytes as USHORT + 1);
    }
    // SAFETY: the caller's destination is a counted string.
    unsafe { DestinationString.write(string) };
}

/// The string in Unicode: into the destination's buffer, STATUS_BUFFER_OVERFLOW when it is too small, or into pool
/// memory. (`nf-wdm-rtlansistringtounicodestring.md`)
pub unsafe fn RtlAnsiStringToUnicodeString(
    DestinationString: PUNICODE_STRING,
    SourceString: PCANSI_STRING,
    AllocateDestinationString: BOOLEAN,
) -> NTSTATUS {
    // SAFETY: both are counted strings of the caller's; what is copied fits.
    unsafe {
        let source = &*SourceString;
        let text: Vec<u16> =
            (0..usize::from(source.Length)).map(|index| to_unit(*source.Buffer.add(index) as u8)).collect();
        if 2 * text.len() + 2 > usize::from(USHORT::MAX) {
            return STATUS_INVALID_PARAMETER_2;
        }
        if AllocateDestinationString != 0 {
            return allocate(&text, DestinationString);
        }
        let destination = &mut *DestinationString;
        if 2 * text.len() + 2 > usize::from(destination.MaximumLength) {
            return STATUS_BUFFER_OVERFLOW;
        }
        destination.Buffer.copy_from_nonoverlapping(text.as_ptr(), text.len());
        destination.Buffer.add(text.len()).write(0);
        destination.Length = 2 * text.len() as USHORT;
    }
    STATUS_SUCCESS
}

/// The string in the code page, likewise. (`nf-wdm-rtlunicodestringtoansistring.md`)
pub unsafe fn RtlUnicodeStringToAnsiString(
    DestinationString: PANSI_STRING,
    SourceString: PCUNICODE_STRING,
    AllocateDestinationString: BOOLEAN,
) -> NTSTATUS {
    // SAFETY: both are counted strings of the caller's; what is copied fits.
    unsafe {
        let text: Vec<u8> = units(SourceString).iter().map(|unit| to_byte(*unit)).collect();
        let destination = &mut *DestinationString;
        if AllocateDestinationString != 0 {
            let bytes = text.len() + 1;
            let tag = u32::from_le_bytes(*b"AStr");
            let buffer = ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, bytes as SIZE_T, tag);
            if buffer.is_null() {
                return STATUS_NO_MEMORY;
            }
            (destination.MaximumLength, destination.Buffer) = (bytes as USHORT, buffer.cast());
        }
        if text.len() + 1 > usize::from(destination.MaximumLength) {
            return STATUS_BUFFER_OVERFLOW;
        }
        destination.Buffer.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
        destination.Buffer.add(text.len()).write(0);
        destination.Length = text.len() as USHORT;
    }
    STATUS_SUCCESS
}

/// Frees a string that the function above allocated. (`nf-wdm-rtlfreeansistring.md`)
pub unsafe fn RtlFreeAnsiString(AnsiString: PANSI_STRING) {
    // SAFETY: the caller's string, whose buffer is pool memory.
    unsafe {
        if !(*AnsiString).Buffer.is_null() {
            ExFreePool((*AnsiString).Buffer.cast());
        }
        AnsiString.write(ANSI_STRING { Length: 0, MaximumLength: 0, Buffer: std::ptr::null_mut() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{
        Machine, MachineOptions, RtlFreeUnicodeString,
        string::{counted, text},
    };

    /// Text survives the way through the code page; what the code page lacks is a question mark; a buffer that is too
    /// small is an overflow.
    #[test]
    fn both_ways() {
        let machine = Machine::new(MachineOptions::default());
        let mut ansi = ANSI_STRING { Length: 0, MaximumLength: 0, Buffer: std::ptr::null_mut() };
        let mut unicode = counted(&[]);
        // SAFETY: local strings; what is allocated is freed once.
        unsafe {
            RtlInitAnsiString(&raw mut ansi, c"a\x80\xE4".as_ptr());
            assert_eq!((ansi.Length, ansi.MaximumLength), (3, 4));
            assert_eq!(RtlAnsiStringToUnicodeString(&raw mut unicode, &raw mut ansi, 1), STATUS_SUCCESS);
            assert_eq!(text(&raw const unicode), "a€ä");
            let mut back = ansi;
            assert_eq!(RtlUnicodeStringToAnsiString(&raw mut back, &raw const unicode, 1), STATUS_SUCCESS);
            let bytes = std::slice::from_raw_parts(back.Buffer.cast::<u8>(), 4);
            assert_eq!(bytes, b"a\x80\xE4\0");
            back.MaximumLength = 3;
            let status = RtlUnicodeStringToAnsiString(&raw mut back, &raw const unicode, 0);
            assert_eq!(status, STATUS_BUFFER_OVERFLOW);
            unicode.MaximumLength = 6;
            let status = RtlAnsiStringToUnicodeString(&raw mut unicode, &raw mut ansi, 0);
            assert_eq!(status, STATUS_BUFFER_OVERFLOW);
            RtlFreeAnsiString(&raw mut back);
            RtlFreeUnicodeString(&raw mut unicode);
            assert_eq!((to_byte(0x4E00), to_byte(0x81), to_byte(0x41)), (b'?', 0x81, b'A'));
        }
        machine.shutdown();
    }
}
