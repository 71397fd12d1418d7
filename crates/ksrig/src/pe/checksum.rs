//! The checksum in the optional header.

/// The checksum a PE file must carry: the 16-bit one's-complement sum of the file without the field itself
/// (which lies at `field`), plus the file's length. What `/RELEASE` writes and the kernel's loader verifies.
pub fn compute(bytes: &[u8], field: usize) -> u32 {
    let word = |at: usize| match (at, bytes.get(at), bytes.get(at + 1)) {
        (at, _, _) if (field..field + 4).contains(&at) => 0,
        (_, low, high) => u32::from(*low.unwrap_or(&0)) | u32::from(*high.unwrap_or(&0)) << 8,
    };
    let sum = (0..bytes.len()).step_by(2).fold(0u32, |sum, at| {
        let sum = sum + word(at);
        (sum & 0xffff) + (sum >> 16)
    });
    ((sum & 0xffff) + (sum >> 16)).wrapping_add(bytes.len() as u32)
}
