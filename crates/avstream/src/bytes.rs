//! The values of properties: what comes with a request, and room for what goes back.
//!
//! The class driver copies them between the client's memory and its own (R7.11, R7.16), so that they do not change
//! under the driver's hands. They are copied from and to all the same, and never seen as a `&[u8]`: no page says
//! whether it does so for a client in the kernel.

use core::marker::PhantomData;

use crate::{
    descriptor::{VideoRange, VideoRange2},
    error::{Error, Result},
    memory::{FrameSink, FrameSource},
    plain::Plain,
    structure::Structure,
};

/// A value that came with a request.
#[derive(Clone, Copy)]
pub struct Bytes<'a>(FrameSource<'a>);

impl Bytes<'_> {
    /// # Safety
    ///
    /// `len` bytes from `data` on can be read as long as the value lives; NULL has none.
    pub(crate) const unsafe fn new(data: *const u8, len: usize) -> Self {
        let len = if data.is_null() { 0 } else { len };
        // SAFETY: the caller's promise.
        Self(unsafe { FrameSource::new(data, len) })
    }

    /// The size in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is not a single byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies the bytes from `offset` on into the whole of `out`.
    ///
    /// Returns `false`, and leaves `out` alone, when that reaches beyond the end.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        self.0.read(offset, out)
    }

    /// The structure at the beginning.
    ///
    /// # Errors
    ///
    /// [`Error::BUFFER_TOO_SMALL`]: there are not as many bytes.
    pub fn head<T: Structure>(&self) -> Result<T> {
        self.0.get().ok_or(Error::BUFFER_TOO_SMALL)
    }
}

/// Room for a value of any size that a client wants.
pub struct Room<'a> {
    sink: FrameSink<'a>,
    life: PhantomData<&'a mut [u8]>,
}

/// What the client is told: the value, or how large it is. Made by [`Room`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer(pub(crate) Told);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// So many bytes have been written.
    Value(usize),
    /// So many bytes are needed.
    Size(usize),
}

impl Room<'_> {
    /// # Safety
    ///
    /// `len` bytes from `data` on can be written as long as the value lives; NULL has none.
    pub(crate) const unsafe fn new(data: *mut u8, len: usize) -> Self {
        let len = if data.is_null() { 0 } else { len };
        // SAFETY: the caller's promise.
        Self { sink: unsafe { FrameSink::new(data, len) }, life: PhantomData }
    }

    /// Answers with `head`, and `rest` behind it.
    ///
    /// # Errors
    ///
    /// [`Error::BUFFER_TOO_SMALL`]: there is room, and not enough; nothing is written.
    pub fn record<T: Plain>(mut self, head: &T, rest: &[u8]) -> Result<Answer> {
        let size = size_of::<T>().saturating_add(rest.len());
        match self.sink.len() {
            0 => Ok(Answer(Told::Size(size))),
            room if room < size => Err(Error::BUFFER_TOO_SMALL),
            _ => {
                self.put(0, head)?;
                self.write(size_of::<T>(), rest)?;
                Ok(Answer(Told::Value(size)))
            }
        }
    }

    /// Answers with a list: a `KSMULTIPLE_ITEM`, and behind it `count` items. Who has room for a `ULONG` gets the size, who has
    /// room for the `KSMULTIPLE_ITEM` gets that, as with `KsHandleSizedListQuery` (R7.13).
    ///
    /// # Errors
    ///
    /// [`Error::BUFFER_TOO_SMALL`]: there is more room than for that, and not enough; nothing is written.
    pub fn list<T: Plain>(mut self, count: usize, items: impl Iterator<Item = T>) -> Result<Answer> {
        const HEAD: usize = 8;
        let size = size_of::<T>().saturating_mul(count).saturating_add(HEAD);
        let (Ok(small_size), Ok(small_count)) = (u32::try_from(size), u32::try_from(count)) else {
            return Err(Error::INSUFFICIENT_RESOURCES);
        };
        match self.sink.len() {
            0 => return Ok(Answer(Told::Size(size))),
            4 => {
                self.put(0, &small_size)?;
                return Ok(Answer(Told::Value(4)));
            }
            // Also who has room for all of an empty list.
            HEAD => {
                self.put(0, &[small_size, small_count])?;
                return Ok(Answer(Told::Value(HEAD)));
            }
            room if room < size => return Err(Error::BUFFER_TOO_SMALL),
            _ => self.put(0, &[small_size, small_count])?,
        }
        let mut used = HEAD;
        for item in items.take(count) {
            self.put(used, &item)?;
            used = used.saturating_add(size_of::<T>());
        }
        Ok(Answer(Told::Value(used)))
    }

    /// Answers with a list of two data ranges, each at a multiple of eight bytes (R7.21). Who has room for less gets what
    /// [`list`](Self::list) gives.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub fn ranges(mut self, first: &VideoRange, second: &VideoRange2) -> Result<Answer> {
        const HEAD: usize = 8;
        const { assert!(size_of::<VideoRange>().is_multiple_of(8)) };
        let size = const { HEAD + size_of::<VideoRange>() + size_of::<VideoRange2>() };
        let head: [u32; 2] = [size as u32, 2];
        match self.sink.len() {
            0 => return Ok(Answer(Told::Size(size))),
            4 => {
                self.put(0, &head[0])?;
                return Ok(Answer(Told::Value(4)));
            }
            HEAD => {
                self.put(0, &head)?;
                return Ok(Answer(Told::Value(HEAD)));
            }
            room if room < size => return Err(Error::BUFFER_TOO_SMALL),
            _ => self.put(0, &head)?,
        }
        let sink = &mut self.sink;
        if first.write(sink, HEAD) && second.write(sink, const { HEAD + size_of::<VideoRange>() }) {
            Ok(Answer(Told::Value(size)))
        } else {
            Err(Error::BUFFER_TOO_SMALL)
        }
    }

    fn put<T: Plain>(&mut self, offset: usize, value: &T) -> Result {
        self.write(offset, crate::plain::bytes(value))
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result {
        if self.sink.write(offset, bytes) { Ok(()) } else { Err(Error::BUFFER_TOO_SMALL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(bytes: &mut [u8]) -> Room<'_> {
        // SAFETY: the slice.
        unsafe { Room::new(bytes.as_mut_ptr(), bytes.len()) }
    }

    fn list(bytes: &mut [u8]) -> Result<Answer> {
        room(bytes).list(3, [0x11_u32, 0x22, 0x33].into_iter())
    }

    /// R7.13: the size, the head, everything, or nothing.
    #[test]
    fn lists_are_answered_by_the_room_there_is() {
        assert_eq!(list(&mut []), Ok(Answer(Told::Size(20))));
        let mut bytes = [0xCC; 24];
        assert_eq!(list(&mut bytes[..4]), Ok(Answer(Told::Value(4))));
        assert_eq!(bytes[..5], [20, 0, 0, 0, 0xCC]);
        assert_eq!(list(&mut bytes[..8]), Ok(Answer(Told::Value(8))));
        assert_eq!(bytes[..9], [20, 0, 0, 0, 3, 0, 0, 0, 0xCC]);
        let before = bytes;
        for short in [1, 2, 3, 5, 7, 9, 12, 19] {
            assert_eq!(list(&mut bytes[..short]), Err(Error::BUFFER_TOO_SMALL));
            assert_eq!(bytes, before);
        }
        assert_eq!(list(&mut bytes), Ok(Answer(Told::Value(20))));
        assert_eq!(bytes[8..20], [0x11, 0, 0, 0, 0x22, 0, 0, 0, 0x33, 0, 0, 0]);
        assert_eq!(bytes[20..], [0xCC; 4]);
    }

    /// A list without items is its head.
    #[test]
    fn an_empty_list_has_a_head() {
        let mut bytes = [0xCC; 9];
        assert_eq!(room(&mut bytes).list(0, [0_u32; 0].into_iter()), Ok(Answer(Told::Value(8))));
        assert_eq!(bytes, [8, 0, 0, 0, 0, 0, 0, 0, 0xCC]);
    }

    /// A record is there as a whole or not at all.
    #[test]
    fn records_are_whole() {
        let mut bytes = [0xCC; 8];
        let head = 0x0403_0201_u32;
        assert_eq!(room(&mut []).record(&head, &[9]), Ok(Answer(Told::Size(5))));
        assert_eq!(room(&mut bytes[..4]).record(&head, &[9]), Err(Error::BUFFER_TOO_SMALL));
        assert_eq!(bytes, [0xCC; 8]);
        assert_eq!(room(&mut bytes).record(&head, &[9]), Ok(Answer(Told::Value(5))));
        assert_eq!(bytes, [1, 2, 3, 4, 9, 0xCC, 0xCC, 0xCC]);
    }

    /// What is too short to be a structure is none.
    #[test]
    fn values_are_not_read_beyond_their_end() {
        let data = [1_u8, 2, 3, 4];
        // SAFETY: the array.
        let bytes = |len| unsafe { Bytes::new(data.as_ptr(), len) };
        assert_eq!(bytes(4).head::<u32>(), Ok(0x0403_0201));
        assert_eq!(bytes(3).head::<u32>(), Err(Error::BUFFER_TOO_SMALL));
        assert!(!bytes(4).read(3, &mut [0; 2]));
        // SAFETY: NULL has none.
        assert!(unsafe { Bytes::new(core::ptr::null(), 4) }.is_empty());
    }
}
