//! Text as Windows has it, in units of 16 bits.

use crate::{
    error::{Error, Result},
    ffi::UNICODE_STRING,
};

/// ASCII text, when the driver is compiled.
///
/// ```
/// assert_eq!(avstream::wide::ascii("Key"), [b'K'.into(), b'e'.into(), b'y'.into()]);
/// ```
#[must_use]
pub const fn ascii<const N: usize>(text: &str) -> [u16; N] {
    let bytes = text.as_bytes();
    assert!(text.is_ascii() && bytes.len() == N, "wide: not as many ASCII characters");
    let mut wide = [0; N];
    let mut at = 0;
    while at < N {
        wide[at] = bytes[at] as u16;
        at += 1;
    }
    wide
}

/// The text as a counted string that can be read as long as `text` lives. Nobody may write to it.
pub(crate) fn counted(text: &[u16]) -> Result<UNICODE_STRING> {
    let bytes = u16::try_from(size_of_val(text)).map_err(|_| Error::INVALID_PARAMETER)?;
    Ok(UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: text.as_ptr().cast_mut() })
}
