//! The image as it will lie in memory, before it is mapped: addressed by RVA, every read checked.

use super::error::LoadError;
use super::headers::Headers;

/// The size of a page.
pub const PAGE: usize = 4096;

/// The bytes of an image at their addresses in the image.
pub struct Layout(Vec<u8>);

impl Layout {
    /// Spreads the file out. `headers` has been checked against `bytes`.
    pub fn new(bytes: &[u8], headers: &Headers) -> Self {
        let mut image = vec![0; headers.size as usize];
        let len = headers.headers as usize;
        image[..len].copy_from_slice(&bytes[..len]);
        for section in &headers.sections {
            let from = &bytes[section.file.clone()];
            image[section.rva as usize..][..from.len()].copy_from_slice(from);
        }
        Self(image)
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// `len` bytes at `rva`, if all of them lie in the image.
    pub fn get(&self, rva: u32, len: u32) -> Option<&[u8]> {
        let end = rva.checked_add(len)?;
        self.0.get(rva as usize..end as usize)
    }

    /// A little-endian word.
    pub fn u16(&self, rva: u32) -> Option<u16> {
        self.get(rva, 2).map(|b| u16::from_le_bytes([b[0], b[1]]))
    }

    /// A little-endian double word.
    pub fn u32(&self, rva: u32) -> Option<u32> {
        self.get(rva, 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// A little-endian quad word.
    pub fn u64(&self, rva: u32) -> Option<u64> {
        let low = u64::from(self.u32(rva)?);
        Some(low | u64::from(self.u32(rva.checked_add(4)?)?) << 32)
    }

    /// Overwrites a quad word that [`Layout::u64`] could read.
    pub fn set_u64(&mut self, rva: u32, value: u64) {
        if let Some(bytes) = self.0.get_mut(rva as usize..).and_then(|b| b.get_mut(..8)) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// A zero-terminated ASCII string of at most 512 bytes.
    pub fn string(&self, rva: u32) -> Option<String> {
        let bytes = self.0.get(rva as usize..)?;
        let len = bytes.iter().take(512).position(|b| *b == 0)?;
        let text = &bytes[..len];
        text.iter().all(u8::is_ascii_graphic).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// As [`LoadError::Truncated`] names what could not be read.
    pub fn damaged(what: &str) -> LoadError {
        LoadError::Truncated(format!("{what} points outside the image"))
    }
}
