//! Owned bytes.

use core::{
    alloc::Layout,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use crate::{
    allocator::{Allocator, POOL_ALIGNMENT, Pool},
    error::{Error, Result},
};

/// Bytes in non-paged memory that nobody else sees. Making some can fail, and says so.
///
/// # Invariants
///
/// `bytes` are initialized and this buffer's alone, in memory of `A` for `layout`; or, if there are none, dangle.
pub struct KBuffer<A: Allocator = Pool> {
    bytes: NonNull<[u8]>,
    owns: PhantomData<A>,
}

/// The layout of so many bytes; `None` beyond the address space.
fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len, POOL_ALIGNMENT).ok()
}

impl KBuffer {
    /// No bytes, without memory.
    pub const EMPTY: Self =
        Self { bytes: NonNull::slice_from_raw_parts(NonNull::dangling(), 0), owns: PhantomData };

    /// So many zeros in the pool. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// As for [`new_in`](Self::new_in).
    pub fn new(len: usize) -> Result<Self> {
        Self::new_in(len)
    }
}

impl<A: Allocator> KBuffer<A> {
    /// So many zeros in memory of the allocator. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new_in(len: usize) -> Result<Self> {
        let first = if len == 0 {
            NonNull::dangling()
        } else {
            let memory = layout(len).and_then(A::allocate).ok_or(Error::INSUFFICIENT_RESOURCES)?;
            // SAFETY: as many bytes as the layout has, which nobody else has.
            unsafe { memory.write_bytes(0, len) };
            memory
        };
        Ok(Self { bytes: NonNull::slice_from_raw_parts(first, len), owns: PhantomData })
    }
}

impl<A: Allocator> Drop for KBuffer<A> {
    fn drop(&mut self) {
        if let Some(layout) = layout(self.bytes.len())
            && layout.size() != 0
        {
            // SAFETY: by the invariant it lies in memory of `A`, made for this layout, and is not used again.
            unsafe { A::free(self.bytes.cast(), layout) };
        }
    }
}

impl<A: Allocator> Deref for KBuffer<A> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: by the invariant they are valid and owned.
        unsafe { self.bytes.as_ref() }
    }
}

impl<A: Allocator> DerefMut for KBuffer<A> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: by the invariant they are valid and owned.
        unsafe { self.bytes.as_mut() }
    }
}

// SAFETY: bytes, owned.
unsafe impl<A: Allocator> Send for KBuffer<A> {}
// SAFETY: a shared buffer gives shared access to its bytes and nothing else.
unsafe impl<A: Allocator> Sync for KBuffer<A> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_can_be_written() {
        let mut buffer = KBuffer::new(100).expect("memory");
        assert_eq!(*buffer, [0; 100]);
        buffer.fill(7);
        assert_eq!(*buffer, [7; 100]);
        assert!(KBuffer::EMPTY.is_empty());
        assert!(KBuffer::new(0).expect("no memory is needed").is_empty());
    }

    #[test]
    fn more_than_there_is() {
        assert_eq!(KBuffer::new(usize::MAX).err(), Some(Error::INSUFFICIENT_RESOURCES));
    }
}
