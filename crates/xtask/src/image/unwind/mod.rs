//! The unwind data: which functions there are, and how much stack each takes.

mod arm64;
mod x64;

use anyhow::{Result, bail};
use object::{
    LittleEndian as LE,
    pe::{IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_FILE_MACHINE_ARM64},
};

use super::parse::Image;

/// A function with unwind data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// First byte.
    pub begin: u32,
    /// After the last byte.
    pub end: u32,
    unwind: u32,
}

impl Function {
    /// Bytes of stack between the stack pointer that the function finds and the lowest address that it reserves.
    pub fn frame(&self, image: &Image) -> Result<u32> {
        if is_arm64(image) { arm64::frame(image, self) } else { x64::frame(image, self) }
    }
}

/// Every function that has unwind data; a function without neither calls nor touches the stack.
pub fn functions(image: &Image) -> Result<Vec<Function>> {
    let Some(directory) = image.directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION) else { return Ok(Vec::new()) };
    let bytes = image.bytes(directory.virtual_address.get(LE), directory.size.get(LE) as usize)?;
    let functions: Vec<Function> = if is_arm64(image) {
        bytes.chunks_exact(arm64::ENTRY).map(|entry| arm64::function(image, entry)).collect::<Result<_>>()?
    } else {
        bytes.chunks_exact(x64::ENTRY).map(x64::function).collect()
    };
    for pair in functions.windows(2) {
        if pair[0].end > pair[1].begin {
            bail!(".pdata is not in order at {:#x}", pair[1].begin);
        }
    }
    Ok(functions)
}

fn is_arm64(image: &Image) -> bool {
    image.machine() == IMAGE_FILE_MACHINE_ARM64
}

/// A 32-bit field, counted from the front; the bytes are there.
fn word(bytes: &[u8], index: usize) -> u32 {
    let bytes = &bytes[index * 4..index * 4 + 4];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
