//! From frames to pictures: how the pixels of crate `video` get at AVStream's memory.

use avstream::{FrameSink, FrameSource};
use video::{Conversion, Format, Geometry, PixelFormat};

/// A frame that is read.
pub struct Source<'a>(pub FrameSource<'a>);

/// A frame that is written.
pub struct Sink<'a>(pub FrameSink<'a>);

impl video::Source for Source<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        self.0.read(offset, out)
    }
}

impl video::Sink for Sink<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> bool {
        self.0.write(offset, data)
    }

    fn fill(&mut self, offset: usize, len: usize, value: u8) -> bool {
        self.0.fill(offset, len, value)
    }
}

/// Puts a picture into a frame: copied once if it has the right format, converted if it has the right size.
pub fn deliver(from: Format, source: Source<'_>, to: Format, sink: &mut Sink<'_>) -> bool {
    if from == to {
        source.0.copy_to(&mut sink.0, to.image_size() as usize)
    } else {
        // Little enough for the stack.
        let mut scratch = [0; Conversion::MIN_SCRATCH];
        video::convert(from, &source, to, sink, &mut scratch)
    }
}

/// A format as the mark of a published frame.
pub fn mark(format: Format) -> u64 {
    let (width, height) = (format.geometry.width(), format.geometry.height());
    u64::from(format.pixel.fourcc()) << 32 | u64::from(width) << 16 | u64::from(height)
}

/// The format that a mark stands for.
pub fn format(mark: u64) -> Option<Format> {
    let pixel = PixelFormat::from_fourcc(u32::try_from(mark >> 32).ok()?)?;
    let low = mark & 0xFFFF_FFFF;
    let geometry = Geometry::new(u32::try_from(low >> 16).ok()?, u32::try_from(low & 0xFFFF).ok()?)?;
    Some(Format::new(pixel, geometry))
}
