//! From the samples of one encoding to those of another, with or without adjustment.

use crate::adjust::Adjust;
use crate::encoding::{Encoding, ONE, ratio};

/// A change of samples: sums of multiples of what luma and chroma differ from black and from grey.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recode {
    /// The black of what comes in.
    black: i16,
    luma: Sum<3>,
    cb: Sum<2>,
    cr: Sum<2>,
}

/// One sample of what goes out.
///
/// A factor is a whole number of 2^-`shift` and one of 2^-(`shift` + 7): products of sixteen bits, so that the compiler
/// uses vectors.
#[derive(Clone, Copy, Debug)]
struct Sum<const N: usize> {
    whole: [i16; N],
    rest: [i16; N],
    /// What there is without any, with a half for rounding.
    base: i16,
    shift: u32,
}

impl<const N: usize> Sum<N> {
    /// Of factors in 2^-30, around `base` in 65536ths. Factors beyond 127 are 127: enough to saturate.
    fn new(factors: [i64; N], base: i64) -> Self {
        let greatest = factors.iter().map(|factor| factor.abs()).max().unwrap_or(0);
        // The product of a whole factor of 127 and a difference of 255 still fits.
        let shift = (0..=6).rev().find(|shift| greatest << shift <= 127 << 30).unwrap_or(0);
        let fixed = factors.map(|factor| ratio(factor << shift, 1 << 23).clamp(-(127 << 7), 127 << 7));
        Self {
            whole: fixed.map(|factor| (factor >> 7) as i16),
            rest: fixed.map(|factor| (factor & 127) as i16),
            base: (ratio(base << shift, 1 << 16) + ((1 << shift) >> 1)).clamp(-0x7FFF, 0x7FFF) as i16,
            shift,
        }
    }

    #[inline(always)]
    fn of(&self, samples: [i16; N]) -> u16 {
        let mut sum = self.base;
        for ((whole, rest), sample) in self.whole.iter().zip(&self.rest).zip(samples) {
            let part = (sample.wrapping_mul(*rest).wrapping_add(64)) >> 7;
            sum = sum.saturating_add(sample.wrapping_mul(*whole).saturating_add(part));
        }
        (sum >> self.shift).clamp(0, 255).cast_unsigned()
    }
}

impl Recode {
    /// The change; `None` if there is none.
    pub(crate) fn new(from: Encoding, to: Encoding, adjust: Adjust) -> Option<Self> {
        if from == to && adjust.is_neutral() {
            return None;
        }
        let [luma, cb, cr] = matrix(from, to);
        let contrast = i64::from(adjust.contrast());
        let brightness = i64::from(adjust.brightness() - Adjust::BRIGHTNESS.default);
        let base = (i64::from(to.black()) << 16) + ratio((brightness * to.luma_span()) << 16, 10_000);
        let (cosine, sine) = adjust.turn();
        let saturation = i64::from(adjust.saturation());
        let turned = |a: i64, b: i64| {
            // In 2^-20 times 2^-14, and in hundredths.
            ratio((a * cosine + b * sine) * saturation, 100 << 4)
        };
        Some(Self {
            black: i16::from(from.black()),
            luma: Sum::new(luma.map(|factor| ratio((factor * contrast) << 10, 100)), base),
            cb: Sum::new([turned(cb[1], cr[1]), turned(cb[2], cr[2])], 128 << 16),
            cr: Sum::new([turned(cr[1], -cb[1]), turned(cr[2], -cb[2])], 128 << 16),
        })
    }

    /// Changes a row of luma; each pair has the chroma of the pair.
    pub(crate) fn luma(&self, luma: &mut [u8], chroma: &[u8]) {
        for (luma, chroma) in luma.as_chunks_mut::<2>().0.iter_mut().zip(chroma.as_chunks::<2>().0) {
            let (y, [cb, cr]) = (u16::from_le_bytes(*luma), differences(*chroma));
            let of = |y: u16| self.luma.of([y.cast_signed() - self.black, cb, cr]);
            *luma = (of(y & 0xFF) | of(y >> 8) << 8).to_le_bytes();
        }
    }

    /// Changes a row of chroma.
    pub(crate) fn chroma(&self, chroma: &mut [u8]) {
        for chroma in chroma.as_chunks_mut::<2>().0 {
            let samples = differences(*chroma);
            *chroma = (self.cb.of(samples) | self.cr.of(samples) << 8).to_le_bytes();
        }
    }
}

/// How far chroma is from grey.
#[inline(always)]
const fn differences(chroma: [u8; 2]) -> [i16; 2] {
    let word = u16::from_le_bytes(chroma);
    [(word & 0xFF).cast_signed() - 128, (word >> 8).cast_signed() - 128]
}

/// Luma, Cb and Cr of one encoding in those of another, in 2^-20.
///
/// With the weights k of blue, green and red in the old luma and k' in the new one, and chroma u and v from -1/2 to 1/2:
/// blue is more than luma by b u, b = 2 (1 - k_blue), red by r v, and green less by (k_blue b u + k_red r v) / k_green.
fn matrix(from: Encoding, to: Encoding) -> [[i64; 3]; 3] {
    const UNIT: i64 = 1 << 20;
    let (red, blue) = from.weights();
    let (to_red, to_blue) = to.weights();
    let (green, to_green) = (ONE - red - blue, ONE - to_red - to_blue);
    let (b, r) = (2 * (ONE - blue) * UNIT, 2 * (ONE - red) * UNIT);
    let (to_b, to_r) = (2 * (ONE - to_blue), 2 * (ONE - to_red));
    // What u and v add to the new luma.
    let u = ratio(ratio(b, ONE) * (to_blue * green - to_green * blue), green * ONE);
    let v = ratio(ratio(r, ONE) * (to_red * green - to_green * red), green * ONE);
    let luma = |factor: i64, span: i64| ratio(factor * to.luma_span(), span);
    let chroma = |factor: i64, to_unit: i64| {
        ratio(ratio(factor * ONE, to_unit) * to.chroma_span(), from.chroma_span())
    };
    let (b, r) = (ratio(b, ONE), ratio(r, ONE));
    [
        [luma(UNIT, from.luma_span()), luma(u, from.chroma_span()), luma(v, from.chroma_span())],
        [0, chroma(b - u, to_b), chroma(-v, to_b)],
        [0, chroma(-u, to_r), chroma(r - v, to_r)],
    ]
}
