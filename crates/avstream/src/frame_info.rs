//! What may stand behind a frame's header.

use core::ptr::NonNull;

use crate::{
    ffi::{
        KS_FRAME_INFO, KS_FRAME_INFO_NARROW_SIZE, KS_FRAME_INFO_NARROW_SURFACE_PITCH_OFFSET,
        KS_FRAME_INFO_SURFACE_PITCH_OFFSET, KSSTREAM_HEADER,
    },
    raw,
};

const WIDE: u32 = size_of::<KS_FRAME_INFO>() as u32;
const NARROW: u32 = KS_FRAME_INFO_NARROW_SIZE as u32;

/// The `KS_FRAME_INFO` of a locked frame, as the program has laid it out that sent the header.
///
/// It has two handles in it, which have four bytes each in a program of 32 bits. The class driver knows headers, and not what
/// a minidriver has behind them.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ksmedia/ns-ksmedia-tagks_frame_info>
#[derive(Clone, Copy)]
pub(crate) struct FrameInfo {
    info: NonNull<KS_FRAME_INFO>,
    /// Of this structure, in bytes.
    size: u32,
}

impl FrameInfo {
    /// What stands behind a header; `None` if there is no room for it.
    ///
    /// # Safety
    ///
    /// The header is that of a locked frame, and stays so as long as the value is used.
    pub(crate) unsafe fn behind(header: NonNull<KSSTREAM_HEADER>) -> Option<Self> {
        const HEADER: u32 = size_of::<KSSTREAM_HEADER>() as u32;
        // SAFETY: the caller's promise.
        let size = unsafe { (*header.as_ptr()).Size };
        let room = size.checked_sub(HEADER).filter(|room| *room >= NARROW)?;
        // SAFETY: the header's size says that there is something behind it (R6.9).
        let info = unsafe { header.add(1) }.cast::<KS_FRAME_INFO>();
        // ASSUMED: a program says how long its structure is, as the page has it.
        // SAFETY: the first member in either layout; a header lies at a multiple of eight bytes.
        let said = unsafe { (*info.as_ptr()).ExtendedHeaderSize };
        let size = if room < WIDE || said == NARROW { NARROW } else { WIDE };
        Some(Self { info, size })
    }

    /// `lSurfacePitch`.
    pub(crate) fn surface_pitch(self) -> i32 {
        let offset = if self.size == NARROW {
            KS_FRAME_INFO_NARROW_SURFACE_PITCH_OFFSET
        } else {
            KS_FRAME_INFO_SURFACE_PITCH_OFFSET
        };
        // SAFETY: as many bytes as the structure has are there, and the member is one of them.
        unsafe { raw::surface_pitch(self.info.as_ptr(), offset) }
    }

    /// Which picture it is, and how many there were that nobody saw: members in front of the handles.
    pub(crate) fn set(self, picture: i64, dropped: i64) {
        let info = self.info.as_ptr();
        // SAFETY: as above.
        unsafe { (*info).ExtendedHeaderSize = self.size };
        // SAFETY: as above.
        unsafe { (*info).dwFrameFlags = 0 };
        // SAFETY: as above.
        unsafe { (*info).PictureNumber = picture };
        // SAFETY: as above.
        unsafe { (*info).DropCount = dropped };
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;

    #[repr(C)]
    struct Frame {
        header: KSSTREAM_HEADER,
        behind: [u64; 9],
    }

    /// A header with so much room behind it, in which the program has said how long its structure is.
    fn frame(room: u32, said: u32) -> Frame {
        // SAFETY: numbers and a null pointer.
        let mut frame: Frame = unsafe { core::mem::zeroed() };
        frame.header.Size = size_of::<KSSTREAM_HEADER>() as u32 + room;
        for (index, word) in frame.behind.iter_mut().enumerate() {
            *word = (2 * index as u64) | (2 * index as u64 + 1) << 32;
        }
        frame.behind[0] = said.into();
        frame
    }

    fn info(frame: &mut Frame) -> Option<FrameInfo> {
        let frame = NonNull::from(frame).cast();
        // SAFETY: a header and what its size says.
        unsafe { FrameInfo::behind(frame) }
    }

    /// The layout is that of the length that the program says, or of the room that there is.
    #[test]
    fn both_layouts() {
        const PITCH: i32 = (KS_FRAME_INFO_SURFACE_PITCH_OFFSET / 4) as i32;
        const _: () = assert!(WIDE == 72 && NARROW == 64 && PITCH == 14);
        for (room, said, size, pitch) in [
            (72, 72, 72, PITCH),
            (72, 0, 72, PITCH),
            (72, 64, 64, PITCH - 2),
            (64, 64, 64, PITCH - 2),
            (64, 72, 64, PITCH - 2),
            (64, 0, 64, PITCH - 2),
        ] {
            let mut frame = frame(room, said);
            let info = info(&mut frame).expect("there is room");
            assert_eq!((info.size, info.surface_pitch()), (size, pitch), "{room} {said}");
            info.set(7, 3);
            assert_eq!(frame.behind[0], u64::from(size));
            assert_eq!(frame.behind[offset_of!(KS_FRAME_INFO, PictureNumber) / 8], 7);
            assert_eq!(frame.behind[offset_of!(KS_FRAME_INFO, DropCount) / 8], 3);
            assert_eq!(frame.behind[3], 6 | 7 << 32, "no more than that");
        }
        for room in [0, 8, 63] {
            assert!(info(&mut frame(room, 64)).is_none());
        }
    }
}
