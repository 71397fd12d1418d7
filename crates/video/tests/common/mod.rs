//! Sizes to try, and memory that remembers what was done to it.

// Not every test needs everything.
#![allow(dead_code)]

use std::cell::RefCell;
use std::ops::Range;

use video::format::Layout;
use video::{Adjust, Conversion, Format, Geometry, PixelFormat, Sink, Source};

/// Every narrow width, widths around whole spans, and sizes in use.
pub fn geometries() -> Vec<Geometry> {
    let narrow = (16..=64).step_by(2).map(|width| (width, 16));
    let low = (16..=34).step_by(2).map(|height| (48, height));
    let words = [(76, 64), (78, 62), (78, 64), (80, 64), (96, 66)];
    let spans = [(94, 16), (126, 18), (128, 16), (130, 18), (160, 16), (254, 16), (256, 20), (258, 18)];
    let used = [(160, 120), (640, 480), (720, 576), (1280, 720), (1920, 1080)];
    let extreme = [(16, 2160), (3840, 16), (3838, 18)];
    narrow
        .chain(low)
        .chain(words)
        .chain(spans)
        .chain(used)
        .chain(extreme)
        .map(|(width, height)| Geometry::new(width, height).unwrap())
        .collect()
}

/// Every geometry in every pixel format.
pub fn formats() -> impl Iterator<Item = Format> {
    geometries().into_iter().flat_map(|geometry| PixelFormat::ALL.map(|pixel| Format::new(pixel, geometry)))
}

/// Every geometry in NV12 and YUY2.
pub fn yuv_formats() -> impl Iterator<Item = Format> {
    formats().filter(|format| !format.pixel.is_rgb())
}

/// The format of the same size that it is not, of NV12 and YUY2.
pub fn other(format: Format) -> Format {
    let pixel = if format.pixel == PixelFormat::Nv12 { PixelFormat::Yuy2 } else { PixelFormat::Nv12 };
    Format::new(pixel, format.geometry)
}

/// Converts into new memory.
pub fn converted(from: Format, source: &[u8], to: Format) -> Vec<u8> {
    adjusted(from, source, to, Adjust::NEUTRAL)
}

/// Converts into new memory, and adjusts.
pub fn adjusted(from: Format, source: &[u8], to: Format, adjust: Adjust) -> Vec<u8> {
    let conversion = Conversion::new(from, to, adjust);
    let mut picture = blank(to, 0);
    // The scratch memory may hold anything.
    let mut scratch = vec![0xA5; conversion.scratch()];
    assert!(conversion.run(source, &mut picture[..], &mut scratch));
    picture
}

/// A picture full of one value.
pub fn blank(format: Format, value: u8) -> Vec<u8> {
    vec![value; format.image_size() as usize]
}

/// A picture full of noise, always the same.
pub fn noise(format: Format) -> Vec<u8> {
    let mut state = format.geometry.width() << 16 | format.geometry.height();
    let mut picture = blank(format, 0);
    for byte in &mut picture {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
    picture
}

/// Where the luma of a pixel lies, or its first byte.
pub fn luma_at(format: Format, x: u32, y: u32) -> usize {
    match format.layout() {
        Layout::SemiPlanar { luma, .. } => luma.at(y, x),
        Layout::Packed(plane) => plane.at(y, 2 * x),
        Layout::Rgb { plane, bytes } => plane.at(y, bytes * x),
    }
}

/// Where Cb of a pixel lies, and where Cr.
pub fn chroma_at(format: Format, x: u32, y: u32) -> (usize, usize) {
    let pair = x / 2;
    match format.layout() {
        Layout::SemiPlanar { chroma, .. } => (chroma.at(y / 2, pair * 2), chroma.at(y / 2, pair * 2 + 1)),
        Layout::Packed(plane) => (plane.at(y, pair * 4 + 1), plane.at(y, pair * 4 + 3)),
        Layout::Rgb { .. } => panic!("{format:?} has no chroma"),
    }
}

/// Which bytes of a picture are pixels.
pub fn is_pixel(format: Format) -> Vec<bool> {
    let mut pixel = vec![false; format.image_size() as usize];
    let planes = match format.layout() {
        Layout::SemiPlanar { luma, chroma } => vec![luma, chroma],
        Layout::Packed(plane) | Layout::Rgb { plane, .. } => vec![plane],
    };
    for plane in planes {
        for row in 0..plane.rows {
            let begin = plane.at(row, 0);
            pixel[begin..begin + format.row_bytes() as usize].fill(true);
        }
    }
    pixel
}

/// Memory that counts how often each byte is read and written.
pub struct Counted {
    pub bytes: Vec<u8>,
    pub writes: Vec<u32>,
    pub reads: RefCell<Vec<u32>>,
    /// How many pieces are accepted before the first is refused.
    pub patience: u32,
}

impl Counted {
    pub fn new(bytes: Vec<u8>) -> Self {
        let none = vec![0; bytes.len()];
        Self { bytes, writes: none.clone(), reads: RefCell::new(none), patience: u32::MAX }
    }

    fn range(&self, offset: usize, len: usize) -> Range<usize> {
        assert!(offset + len <= self.bytes.len(), "{len} bytes at {offset}");
        assert!(len > 0);
        offset..offset + len
    }

    fn accepts(&mut self) -> bool {
        self.patience = self.patience.saturating_sub(1);
        self.patience > 0
    }
}

impl Source for Counted {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        let range = self.range(offset, out.len());
        self.reads.borrow_mut()[range.clone()].iter_mut().for_each(|count| *count += 1);
        out.copy_from_slice(&self.bytes[range]);
        true
    }
}

impl Sink for Counted {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> bool {
        let range = self.range(offset, data.len());
        self.writes[range.clone()].iter_mut().for_each(|count| *count += 1);
        self.bytes[range].copy_from_slice(data);
        self.accepts()
    }

    fn fill(&mut self, offset: usize, len: usize, value: u8) -> bool {
        let range = self.range(offset, len);
        self.writes[range.clone()].iter_mut().for_each(|count| *count += 1);
        self.bytes[range].fill(value);
        self.accepts()
    }
}

/// What every function that makes a whole picture promises about the memory it goes to.
pub fn assert_careful(format: Format, make: impl Fn(&mut Counted) -> bool) {
    let size = format.image_size() as usize;

    // Every byte of a pixel is written once, and no other.
    let mut sink = Counted::new(vec![0xEE; size + 3]);
    assert!(make(&mut sink), "{format:?}");
    let (picture, behind) = sink.writes.split_at(size);
    assert!(picture.iter().zip(is_pixel(format)).all(|(count, is)| *count == u32::from(is)), "{format:?}");
    assert!(behind.iter().all(|count| *count == 0), "{format:?}");
    // Nothing is read back.
    assert!(sink.reads.borrow().iter().all(|count| *count == 0), "{format:?}");

    // Where it does not fit, nothing is written.
    for len in [0, 1, size / 2, size - 1] {
        let mut sink = Counted::new(vec![0xEE; len]);
        assert!(!make(&mut sink), "{format:?}");
        assert!(sink.writes.iter().all(|count| *count == 0), "{format:?}");
    }

    // A refusal is passed on.
    for patience in [1, 2, 3, 5] {
        let mut sink = Counted::new(vec![0xEE; size]);
        sink.patience = patience;
        assert!(!make(&mut sink), "{format:?}");
        assert_eq!(sink.patience, 0, "{format:?}");
    }
}
