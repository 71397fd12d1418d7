//! What a stream request carries: headers and the frames they describe.

use ks_sys::{KS_FRAME_INFO, KSSTREAM_HEADER};

use crate::{
    system::{Memory, Span, System},
    wire::bytes,
};

/// Frames with their `KSSTREAM_HEADER`s.
pub struct Packet {
    headers: Box<dyn Memory>,
    stride: usize,
    frames: Vec<(Box<dyn Memory>, usize)>,
}

const HEADER: usize = size_of::<KSSTREAM_HEADER>();

impl Packet {
    /// Frames of these lengths with headers for reading; `info`: with room for a `KS_FRAME_INFO` behind each.
    pub fn new(system: &dyn System, lengths: &[usize], info: bool) -> Self {
        let stride = HEADER + if info { size_of::<KS_FRAME_INFO>() } else { 0 };
        let frames = lengths.iter().map(|length| (system.memory((*length).max(1)), *length)).collect();
        let mut packet = Self { headers: system.memory((stride * lengths.len()).max(1)), stride, frames };
        packet.prepare();
        packet
    }

    /// One frame for writing.
    pub fn from_frame(system: &dyn System, frame: &[u8]) -> Self {
        let mut packet = Self::new(system, &[frame.len()], false);
        packet.frame_mut(0).copy_from_slice(frame);
        packet.change(0, |header| header.DataUsed = frame.len() as u32);
        packet
    }

    /// Sets the headers as before the first use.
    pub fn prepare(&mut self) {
        for index in 0..self.frames.len() {
            let mut header: KSSTREAM_HEADER = bytes::zeroed();
            header.Size = self.stride as u32;
            header.PresentationTime.Numerator = 1;
            header.PresentationTime.Denominator = 1;
            header.FrameExtent = self.frames[index].1 as u32;
            header.Data = self.frames[index].0.address() as *mut _;
            self.change(index, |place| *place = header);
            if self.stride > HEADER {
                let mut info: KS_FRAME_INFO = bytes::zeroed();
                info.ExtendedHeaderSize = size_of::<KS_FRAME_INFO>() as u32;
                bytes::write(&mut self.headers.bytes_mut()[index * self.stride + HEADER..], &info);
            }
        }
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// A header.
    pub fn header(&self, index: usize) -> KSSTREAM_HEADER {
        bytes::read(&self.headers.bytes()[index * self.stride..]).unwrap_or_else(bytes::zeroed)
    }

    /// Changes a header.
    pub fn change(&mut self, index: usize, change: impl FnOnce(&mut KSSTREAM_HEADER)) {
        let mut header = self.header(index);
        change(&mut header);
        bytes::write(&mut self.headers.bytes_mut()[index * self.stride..], &header);
    }

    /// What stands behind a header, if there is room for it.
    pub fn frame_info(&self, index: usize) -> Option<KS_FRAME_INFO> {
        let at = index * self.stride + HEADER;
        (self.stride > HEADER).then(|| bytes::read(&self.headers.bytes()[at..])).flatten()
    }

    /// A frame's whole buffer.
    pub fn frame(&self, index: usize) -> &[u8] {
        &self.frames[index].0.bytes()[..self.frames[index].1]
    }

    /// A frame's whole buffer, to fill.
    pub fn frame_mut(&mut self, index: usize) -> &mut [u8] {
        let length = self.frames[index].1;
        &mut self.frames[index].0.bytes_mut()[..length]
    }

    /// The part of a frame that its header says is used, as far as there is one.
    pub fn used(&self, index: usize) -> &[u8] {
        let frame = self.frame(index);
        &frame[..frame.len().min(self.header(index).DataUsed as usize)]
    }

    /// Where the headers are.
    pub fn span(&self) -> Span {
        Span { address: self.headers.address(), length: (self.stride * self.frames.len()) as u32 }
    }
}
