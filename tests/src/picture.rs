//! Pictures as crate `video` paints them in ordinary memory: what the driver's have to be equal to.

use ksrig::client::{Pixels, Video};
use video::{Conversion, Format, Geometry, PixelFormat, stamp};

/// A client's format in the words of crate `video`.
///
/// # Panics
/// When it has no such format.
pub fn format(format: &Video) -> Format {
    let pixel = if format.pixels == Pixels::NV12 { PixelFormat::Nv12 } else { PixelFormat::Yuy2 };
    Format::new(pixel, Geometry::new(format.width, format.height).expect("a size that loopcam has"))
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
    let mut scratch = vec![0; Conversion::MIN_SCRATCH];
    paint(to, |out| video::convert(from, picture, to, out, &mut scratch))
}

/// The number of a picture; `None` if its first and its last row disagree or have none.
pub fn number(like: Format, picture: &[u8]) -> Option<u32> {
    let (first, last) = (stamp::read_first(like, picture)?, stamp::read_last(like, picture)?);
    (first == last).then_some(first.number)
}

fn paint(like: Format, paint: impl FnOnce(&mut [u8]) -> bool) -> Vec<u8> {
    let mut picture = vec![0; like.image_size() as usize];
    assert!(paint(&mut picture), "crate video paints {like:?}");
    picture
}
