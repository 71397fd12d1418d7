//! Brightness, contrast, saturation and hue.

mod common;

use common::{adjusted, chroma_at, converted, luma_at, noise};
use video::{Adjust, Conversion, Encoding, Format, Geometry, PixelFormat, Range};

fn format(pixel: PixelFormat) -> Format {
    Format::new(pixel, Geometry::new(66, 34).unwrap())
}

/// The formula, in floating point.
fn exact([y, cb, cr]: [f64; 3], adjust: Adjust, encoding: Encoding) -> [f64; 3] {
    let (black, span) = if encoding.range == Range::Full { (0., 255.) } else { (16., 219.) };
    let (brightness, contrast) = (f64::from(adjust.brightness() - 750), f64::from(adjust.contrast()) / 100.);
    let saturation = f64::from(adjust.saturation()) / 100.;
    let (sine, cosine) = (f64::from(adjust.hue()) / 100.).to_radians().sin_cos();
    let (cb, cr) = (cb - 128., cr - 128.);
    [
        black + (y - black) * contrast + brightness * span / 10_000.,
        128. + (cb * cosine + cr * sine) * saturation,
        128. + (cr * cosine - cb * sine) * saturation,
    ]
    .map(|sample| sample.clamp(0., 255.))
}

#[test]
fn luma_and_chroma_are_what_the_formula_says() {
    let values = [
        (750, 100, 100, 0),
        (1750, 100, 100, 0),
        (-10_000, 100, 100, 0),
        (10_000, 100, 100, 0),
        (750, 0, 100, 0),
        (750, 150, 100, 0),
        (750, 10_000, 100, 0),
        (750, 100, 0, 0),
        (750, 100, 250, 0),
        (750, 100, 10_000, 4500),
        (750, 100, 100, 9000),
        (750, 100, 100, -18_000),
        (750, 100, 100, 18_000),
        (2000, 80, 120, -3000),
    ];
    for encoding in Encoding::ALL {
        for pixel in [PixelFormat::Nv12, PixelFormat::Yuy2] {
            let format = format(pixel).with_encoding(encoding);
            let source = noise(format);
            for (brightness, contrast, saturation, hue) in values {
                let adjust = Adjust::new(brightness, contrast, saturation, hue).unwrap();
                let picture = adjusted(format, &source, format, adjust);
                // Factors are exact to an eight-thousandth of the greatest.
                let tolerance = 0.6 + f64::from(contrast.max(saturation)) / 100. * 0.02;
                for (x, y) in (0..34).flat_map(|y| (0..66).map(move |x| (x, y))) {
                    let at = |bytes: &[u8]| {
                        let (cb, cr) = chroma_at(format, x, y);
                        [bytes[luma_at(format, x, y)], bytes[cb], bytes[cr]].map(f64::from)
                    };
                    let (is, shall) = (at(&picture), exact(at(&source), adjust, encoding));
                    for (is, shall) in is.into_iter().zip(shall) {
                        assert!((is - shall).abs() <= tolerance, "{format:?} {adjust:?}: {is} {shall}");
                    }
                }
            }
        }
    }
}

#[test]
fn neutral_is_the_same_picture_and_a_copy() {
    assert!(Adjust::NEUTRAL.is_neutral());
    for from in PixelFormat::ALL.map(format) {
        let conversion = Conversion::new(from, from, Adjust::NEUTRAL);
        assert!(conversion.is_copy());
        for to in PixelFormat::ALL.map(format) {
            let source = noise(from);
            assert!(adjusted(from, &source, to, Adjust::NEUTRAL) == converted(from, &source, to));
        }
    }
    let turned = Adjust::new(750, 100, 100, 100).unwrap();
    assert!(!Conversion::new(format(PixelFormat::Nv12), format(PixelFormat::Nv12), turned).is_copy());
}

/// Grey pixels of RGB get darker and stay grey; with no saturation every pixel does.
#[test]
fn rgb_is_adjusted_too() {
    let rgb = format(PixelFormat::Rgb24);
    let grey = vec![100; rgb.image_size() as usize];
    let darker = adjusted(rgb, &grey, rgb, Adjust::new(750, 50, 100, 0).unwrap());
    assert!(darker[..rgb.row_bytes() as usize].iter().all(|level| level.abs_diff(50) <= 1), "{darker:?}");
    let colourless = adjusted(rgb, &noise(rgb), rgb, Adjust::new(750, 100, 0, 0).unwrap());
    let pixels = colourless[..rgb.row_bytes() as usize].as_chunks::<3>().0;
    assert!(pixels.iter().all(|[b, g, r]| b == g && g == r));
}

/// Ranges and defaults are those that the pages require; a value between steps or beyond the ends is none.
#[test]
fn values_are_those_of_the_pages() {
    let controls = [Adjust::BRIGHTNESS, Adjust::CONTRAST, Adjust::SATURATION, Adjust::HUE];
    let required = [(-10_000, 10_000, 750), (0, 10_000, 100), (0, 10_000, 100), (-18_000, 18_000, 0)];
    assert_eq!(controls.map(|control| (control.min, control.max, control.default)), required);
    for control in controls {
        assert!(control.has(control.min) && control.has(control.max) && control.has(control.default));
        for value in [control.min - 1, control.max + 1, i32::MIN, i32::MAX] {
            assert!(!control.has(value));
        }
        assert_eq!(control.has(control.min + 1), control.step == 1);
        assert!(control.has(control.min + control.step));
    }
    assert_eq!(Adjust::new(750, 100, 100, 0), Some(Adjust::NEUTRAL));
    assert_eq!(Adjust::new(751, 100, 100, 0), None);
    assert_eq!(Adjust::new(750, -1, 100, 0), None);
    assert_eq!(Adjust::new(750, 100, 10_001, 0), None);
    assert_eq!(Adjust::new(750, 100, 100, 18_100), None);
}
