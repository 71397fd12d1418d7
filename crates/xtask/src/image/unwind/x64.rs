//! x64's form: <https://learn.microsoft.com/cpp/build/exception-handling-x64>

use anyhow::{Context, Result, bail};

use super::{Function, word};
use crate::image::parse::Image;

/// Bytes of an entry of .pdata.
pub const ENTRY: usize = 12;

const UNW_FLAG_CHAININFO: u8 = 4;

/// An entry of .pdata: begin, end, unwind data.
pub fn function(entry: &[u8]) -> Function {
    Function { begin: word(entry, 0), end: word(entry, 1), unwind: word(entry, 2) }
}

/// Bytes of stack that the prologue takes.
pub fn frame(image: &Image, function: &Function) -> Result<u32> {
    let mut frame = 0u32;
    let mut unwind = function.unwind;
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
        unwind = self::function(image.bytes(after, ENTRY)?).unwind;
    }
    bail!("the unwind data of {:#x} is chained in a circle", function.begin)
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
