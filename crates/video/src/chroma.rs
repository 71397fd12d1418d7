//! Chroma of one row from that of others.
//!
//! Chroma of two rows lies between them: an upper row has three quarters of it and one of the chroma above, a lower row
//! one of the chroma below.

use crate::rgb::{BLOCK, mean};

/// Three quarters of the first and one of the second, rounded.
pub(crate) fn blend(near: &[u8], far: &[u8], out: &mut [u8]) {
    let rows = near.as_chunks::<BLOCK>().0.iter().zip(far.as_chunks::<BLOCK>().0);
    for (out, (near, far)) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(rows) {
        for (out, (near, far)) in out.iter_mut().zip(near.iter().zip(far)) {
            let sum = 3 * u16::from(*near) + u16::from(*far) + 2;
            [*out, _] = (sum >> 2).to_le_bytes();
        }
    }
}

/// The mean of the first, which it replaces, and the second. Halves are rounded up.
pub(crate) fn average(chroma: &mut [u8], other: &[u8]) {
    for (out, other) in chroma.as_chunks_mut::<BLOCK>().0.iter_mut().zip(other.as_chunks::<BLOCK>().0) {
        for (out, other) in out.iter_mut().zip(other) {
            *out = mean(*out, *other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_samples_are_rounded_as_they_should() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let mut out = [0; BLOCK];
                blend(&[a; BLOCK], &[b; BLOCK], &mut out);
                let exact = (3. * f64::from(a) + f64::from(b)) / 4.;
                assert_eq!(out, [(exact + 0.5).floor() as u8; BLOCK]);
                let mut out = [a; BLOCK];
                average(&mut out, &[b; BLOCK]);
                assert_eq!(out, [(f64::midpoint(f64::from(a), f64::from(b)) + 0.5).floor() as u8; BLOCK]);
            }
        }
    }
}
