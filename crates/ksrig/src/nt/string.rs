//! Run-time library: counted strings, GUIDs, memory.

use std::{ptr::null_mut, slice};

use core::ffi::c_void;
use ks_sys::*;

use super::pool::{ExAllocatePoolWithTag, ExFreePool};

const TAG: u32 = u32::from_le_bytes(*b"Strg");

/// Points a counted string at a terminated one; NULL makes it empty.
pub unsafe fn RtlInitUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCWSTR) {
    let mut string = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: SourceString.cast_mut() };
    if !SourceString.is_null() {
        // SAFETY: the caller's string is terminated. The longest one has 32766 units.
        let bytes = (unsafe { wcslen(SourceString) } * 2).min(0xFFFC);
        string.Length = bytes as u16;
        string.MaximumLength = bytes as u16 + 2;
    }
    // SAFETY: the caller's destination is a counted string.
    unsafe { DestinationString.write(string) };
}

/// The units before the terminator.
pub unsafe fn wcslen(string: *const WCHAR) -> usize {
    // SAFETY: the caller's string is terminated.
    (0..).take_while(|&index| unsafe { *string.add(index) } != 0).count()
}

/// Copies as much as fits; adds a terminator when there is room.
pub unsafe fn RtlCopyUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCUNICODE_STRING) {
    // SAFETY: both are counted strings of the caller's.
    unsafe {
        let destination = &mut *DestinationString;
        destination.Length = 0;
        if !SourceString.is_null() {
            let length = (*SourceString).Length.min(destination.MaximumLength) & !1;
            std::ptr::copy(
                (*SourceString).Buffer.cast::<u8>(),
                destination.Buffer.cast(),
                usize::from(length),
            );
            destination.Length = length;
        }
        terminate(destination);
    }
}

unsafe fn terminate(string: &mut UNICODE_STRING) {
    if string.Length + 1 < string.MaximumLength {
        // SAFETY: there is room for one unit more.
        unsafe { *string.Buffer.add(usize::from(string.Length / 2)) = 0 };
    }
}

pub(super) fn fold(unit: u16, insensitive: bool) -> u16 {
    let folded = char::from_u32(u32::from(unit)).filter(|_| insensitive).map(char::to_uppercase);
    match folded.map(|mut upper| (upper.next(), upper.next())) {
        Some((Some(upper), None)) => u16::try_from(u32::from(upper)).unwrap_or(unit),
        _ => unit,
    }
}

/// The order of two counted strings.
pub unsafe fn RtlCompareUnicodeString(
    String1: PCUNICODE_STRING,
    String2: PCUNICODE_STRING,
    CaseInSensitive: BOOLEAN,
) -> LONG {
    // SAFETY: both are counted strings of the caller's.
    let (first, second) = unsafe { (units(String1), units(String2)) };
    let folded =
        |string: &[u16]| string.iter().map(|unit| fold(*unit, CaseInSensitive != 0)).collect::<Vec<_>>();
    match folded(first).cmp(&folded(second)) {
        std::cmp::Ordering::Less => -1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 1,
    }
}

/// Whether two counted strings are equal.
pub unsafe fn RtlEqualUnicodeString(
    String1: PCUNICODE_STRING,
    String2: PCUNICODE_STRING,
    CaseInSensitive: BOOLEAN,
) -> BOOLEAN {
    // SAFETY: the caller's promise.
    u8::from(unsafe { RtlCompareUnicodeString(String1, String2, CaseInSensitive) } == 0)
}

/// Appends if it fits, else STATUS_BUFFER_TOO_SMALL.
pub unsafe fn RtlAppendUnicodeStringToString(
    Destination: PUNICODE_STRING,
    Source: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: both are counted strings of the caller's; the copy fits.
    unsafe {
        let destination = &mut *Destination;
        let source = units(Source);
        if usize::from(destination.Length) + 2 * source.len() > usize::from(destination.MaximumLength) {
            return STATUS_BUFFER_TOO_SMALL;
        }
        let end = destination.Buffer.add(usize::from(destination.Length / 2));
        std::ptr::copy(source.as_ptr(), end, source.len());
        destination.Length += 2 * source.len() as u16;
        terminate(destination);
    }
    STATUS_SUCCESS
}

/// Appends if it fits, else STATUS_BUFFER_TOO_SMALL.
pub unsafe fn RtlAppendUnicodeToString(Destination: PUNICODE_STRING, Source: PCWSTR) -> NTSTATUS {
    let mut source = counted(&[]);
    // SAFETY: the caller's promise.
    unsafe {
        RtlInitUnicodeString(&raw mut source, Source);
        RtlAppendUnicodeStringToString(Destination, &raw const source)
    }
}

/// `{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}` in pool memory; free it with RtlFreeUnicodeString.
pub unsafe fn RtlStringFromGUID(Guid: *const GUID, GuidString: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the caller's GUID.
    let text = unsafe { guid_text(&*Guid) };
    // SAFETY: the caller's string.
    unsafe { allocate(&wide(&text), GuidString) }
}

/// A counted, terminated copy in pool memory.
pub unsafe fn allocate(source: &[u16], string: PUNICODE_STRING) -> NTSTATUS {
    let bytes = 2 * source.len() + 2;
    // SAFETY: plain allocation; the copy and the terminator fit; the caller's string is written.
    unsafe {
        let buffer = ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, bytes as SIZE_T, TAG).cast::<u16>();
        if buffer.is_null() {
            return STATUS_NO_MEMORY;
        }
        buffer.copy_from_nonoverlapping(source.as_ptr(), source.len());
        *buffer.add(source.len()) = 0;
        string.write(UNICODE_STRING {
            Length: bytes as u16 - 2,
            MaximumLength: bytes as u16,
            Buffer: buffer,
        });
    }
    STATUS_SUCCESS
}

/// A GUID as `{...}` text, upper case as RtlStringFromGUID writes it.
pub fn guid_text(guid: &GUID) -> String {
    let [a, b, c, d, e, f, g, h] = guid.Data4;
    format!(
        "{{{:08X}-{:04X}-{:04X}-{a:02X}{b:02X}-{c:02X}{d:02X}{e:02X}{f:02X}{g:02X}{h:02X}}}",
        guid.Data1, guid.Data2, guid.Data3
    )
}

/// The GUID that a string says, or STATUS_INVALID_PARAMETER.
pub unsafe fn RtlGUIDFromString(GuidString: PCUNICODE_STRING, Guid: *mut GUID) -> NTSTATUS {
    // SAFETY: the caller's string.
    let Some(guid) = parse_guid(unsafe { units(GuidString) }) else { return STATUS_INVALID_PARAMETER };
    // SAFETY: the caller's GUID.
    unsafe { Guid.write(guid) };
    STATUS_SUCCESS
}

/// `{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}` at the start of the units.
pub fn parse_guid(units: &[u16]) -> Option<GUID> {
    const SHAPE: &[u8; 38] = b"{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}";
    let mut digits: u128 = 0;
    for (index, shape) in SHAPE.iter().enumerate() {
        let unit = char::from_u32(u32::from(*units.get(index)?))?;
        match shape {
            b'X' => digits = digits << 4 | u128::from(unit.to_digit(16)?),
            _ if unit == char::from(*shape) => {}
            _ => return None,
        }
    }
    Some(guid(digits))
}

/// Frees a string that an Rtl function allocated, and clears it.
pub unsafe fn RtlFreeUnicodeString(UnicodeString: PUNICODE_STRING) {
    // SAFETY: the caller's string, whose buffer is pool memory.
    unsafe {
        if !(*UnicodeString).Buffer.is_null() {
            ExFreePool((*UnicodeString).Buffer.cast());
        }
        UnicodeString.write(UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: null_mut() });
    }
}

/// How many bytes are equal from the start.
pub unsafe fn RtlCompareMemory(Source1: *const c_void, Source2: *const c_void, Length: SIZE_T) -> SIZE_T {
    // SAFETY: the caller's ranges have this length.
    unsafe {
        let first = slice::from_raw_parts(Source1.cast::<u8>(), Length as usize);
        let second = slice::from_raw_parts(Source2.cast::<u8>(), Length as usize);
        first.iter().zip(second).take_while(|(a, b)| a == b).count() as SIZE_T
    }
}

/// Rust text as UTF-16.
pub fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

/// A counted string that points at these units (borrowed).
pub fn counted(units: &[u16]) -> UNICODE_STRING {
    let bytes = (2 * units.len()) as u16;
    UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_ptr().cast_mut() }
}

/// A counted string as Rust text (lossy).
pub unsafe fn text(string: *const UNICODE_STRING) -> String {
    // SAFETY: the caller's string.
    String::from_utf16_lossy(unsafe { units(string) })
}

/// The units of a counted string; none for NULL.
pub unsafe fn units<'a>(string: *const UNICODE_STRING) -> &'a [u16] {
    // SAFETY: the caller's string has Length bytes at Buffer.
    unsafe {
        if string.is_null() || (*string).Buffer.is_null() || (*string).Length < 2 {
            return &[];
        }
        slice::from_raw_parts((*string).Buffer, usize::from((*string).Length / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions};

    /// A GUID survives the way to a string and back; what is no GUID is refused.
    #[test]
    fn guid_round_trip() {
        let machine = Machine::new(MachineOptions::default());
        let mut string = counted(&[]);
        let mut back = GUID::default();
        // SAFETY: local strings and GUIDs.
        unsafe {
            assert_eq!(RtlStringFromGUID(&KSCATEGORY_CAPTURE, &raw mut string), STATUS_SUCCESS);
            assert_eq!(text(&raw const string), "{65E8773D-8F56-11D0-A3B9-00A0C9223196}");
            assert_eq!(RtlGUIDFromString(&raw const string, &raw mut back), STATUS_SUCCESS);
            assert!(is_equal_guid(&back, &KSCATEGORY_CAPTURE));
            RtlFreeUnicodeString(&raw mut string);
            let bad = wide("{65E8773D-8F56-11D0-A3B9-00A0C922319}");
            assert_eq!(RtlGUIDFromString(&counted(&bad), &raw mut back), STATUS_INVALID_PARAMETER);
        }
        machine.shutdown();
    }

    /// Copy truncates and terminates only with room; append refuses what does not fit; compare folds case.
    #[test]
    fn counted_strings() {
        let mut buffer = [0xFFFF_u16; 4];
        let mut string = UNICODE_STRING { Length: 0, MaximumLength: 8, Buffer: buffer.as_mut_ptr() };
        let (long, short) = (wide("abcdef"), wide("AB"));
        // SAFETY: local strings.
        unsafe {
            RtlCopyUnicodeString(&raw mut string, &counted(&long));
            assert_eq!(text(&raw const string), "abcd");
            RtlCopyUnicodeString(&raw mut string, &counted(&short));
            assert_eq!((text(&raw const string).as_str(), buffer[2]), ("AB", 0));
            let append = RtlAppendUnicodeStringToString(&raw mut string, &counted(&long));
            assert_eq!(append, STATUS_BUFFER_TOO_SMALL);
            assert_eq!(RtlEqualUnicodeString(&counted(&wide("ab")), &raw const string, 1), 1);
            assert_eq!(RtlCompareUnicodeString(&counted(&wide("ab")), &raw const string, 0), 1);
        }
    }
}
