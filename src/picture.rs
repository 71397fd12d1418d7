//! From frames to pictures: how the pixels of crate `video` get at AVStream's memory.

use avstream::{Error, FrameSink, FrameSource, KBuffer, Result};
use video::{
    Adjust, Conversion, Encoding, Format, Geometry, Matrix, Order, PixelFormat, Range,
    format::{Layout, Plane},
};

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

/// The format of a frame whose header says how many bytes there are from one row to the next, 0 if it does not; `None`
/// if it says so wrongly.
pub fn with_pitch(format: Format, pitch: i32) -> Option<Format> {
    if pitch == 0 { Some(format) } else { format.with_stride(u32::try_from(pitch).ok()?) }
}

/// Whether the pixels of a picture go from one format to the other as they are.
pub fn is_plain(from: Format, to: Format, adjust: Adjust) -> bool {
    from.pixel == to.pixel
        && from.geometry == to.geometry
        && (from.pixel.is_rgb() || from.encoding() == to.encoding())
        && adjust.is_neutral()
}

/// The way from the writer's pictures to those of one reader, if they have to be converted.
pub struct Way {
    from: Format,
    to: Format,
    adjust: Adjust,
    conversion: Conversion,
    scratch: KBuffer,
}

impl Way {
    /// A way for pictures of these formats, with all the memory that it takes; none if pixels go through as they are.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`](avstream::Error::INSUFFICIENT_RESOURCES): there is no memory.
    pub fn new(from: Format, to: Format, adjust: Adjust) -> Result<Option<Self>> {
        if is_plain(from, to, adjust) {
            return Ok(None);
        }
        let conversion = Conversion::new(from, to, adjust);
        Ok(Some(Self { from, to, adjust, conversion, scratch: KBuffer::new(conversion.scratch())? }))
    }

    /// Whether it is the way between these formats.
    fn leads(&self, from: Format, to: Format, adjust: Adjust) -> bool {
        (self.from, self.to, self.adjust) == (from, to, adjust)
    }
}

/// Converts a picture into a frame, and fits it in. `way` is the way that the last one went: another, with its memory, is
/// made when a format has changed.
///
/// # Errors
///
/// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory. [`Error::INVALID_BUFFER_SIZE`]: the frame is too small.
pub fn convert(
    (from, source): (Format, &Source<'_>),
    (to, sink): (Format, &mut Sink<'_>),
    adjust: Adjust,
    way: &mut Option<Way>,
) -> Result {
    if way.as_ref().is_none_or(|way| !way.leads(from, to, adjust)) {
        *way = Way::new(from, to, adjust)?;
    }
    let converted = way.as_mut().is_some_and(|way| way.conversion.run(source, sink, &mut way.scratch));
    if converted { Ok(()) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

/// Copies a picture whose pixels go through as they are into a frame: at once if they lie in memory in the same way and
/// without anything between rows, which may be anybody's old memory; otherwise row by row.
///
/// # Errors
///
/// [`Error::INVALID_BUFFER_SIZE`]: the frame is too small.
pub fn copy((from, source): (Format, &Source<'_>), (to, sink): (Format, &mut Sink<'_>)) -> Result {
    let (source, sink) = (&source.0, &mut sink.0);
    let copied = if from == to && to.stride() == to.row_bytes() {
        source.copy_to(sink, to.image_size() as usize)
    } else {
        from.fits(source.len()) && to.fits(sink.len()) && copy_rows((from, source), (to, sink))
    };
    if copied { Ok(()) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

fn copy_rows((from, source): (Format, &FrameSource<'_>), (to, sink): (Format, &mut FrameSink<'_>)) -> bool {
    let len = to.row_bytes() as usize;
    let mut both = planes(from).into_iter().flatten().zip(planes(to).into_iter().flatten());
    both.all(|(from, to)| {
        (0..to.rows).all(|row| source.copy_piece(from.at(row, 0), sink, to.at(row, 0), len))
    })
}

/// The planes that there are.
pub fn planes(format: Format) -> [Option<Plane>; 2] {
    match format.layout() {
        Layout::SemiPlanar { luma, chroma } => [Some(luma), Some(chroma)],
        Layout::Packed(plane) | Layout::Rgb { plane, .. } => [Some(plane), None],
    }
}

/// A format as the mark of a published frame. No mark is 0.
pub fn mark(format: Format) -> u64 {
    let [matrix, range] = [format.encoding().matrix == Matrix::Bt709, format.encoding().range == Range::Full];
    let fields = [
        (format.pixel as u64 + 1, 3),
        (u64::from(matrix), 1),
        (u64::from(range), 1),
        (u64::from(format.order() == Order::BottomUp), 1),
        (format.geometry.width().into(), WIDTH),
        (format.geometry.height().into(), HEIGHT),
        (format.stride().into(), STRIDE),
    ];
    fields.into_iter().fold(0, |mark, (field, bits)| mark << bits | field)
}

/// The format that a mark stands for.
pub fn format(mark: u64) -> Option<Format> {
    let mut rest = mark;
    let mut next = |bits: u32| {
        let field = rest & ((1 << bits) - 1);
        rest >>= bits;
        field as u32
    };
    let (stride, height, width) = (next(STRIDE), next(HEIGHT), next(WIDTH));
    let order = if next(1) == 0 { Order::TopDown } else { Order::BottomUp };
    let range = if next(1) == 0 { Range::Limited } else { Range::Full };
    let matrix = if next(1) == 0 { Matrix::Bt601 } else { Matrix::Bt709 };
    let pixel = next(3).checked_sub(1)?;
    let pixel = PixelFormat::ALL.into_iter().find(|known| *known as u32 == pixel)?;
    Format::new(pixel, Geometry::new(width, height)?)
        .with_encoding(Encoding { matrix, range })
        .with_order(order)?
        .with_stride(stride)
}

/// The bits of a mark that hold the greatest width, height and stride.
const WIDTH: u32 = bits(Geometry::MAX_WIDTH);
const HEIGHT: u32 = bits(Geometry::MAX_HEIGHT);
const STRIDE: u32 = bits(Format::MAX_STRIDE);
const _: () = assert!(3 + 1 + 1 + 1 + WIDTH + HEIGHT + STRIDE <= u64::BITS);

const fn bits(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}
