//! Base relocations.

use super::error::LoadError;
use super::headers::Headers;
use super::layout::Layout;

const ABSOLUTE: u16 = 0;
const DIR64: u16 = 10;

/// The places that hold an absolute address. Read before the image is mapped anywhere.
pub fn places(image: &Layout, headers: &Headers) -> Result<Vec<u32>, LoadError> {
    let damaged = || Layout::damaged("the relocation table");
    let Some((mut at, size)) = headers.directory(object::pe::IMAGE_DIRECTORY_ENTRY_BASERELOC) else {
        return Ok(Vec::new());
    };
    let end = at.checked_add(size).ok_or_else(damaged)?;
    let mut places = Vec::new();
    while at < end {
        let (page, len) = image.u32(at).zip(image.u32(at + 4)).ok_or_else(damaged)?;
        if len < 8 || end - at < len {
            return Err(damaged());
        }
        for entry in (at + 8..at + len - 1).step_by(2) {
            let word = image.u16(entry).ok_or_else(damaged)?;
            let rva = page.checked_add(u32::from(word & 0xfff)).ok_or_else(damaged)?;
            match word >> 12 {
                ABSOLUTE => {}
                DIR64 if image.u64(rva).is_some() => places.push(rva),
                DIR64 => return Err(damaged()),
                kind => return Err(LoadError::UnknownRelocation { kind, rva }),
            }
        }
        at += len;
    }
    Ok(places)
}
