//! Callers of 32 bits: what becomes of the structures with pointers and handles that they send.
//!
//! ASSUMED, all of this file: no page says what ks.sys does. ks.h says what a program of 32 bits sends, where a
//! pointer has four bytes; minidrivers of 64 bits are told nothing of it, and programs of 32 bits use them. So the class
//! driver turns the structures of its own into those of 64 bits: `KSPIN_CONNECT`, `KSSTREAM_HEADER`, `KSEVENTDATA`,
//! `KSQUERYBUFFER`, and handles that are values of properties. Handles are extended with their sign, pointers with
//! zeros. What follows a header in an extended one, and what a minidriver's own requests hold, goes through unchanged.

use std::mem::offset_of;

use ks_sys::{
    HANDLE, KSEVENTDATA, KSEVENTF_SEMAPHORE_HANDLE, KSPIN_CONNECT, KSSTREAM_HEADER, NTSTATUS, PIRP,
    STATUS_INVALID_BUFFER_SIZE,
};

use crate::nt::IoIs32bitProcess;

/// Bytes of a KSSTREAM_HEADER of 32 bits: a shorter `Data`, and no `Reserved`.
pub const HEADER: usize = size_of::<KSSTREAM_HEADER>() - WIDER;
/// Bytes of a KSEVENTDATA of 32 bits.
pub const EVENT_DATA: usize = size_of::<KSEVENTDATA>() / 2;
/// Bytes of a KSPIN_CONNECT of 32 bits.
pub const CONNECT: usize = size_of::<KSPIN_CONNECT>() - WIDER;
/// Bytes of a handle of 32 bits.
pub const HANDLE_BYTES: usize = 4;
/// How much longer the header and the connect request of 64 bits are.
const WIDER: usize = 8;

/// Whether a request comes from a program of 32 bits.
pub fn is_narrow(irp: PIRP) -> bool {
    // SAFETY: the request is ours.
    unsafe { IoIs32bitProcess(irp) != 0 }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_le_bytes(bytes.unwrap_or_default())
}

/// A handle with all its bits.
pub fn handle(bytes: &[u8]) -> HANDLE {
    i64::from(word(bytes, 0) as i32) as HANDLE
}

/// The bytes behind a pin's class name, with a KSPIN_CONNECT of 64 bits.
pub fn connect(bytes: &[u8]) -> Result<Vec<u8>, NTSTATUS> {
    const SINK: usize = offset_of!(KSPIN_CONNECT, PinId) + 4;
    if bytes.len() < CONNECT {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    let sink = handle(&bytes[SINK..]) as u64;
    Ok([&bytes[..SINK], &[0; 4], &sink.to_le_bytes(), &bytes[SINK + HANDLE_BYTES..]].concat())
}

/// How long the headers of a program of 32 bits are where those of 64 bits have a size, which may be 0.
pub fn header_size(wide: u32) -> u32 {
    if wide < HEADER as u32 + WIDER as u32 { wide } else { wide - WIDER as u32 }
}

/// Stream headers of 64 bits from those of 32, all of one size.
pub fn headers(bytes: &[u8]) -> Result<Vec<u64>, NTSTATUS> {
    let size = word(bytes, 0) as usize;
    if size < HEADER || !size.is_multiple_of(8) || bytes.is_empty() || !bytes.len().is_multiple_of(size) {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    let mut wide = Vec::with_capacity(bytes.len() / size * (size + WIDER));
    for header in bytes.chunks_exact(size) {
        wide.extend(word(header, 0).wrapping_add(WIDER as u32).to_le_bytes());
        wide.extend(&header[4..DATA]);
        wide.extend(u64::from(word(header, DATA)).to_le_bytes());
        wide.extend(&header[DATA + 4..HEADER]);
        wide.extend([0; 4]);
        wide.extend(&header[HEADER..]);
    }
    let words = wide.chunks_exact(8);
    Ok(words.map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect())
}

const DATA: usize = offset_of!(KSSTREAM_HEADER, Data);

/// A stream header of 32 bits from one of 64, whose `Data` is the client's.
pub fn header(wide: &[u8]) -> Vec<u8> {
    let size = word(wide, 0).wrapping_sub(WIDER as u32).to_le_bytes();
    [&size[..], &wide[4..DATA + 4], &wide[DATA + 8..DATA + 12], &wide[HEADER + WIDER..]].concat()
}

/// The KSEVENTDATA of 64 bits, with what follows it, from one of 32: eight bytes at a time, for its alignment.
pub fn event_data(bytes: &[u8]) -> Result<Vec<u64>, NTSTATUS> {
    if bytes.len() < EVENT_DATA {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    let kind = u64::from(word(bytes, 0));
    let first = handle(&bytes[4..]) as u64;
    let [second, third] = [word(bytes, 8), word(bytes, 12)].map(u64::from);
    let mut wide = match kind as u32 {
        // Two words in the place of one.
        KSEVENTF_SEMAPHORE_HANDLE => vec![kind, first, second | third << 32, 0],
        _ => vec![kind, first, second, third],
    };
    let rest = bytes[EVENT_DATA..].chunks(8);
    wide.extend(rest.map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    }));
    Ok(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layouts of ks.h for 32 bits.
    #[test]
    fn sizes() {
        assert_eq!((HEADER, EVENT_DATA, CONNECT), (48, 16, 64));
        assert_eq!((DATA, offset_of!(KSSTREAM_HEADER, OptionsFlags)), (40, 48));
    }

    /// Headers come back as they were sent; what follows them stays.
    #[test]
    fn headers_both_ways() {
        let mut narrow = Vec::new();
        for number in 0..2u8 {
            let mut header: Vec<u8> = (0..64).map(|byte| byte ^ number).collect();
            header[..4].copy_from_slice(&64u32.to_le_bytes());
            narrow.extend(header);
        }
        let wide = headers(&narrow).unwrap();
        assert_eq!(wide.len() * 8, 2 * 72);
        let bytes: Vec<u8> = wide.iter().flat_map(|word| word.to_le_bytes()).collect();
        let back: Vec<u8> = bytes.chunks(72).flat_map(header).collect();
        assert_eq!(back, narrow);
        assert_eq!(word(&bytes, 0), 72);
        assert_eq!(bytes[40..48], [40, 41, 42, 43, 0, 0, 0, 0], "the pointer");
        assert_eq!(bytes[48..56], [44, 45, 46, 47, 0, 0, 0, 0], "flags and Reserved");
        assert_eq!([0, 56, 72].map(header_size), [0, 48, 64]);
        for bad in [&narrow[..127], &narrow[..47], &[]] {
            assert_eq!(headers(bad), Err(STATUS_INVALID_BUFFER_SIZE));
        }
        narrow[..4].copy_from_slice(&40u32.to_le_bytes());
        assert_eq!(headers(&narrow), Err(STATUS_INVALID_BUFFER_SIZE));
    }

    /// A handle keeps its sign, and its place.
    #[test]
    fn a_connect_request() {
        let mut narrow = vec![0x11; CONNECT + 3];
        narrow[52..56].copy_from_slice(&(-2i32).to_le_bytes());
        let wide = connect(&narrow).unwrap();
        assert_eq!(wide.len(), size_of::<KSPIN_CONNECT>() + 3);
        assert_eq!(
            (wide[48..56].to_vec(), &wide[56..64]),
            (vec![0x11, 0x11, 0x11, 0x11, 0, 0, 0, 0], &[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF][..])
        );
        assert!(wide[64..].iter().all(|byte| *byte == 0x11));
        assert_eq!(connect(&narrow[..CONNECT - 1]), Err(STATUS_INVALID_BUFFER_SIZE));
    }

    /// The two forms that a program may send.
    #[test]
    fn event_data_widens() {
        let narrow: Vec<u8> = [1u32, 0x44, 0, 0, 7, 8].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(event_data(&narrow).unwrap(), [1, 0x44, 0, 0, 7 | 8 << 32]);
        let narrow: Vec<u8> = [2u32, 0x48, 0, 3].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(event_data(&narrow).unwrap(), [2, 0x48, 3 << 32, 0]);
        assert_eq!(event_data(&narrow[..15]), Err(STATUS_INVALID_BUFFER_SIZE));
    }
}
