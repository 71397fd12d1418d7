//! Sizes to try, and memory that remembers what was done to it.

// Not every test needs everything.
#![allow(dead_code)]

use std::cell::RefCell;
use std::ops::Range;

use video::{Format, Geometry, PixelFormat, Sink, Source};

/// Every narrow width, widths around whole spans, and sizes in use.
pub fn geometries() -> Vec<Geometry> {
    let narrow = (16..=64).step_by(2).map(|width| (width, 16));
    let low = (16..=34).step_by(2).map(|height| (48, height));
    let words = [(76, 64), (78, 62), (78, 64), (80, 64), (96, 66)];
    let spans = [(94, 16), (126, 18), (128, 16), (130, 18), (160, 16), (254, 16), (256, 20), (258, 18)];
    let used = [(160, 120), (640, 480), (720, 576), (1280, 720), (1920, 1080)];
    let extreme = [(16, 1080), (1920, 16), (1918, 18)];
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

/// The format of the same size that it is not.
pub fn other(format: Format) -> Format {
    let pixel = match format.pixel {
        PixelFormat::Nv12 => PixelFormat::Yuy2,
        PixelFormat::Yuy2 => PixelFormat::Nv12,
    };
    Format::new(pixel, format.geometry)
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

/// Where the luma of a pixel lies.
pub fn luma_at(format: Format, x: u32, y: u32) -> usize {
    let step = match format.pixel {
        PixelFormat::Nv12 => 1,
        PixelFormat::Yuy2 => 2,
    };
    (y * format.stride() + x * step) as usize
}

/// Where Cb of a pixel lies; Cr follows, one or two bytes behind.
pub fn chroma_at(format: Format, x: u32, y: u32) -> (usize, usize) {
    let (width, height) = (format.geometry.width(), format.geometry.height());
    let pair = x / 2;
    match format.pixel {
        PixelFormat::Nv12 => {
            let cb = (width * height + y / 2 * width + pair * 2) as usize;
            (cb, cb + 1)
        }
        PixelFormat::Yuy2 => {
            let cb = (y * width * 2 + pair * 4 + 1) as usize;
            (cb, cb + 2)
        }
    }
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

    // Every byte is written once, and none behind the picture.
    let mut sink = Counted::new(vec![0xEE; size + 3]);
    assert!(make(&mut sink), "{format:?}");
    let (picture, behind) = sink.writes.split_at(size);
    assert!(picture.iter().all(|count| *count == 1), "{format:?}");
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
