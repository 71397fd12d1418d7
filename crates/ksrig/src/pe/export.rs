//! The export table.

use std::collections::BTreeMap;

use super::error::LoadError;
use super::headers::Headers;
use super::layout::Layout;

/// The named exports of the image: their addresses in it. An export that only forwards to another DLL is left out.
pub fn names(image: &Layout, headers: &Headers) -> Result<BTreeMap<String, u32>, LoadError> {
    let damaged = || Layout::damaged("the export table");
    let Some((table, size)) = headers.directory(object::pe::IMAGE_DIRECTORY_ENTRY_EXPORT) else {
        return Ok(BTreeMap::new());
    };
    let field = |at: u32| image.u32(table.checked_add(at)?);
    let (count, functions, named, ordinals) = match (field(24), field(28), field(32), field(36)) {
        (Some(count), Some(functions), Some(names), Some(ordinals)) => (count, functions, names, ordinals),
        _ => return Err(damaged()),
    };
    let mut exports = BTreeMap::new();
    for index in 0..count {
        let entry = || {
            let name = image.string(image.u32(named.checked_add(index.checked_mul(4)?)?)?)?;
            let ordinal = u32::from(image.u16(ordinals.checked_add(index.checked_mul(2)?)?)?);
            Some((name, image.u32(functions.checked_add(4 * ordinal)?)?))
        };
        let (name, rva) = entry().ok_or_else(damaged)?;
        let forwards = (table..table.saturating_add(size)).contains(&rva);
        if !forwards && image.get(rva, 1).is_some() {
            exports.insert(name, rva);
        }
    }
    Ok(exports)
}
