//! How a picture lies in memory.

mod common;

use common::{formats, is_pixel, luma_at, yuv_formats};
use video::{Encoding, Format, Geometry, Order, PixelFormat};

#[test]
fn geometry_is_even_and_within_the_limits() {
    for width in 0..=4000 {
        let legal = width % 2 == 0 && (16..=3840).contains(&width);
        assert_eq!(Geometry::new(width, 480).is_some(), legal, "{width}");
        let legal = width % 2 == 0 && (16..=2160).contains(&width);
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
        // RGB has BI_RGB, which says no more than that.
        let found = if pixel.is_rgb() { None } else { Some(pixel) };
        assert_eq!(PixelFormat::from_fourcc(pixel.fourcc()), found);
    }
    assert_eq!((PixelFormat::Rgb24.fourcc(), PixelFormat::Rgb32.fourcc()), (0, 0));
    assert_eq!(PixelFormat::from_fourcc(u32::from_le_bytes(*b"MJPG")), None);
}

#[test]
fn image_size_is_what_the_pixels_take() {
    for format in formats() {
        let (width, height) = (format.geometry.width(), format.geometry.height());
        let bits = u32::from(format.pixel.bits_per_pixel());
        if format.pixel.is_rgb() {
            // The documented formula of a device-independent bitmap.
            assert_eq!(format.image_size(), ((width * bits + 31) & !31) / 8 * height, "{format:?}");
        } else {
            assert_eq!(format.image_size() * 8, width * height * bits, "{format:?}");
        }
        assert!(format.image_size() <= Format::MAX_IMAGE_SIZE);
        let size = format.image_size() as usize;
        assert!(format.fits(size) && format.fits(size + 1) && !format.fits(size - 1));
    }
    let largest = Geometry::new(3840, 2160).unwrap();
    assert_eq!(Format::new(PixelFormat::Nv12, largest).image_size(), 12_441_600);
    assert_eq!(Format::new(PixelFormat::Rgb32, largest).image_size(), Format::MAX_IMAGE_SIZE);
}

#[test]
fn rows_of_planes_are_apart_and_fill_the_picture() {
    for format in formats().chain(strided()) {
        let pixels = is_pixel(format);
        let bytes = pixels.iter().filter(|is| **is).count();
        let rows = if format.pixel == PixelFormat::Nv12 { 3 } else { 2 } * format.geometry.height() / 2;
        // None of them lies over another.
        assert_eq!(bytes, (rows * format.row_bytes()) as usize, "{format:?}");
        assert_eq!(pixels.len(), (rows * format.stride()) as usize, "{format:?}");
    }
}

/// Formats with bytes between rows, and with rows in either order.
fn strided() -> impl Iterator<Item = Format> {
    formats().filter(|format| format.geometry.width() < 200).flat_map(|format| {
        let wide = format.with_stride(format.stride() + 12).unwrap();
        [Some(wide), wide.with_order(Order::TopDown), wide.with_order(Order::BottomUp)].into_iter().flatten()
    })
}

#[test]
fn rows_of_rgb_are_in_the_order_of_the_sign_of_the_height() {
    for format in formats().filter(|format| format.pixel.is_rgb()) {
        let height = format.geometry.height();
        let bottom_up = luma_at(format, 0, height - 1);
        assert_eq!((format.order(), bottom_up), (Order::BottomUp, 0));
        let top_down = format.with_order(Order::TopDown).unwrap();
        assert_eq!(luma_at(top_down, 0, 0), 0);
        assert_eq!(luma_at(top_down, 0, height - 1), luma_at(format, 0, 0));
    }
    for format in yuv_formats() {
        assert_eq!(format.with_order(Order::BottomUp), None);
        assert_eq!(format.with_order(Order::TopDown), Some(format));
        assert_eq!(luma_at(format, 0, 0), 0);
    }
}

#[test]
fn stride_is_at_least_a_row_and_at_most_the_limit() {
    for format in formats() {
        assert_eq!(format.with_stride(format.row_bytes() - 1), None);
        assert_eq!(format.with_stride(Format::MAX_STRIDE + 1), None);
        assert_eq!(format.with_stride(u32::MAX), None);
        assert_eq!(format.with_stride(0), None);
        let wide = format.with_stride(Format::MAX_STRIDE).unwrap();
        assert!(i32::try_from(wide.image_size()).is_ok());
        assert_eq!(format.with_stride(format.stride()), Some(format));
    }
    // As a biWidth of 100 says.
    let strides = PixelFormat::ALL.map(|pixel| pixel.stride(100));
    assert_eq!(strides, [100, 200, 300, 400]);
    assert_eq!(PixelFormat::Rgb24.stride(18), 56);
    for pixel in PixelFormat::ALL {
        assert_eq!((pixel.stride(u32::MAX), pixel.stride(1 << 30), pixel.stride(65_537)), (0, 0, 0));
    }
}

#[test]
fn rgb_has_no_encoding() {
    for encoding in Encoding::ALL {
        for format in formats().take(4) {
            let shall = if format.pixel.is_rgb() { Encoding::DEFAULT } else { encoding };
            assert_eq!(format.with_encoding(encoding).encoding(), shall);
        }
    }
}
