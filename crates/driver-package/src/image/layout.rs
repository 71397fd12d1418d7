//! Where in a PE file the things lie that a signature touches. For 32-bit and 64-bit images alike.

use std::ops::Range;

/// Why a file is no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PE image: {0}")]
pub struct NotAnImage(&'static str);

/// Offsets in the file, all of them inside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The header's checksum, four bytes.
    pub checksum: usize,
    /// The directory entry of the certificate table, eight bytes.
    pub security: usize,
    /// How long the headers are.
    pub headers: usize,
    /// The alignment of sections in memory.
    pub page: usize,
    /// The sections' data, in the order of their headers; those without data left out.
    pub sections: Vec<Range<usize>>,
    /// The certificate table, as its directory entry has it.
    pub certificates: Option<Range<usize>>,
}

const SECTION_HEADER: usize = 40;

impl Layout {
    /// Reads the headers.
    ///
    /// # Errors
    ///
    /// The file is no image, or its headers speak of what is not in the file.
    pub fn parse(data: &[u8]) -> Result<Self, NotAnImage> {
        let short = NotAnImage("the file ends inside of the headers");
        let u16_at = |at: usize| read(data, at).map(u16::from_le_bytes).ok_or(short);
        let u32_at = |at: usize| read(data, at).map(|b| u32::from_le_bytes(b) as usize).ok_or(short);
        if !data.starts_with(b"MZ") {
            return Err(NotAnImage("no MZ at the beginning"));
        }
        let signature = u32_at(0x3c)?;
        if read(data, signature) != Some(*b"PE\0\0") {
            return Err(NotAnImage("no PE signature"));
        }
        let file_header = signature + 4;
        let optional = file_header + 20;
        let directories = match u16_at(optional)? {
            0x10b => optional + 96,
            0x20b => optional + 112,
            _ => return Err(NotAnImage("neither PE32 nor PE32+")),
        };
        if u32_at(directories - 4)? <= 4 {
            return Err(NotAnImage("no directory entry for a certificate table"));
        }
        let security = directories + 4 * 8;
        let headers = u32_at(optional + 60)?;
        if headers < security + 8 || headers > data.len() {
            return Err(NotAnImage("the size of the headers does not fit the file"));
        }
        let table = optional + usize::from(u16_at(file_header + 16)?);
        let mut sections = Vec::new();
        for index in 0..usize::from(u16_at(file_header + 2)?) {
            let header = table + index * SECTION_HEADER;
            let (size, start) = (u32_at(header + 16)?, u32_at(header + 20)?);
            if size != 0 {
                sections.push(start..start + size);
            }
        }
        if sections.iter().any(|section| section.end > data.len()) {
            return Err(NotAnImage("a section runs over the end of the file"));
        }
        let (start, size) = (u32_at(security)?, u32_at(security + 4)?);
        let certificates = (start != 0 || size != 0).then_some(start..start + size);
        if certificates.as_ref().is_some_and(|range| range.end > data.len() || range.start < headers) {
            return Err(NotAnImage("the certificate table does not lie behind the headers in the file"));
        }
        Ok(Self {
            checksum: optional + 64,
            security,
            headers,
            page: u32_at(optional + 32)?,
            sections,
            certificates,
        })
    }
}

/// Bytes at an offset.
pub(super) fn read<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}
