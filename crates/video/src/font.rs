//! The few letters that a placeholder needs.

/// The pixels of a letter, from the top; the highest bit is the left one.
pub(crate) type Glyph = [u8; SIZE as usize];

/// Pixels of a letter each way, with the space that follows it.
pub(crate) const SIZE: u32 = 8;

/// The words.
pub(crate) const NO_SIGNAL: [Glyph; 9] = [N, O, SPACE, S, I, G, N, A, L];

const SPACE: Glyph = [0; 8];

const N: Glyph = [
    0b_1000_1000,
    0b_1100_1000,
    0b_1010_1000,
    0b_1001_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_0000_0000,
];

const O: Glyph = [
    0b_0111_0000,
    0b_1000_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_0111_0000,
    0b_0000_0000,
];

const S: Glyph = [
    0b_0111_0000,
    0b_1000_1000,
    0b_1000_0000,
    0b_0111_0000,
    0b_0000_1000,
    0b_1000_1000,
    0b_0111_0000,
    0b_0000_0000,
];

const I: Glyph = [
    0b_0111_0000,
    0b_0010_0000,
    0b_0010_0000,
    0b_0010_0000,
    0b_0010_0000,
    0b_0010_0000,
    0b_0111_0000,
    0b_0000_0000,
];

const G: Glyph = [
    0b_0111_0000,
    0b_1000_1000,
    0b_1000_0000,
    0b_1001_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_0111_0000,
    0b_0000_0000,
];

const A: Glyph = [
    0b_0111_0000,
    0b_1000_1000,
    0b_1000_1000,
    0b_1111_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_1000_1000,
    0b_0000_0000,
];

const L: Glyph = [
    0b_1000_0000,
    0b_1000_0000,
    0b_1000_0000,
    0b_1000_0000,
    0b_1000_0000,
    0b_1000_0000,
    0b_1111_1000,
    0b_0000_0000,
];
