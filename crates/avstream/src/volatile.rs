//! Copying and filling by volatile accesses, where there are no string instructions (ARM64).

const WORD: usize = size_of::<u64>();

/// How many words to take before the rest goes byte by byte: none unless they are aligned.
fn words(len: usize, aligned: bool) -> usize {
    if aligned { len / WORD } else { 0 }
}

/// # Safety
///
/// `len` bytes can be read from `from` and written to `to`. If they overlap the bytes there are any.
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    let (from_words, to_words) = (from.cast::<u64>(), to.cast::<u64>());
    let words = words(len, from_words.is_aligned() && to_words.is_aligned());
    for index in 0..words {
        // SAFETY: aligned, and within `len` bytes, which the caller says can be read.
        let word = unsafe { from_words.wrapping_add(index).read_volatile() };
        // SAFETY: aligned, and within `len` bytes, which the caller says can be written.
        unsafe { to_words.wrapping_add(index).write_volatile(word) };
    }
    for index in words * WORD..len {
        // SAFETY: within `len` bytes, which the caller says can be read.
        let byte = unsafe { from.wrapping_add(index).read_volatile() };
        // SAFETY: within `len` bytes, which the caller says can be written.
        unsafe { to.wrapping_add(index).write_volatile(byte) };
    }
}

/// # Safety
///
/// `len` bytes can be written to `to`.
pub unsafe fn fill(to: *mut u8, len: usize, value: u8) {
    let to_words = to.cast::<u64>();
    let words = words(len, to_words.is_aligned());
    let word = u64::from_ne_bytes([value; WORD]);
    for index in 0..words {
        // SAFETY: aligned, and within `len` bytes, which the caller says can be written.
        unsafe { to_words.wrapping_add(index).write_volatile(word) };
    }
    for index in words * WORD..len {
        // SAFETY: within `len` bytes, which the caller says can be written.
        unsafe { to.wrapping_add(index).write_volatile(value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that begin at the start of a word.
    #[repr(align(8))]
    struct Aligned([u8; 48]);

    #[test]
    fn every_length_and_alignment() {
        let from = Aligned(core::array::from_fn(|i| i as u8 + 1));
        for len in 0..40 {
            for (begin, end) in [(0, 0), (3, 3), (1, 2), (0, 5), (7, 0)] {
                let mut to = Aligned([0; 48]);
                // SAFETY: 7 + 40 bytes are in both arrays.
                unsafe {
                    copy(from.0.as_ptr().wrapping_add(begin), to.0.as_mut_ptr().wrapping_add(end), len)
                };
                assert_eq!(to.0[end..end + len], from.0[begin..begin + len]);
                assert!(to.0[..end].iter().chain(&to.0[end + len..]).all(|byte| *byte == 0));
                // SAFETY: the same.
                unsafe { fill(to.0.as_mut_ptr().wrapping_add(end), len, 9) };
                assert!(to.0[end..end + len].iter().all(|byte| *byte == 9));
                assert!(to.0[..end].iter().chain(&to.0[end + len..]).all(|byte| *byte == 0));
            }
        }
    }
}
