//! Run-time library: counted strings, GUIDs, memory.

use ks_sys::*;

/// Points a counted string at a terminated one; NULL makes it empty.
pub unsafe fn RtlInitUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCWSTR) {
    todo!()
}

/// Copies as much as fits; adds a terminator when there is room.
pub unsafe fn RtlCopyUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCUNICODE_STRING) {
    todo!()
}

/// The order of two counted strings.
pub unsafe fn RtlCompareUnicodeString(String1: PCUNICODE_STRING, String2: PCUNICODE_STRING, CaseInSensitive: BOOLEAN) -> LONG {
    todo!()
}

/// Whether two counted strings are equal.
pub unsafe fn RtlEqualUnicodeString(String1: PCUNICODE_STRING, String2: PCUNICODE_STRING, CaseInSensitive: BOOLEAN) -> BOOLEAN {
    todo!()
}

/// Appends if it fits, else STATUS_BUFFER_TOO_SMALL.
pub unsafe fn RtlAppendUnicodeStringToString(Destination: PUNICODE_STRING, Source: PCUNICODE_STRING) -> NTSTATUS {
    todo!()
}

/// Appends if it fits, else STATUS_BUFFER_TOO_SMALL.
pub unsafe fn RtlAppendUnicodeToString(Destination: PUNICODE_STRING, Source: PCWSTR) -> NTSTATUS {
    todo!()
}

/// `{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}` in pool memory; free it with RtlFreeUnicodeString.
pub unsafe fn RtlStringFromGUID(Guid: *const GUID, GuidString: PUNICODE_STRING) -> NTSTATUS {
    todo!()
}

/// The GUID that a string says, or STATUS_INVALID_PARAMETER.
pub unsafe fn RtlGUIDFromString(GuidString: PCUNICODE_STRING, Guid: *mut GUID) -> NTSTATUS {
    todo!()
}

/// Frees a string that an Rtl function allocated, and clears it.
pub unsafe fn RtlFreeUnicodeString(UnicodeString: PUNICODE_STRING) {
    todo!()
}

/// How many bytes are equal from the start.
pub unsafe fn RtlCompareMemory(Source1: *const VOID, Source2: *const VOID, Length: SIZE_T) -> SIZE_T {
    todo!()
}

/// Rust text as UTF-16.
pub fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

/// A counted string that points at these units (borrowed).
pub fn counted(units: &[u16]) -> UNICODE_STRING {
    todo!()
}

/// A counted string as Rust text (lossy).
pub unsafe fn text(string: *const UNICODE_STRING) -> String {
    todo!()
}

/// The units of a counted string.
pub unsafe fn units<'a>(string: *const UNICODE_STRING) -> &'a [u16] {
    todo!()
}
