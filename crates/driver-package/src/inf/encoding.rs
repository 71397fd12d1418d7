//! How an INF file is encoded.

use std::fmt;

/// The encodings that Windows reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Nothing beyond ASCII.
    Ascii,
    /// A code page of the machine that reads it: Windows before 10 has no other for text without a byte order mark.
    Ansi,
    /// UTF-16, little endian, with a byte order mark.
    Utf16,
}

impl Encoding {
    /// The bytes of a text that [`decode`] gave for this encoding.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Ascii => text.as_bytes().to_owned(),
            // As it was decoded: one byte for each character.
            Self::Ansi => text.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect(),
            Self::Utf16 => {
                std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
            }
        }
    }
}

/// An encoding that Windows does not read, or reads as something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnEncoding {
    /// UTF-8, told by its byte order mark, or by text beyond ASCII that is valid UTF-8.
    Utf8,
    /// UTF-16, big endian.
    Utf16BigEndian,
    /// UTF-16 without a byte order mark, or binary data.
    ZeroBytes,
    /// UTF-16 that ends amid a character, or has half a surrogate pair.
    BrokenUtf16,
}

impl fmt::Display for NotAnEncoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16BigEndian => "UTF-16 in big-endian order",
            Self::ZeroBytes => "text with zero bytes: UTF-16 without a byte order mark, or no text",
            Self::BrokenUtf16 => "UTF-16 with broken characters",
        })
    }
}

/// The text of a file, and what its encoding is.
///
/// There is a text even if the encoding is wrong, so that the other mistakes of a file can be shown too.
pub fn decode(bytes: &[u8]) -> (String, Result<Encoding, NotAnEncoding>) {
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        let (units, odd) = rest.as_chunks::<2>();
        let text = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>();
        return match String::from_utf16(&text) {
            Ok(text) if odd.is_empty() => (text, Ok(Encoding::Utf16)),
            _ => (String::from_utf16_lossy(&text), Err(NotAnEncoding::BrokenUtf16)),
        };
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        let units = rest.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit)).collect::<Vec<_>>();
        return (String::from_utf16_lossy(&units), Err(NotAnEncoding::Utf16BigEndian));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return (String::from_utf8_lossy(rest).into_owned(), Err(NotAnEncoding::Utf8));
    }
    if bytes.contains(&0) {
        let text = bytes.iter().filter(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
        return (text, Err(NotAnEncoding::ZeroBytes));
    }
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => (text.to_owned(), Ok(Encoding::Ascii)),
        Ok(text) => (text.to_owned(), Err(NotAnEncoding::Utf8)),
        // Which code page it is cannot be told; as Latin-1 no byte is lost.
        Err(_) => (bytes.iter().map(|byte| char::from(*byte)).collect(), Ok(Encoding::Ansi)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    }

    /// InfVerif 1003: ANSI and UTF-16 LE are read, nothing else.
    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(decode(b"[Version]"), ("[Version]".to_owned(), Ok(Encoding::Ascii)));
        assert_eq!(decode(b"caf\xE9"), ("café".to_owned(), Ok(Encoding::Ansi)));
        assert_eq!(decode(&utf16("café")), ("café".to_owned(), Ok(Encoding::Utf16)));
        assert_eq!(decode("café".as_bytes()), ("café".to_owned(), Err(NotAnEncoding::Utf8)));
        assert_eq!(decode(b"\xEF\xBB\xBFcafe"), ("cafe".to_owned(), Err(NotAnEncoding::Utf8)));
        assert_eq!(decode(b"\xFE\xFF\0a"), ("a".to_owned(), Err(NotAnEncoding::Utf16BigEndian)));
        assert_eq!(decode(b"a\0b\0"), ("ab".to_owned(), Err(NotAnEncoding::ZeroBytes)));
        assert_eq!(decode(&utf16("ab")[..5]).1, Err(NotAnEncoding::BrokenUtf16));
        assert_eq!(decode(b"\xFF\xFE\x00\xD8").1, Err(NotAnEncoding::BrokenUtf16));
    }
}
