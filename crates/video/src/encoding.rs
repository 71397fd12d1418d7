//! What the samples of a YUV picture mean.

/// How luma is made from red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
}

/// What black and white are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Luma from 16 to 235, chroma from 16 to 240. What is beyond is kept where only samples are moved.
    Limited,
    /// Luma and chroma from 0 to 255.
    Full,
}

/// What the samples of a YUV picture mean. Chroma 128 is grey in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// How luma is made.
    pub matrix: Matrix,
    /// What black and white are.
    pub range: Range,
}

impl Encoding {
    /// BT.601 in limited range: what loopcam draws, and what a picture is taken for if nothing is said.
    pub const DEFAULT: Self = Self { matrix: Matrix::Bt601, range: Range::Limited };

    /// Every encoding.
    pub const ALL: [Self; 4] = [
        Self::DEFAULT,
        Self { matrix: Matrix::Bt601, range: Range::Full },
        Self { matrix: Matrix::Bt709, range: Range::Limited },
        Self { matrix: Matrix::Bt709, range: Range::Full },
    ];

    /// The luma of black.
    pub(crate) const fn black(self) -> u8 {
        match self.range {
            Range::Limited => 16,
            Range::Full => 0,
        }
    }

    /// From black to white, in luma.
    pub(crate) const fn luma_span(self) -> i64 {
        match self.range {
            Range::Limited => 219,
            Range::Full => 255,
        }
    }

    /// From the least to the most of a chroma.
    pub(crate) const fn chroma_span(self) -> i64 {
        match self.range {
            Range::Limited => 224,
            Range::Full => 255,
        }
    }

    /// The weights of red and blue in luma, in 10000ths; the rest is green's.
    pub(crate) const fn weights(self) -> (i64, i64) {
        match self.matrix {
            Matrix::Bt601 => (2990, 1140),
            Matrix::Bt709 => (2126, 722),
        }
    }
}

/// One, in the unit of [`Encoding::weights`].
pub(crate) const ONE: i64 = 10_000;

/// The nearest whole number to a quotient. Nothing divided by nothing is nothing: no divisor here is.
pub(crate) const fn ratio(numerator: i64, denominator: i64) -> i64 {
    let half = denominator / 2;
    let rounded = if numerator < 0 { numerator - half } else { numerator + half };
    match rounded.checked_div(denominator) {
        Some(quotient) => quotient,
        None => 0,
    }
}
