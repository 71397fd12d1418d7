//! A format that comes as the value of a property.

use crate::{
    bytes::Bytes,
    error::{Error, Result},
    ffi::{KS_DATAFORMAT_VIDEOINFOHEADER2, KSDATAFORMAT},
    format::Format,
};

/// A copy of a format that a client proposes.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/stream/ksproperty-pin-proposedataformat>
#[repr(align(8))]
pub struct Proposal([u8; SIZE]);

/// The largest format that [`Format`] shows a part of.
const SIZE: usize = size_of::<KS_DATAFORMAT_VIDEOINFOHEADER2>();

impl Proposal {
    /// Copies a format. What lies beyond the largest structure that is known is left out.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_BUFFER_SIZE`]: there are fewer bytes than the format says, or than every format has.
    pub fn new(bytes: Bytes<'_>) -> Result<Self> {
        let size = bytes.head::<u32>().map_err(|_| Error::INVALID_BUFFER_SIZE)? as usize;
        if size < size_of::<KSDATAFORMAT>() || size > bytes.len() {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        let size = size.min(SIZE);
        let mut copy = Self([0; SIZE]);
        let whole = copy.0.get_mut(..size).is_some_and(|place| bytes.read(0, place));
        let Some(head) = copy.0.first_chunk_mut().filter(|_| whole) else {
            return Err(Error::INVALID_BUFFER_SIZE);
        };
        *head = (size as u32).to_le_bytes();
        Ok(copy)
    }

    /// The format.
    #[must_use]
    pub const fn format(&self) -> Format<'_> {
        // SAFETY: as many bytes as its size says, at least those of the structure, aligned as that is.
        unsafe { Format::from_raw(self.0.as_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn proposal(size: u32, len: usize) -> Result<Proposal> {
        let mut bytes: Vec<u8> = size.to_le_bytes().into();
        bytes.resize(len, 0x5A);
        // SAFETY: the vector.
        Proposal::new(unsafe { Bytes::new(bytes.as_ptr(), bytes.len()) })
    }

    #[test]
    fn sizes_that_lie_are_refused() {
        for (size, len) in [(0, 64), (63, 64), (65, 64), (u32::MAX, 300), (64, 63), (64, 3), (0, 0)] {
            assert_eq!(proposal(size, len).err(), Some(Error::INVALID_BUFFER_SIZE), "{size} in {len}");
        }
    }

    #[test]
    fn what_is_there_is_copied() {
        for (size, len) in [(64, 64), (64, 500), (176, 176), (400, 400)] {
            let copy = proposal(size, len).expect("a format");
            assert_eq!(copy.format().subtype().Data1, 0x5A5A_5A5A, "{size} in {len}");
            assert!(copy.format().video().is_none());
        }
    }
}
