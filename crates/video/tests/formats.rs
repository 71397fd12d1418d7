//! How a picture lies in memory.

mod common;

use common::formats;
use video::format::Layout;
use video::{Format, Geometry, PixelFormat};

#[test]
fn geometry_is_even_and_within_the_limits() {
    for width in 0..=2000 {
        let legal = width % 2 == 0 && (16..=1920).contains(&width);
        assert_eq!(Geometry::new(width, 480).is_some(), legal, "{width}");
        let legal = width % 2 == 0 && (16..=1080).contains(&width);
        assert_eq!(Geometry::new(640, width).is_some(), legal, "{width}");
    }
    for size in [u32::MAX, u32::MAX - 1, 1 << 31, 1 << 16] {
        assert_eq!(Geometry::new(size, 16), None);
        assert_eq!(Geometry::new(16, size), None);
    }
    let geometry = Geometry::new(640, 480).unwrap();
    assert_eq!((geometry.width(), geometry.height()), (640, 480));
}

#[test]
fn four_character_codes() {
    assert_eq!(PixelFormat::Nv12.fourcc(), 0x3231_564E);
    assert_eq!(PixelFormat::Yuy2.fourcc(), 0x3259_5559);
    for pixel in PixelFormat::ALL {
        assert_eq!(PixelFormat::from_fourcc(pixel.fourcc()), Some(pixel));
    }
    assert_eq!(PixelFormat::from_fourcc(u32::from_le_bytes(*b"MJPG")), None);
}

#[test]
fn image_size_is_what_the_pixels_take() {
    for format in formats() {
        let pixels = format.geometry.width() * format.geometry.height();
        let bits = pixels * u32::from(format.pixel.bits_per_pixel());
        assert_eq!(format.image_size() * 8, bits, "{format:?}");
        assert!(format.image_size() <= Format::MAX_IMAGE_SIZE);
        let size = format.image_size() as usize;
        assert!(format.fits(size) && format.fits(size + 1) && !format.fits(size - 1));
    }
    let largest = Geometry::new(1920, 1080).unwrap();
    assert_eq!(Format::new(PixelFormat::Nv12, largest).image_size(), 3_110_400);
    assert_eq!(Format::new(PixelFormat::Yuy2, largest).image_size(), Format::MAX_IMAGE_SIZE);
}

#[test]
fn planes_follow_each_other_and_fill_the_picture() {
    for format in formats() {
        let planes = match format.layout() {
            Layout::SemiPlanar { luma, chroma } => vec![luma, chroma],
            Layout::Packed(plane) => vec![plane],
        };
        let mut end = 0;
        for plane in &planes {
            assert_eq!(plane.at(0, 0), end, "{format:?}");
            end = plane.at(plane.rows, 0);
            assert_eq!(plane.at(plane.rows - 1, plane.stride), end, "{format:?}");
        }
        assert_eq!(end, format.image_size() as usize, "{format:?}");
        assert_eq!(planes[0].stride, format.stride(), "{format:?}");
        assert_eq!(planes[0].rows, format.geometry.height(), "{format:?}");
    }
}
