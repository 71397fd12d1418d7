//! The leading edge: where a pin's queue is processed.

use core::{marker::PhantomData, ptr::NonNull};

use crate::{
    clone::FrameClone,
    context::Processing,
    error::{Error, Result},
    ffi::{
        KSPIN, KSPIN_DATAFLOW, KSSTREAM_HEADER, KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY,
        KSSTREAM_HEADER_OPTIONSF_DURATIONVALID, KSSTREAM_HEADER_OPTIONSF_TIMEVALID, KSSTREAM_POINTER,
        KSSTREAM_POINTER_STATE, KSTIME, KsPinGetLeadingEdgeStreamPointer,
        KsStreamPointerAdvanceOffsetsAndUnlock, KsStreamPointerSetStatusCode, KsStreamPointerUnlock,
    },
    frame_info::FrameInfo,
    memory::{FrameSink, FrameSource},
    pin::Pin,
    raw,
};

/// The frame at the leading edge of a pin's queue, locked: it cannot be cancelled.
///
/// Dropped, it is unlocked and stays at the leading edge. There is one at a time: while it lives the pin
/// cannot be asked for another.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/stream/leading-and-trailing-edge-stream-pointers>
#[must_use = "the frame is unlocked at once"]
pub struct LeadingEdge<'a> {
    pointer: NonNull<KSSTREAM_POINTER>,
    flow: KSPIN_DATAFLOW::Type,
    pin: PhantomData<&'a mut KSPIN>,
}

impl<'a> LeadingEdge<'a> {
    pub(crate) fn lock(pin: &'a mut Pin<'_, Processing>) -> Option<Self> {
        const LOCKED: KSSTREAM_POINTER_STATE::Type = KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED;
        let raw: *mut KSPIN = pin.as_ptr();
        // SAFETY: a live pin; the processing mutex keeps others away from the edge. NULL without a frame (R6.14).
        let pointer = NonNull::new(unsafe { KsPinGetLeadingEdgeStreamPointer(raw, LOCKED) })?;
        // SAFETY: a live pin, whose direction does not change.
        let flow = unsafe { (*raw).DataFlow };
        Some(Self { pointer, flow, pin: PhantomData })
    }

    /// The bytes of the frame that have not been processed, of a pin into which data flows; `None` if there
    /// is no buffer.
    #[must_use]
    pub fn source(&self) -> Option<FrameSource<'_>> {
        if self.flow != KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN {
            return None;
        }
        let (data, len) = self.bytes()?;
        // SAFETY: locked as long as this value lives.
        Some(unsafe { FrameSource::new(data, len) })
    }

    /// The bytes of the frame that have not been filled, of a pin out of which data flows; `None` if there
    /// is no buffer.
    #[must_use]
    pub fn sink(&mut self) -> Option<FrameSink<'_>> {
        if self.flow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN {
            return None;
        }
        let (data, len) = self.bytes()?;
        // SAFETY: locked as long as this value lives, which nobody else has.
        Some(unsafe { FrameSink::new(data, len) })
    }

    fn bytes(&self) -> Option<(*mut u8, usize)> {
        // SAFETY: a live stream pointer.
        let offset = unsafe { raw::offset(self.pointer.as_ptr(), self.flow) };
        // SAFETY: its position; nobody moves it at the same time.
        let (data, len) = raw::bytes(unsafe { &*offset });
        (!data.is_null()).then_some((data, len))
    }

    /// The header of a locked frame.
    const fn header(&self) -> NonNull<KSSTREAM_HEADER> {
        // SAFETY: a live stream pointer.
        let header = unsafe { self.pointer.as_ref() }.StreamHeader;
        // SAFETY: a locked frame has a header (R6.15).
        unsafe { NonNull::new_unchecked(header) }
    }

    /// The flags of the frame's header, `KSSTREAM_HEADER_OPTIONSF_…`.
    #[must_use]
    pub fn flags(&self) -> u32 {
        // SAFETY: the header of a locked frame.
        unsafe { (*self.header().as_ptr()).OptionsFlags }
    }

    /// Says when the frame is to be shown and for how long, in 100 ns.
    pub fn set_time(&mut self, time: i64, duration: i64) {
        let header = self.header().as_ptr();
        // SAFETY: the header of a locked frame.
        unsafe { (*header).PresentationTime = KSTIME { Time: time, Numerator: 1, Denominator: 1 } };
        // SAFETY: as above.
        unsafe { (*header).Duration = duration };
        self.add_flags(KSSTREAM_HEADER_OPTIONSF_TIMEVALID | KSSTREAM_HEADER_OPTIONSF_DURATIONVALID);
    }

    /// Sets flags in the frame's header, `KSSTREAM_HEADER_OPTIONSF_…`.
    pub fn add_flags(&mut self, flags: u32) {
        // SAFETY: the header of a locked frame.
        unsafe { (*self.header().as_ptr()).OptionsFlags |= flags };
    }

    /// Says that frames are missing before this one (`stream/capturing-video.md`).
    pub fn set_discontinuity(&mut self) {
        self.add_flags(KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY);
    }

    /// The frame info behind the header, if there is room for it.
    fn frame_info(&self) -> Option<FrameInfo> {
        // SAFETY: the header of a locked frame.
        unsafe { FrameInfo::behind(self.header()) }
    }

    /// The bytes from one row of the frame to the next, if its header says so (`lSurfacePitch`); 0 if it does not, and what
    /// the format says holds.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/stream/handling-stride-in-avstream-codecs>
    // ASSUMED: bytes, as in DirectDraw, where the word is from; the page says "width/stride".
    #[must_use]
    pub fn surface_pitch(&self) -> i32 {
        self.frame_info().map_or(0, FrameInfo::surface_pitch)
    }

    /// Says which picture this is and how many there were that nobody saw, if the header has room for it.
    pub fn set_frame_info(&mut self, picture: i64, dropped: i64) {
        if let Some(info) = self.frame_info() {
            info.set(picture, dropped);
        }
    }

    /// Makes another reference to the frame, locked as this one is.
    ///
    /// # Errors
    ///
    /// What the class driver says, such as that there is no memory.
    pub fn try_clone(&self) -> Result<FrameClone<'a>> {
        FrameClone::new(self.pointer, self.flow)
    }

    pub(crate) const fn pointer(&self) -> NonNull<KSSTREAM_POINTER> {
        self.pointer
    }

    /// The frame holds `used` bytes of data, at most all that there is room for: goes on to the next frame.
    pub fn finish(self, used: u32) {
        // SAFETY: a live stream pointer.
        let offset = unsafe { raw::offset(self.pointer.as_ptr(), self.flow) };
        // SAFETY: its position. More than what remains may not be advanced (R6.17).
        let used = used.min(unsafe { (*offset).Remaining });
        let (input, output) = if self.flow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN {
            (used, 0)
        } else {
            // Set and advanced by the same number: right in every reading of the pages (R6.21).
            // SAFETY: the header of a locked frame.
            unsafe { (*self.header().as_ptr()).DataUsed = used };
            (0, used)
        };
        let pointer = self.pointer.as_ptr();
        core::mem::forget(self);
        // SAFETY: locked, and unlocked by this; the guard is gone.
        unsafe { KsStreamPointerAdvanceOffsetsAndUnlock(pointer, input, output, 1) };
    }

    /// Goes on to the next frame; the request that this one belongs to fails.
    pub fn refuse(self, error: Error) {
        // SAFETY: locked; the frame is there. If the status cannot be set the request succeeds, with an empty frame.
        let _ = unsafe { KsStreamPointerSetStatusCode(self.pointer.as_ptr(), error.status()) };
        self.skip();
    }

    /// Goes on to the next frame without having done anything with this one.
    pub fn skip(self) {
        let pointer = self.pointer.as_ptr();
        core::mem::forget(self);
        // SAFETY: locked, and unlocked by this; the guard is gone.
        unsafe { KsStreamPointerUnlock(pointer, 1) };
    }
}

impl Drop for LeadingEdge<'_> {
    fn drop(&mut self) {
        // SAFETY: locked, and unlocked once.
        unsafe { KsStreamPointerUnlock(self.pointer.as_ptr(), 0) };
    }
}
