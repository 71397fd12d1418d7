//! Spans as YUY2 has them: Y, Cb, Y, Cr.

use crate::span::{PIXELS, Samples};

/// A span with its luma and its chroma in turn.
pub(crate) type Packed = [u8; 2 * PIXELS];

/// Puts luma and chroma into their turns.
pub(crate) fn pack(luma: &Samples, chroma: &Samples, packed: &mut Packed) {
    for ((both, y), c) in packed.as_chunks_mut().0.iter_mut().zip(luma).zip(chroma) {
        *both = [*y, *c];
    }
}

/// Takes the luma.
pub(crate) fn luma(packed: &Packed, luma: &mut Samples) {
    for (out, block) in luma.as_chunks_mut::<BLOCK>().0.iter_mut().zip(packed.as_chunks().0) {
        for (out, word) in out.iter_mut().zip(words(block)) {
            [*out, _] = word.to_le_bytes();
        }
    }
}

/// Takes the mean of the chroma of two rows. Halves are rounded up.
pub(crate) fn mean_chroma(upper: &Packed, lower: &Packed, chroma: &mut Samples) {
    let rows = upper.as_chunks().0.iter().zip(lower.as_chunks().0);
    for (out, (upper, lower)) in chroma.as_chunks_mut::<BLOCK>().0.iter_mut().zip(rows) {
        for (out, (a, b)) in out.iter_mut().zip(words(upper).into_iter().zip(words(lower))) {
            [*out, _] = ((a >> 8) + (b >> 8)).div_ceil(2).to_le_bytes();
        }
    }
}

/// Words of a block, as wide as a vector.
const BLOCK: usize = 16;
const _: () = assert!(PIXELS.is_multiple_of(BLOCK));

/// The words of luma, the low byte, and chroma. Taken by blocks, as this is what makes the compiler
/// load whole vectors; byte by byte it takes ten times as long.
fn words(block: &[u8; 2 * BLOCK]) -> [u16; BLOCK] {
    let mut words = [0; BLOCK];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u16::from_le_bytes(*bytes);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_of_all_samples_is_rounded_up() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let mut chroma = [0; PIXELS];
                mean_chroma(&[a; 2 * PIXELS], &[b; 2 * PIXELS], &mut chroma);
                let mean = (u16::from(a) + u16::from(b)).div_ceil(2);
                assert!(chroma.iter().all(|c| u16::from(*c) == mean));
            }
        }
    }
}
