//! Pictures of one size in pictures of another.

mod common;

use common::{Counted, assert_careful, chroma_at, converted, geometries, luma_at, noise};
use video::{Adjust, Conversion, Encoding, Format, Geometry, Order, PixelFormat, bars, fit, stamp};

fn geometry(width: u32, height: u32) -> Geometry {
    Geometry::new(width, height).unwrap()
}

#[test]
fn area_is_the_largest_of_its_shape_in_the_middle() {
    for from in geometries() {
        for to in geometries() {
            let area = fit(from, to);
            let (width, height) = (to.width(), to.height());
            for side in [area.x, area.y, area.width, area.height] {
                assert!(side.is_multiple_of(2), "{from:?} {to:?} {area:?}");
            }
            assert!(area.width >= 2 && area.height >= 2);
            assert!(area.width == width || area.height == height, "{from:?} {to:?} {area:?}");
            // In the middle, to a pair.
            assert!((width - area.width - area.x).abs_diff(area.x) <= 2, "{from:?} {to:?} {area:?}");
            assert!((height - area.height - area.y).abs_diff(area.y) <= 2, "{from:?} {to:?} {area:?}");
            // The shape, to the nearest even number, which is at least two.
            let shape = f64::from(from.width()) / f64::from(from.height());
            let wide = (f64::from(area.height) * shape).max(2.) - f64::from(area.width);
            let high = (f64::from(area.width) / shape).max(2.) - f64::from(area.height);
            assert!(wide.abs() <= 1.001 || high.abs() <= 1.001, "{from:?} {to:?} {area:?}");
        }
    }
    let area = fit(geometry(640, 480), geometry(1920, 1080));
    assert_eq!((area.x, area.y, area.width, area.height), (240, 0, 1440, 1080));
    let area = fit(geometry(1920, 1080), geometry(640, 480));
    assert_eq!((area.x, area.y, area.width, area.height), (0, 60, 640, 360));
}

/// Pairs of sizes: up, down, far, wide, high.
fn sizes() -> [(Geometry, Geometry); 8] {
    [
        (geometry(64, 48), geometry(160, 120)),
        (geometry(160, 120), geometry(64, 48)),
        (geometry(160, 120), geometry(176, 144)),
        (geometry(3840, 16), geometry(16, 16)),
        (geometry(16, 16), geometry(3840, 16)),
        (geometry(16, 2160), geometry(18, 16)),
        (geometry(34, 18), geometry(32, 18)),
        (geometry(128, 64), geometry(130, 66)),
    ]
}

fn variants(geometry: Geometry) -> impl Iterator<Item = Format> {
    PixelFormat::ALL.into_iter().flat_map(move |pixel| {
        let format = Format::new(pixel, geometry);
        let wide = format.with_stride(format.stride() + 20).unwrap();
        [Some(format), wide.with_order(Order::TopDown)].into_iter().flatten()
    })
}

#[test]
fn every_pixel_is_written_once_and_nothing_else() {
    for (small, large) in sizes() {
        for from in variants(small) {
            let source = Counted::new(noise(from));
            for to in variants(large) {
                let conversion = Conversion::new(from, to, Adjust::NEUTRAL);
                assert!(!conversion.is_copy());
                assert_careful(to, |sink| conversion.run(&source, sink, &mut vec![0; conversion.scratch()]));
                let mut sink = Counted::new(vec![0; to.image_size() as usize]);
                assert!(!conversion.run(&source, &mut sink, &mut vec![0; conversion.scratch() - 1]));
                assert!(sink.writes.iter().all(|count| *count == 0));
            }
        }
    }
}

#[test]
fn every_row_of_the_source_is_read_once_at_most() {
    for (small, large) in sizes() {
        for from in variants(small) {
            let source = Counted::new(noise(from));
            let to = Format::new(PixelFormat::Nv12, large);
            let conversion = Conversion::new(from, to, Adjust::NEUTRAL);
            let mut picture = vec![0; to.image_size() as usize];
            assert!(conversion.run(&source, &mut picture[..], &mut vec![0; conversion.scratch()]));
            assert!(source.reads.borrow().iter().all(|count| *count <= 1), "{from:?} {to:?}");
        }
    }
}

/// What is left around is black in every format and encoding, and the picture fills the rest.
#[test]
fn the_rest_is_black() {
    for encoding in Encoding::ALL {
        for (from, to) in [(geometry(64, 64), geometry(160, 120)), (geometry(160, 64), geometry(64, 64))] {
            let source_format = Format::new(PixelFormat::Yuy2, from).with_encoding(encoding);
            let source = vec![200; source_format.image_size() as usize];
            let area = fit(from, to);
            for pixel in PixelFormat::ALL {
                let format = Format::new(pixel, to).with_encoding(encoding);
                let picture = converted(source_format, &source, format);
                let luma = if encoding.range == video::Range::Full { 0 } else { 16 };
                for y in 0..to.height() {
                    for x in 0..to.width() {
                        let inside = (area.x..area.x + area.width).contains(&x)
                            && (area.y..area.y + area.height).contains(&y);
                        let at = luma_at(format, x, y);
                        let samples = if pixel.is_rgb() {
                            [picture[at], picture[at + 1], picture[at + 2]]
                        } else {
                            let (cb, cr) = chroma_at(format, x, y);
                            [picture[at], picture[cb], picture[cr]]
                        };
                        let black = if pixel.is_rgb() { [0; 3] } else { [luma, 128, 128] };
                        assert_eq!(samples == black, !inside, "{format:?} {x} {y} {samples:?}");
                        assert!(pixel.is_rgb() || !inside || samples == [200; 3], "{format:?} {samples:?}");
                    }
                }
            }
        }
    }
}

/// A picture that is enlarged by whole numbers still has its frame number.
#[test]
fn stamp_survives_enlargement() {
    for pixel in PixelFormat::ALL {
        let from = Format::new(pixel, geometry(384, 288));
        let mut source = vec![0; from.image_size() as usize];
        assert!(bars::paint(from, 0x1234_5678, &mut source[..]));
        for scale in 2..=4 {
            let to = Format::new(PixelFormat::Nv12, geometry(384 * scale, 288 * scale));
            let picture = converted(from, &source, to);
            assert!(stamp::read_first(to, &picture[..]).unwrap().is(0x1234_5678));
            assert!(stamp::read_last(to, &picture[..]).unwrap().is(0x1234_5678));
        }
    }
}
