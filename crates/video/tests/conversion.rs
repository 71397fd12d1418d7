//! Conversion, against one that is too simple to be wrong.

mod common;

use common::{Counted, assert_careful, blank, chroma_at, formats, luma_at, noise, other};
use video::{Format, Geometry, PixelFormat, convert};

/// Pixel by pixel.
fn naive(from: Format, source: &[u8], to: Format) -> Vec<u8> {
    let mut picture = blank(to, 0);
    for y in 0..from.geometry.height() {
        for x in 0..from.geometry.width() {
            picture[luma_at(to, x, y)] = source[luma_at(from, x, y)];
            // In NV12 these are the same, and so is their mean.
            let (upper, lower) = (chroma_at(from, x, y & !1), chroma_at(from, x, y | 1));
            let mean = |a: usize, b: usize| (f64::from(source[a]) + f64::from(source[b])) / 2.;
            let (cb, cr) = chroma_at(to, x, y);
            picture[cb] = (mean(upper.0, lower.0) + 0.5).floor() as u8;
            picture[cr] = (mean(upper.1, lower.1) + 0.5).floor() as u8;
        }
    }
    picture
}

#[test]
fn is_what_the_naive_one_makes() {
    for from in formats() {
        let (to, source) = (other(from), noise(from));
        let mut picture = blank(to, 0);
        assert!(convert(from, &source[..], to, &mut picture[..]));
        assert!(picture == naive(from, &source, to), "{from:?}");
    }
}

#[test]
fn there_and_back_is_the_same_picture() {
    for nv12 in formats().filter(|format| format.pixel == PixelFormat::Nv12) {
        let (yuy2, source) = (other(nv12), noise(nv12));
        let mut there = blank(yuy2, 0);
        let mut back = blank(nv12, 0);
        assert!(convert(nv12, &source[..], yuy2, &mut there[..]));
        assert!(convert(yuy2, &there[..], nv12, &mut back[..]));
        assert!(back == source, "{nv12:?}");
    }
}

#[test]
fn every_byte_is_read_once_and_written_once() {
    for from in formats() {
        let to = other(from);
        assert_careful(to, |sink| {
            // A source may be larger than the picture; what is behind it is not read.
            let mut source = noise(from);
            source.extend([0; 5]);
            let source = Counted::new(source);
            let converted = convert(from, &source, to, sink);
            if converted {
                let reads = source.reads.borrow();
                let (picture, behind) = reads.split_at(from.image_size() as usize);
                assert!(picture.iter().all(|count| *count == 1), "{from:?}");
                assert!(behind.iter().all(|count| *count == 0), "{from:?}");
            }
            converted
        });
    }
}

#[test]
fn a_source_that_is_too_small_is_not_read() {
    for from in formats() {
        let size = from.image_size() as usize;
        for len in [0, 1, size - 1] {
            let source = Counted::new(vec![0; len]);
            let mut sink = Counted::new(blank(other(from), 0));
            assert!(!convert(from, &source, other(from), &mut sink));
            assert!(source.reads.borrow().iter().all(|count| *count == 0));
            assert!(sink.writes.iter().all(|count| *count == 0));
        }
    }
}

#[test]
fn equal_formats_and_different_sizes_are_refused() {
    let small = Geometry::new(64, 48).unwrap();
    let large = Geometry::new(64, 50).unwrap();
    for pixel in PixelFormat::ALL {
        let from = Format::new(pixel, small);
        let source = noise(from);
        let equal = from;
        let larger = other(Format::new(pixel, large));
        for to in [equal, larger] {
            let mut sink = Counted::new(blank(to, 0));
            assert!(!convert(from, &source[..], to, &mut sink));
            assert!(sink.writes.iter().all(|count| *count == 0));
        }
    }
}
