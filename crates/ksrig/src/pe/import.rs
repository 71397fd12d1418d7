//! The import table.

use super::error::LoadError;
use super::headers::Headers;
use super::layout::Layout;

/// One import: the DLL, the export's name and the slot of the import address table that receives its address.
pub struct Slot {
    pub dll: String,
    pub name: String,
    pub rva: u32,
}

/// All imports of the image, in table order.
pub fn slots(image: &Layout, headers: &Headers) -> Result<Vec<Slot>, LoadError> {
    let damaged = || Layout::damaged("the import table");
    let Some((mut at, _)) = headers.directory(object::pe::IMAGE_DIRECTORY_ENTRY_IMPORT) else {
        return Ok(Vec::new());
    };
    let mut slots = Vec::new();
    loop {
        let field = |index: u32| image.u32(at.checked_add(4 * index)?);
        let (names, dll, first) = match (field(0), field(3), field(4)) {
            (Some(names), Some(dll), Some(first)) => (names, dll, first),
            _ => return Err(damaged()),
        };
        if dll == 0 && first == 0 {
            return Ok(slots);
        }
        let dll = image.string(dll).ok_or_else(damaged)?;
        // An image that was bound once keeps its names only in the original table.
        let names = if names == 0 { first } else { names };
        for index in 0.. {
            let step = |table: u32| table.checked_add(8 * index).ok_or_else(damaged);
            let (entry, rva) = (step(names)?, step(first)?);
            let value = image.u64(entry).ok_or_else(damaged)?;
            image.u64(rva).ok_or_else(damaged)?;
            if value == 0 {
                break;
            }
            let name = match value >> 63 {
                1 => format!("#{}", value & 0xffff),
                _ => u32::try_from(value)
                    .ok()
                    .and_then(|hint| image.string(hint.checked_add(2)?))
                    .ok_or_else(damaged)?,
            };
            slots.push(Slot { dll: dll.clone(), name, rva });
        }
        at = at.checked_add(20).ok_or_else(damaged)?;
    }
}
