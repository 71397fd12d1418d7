//! The unwind data: which functions there are, and how much stack each takes.

use anyhow::{Context, Result, bail};
use object::{LittleEndian as LE, pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION};

use super::parse::Image;

const RUNTIME_FUNCTION: usize = 12;
const UNW_FLAG_CHAININFO: u8 = 4;

/// An entry of .pdata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// First byte.
    pub begin: u32,
    /// After the last byte.
    pub end: u32,
    unwind: u32,
}

impl Function {
    fn read(bytes: &[u8]) -> Self {
        let field = |index: usize| {
            let bytes = &bytes[index * 4..index * 4 + 4];
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        Self { begin: field(0), end: field(1), unwind: field(2) }
    }

    /// Bytes of stack between the return address and the lowest address that the function reserves.
    pub fn frame(&self, image: &Image) -> Result<u32> {
        let mut frame = 0u32;
        let mut unwind = self.unwind;
        // A function that shrink-wraps its prologue is chained to the part before it.
        for _ in 0..32 {
            let header = image.bytes(unwind, 4)?;
            let (flags, codes) = (header[0] >> 3, usize::from(header[2]));
            let slots = image.bytes(unwind + 4, codes * 2)?;
            frame = frame.saturating_add(allocated(slots)?);
            if flags & UNW_FLAG_CHAININFO == 0 {
                return Ok(frame);
            }
            let after = unwind + 4 + u32::try_from(codes.next_multiple_of(2) * 2)?;
            unwind = Self::read(image.bytes(after, RUNTIME_FUNCTION)?).unwind;
        }
        bail!("the unwind data of {:#x} is chained in a circle", self.begin)
    }
}

/// What the unwind codes of a prologue allocate.
fn allocated(slots: &[u8]) -> Result<u32> {
    let slot = |index: usize| {
        let bytes = slots.get(index * 2..index * 2 + 2).context("unwind codes end early")?;
        Ok::<u16, anyhow::Error>(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    let mut total = 0u32;
    let mut at = 0;
    while at * 2 < slots.len() {
        let [_, operation] = slot(at)?.to_le_bytes();
        let information = u32::from(operation >> 4);
        let (size, length) = match (operation & 15, information) {
            (0, _) => (8, 1),                            // UWOP_PUSH_NONVOL
            (1, 0) => (u32::from(slot(at + 1)?) * 8, 2), // UWOP_ALLOC_LARGE
            (1, _) => (u32::from(slot(at + 1)?) | u32::from(slot(at + 2)?) << 16, 3),
            (2, _) => (information * 8 + 8, 1),   // UWOP_ALLOC_SMALL
            (3, _) => (0, 1),                     // UWOP_SET_FPREG
            (4 | 8, _) => (0, 2),                 // UWOP_SAVE_NONVOL, UWOP_SAVE_XMM128
            (5 | 9, _) => (0, 3),                 // the same, far
            (6, _) => (0, 1),                     // UWOP_EPILOG
            (10, _) => (40 + information * 8, 1), // UWOP_PUSH_MACHFRAME
            (other, _) => bail!("unknown unwind code {other}"),
        };
        total = total.saturating_add(size);
        at += length;
    }
    Ok(total)
}

/// Every function that has unwind data; a function without neither calls nor touches the stack.
pub fn functions(image: &Image) -> Result<Vec<Function>> {
    let Some(directory) = image.directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION) else { return Ok(Vec::new()) };
    let bytes = image.bytes(directory.virtual_address.get(LE), directory.size.get(LE) as usize)?;
    let functions: Vec<Function> = bytes.chunks_exact(RUNTIME_FUNCTION).map(Function::read).collect();
    for pair in functions.windows(2) {
        if pair[0].end > pair[1].begin {
            bail!(".pdata is not in order at {:#x}", pair[1].begin);
        }
    }
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use super::allocated;

    #[test]
    fn codes_add_up() {
        // push rbx; push rdi; sub rsp, 0x20
        assert_eq!(allocated(&[6, 0x32, 2, 0x30, 1, 0x70]).unwrap(), 0x20 + 16);
        // sub rsp, 0x1238 in eighths; movaps [rsp+..], xmm6
        assert_eq!(allocated(&[9, 0x68, 2, 0, 7, 0x01, 0x47, 0x02]).unwrap(), 0x1238);
        // sub rsp, 0x123458
        assert_eq!(allocated(&[7, 0x11, 0x58, 0x34, 0x12, 0]).unwrap(), 0x12_3458);
        assert!(allocated(&[7, 0x11, 0x58, 0x34]).is_err());
        assert!(allocated(&[7, 0x0f]).is_err());
    }
}
