//! The header's checksum, which Windows compares for every driver.

use super::{Layout, NotAnImage, layout::read};

/// What the header says, and what it should say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// In the header.
    pub stated: u32,
    /// Of the file.
    pub right: u32,
}

/// The checksum of an image: the sum of all 16-bit words with the carry added back, the field itself left out, plus
/// the file's length.
///
/// # Errors
///
/// The file is no image.
pub fn checksum(data: &[u8]) -> Result<Checksum, NotAnImage> {
    let field = Layout::parse(data)?.checksum;
    let stated = read(data, field).map(u32::from_le_bytes).unwrap_or_default();
    let mut sum = 0u32;
    for (index, word) in data.chunks(2).enumerate() {
        let at = index * 2;
        if at == field || at == field + 2 {
            continue;
        }
        sum += u32::from(u16::from_le_bytes([word[0], word.get(1).copied().unwrap_or(0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    Ok(Checksum { stated, right: sum.wrapping_add(u32::try_from(data.len()).unwrap_or(u32::MAX)) })
}
