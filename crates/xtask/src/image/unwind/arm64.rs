//! ARM64's form: <https://learn.microsoft.com/cpp/build/arm64-exception-handling>

use anyhow::{Context, Result, bail};

use super::{Function, word};
use crate::image::parse::Image;

/// Bytes of an entry of .pdata.
pub const ENTRY: usize = 8;

/// An entry of .pdata: begin, and either everything packed into a word or the address of more.
pub fn function(image: &Image, entry: &[u8]) -> Result<Function> {
    let (begin, unwind) = (word(entry, 0), word(entry, 1));
    let instructions = match unwind & 3 {
        0 => word(image.bytes(unwind, 4)?, 0) & 0x3_ffff,
        1 | 2 => unwind >> 2 & 0x7ff,
        _ => bail!("the unwind data of {begin:#x} has the reserved form 3"),
    };
    Ok(Function { begin, end: begin + instructions * 4, unwind })
}

/// Bytes of stack that the prologue takes.
pub fn frame(image: &Image, function: &Function) -> Result<u32> {
    if function.unwind & 3 != 0 {
        return Ok((function.unwind >> 23) * 16);
    }
    let header = word(image.bytes(function.unwind, 4)?, 0);
    let (mut epilogues, mut words) = (header >> 22 & 0x1f, header >> 27);
    let mut at = function.unwind + 4;
    if (epilogues, words) == (0, 0) {
        let more = word(image.bytes(at, 4)?, 0);
        (epilogues, words) = (more & 0xffff, more >> 16 & 0xff);
        at += 4;
    }
    // With the bit, there is one epilogue and the field says where its codes are.
    let in_header = header >> 21 & 1 == 1;
    if !in_header {
        at += epilogues * 4;
    }
    allocated(image.bytes(at, words as usize * 4)?)
}

/// What the unwind codes of a prologue allocate, up to its end.
fn allocated(codes: &[u8]) -> Result<u32> {
    let mut total = 0u32;
    let mut at = 0;
    loop {
        let byte =
            |offset: usize| codes.get(at + offset).copied().map(u32::from).context("unwind codes end early");
        let first = byte(0)?;
        // The six low bits of a pair of bytes count eights, from one on.
        let eights = |mask: u32| Ok::<u32, anyhow::Error>(((byte(1)? & mask) + 1) * 8);
        let (size, length) = match first {
            0x00..=0x1f => ((first & 0x1f) * 16, 1),                // alloc_s
            0x20..=0x3f => ((first & 0x1f) * 8, 1),                 // save_r19r20_x
            0x40..=0x7f => (0, 1),                                  // save_fplr
            0x80..=0xbf => (((first & 0x3f) + 1) * 8, 1),           // save_fplr_x
            0xc0..=0xc7 => (((first & 7) << 8 | byte(1)?) * 16, 2), // alloc_m
            0xc8..=0xcb | 0xd0..=0xd3 | 0xd6..=0xd9 | 0xdc | 0xdd => (0, 2), // save_regp, save_reg, save_lrpair, save_fregp, save_freg
            0xcc..=0xcf | 0xda | 0xdb => (eights(0x3f)?, 2),                 // save_regp_x, save_fregp_x
            0xd4 | 0xd5 | 0xde => (eights(0x1f)?, 2),                        // save_reg_x, save_freg_x
            0xe0 => ((byte(1)? << 16 | byte(2)? << 8 | byte(3)?) * 16, 4),   // alloc_l
            0xe1 | 0xe3 | 0xe6 | 0xfc => (0, 1), // set_fp, nop, save_next, pac_sign_lr
            0xe2 => (0, 2),                      // add_fp
            0xe4 | 0xe5 => return Ok(total),     // end, end_c
            other => bail!("unknown unwind code {other:#x}"),
        };
        total = total.saturating_add(size);
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::allocated;

    #[test]
    fn codes_add_up() {
        // stp x29, x30, [sp, #-0x20]!; stp x19, x20, [sp, #0x10]; mov x29, sp; sub sp, sp, #0x40; end
        assert_eq!(allocated(&[0x04, 0xe1, 0xc8, 0x02, 0x83, 0xe4]).unwrap(), 0x40 + 0x20);
        // sub sp, sp, #0x1230; str x19, [sp, #-16]!
        assert_eq!(allocated(&[0xc1, 0x23, 0xd4, 0x01, 0xe4]).unwrap(), 0x1230 + 16);
        // sub sp, sp, #0x12_3450; stp d8, d9, [sp, #-32]!
        assert_eq!(allocated(&[0xe0, 0x01, 0x23, 0x45, 0xda, 0x03, 0xe4]).unwrap(), 0x12_3450 + 32);
        // What comes after the end is of the epilogue.
        assert_eq!(allocated(&[0xe4, 0x1f, 0xe4]).unwrap(), 0);
        assert!(allocated(&[0x04]).is_err());
        assert!(allocated(&[0xc1]).is_err());
        assert!(allocated(&[0xff]).is_err());
    }
}
