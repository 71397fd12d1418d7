//! Rows out of the caller's memory.

use core::mem::take;

/// Cuts pieces off a slice.
pub(crate) struct Cutter<'a>(pub(crate) &'a mut [u8]);

impl<'a> Cutter<'a> {
    /// The next `len` bytes, if there are as many.
    pub(crate) fn cut(&mut self, len: usize) -> Option<&'a mut [u8]> {
        let (piece, rest) = take(&mut self.0).split_at_mut_checked(len)?;
        self.0 = rest;
        Some(piece)
    }
}
