//! The memory of frames.
//!
//! A user process may write to a frame, and read it, at any time. It is therefore never seen as a
//! `&[u8]`: bytes are copied from or to it, by an instruction of which the compiler knows nothing but
//! that it touches memory. Two reads of one byte need not agree.

use core::{marker::PhantomData, mem::MaybeUninit};

#[cfg(target_arch = "x86_64")]
use crate::processor::moves_strings_fast;
use crate::structure::Structure;
#[cfg(not(target_arch = "x86_64"))]
use crate::volatile::{copy, fill};

/// A locked frame that is read.
#[derive(Clone, Copy)]
pub struct FrameSource<'a> {
    data: *const u8,
    len: usize,
    frame: PhantomData<&'a [u8]>,
}

/// A locked frame that is written.
pub struct FrameSink<'a> {
    data: *mut u8,
    len: usize,
    frame: PhantomData<&'a mut [u8]>,
}

impl FrameSource<'_> {
    /// # Safety
    ///
    /// `len` bytes from `data` on can be read as long as the value lives.
    pub(crate) const unsafe fn new(data: *const u8, len: usize) -> Self {
        Self { data, len, frame: PhantomData }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is not a single byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the bytes from `offset` on into the whole of `out`.
    ///
    /// Returns `false`, and leaves `out` alone, when that reaches beyond the end.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        if !fits(offset, out.len(), self.len) {
            return false;
        }
        // SAFETY: `offset` is inside.
        let from = unsafe { self.data.add(offset) };
        // SAFETY: as many bytes can be read from there, and nobody else has `out`.
        unsafe { copy(from, out.as_mut_ptr(), out.len()) };
        true
    }

    /// The structure at the beginning; `None` if there are not as many bytes.
    pub(crate) fn get<T: Structure>(&self) -> Option<T> {
        let mut value = MaybeUninit::<T>::uninit();
        if size_of::<T>() > self.len {
            return None;
        }
        // SAFETY: as many bytes can be read, and the place is as large.
        unsafe { copy(self.data, value.as_mut_ptr().cast(), size_of::<T>()) };
        // SAFETY: every pattern of bits is a value.
        Some(unsafe { value.assume_init() })
    }

    /// Copies the first `len` bytes to the beginning of another frame: once, with nothing in between.
    ///
    /// Returns `false`, and writes nothing, if there are not as many bytes in both.
    pub fn copy_to(&self, sink: &mut FrameSink<'_>, len: usize) -> bool {
        self.copy_piece(0, sink, 0, len)
    }

    /// Copies `len` bytes from `offset` on to another frame's bytes from `to` on: once, with nothing in between.
    ///
    /// Returns `false`, and writes nothing, when that reaches beyond the end of either.
    pub fn copy_piece(&self, offset: usize, sink: &mut FrameSink<'_>, to: usize, len: usize) -> bool {
        if !fits(offset, len, self.len) || !fits(to, len, sink.len) {
            return false;
        }
        // SAFETY: `offset` is inside.
        let from = unsafe { self.data.add(offset) };
        // SAFETY: `to` is inside.
        let to = unsafe { sink.data.add(to) };
        // SAFETY: as many bytes can be read and written. A client may have given the same memory twice; what it finds
        // there then is its own doing.
        unsafe { copy(from, to, len) };
        true
    }
}

impl FrameSink<'_> {
    /// # Safety
    ///
    /// `len` bytes from `data` on can be read and written as long as the value lives.
    pub(crate) const unsafe fn new(data: *mut u8, len: usize) -> Self {
        Self { data, len, frame: PhantomData }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is not a single byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the whole of `data` to the bytes from `offset` on.
    ///
    /// Returns `false`, and writes nothing, when that reaches beyond the end.
    pub fn write(&mut self, offset: usize, data: &[u8]) -> bool {
        if !fits(offset, data.len(), self.len) {
            return false;
        }
        // SAFETY: `offset` is inside.
        let to = unsafe { self.data.add(offset) };
        // SAFETY: as many bytes can be written there.
        unsafe { copy(data.as_ptr(), to, data.len()) };
        true
    }

    /// Sets `len` bytes from `offset` on to `value`.
    ///
    /// Returns `false`, and writes nothing, when that reaches beyond the end.
    pub fn fill(&mut self, offset: usize, len: usize, value: u8) -> bool {
        if !fits(offset, len, self.len) {
            return false;
        }
        // SAFETY: `offset` is inside.
        let to = unsafe { self.data.add(offset) };
        // SAFETY: as many bytes can be written there.
        unsafe { fill(to, len, value) };
        true
    }
}

/// Whether `len` bytes from `offset` on lie within `size` bytes.
const fn fits(offset: usize, len: usize, size: usize) -> bool {
    offset <= size && len <= size - offset
}

/// From this size on a copy is mostly waiting for memory: where the processor is slow at `rep movs`, [`copy_pages`] is
/// faster from here on, and slower below.
#[cfg(target_arch = "x86_64")]
const LARGE: usize = 2 << 20;

/// The bytes that [`copy_pages`] copies at a time.
#[cfg(target_arch = "x86_64")]
const PAGES: usize = 4 * 4096;

/// Copies in the way that is fastest on this processor.
///
/// # Safety
///
/// `len` bytes can be read from `from` and written to `to`. If they overlap the bytes there are any.
#[cfg(target_arch = "x86_64")]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    let by_pages = len >= LARGE && !moves_strings_fast();
    // SAFETY: the caller's promise.
    unsafe { copy_large(from, to, len, by_pages) };
}

/// Copies by pages, if they are wanted, and the rest by eights and ones.
///
/// # Safety
///
/// As for [`copy`].
#[cfg(target_arch = "x86_64")]
unsafe fn copy_large(from: *const u8, to: *mut u8, len: usize, by_pages: bool) {
    let paged = if by_pages { len - len % PAGES } else { 0 };
    if paged > 0 {
        // SAFETY: not more than the caller promises.
        unsafe { copy_pages(from, to, paged) };
    }
    // SAFETY: what is left of what the caller promises.
    unsafe { copy_words(from.wrapping_add(paged), to.wrapping_add(paged), len - paged) };
}

/// Copies four pages at a time, a cache line of each in turn. A processor fetches ahead in each page by itself; in four at
/// once it waits less for each.
///
/// # Safety
///
/// As for [`copy`]; `len` is a multiple of [`PAGES`], and not 0.
#[cfg(target_arch = "x86_64")]
unsafe fn copy_pages(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "2:",
            "mov {lines:e}, 64",
            "3:",
            ".irp page, 0, 4096, 8192, 12288",
            "movups xmm0, [{from} + \\page]",
            "movups xmm1, [{from} + \\page + 16]",
            "movups xmm2, [{from} + \\page + 32]",
            "movups xmm3, [{from} + \\page + 48]",
            "movups [{to} + \\page], xmm0",
            "movups [{to} + \\page + 16], xmm1",
            "movups [{to} + \\page + 32], xmm2",
            "movups [{to} + \\page + 48], xmm3",
            ".endr",
            "add {from}, 64",
            "add {to}, 64",
            "dec {lines:e}",
            "jnz 3b",
            "add {from}, 12288",
            "add {to}, 12288",
            "dec {count}",
            "jnz 2b",
            lines = out(reg) _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            count = inout(reg) len / PAGES => _,
            out("xmm0") _,
            out("xmm1") _,
            out("xmm2") _,
            out("xmm3") _,
            options(nostack),
        );
    }
}

/// Copies by eights, which every x86-64 processor does in whole cache lines, and the rest by ones.
///
/// # Safety
///
/// As for [`copy`].
#[cfg(target_arch = "x86_64")]
unsafe fn copy_words(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise; the direction flag is clear, as the calling convention asks.
    unsafe {
        core::arch::asm!(
            "rep movsq",
            "mov ecx, {rest:e}",
            "rep movsb",
            rest = in(reg) len % 8,
            inout("rcx") len / 8 => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Fills by eights, and the rest by ones.
///
/// # Safety
///
/// `len` bytes can be written to `to`.
#[cfg(target_arch = "x86_64")]
unsafe fn fill(to: *mut u8, len: usize, value: u8) {
    // SAFETY: the caller's promise; the direction flag is clear, as the calling convention asks.
    unsafe {
        core::arch::asm!(
            "rep stosq",
            "mov ecx, {rest:e}",
            "rep stosb",
            rest = in(reg) len % 8,
            in("rax") u64::from_ne_bytes([value; 8]),
            inout("rcx") len / 8 => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied() {
        for len in 0..40 {
            let from: [u8; 40] = core::array::from_fn(|i| i as u8 + 1);
            let mut to = [0; 40];
            // SAFETY: the array.
            let source = unsafe { FrameSource::new(from.as_ptr(), 40) };
            // SAFETY: the array.
            let mut sink = unsafe { FrameSink::new(to.as_mut_ptr(), 40) };
            assert!(source.copy_to(&mut sink, len));
            assert_eq!(to[..len], from[..len]);
            assert!(to[len..].iter().all(|byte| *byte == 0));
        }
    }

    /// By pages or not, wherever it begins and ends.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn large_frames_are_copied() {
        let from: std::vec::Vec<u8> =
            (0..LARGE + 2 * PAGES + 16).map(|i| ((i * 31) >> 3).wrapping_add(7 * (i / 4096)) as u8).collect();
        for (begin, end, by_pages) in [(0, 0, true), (3, 0, true), (1, 7, true), (0, 0, false), (1, 7, false)]
        {
            for len in [PAGES - 1, PAGES, LARGE + 1, LARGE + PAGES + 77] {
                let mut to = std::vec![0xA5; from.len()];
                let (start, place) = (from[begin..].as_ptr(), to[end..].as_mut_ptr());
                // SAFETY: as many bytes are in both vectors.
                unsafe { copy_large(start, place, len, by_pages) };
                assert!(to[end..end + len] == from[begin..begin + len], "{len} bytes from {begin} to {end}");
                assert!(to[..end].iter().chain(&to[end + len..]).all(|byte| *byte == 0xA5), "{len}");
            }
        }
    }

    #[test]
    fn a_piece_is_copied_alone() {
        let from = [1, 2, 3, 4];
        let mut to = [0; 6];
        // SAFETY: the array.
        let source = unsafe { FrameSource::new(from.as_ptr(), 4) };
        // SAFETY: the array.
        let mut sink = unsafe { FrameSink::new(to.as_mut_ptr(), 6) };
        assert!(source.copy_piece(1, &mut sink, 3, 2));
        assert_eq!(to, [0, 0, 0, 2, 3, 0]);
    }

    #[test]
    fn pieces_are_where_they_belong() {
        let mut bytes = [0; 20];
        // SAFETY: the array.
        let mut sink = unsafe { FrameSink::new(bytes.as_mut_ptr(), 20) };
        assert!(sink.fill(1, 18, 7));
        assert!(sink.write(3, &[1, 2, 3]));
        let expected = [0, 7, 7, 1, 2, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn nothing_beyond_the_end() {
        let mut bytes = [0; 4];
        let mut out = [9; 2];
        // SAFETY: the array.
        let source = unsafe { FrameSource::new(bytes.as_ptr(), 4) };
        // SAFETY: the array.
        let mut sink = unsafe { FrameSink::new(bytes.as_mut_ptr(), 4) };
        assert!(!sink.write(3, &[1, 1]));
        assert!(!sink.fill(usize::MAX, 2, 1));
        assert!(!source.read(3, &mut out));
        assert!(!source.copy_to(&mut sink, 5));
        assert!(!source.copy_piece(1, &mut sink, 0, 4));
        assert!(!source.copy_piece(0, &mut sink, usize::MAX, 2));
        assert!(source.read(4, &mut []));
        assert_eq!((bytes, out), ([0; 4], [9; 2]));
    }
}
