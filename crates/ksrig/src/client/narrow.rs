//! Programs of 32 bits: the structures with pointers and handles that they send, as ks.h and ksmedia.h have them there.
//!
//! What a client is given is in the structures of 64 bits, whatever the program; here they are written to its memory and
//! read from it. A program of 32 bits does all its work inside of [`narrow`].

use std::mem::offset_of;

use ks_sys::{KS_FRAME_INFO, KSPIN_CONNECT, KSSTREAM_HEADER};

use super::bytes;
use crate::nt::thread::{Thread, as_narrow};
use crate::nt::user;

/// Runs `body` as the code of a program of 32 bits.
///
/// # Panics
/// When this machine's user process has its memory above 4 GiB: another machine of this process has what lies below.
pub fn narrow<R>(body: impl FnOnce() -> R) -> R {
    assert!(user::is_narrow(), "no memory below 4 GiB for a program of 32 bits");
    as_narrow(body)
}

/// Whether the calling code is that of a program of 32 bits.
pub(super) fn is_narrow() -> bool {
    Thread::current().is_narrow()
}

/// Bytes of a handle or pointer.
const WORD: usize = 4;
/// Bytes of the KS_FRAME_INFO of 32 bits: both handles are shorter.
pub(super) const FRAME_INFO: usize = size_of::<KS_FRAME_INFO>() - 2 * WORD;
/// Bytes of the KSSTREAM_HEADER of 32 bits: a shorter `Data`, and no `Reserved`.
pub(super) const HEADER: usize = size_of::<KSSTREAM_HEADER>() - 2 * WORD;

/// A handle or pointer as it lies in memory.
pub(super) fn word(value: usize) -> Vec<u8> {
    if is_narrow() { (value as u32).to_le_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
}

/// A connect request of 64 bits as one of 32.
pub(super) fn connect(wide: &KSPIN_CONNECT) -> Vec<u8> {
    const SINK: usize = offset_of!(KSPIN_CONNECT, PinToHandle);
    let wide = bytes::of(wide);
    // In front of the handle there is padding in that of 64 alone.
    [&wide[..SINK - WORD], &wide[SINK..SINK + WORD], &wide[SINK + 2 * WORD..]].concat()
}

/// Writes a stream header.
pub(super) fn put_header(place: &mut [u8], header: &KSSTREAM_HEADER) {
    const DATA: usize = offset_of!(KSSTREAM_HEADER, Data);
    let wide = bytes::of(header);
    place[..DATA + WORD].copy_from_slice(&wide[..DATA + WORD]);
    place[DATA + WORD..HEADER].copy_from_slice(&wide[DATA + 2 * WORD..][..WORD]);
}

/// Reads one.
pub(super) fn header(place: &[u8]) -> Option<KSSTREAM_HEADER> {
    const DATA: usize = offset_of!(KSSTREAM_HEADER, Data);
    let place = place.get(..HEADER)?;
    bytes::read(&[&place[..DATA + WORD], &[0; WORD], &place[DATA + WORD..], &[0; WORD]].concat())
}

/// Where the handles of a frame info lie, and what comes behind them in that of 64 bits.
const HANDLES: usize = offset_of!(KS_FRAME_INFO, hDirectDraw);
const BEHIND: usize = offset_of!(KS_FRAME_INFO, DirectDrawRect);

/// Writes a frame info.
pub(super) fn put_frame_info(place: &mut [u8], info: &KS_FRAME_INFO) {
    let wide = bytes::of(info);
    let [first, second] = [HANDLES, HANDLES + 2 * WORD].map(|at| &wide[at..at + WORD]);
    place[..FRAME_INFO].copy_from_slice(&[&wide[..HANDLES], first, second, &wide[BEHIND..]].concat());
}

/// Reads one.
pub(super) fn frame_info(place: &[u8]) -> Option<KS_FRAME_INFO> {
    let place = place.get(..FRAME_INFO)?;
    let [first, second] = [HANDLES, HANDLES + WORD].map(|at| &place[at..at + WORD]);
    let zeros = &[0; WORD][..];
    bytes::read(&[&place[..HANDLES], first, zeros, second, zeros, &place[HANDLES + 2 * WORD..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read; nothing of it is lost but the upper halves of pointers and handles.
    #[test]
    fn both_ways() {
        let bytes_of_one: Vec<u8> = (1..=size_of::<KSSTREAM_HEADER>() as u8).collect();
        let mut wide: KSSTREAM_HEADER = bytes::read(&bytes_of_one).unwrap();
        let mut place = [0; HEADER];
        put_header(&mut place, &wide);
        assert_eq!(place[40..48], [41, 42, 43, 44, 49, 50, 51, 52], "Data and OptionsFlags");
        wide.Data = (wide.Data as usize as u32 as usize) as _;
        wide.Reserved = 0;
        assert_eq!(bytes::of(&header(&place).unwrap()), bytes::of(&wide));

        let bytes_of_one: Vec<u8> = (1..=size_of::<KS_FRAME_INFO>() as u8).collect();
        let info: KS_FRAME_INFO = bytes::read(&bytes_of_one).unwrap();
        let mut place = [0; FRAME_INFO];
        put_frame_info(&mut place, &info);
        assert_eq!(place[24..32], [25, 26, 27, 28, 33, 34, 35, 36], "the handles");
        assert_eq!(place[32..], bytes_of_one[40..]);
        let back = frame_info(&place).unwrap();
        assert_eq!((back.PictureNumber, back.Reserved4), (info.PictureNumber, info.Reserved4));
        assert_eq!(back.hDirectDraw as usize, 0x1C1B_1A19);
    }
}
