//! What the format that this driver shares with the other specimens asks for.

/// The size of a frame in a format.
pub const fn sample_size(bytes: u32) -> u32 {
    bytes
}
