//! What a stream request carries: headers and the frames they describe, in user memory.

use ks_sys::{KS_FRAME_INFO, KS_FRAME_INFO_SURFACE_PITCH_OFFSET, KSSTREAM_HEADER};

use super::{bytes, narrow};
use crate::nt::user;

/// One or more frames with their `KSSTREAM_HEADER`s, in the memory of the program that makes it: one of 32 bits or of 64.
pub struct Packet {
    headers: user::Buffer,
    narrow: bool,
    /// Bytes from one header to the next, and of the header without what follows it.
    stride: usize,
    header: usize,
    frames: Vec<user::Buffer>,
}

impl Packet {
    /// Frames of these lengths, each with a plain header for reading: `DataUsed` is 0.
    pub fn new(lengths: &[usize]) -> Self {
        Self::build(lengths, false)
    }

    /// The same with a `KS_FRAME_INFO` behind each header.
    pub fn with_frame_info(lengths: &[usize]) -> Self {
        Self::build(lengths, true)
    }

    fn build(lengths: &[usize], info: bool) -> Self {
        let narrow = narrow::is_narrow();
        let header = if narrow { narrow::HEADER } else { size_of::<KSSTREAM_HEADER>() };
        // As much room as the pin asks for, which thinks of programs of 64 bits.
        let stride = header + if info { size_of::<KS_FRAME_INFO>() } else { 0 };
        let frames: Vec<user::Buffer> = lengths.iter().map(|len| user::Buffer::new(*len)).collect();
        let headers = user::Buffer::new(stride * frames.len());
        let mut packet = Self { headers, narrow, stride, header, frames };
        packet.prepare();
        packet
    }

    /// As new, with frames that begin where a page begins: an inaccessible one lies before each.
    pub fn at_page_start(self) -> Self {
        self.in_buffers(user::Buffer::at_page_start)
    }

    /// As new, with frames that end where a page ends: an inaccessible one follows each.
    pub fn at_page_end(self) -> Self {
        self.in_buffers(user::Buffer::at_page_end)
    }

    fn in_buffers(mut self, buffer: fn(usize) -> user::Buffer) -> Self {
        self.frames = self.frames.iter().map(|frame| buffer(frame.len())).collect();
        self.prepare();
        self
    }

    /// One frame for writing.
    pub fn from_frame(frame: &[u8]) -> Self {
        let mut packet = Self::new(&[frame.len()]);
        packet.frame_mut(0).copy_from_slice(frame);
        packet.used(0, frame.len() as u32);
        packet
    }

    /// Sets the headers as before the first use.
    pub fn prepare(&mut self) {
        for index in 0..self.frames.len() {
            let mut header: KSSTREAM_HEADER = bytes::zeroed();
            header.Size = self.stride as u32;
            header.PresentationTime.Numerator = 1;
            header.PresentationTime.Denominator = 1;
            header.FrameExtent = self.frames[index].len() as u32;
            header.Data = self.frames[index].address();
            self.set_header(index, &header);
            if self.stride > self.header {
                let mut info: KS_FRAME_INFO = bytes::zeroed();
                let size = if self.narrow { narrow::FRAME_INFO } else { size_of::<KS_FRAME_INFO>() };
                info.ExtendedHeaderSize = size as u32;
                self.set_frame_info(index, &info);
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
        let place = &self.headers.bytes()[index * self.stride..];
        let header = if self.narrow { narrow::header(place) } else { bytes::read(place) };
        header.unwrap_or_else(bytes::zeroed)
    }

    /// Overwrites a header: with any nonsense a test wants.
    pub fn set_header(&mut self, index: usize, header: &KSSTREAM_HEADER) {
        let place = &mut self.headers.bytes_mut()[index * self.stride..];
        if self.narrow {
            narrow::put_header(place, header);
        } else {
            bytes::write(place, header);
        }
    }

    /// Says how many bytes of a frame are valid.
    pub fn used(&mut self, index: usize, len: u32) {
        let mut header = self.header(index);
        header.DataUsed = len;
        self.set_header(index, &header);
    }

    /// What stands behind a header, if the packet has room for it.
    pub fn frame_info(&self, index: usize) -> Option<KS_FRAME_INFO> {
        let place = &self.headers.bytes()[index * self.stride + self.header..];
        (self.stride > self.header)
            .then(|| if self.narrow { narrow::frame_info(place) } else { bytes::read(place) })
            .flatten()
    }

    /// Overwrites it.
    ///
    /// # Panics
    /// When there is no room for it.
    pub fn set_frame_info(&mut self, index: usize, info: &KS_FRAME_INFO) {
        assert!(self.stride > self.header, "the packet has no room for frame info");
        let place = &mut self.headers.bytes_mut()[index * self.stride + self.header..];
        if self.narrow {
            narrow::put_frame_info(place, info);
        } else {
            bytes::write(place, info);
        }
    }

    /// Says in the frame info how many bytes there are from one row to the next (`lSurfacePitch`).
    ///
    /// # Panics
    /// When there is no room for it.
    pub fn set_surface_pitch(&mut self, index: usize, pitch: i32) {
        let info = self.frame_info(index).expect("room for frame info");
        let mut info = bytes::of(&info).to_vec();
        info[KS_FRAME_INFO_SURFACE_PITCH_OFFSET..][..4].copy_from_slice(&pitch.to_le_bytes());
        self.set_frame_info(index, &bytes::read(&info).expect("as many bytes"));
    }

    /// A frame's whole buffer.
    pub fn frame(&self, index: usize) -> &[u8] {
        self.frames[index].bytes()
    }

    /// A frame's whole buffer, to fill.
    pub fn frame_mut(&mut self, index: usize) -> &mut [u8] {
        self.frames[index].bytes_mut()
    }

    /// The part of a frame that its header says is used; `None` when it says more than there is.
    pub fn used_data(&self, index: usize) -> Option<&[u8]> {
        self.frame(index).get(..self.header(index).DataUsed as usize)
    }

    /// The same.
    ///
    /// # Panics
    /// When the header says more than there is.
    pub fn data(&self, index: usize) -> &[u8] {
        self.used_data(index).expect("DataUsed is larger than the frame's buffer")
    }

    /// The headers' bytes as the request carries them.
    pub fn headers_mut(&mut self) -> &mut [u8] {
        self.headers.bytes_mut()
    }

    /// Whether the program that made it is one of 32 bits.
    pub(super) fn is_narrow(&self) -> bool {
        self.narrow
    }

    pub(super) fn headers(&self) -> &user::Buffer {
        &self.headers
    }
}
