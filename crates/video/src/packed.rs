//! Rows as YUY2 has them: Y, Cb, Y, Cr.
//!
//! By blocks, as this is what makes the compiler load whole vectors; byte by byte it takes ten times as long. A block that
//! is not whole is left out.

/// Words of a block, as wide as a vector.
const BLOCK: usize = 16;

/// Puts luma and chroma into their turns.
pub(crate) fn pack(luma: &[u8], chroma: &[u8], packed: &mut [u8]) {
    let samples = luma.as_chunks::<BLOCK>().0.iter().zip(chroma.as_chunks::<BLOCK>().0);
    for (out, (luma, chroma)) in packed.as_chunks_mut::<{ 2 * BLOCK }>().0.iter_mut().zip(samples) {
        for ((both, y), c) in out.as_chunks_mut().0.iter_mut().zip(luma).zip(chroma) {
            *both = [*y, *c];
        }
    }
}

/// Takes the luma.
pub(crate) fn luma(packed: &[u8], luma: &mut [u8]) {
    let blocks = packed.as_chunks::<{ 2 * BLOCK }>().0;
    for (out, block) in luma.as_chunks_mut::<BLOCK>().0.iter_mut().zip(blocks) {
        for (y, word) in out.iter_mut().zip(words(block)) {
            [*y, _] = word.to_le_bytes();
        }
    }
}

/// Takes the chroma.
pub(crate) fn chroma(packed: &[u8], chroma: &mut [u8]) {
    let blocks = packed.as_chunks::<{ 2 * BLOCK }>().0;
    for (out, block) in chroma.as_chunks_mut::<BLOCK>().0.iter_mut().zip(blocks) {
        for (c, word) in out.iter_mut().zip(words(block)) {
            [*c, _] = (word >> 8).to_le_bytes();
        }
    }
}

/// The words of luma, the low byte, and chroma.
fn words(block: &[u8; 2 * BLOCK]) -> [u16; BLOCK] {
    let mut words = [0; BLOCK];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u16::from_le_bytes(*bytes);
    }
    words
}
