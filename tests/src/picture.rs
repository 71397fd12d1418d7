//! Pictures as crate `video` paints them in ordinary memory: what the driver's have to be equal to.

use ksrig::client::{Pixels, Video};
use video::{Adjust, Conversion, Encoding, Format, Geometry, Matrix, PixelFormat, Range, stamp};

/// A client's format in the words of crate `video`.
///
/// # Panics
/// When it has no such format.
pub fn format(format: &Video) -> Format {
    let pixel = match format.pixels {
        Pixels::NV12 => PixelFormat::Nv12,
        Pixels::YUY2 => PixelFormat::Yuy2,
        Pixels::RGB24 => PixelFormat::Rgb24,
        Pixels::RGB32 => PixelFormat::Rgb32,
        other => panic!("{other}: no such pixels"),
    };
    let geometry = Geometry::new(format.width, format.height).expect("a size that loopcam has");
    // As docs/formats.md says.
    let matrix = if format.height < 720 { Matrix::Bt601 } else { Matrix::Bt709 };
    Format::new(pixel, geometry).with_encoding(Encoding { matrix, range: Range::Limited })
}

/// The moving bars with this number.
pub fn bars(like: Format, number: u32) -> Vec<u8> {
    paint(like, |picture| video::bars::paint(like, number, picture))
}

/// The placeholder with this number.
pub fn placeholder(like: Format, number: u32) -> Vec<u8> {
    paint(like, |picture| video::placeholder::paint(like, number, picture))
}

/// A picture in another format.
pub fn converted(from: Format, picture: &[u8], to: Format) -> Vec<u8> {
    let conversion = Conversion::new(from, to, Adjust::NEUTRAL);
    let mut scratch = vec![0; conversion.scratch()];
    paint(to, |out| conversion.run(picture, out, &mut scratch))
}

/// The number of a picture; `None` if its first and its last row disagree or have none.
pub fn number(like: Format, picture: &[u8]) -> Option<u32> {
    let (first, last) = (stamp::read_first(like, picture)?, stamp::read_last(like, picture)?);
    (first == last).then_some(first.number)
}

/// The same in a buffer that was full of something: what lies between rows stays.
pub fn converted_over(fill: u8, from: Format, picture: &[u8], to: Format) -> Vec<u8> {
    let conversion = Conversion::new(from, to, Adjust::NEUTRAL);
    let mut scratch = vec![0; conversion.scratch()];
    let mut out = vec![fill; to.image_size() as usize];
    assert!(conversion.run(picture, &mut out[..], &mut scratch), "crate video converts {from:?} to {to:?}");
    out
}

fn paint(like: Format, paint: impl FnOnce(&mut [u8]) -> bool) -> Vec<u8> {
    let mut picture = vec![0; like.image_size() as usize];
    assert!(paint(&mut picture), "crate video paints {like:?}");
    picture
}
