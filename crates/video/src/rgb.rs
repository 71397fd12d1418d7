//! Pixels of blue, green and red: from them to luma and chroma, and back.
//!
//! A pixel is four bytes, blue first; the last means nothing and is written as 255. The loops read and write samples that
//! follow each other, have none of more than sixteen bits, and multiply by constants: what the compiler turns into whole
//! vectors of SSE2. This is why each encoding has code of its own.

use crate::encoding::{Encoding, Matrix, ONE, Range, ratio};

/// Rows are padded to a multiple of so many pixels.
pub(crate) const BLOCK: usize = 16;

/// An encoding as a constant.
macro_rules! with_encoding {
    ($encoding:expr, $kernel:ident $arguments:tt) => {
        match ($encoding.matrix, $encoding.range) {
            (Matrix::Bt601, Range::Limited) => $kernel::<0> $arguments,
            (Matrix::Bt601, Range::Full) => $kernel::<1> $arguments,
            (Matrix::Bt709, Range::Limited) => $kernel::<2> $arguments,
            (Matrix::Bt709, Range::Full) => $kernel::<3> $arguments,
        }
    };
}

/// From RGB to YUV, in fixed point.
struct Encode {
    /// What blue, green and red are worth in luma, in 16384ths.
    luma: [u16; 3],
    /// Black and a half, in 64ths.
    black: u16,
    /// What they are worth in Cb, in 32768ths; together nothing, so that grey has no colour.
    cb: [i16; 3],
    /// And in Cr.
    cr: [i16; 3],
}

/// What three products have lost on average, a half each.
const LOST: u16 = 1;

impl Encode {
    const fn new(to: Encoding) -> Self {
        let (red, blue) = to.weights();
        let white = ratio(to.luma_span() << 14, 255);
        let r = ratio((red * to.luma_span()) << 14, 255 * ONE);
        let b = ratio((blue * to.luma_span()) << 14, 255 * ONE);
        let half = ratio(to.chroma_span() << 14, 255);
        let cb_red = -ratio((red * to.chroma_span()) << 14, 255 * (ONE - blue));
        let cr_blue = -ratio((blue * to.chroma_span()) << 14, 255 * (ONE - red));
        Self {
            luma: [b as u16, (white - r - b) as u16, r as u16],
            black: ((to.black() as u16) << 6) + 32 + LOST,
            cb: [half as i16, (-half - cb_red) as i16, cb_red as i16],
            cr: [cr_blue as i16, (-half - cr_blue) as i16, half as i16],
        }
    }

    const ALL: [Self; 4] = {
        let [a, b, c, d] = Encoding::ALL;
        [Self::new(a), Self::new(b), Self::new(c), Self::new(d)]
    };
}

/// The luma of pixels.
pub(crate) fn luma(encoding: Encoding, pixels: &[u8], luma: &mut [u8]) {
    with_encoding!(encoding, luma_in(pixels, luma));
}

#[inline(never)]
fn luma_in<const E: usize>(pixels: &[u8], luma: &mut [u8]) {
    let Encode { luma: [blue, green, red], black, .. } = const { &Encode::ALL[E] };
    for (out, [low, high]) in luma.iter_mut().zip(halves(pixels)) {
        let (low, high) = (u16::from_le_bytes(*low), u16::from_le_bytes(*high));
        let sum = high_unsigned(low << 8, *blue)
            + high_unsigned(low & 0xFF00, *green)
            + high_unsigned(high << 8, *red)
            + black;
        *out = (sum >> 6) as u8;
    }
}

/// Blue and green, and red and nothing, of each pixel.
fn halves(pixels: &[u8]) -> &[[[u8; 2]; 2]] {
    pixels.as_chunks::<2>().0.as_chunks::<2>().0
}

/// What chroma is taken from: half of each pixel and a quarter of each neighbour. The row begins one pixel before the
/// first.
#[inline(never)]
pub(crate) fn mix(row: &[u8], mixed: &mut [u8]) {
    let from = |pixel: usize| row.get(4 * pixel..).unwrap_or_default().as_chunks::<BLOCK>().0.iter();
    let rows = from(0).zip(from(1).zip(from(2)));
    for (out, (before, (here, behind))) in mixed.as_chunks_mut::<BLOCK>().0.iter_mut().zip(rows) {
        for (out, (before, (here, behind))) in out.iter_mut().zip(before.iter().zip(here.iter().zip(behind)))
        {
            *out = mean(mean(*before, *behind), *here);
        }
    }
}

/// The chroma of pairs of pixels, from what is [mixed](mix) of the left pixel of each.
pub(crate) fn chroma(encoding: Encoding, mixed: &[u8], chroma: &mut [u8]) {
    with_encoding!(encoding, chroma_in(mixed, chroma));
}

#[inline(never)]
fn chroma_in<const E: usize>(mixed: &[u8], chroma: &mut [u8]) {
    let Encode { cb, cr, .. } = const { &Encode::ALL[E] };
    let pairs = halves(mixed).as_chunks::<2>().0;
    for (out, [[low, high], _]) in chroma.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
        let (low, high) = (u16::from_le_bytes(*low), u16::from_le_bytes(*high));
        let (blue, green, red) = (half(low), half(low >> 8), half(high));
        let of = |[b, g, r]: &[i16; 3]| {
            let sum = high_of(blue, *b) + high_of(green, *g) + high_of(red, *r);
            ((sum + (128 << 6) + 32 + LOST.cast_signed()) >> 6).min(255).cast_unsigned()
        };
        *out = (of(cb) | of(cr) << 8).to_le_bytes();
    }
}

/// The low byte in 128ths.
#[inline(always)]
const fn half(word: u16) -> i16 {
    ((word & 0xFF) << 7).cast_signed()
}

/// The mean of two bytes. Halves are rounded up. In these words it is one instruction, `pavgb`.
#[inline(always)]
pub(crate) fn mean(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}

/// Chroma of every pixel from that of pairs. The left pixel of a pair has the chroma of the pair, the right one the mean
/// of it and of the pair of `next`.
#[inline(never)]
pub(crate) fn spread(chroma: &[u8], next: &[u8], cb: &mut [u8], cr: &mut [u8]) {
    let pairs = chroma.as_chunks::<2>().0.iter().zip(next.as_chunks::<2>().0);
    let out = cb.as_chunks_mut::<2>().0.iter_mut().zip(cr.as_chunks_mut::<2>().0);
    for ((cb, cr), (here, next)) in out.zip(pairs) {
        let (here, next) = (u16::from_le_bytes(*here), u16::from_le_bytes(*next));
        let (b, r) = (here & 0xFF, here >> 8);
        let right = |here: u16, next: u16| (here + next + 1) >> 1;
        *cb = (b | right(b, next & 0xFF) << 8).to_le_bytes();
        *cr = (r | right(r, next >> 8) << 8).to_le_bytes();
    }
}

/// From YUV to RGB, in fixed point.
struct Decode {
    /// What luma is worth, in 16384ths.
    luma: i16,
    /// Black, less a half, in 32nds.
    black: i16,
    /// What Cb is worth in blue, in 8192nds.
    blue: i16,
    /// What Cb and Cr are worth in green.
    green: [i16; 2],
    /// What Cr is worth in red.
    red: i16,
}

impl Decode {
    const fn new(from: Encoding) -> Self {
        let (red, blue) = from.weights();
        let green = ONE - red - blue;
        let luma = ratio(255 << 14, from.luma_span());
        let unit = 255 << 13;
        // Below 2.2 units.
        let b = ratio(2 * (ONE - blue) * unit, from.chroma_span() * ONE);
        let r = ratio(2 * (ONE - red) * unit, from.chroma_span() * ONE);
        Self {
            luma: luma as i16,
            // Each of up to three products has lost a half on average.
            black: (ratio(from.black() as i64 * luma, 1 << 9) - 16 - 1) as i16,
            blue: b as i16,
            green: [-ratio(b * blue, green) as i16, -ratio(r * red, green) as i16],
            red: r as i16,
        }
    }

    const ALL: [Self; 4] = {
        let [a, b, c, d] = Encoding::ALL;
        [Self::new(a), Self::new(b), Self::new(c), Self::new(d)]
    };
}

/// The pixels of luma and chroma.
pub(crate) fn pixels(encoding: Encoding, luma: &[u8], cb: &[u8], cr: &[u8], pixels: &mut [u8]) {
    with_encoding!(encoding, pixels_in(luma, cb, cr, pixels));
}

#[inline(never)]
fn pixels_in<const E: usize>(luma: &[u8], cb: &[u8], cr: &[u8], pixels: &mut [u8]) {
    let decode = const { &Decode::ALL[E] };
    let samples = luma.iter().zip(cb.iter().zip(cr));
    let pixels = pixels.as_chunks_mut::<2>().0.as_chunks_mut::<2>().0;
    for ([low, high], (y, (cb, cr))) in pixels.iter_mut().zip(samples) {
        let y = high_of((*y as i16) << 7, decode.luma) - decode.black;
        let cb = (*cb as i16 - 128) << 8;
        let cr = (*cr as i16 - 128) << 8;
        let blue = level(y + high_of(cb, decode.blue));
        let green = level(y + high_of(cb, decode.green[0]) + high_of(cr, decode.green[1]));
        let red = level(y + high_of(cr, decode.red));
        *low = (blue | green << 8).to_le_bytes();
        *high = (red | 0xFF00).to_le_bytes();
    }
}

/// The high half of a product, as `pmulhw` has it.
#[inline(always)]
const fn high_of(a: i16, b: i16) -> i16 {
    ((a as i32 * b as i32) >> 16) as i16
}

/// The same, unsigned.
#[inline(always)]
const fn high_unsigned(a: u16, b: u16) -> u16 {
    ((a as u32 * b as u32) >> 16) as u16
}

/// A level in 32nds as a byte.
#[inline(always)]
fn level(level: i16) -> u16 {
    (level >> 5).clamp(0, 255).cast_unsigned()
}

/// Pixels of three bytes from pixels of four.
pub(crate) fn compact(pixels: &[u8], packed: &mut [u8]) {
    for (out, block) in packed.as_chunks_mut::<12>().0.iter_mut().zip(pixels.as_chunks::<16>().0) {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [a, b, c, d] = words;
        let packed = [a & 0xFF_FFFF | b << 24, (b >> 8) & 0xFFFF | c << 16, (c >> 16) & 0xFF | d << 8];
        for (out, word) in out.as_chunks_mut().0.iter_mut().zip(packed) {
            *out = word.to_le_bytes();
        }
    }
}

/// Pixels of four bytes from pixels of three.
pub(crate) fn expand(packed: &[u8], pixels: &mut [u8]) {
    for (out, block) in pixels.as_chunks_mut::<16>().0.iter_mut().zip(packed.as_chunks::<12>().0) {
        let mut words = [0; 3];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [a, b, c] = words;
        let pixels = [a, a >> 24 | b << 8, b >> 16 | c << 16, c >> 8];
        for (out, pixel) in out.as_chunks_mut().0.iter_mut().zip(pixels) {
            *out = (pixel | 0xFF00_0000).to_le_bytes();
        }
    }
}
