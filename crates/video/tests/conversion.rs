//! Conversion between pictures of one size, against one in floating point that is too simple to be wrong.

mod common;

use common::{
    Counted, assert_careful, blank, chroma_at, converted, formats, is_pixel, luma_at, noise, other,
    yuv_formats,
};
use video::{
    Adjust, Conversion, Encoding, Format, Geometry, Matrix, Order, PixelFormat, Range, Source as _, convert,
};

/// Formats of one size.
fn of_size(width: u32, height: u32) -> [Format; 4] {
    PixelFormat::ALL.map(|pixel| Format::new(pixel, Geometry::new(width, height).unwrap()))
}

/// The sizes at which every pair is tried: around whole blocks and spans, and the limits.
const SIZES: [(u32, u32); 9] =
    [(16, 16), (18, 16), (30, 20), (32, 18), (34, 16), (130, 18), (254, 16), (640, 480), (3840, 16)];

/// Luma of all pixels and chroma of all pairs of pixels, row by row.
struct Yuv {
    luma: Vec<f64>,
    chroma: Vec<[f64; 2]>,
}

/// What luma and chroma mean: the weights of red, green and blue, the spans, and black.
fn weights(encoding: Encoding) -> ([f64; 3], f64, f64, f64) {
    let (red, blue) = match encoding.matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
    };
    let (luma, chroma, black) = match encoding.range {
        Range::Limited => (219., 224., 16.),
        Range::Full => (255., 255., 0.),
    };
    ([red, 1. - red - blue, blue], luma, chroma, black)
}

fn encode([r, g, b]: [f64; 3], encoding: Encoding) -> [f64; 3] {
    let ([kr, kg, kb], luma, chroma, black) = weights(encoding);
    let y = (kr * r + kg * g + kb * b) / 255.;
    let cb = (b / 255. - y) / 2. / (1. - kb);
    let cr = (r / 255. - y) / 2. / (1. - kr);
    [black + luma * y, 128. + chroma * cb, 128. + chroma * cr]
}

fn decode([y, cb, cr]: [f64; 3], encoding: Encoding) -> [f64; 3] {
    let ([kr, kg, kb], luma, chroma, black) = weights(encoding);
    let y = (y - black) / luma;
    let b = y + 2. * (1. - kb) * (cb - 128.) / chroma;
    let r = y + 2. * (1. - kr) * (cr - 128.) / chroma;
    [r, (y - kr * r - kb * b) / kg, b].map(|level| level * 255.)
}

fn rgb_at(format: Format, picture: &[u8], x: u32, y: u32) -> [f64; 3] {
    let at = luma_at(format, x, y);
    [2, 1, 0].map(|channel| f64::from(picture[at + channel]))
}

/// Rounded as documented.
fn round(value: f64) -> f64 {
    (value + 0.5).floor()
}

/// A picture in 4:2:2, as documented.
fn yuv(format: Format, picture: &[u8], encoding: Encoding) -> Yuv {
    let (width, height) = (format.geometry.width(), format.geometry.height());
    let sample = |at: usize| f64::from(picture[at]);
    let (mut luma, mut chroma) = (Vec::new(), Vec::new());
    for y in 0..height {
        for x in 0..width {
            if format.pixel.is_rgb() {
                luma.push(encode(rgb_at(format, picture, x, y), encoding)[0]);
            } else {
                luma.push(sample(luma_at(format, x, y)));
            }
        }
        for x in (0..width).step_by(2) {
            let pair = match format.pixel {
                PixelFormat::Nv12 => {
                    let far = if y % 2 == 0 { y.saturating_sub(2) } else { (y + 2).min(height - 1) };
                    let (near, far) = (chroma_at(format, x, y), chroma_at(format, x, far));
                    let blend = |near: usize, far: usize| round((3. * sample(near) + sample(far)) / 4.);
                    [blend(near.0, far.0), blend(near.1, far.1)]
                }
                PixelFormat::Yuy2 => {
                    let (cb, cr) = chroma_at(format, x, y);
                    [sample(cb), sample(cr)]
                }
                PixelFormat::Rgb24 | PixelFormat::Rgb32 => {
                    let left = rgb_at(format, picture, x.saturating_sub(1), y);
                    let (here, right) = (rgb_at(format, picture, x, y), rgb_at(format, picture, x + 1, y));
                    let mixed = [0, 1, 2].map(|i| (left[i] + 2. * here[i] + right[i]) / 4.);
                    let [_, cb, cr] = encode(mixed, encoding);
                    [cb, cr]
                }
            };
            chroma.push(pair);
        }
    }
    Yuv { luma, chroma }
}

/// What each byte of the converted picture should be; `None` where it is nothing.
fn reference(from: Format, source: &[u8], to: Format) -> Vec<Option<f64>> {
    let (width, height) = (from.geometry.width(), from.geometry.height());
    let mut shall = vec![None; to.image_size() as usize];
    let between = if from.pixel.is_rgb() { to.encoding() } else { from.encoding() };
    let picture = yuv(from, source, between);
    for y in 0..height {
        for x in 0..width {
            let at = luma_at(to, x, y);
            let pixel = (y * width + x) as usize;
            let pair = |y: u32, x: u32| picture.chroma[(y * width / 2 + x / 2) as usize];
            let [cb, cr] = pair(y, x);
            if to.pixel.is_rgb() {
                let rgb = if from.pixel.is_rgb() {
                    rgb_at(from, source, x, y)
                } else {
                    let [cb2, cr2] = pair(y, (x + x % 2).min(width - 1));
                    let chroma = if x % 2 == 0 { [cb, cr] } else { [(cb + cb2) / 2., (cr + cr2) / 2.] };
                    decode([picture.luma[pixel], chroma[0], chroma[1]], between)
                };
                for (channel, level) in [2, 1, 0].into_iter().zip(rgb) {
                    shall[at + channel] = Some(level.clamp(0., 255.));
                }
                if to.pixel == PixelFormat::Rgb32 {
                    // A copy leaves what means nothing as it is.
                    let alpha =
                        if from.pixel == to.pixel { source[luma_at(from, x, y) + 3].into() } else { 255. };
                    shall[at + 3] = Some(alpha);
                }
                continue;
            }
            let (luma, mut chroma) = (picture.luma[pixel], [cb, cr]);
            if to.pixel == PixelFormat::Nv12 {
                chroma = if from.pixel == PixelFormat::Nv12 {
                    let (cb, cr) = chroma_at(from, x, y);
                    [source[cb], source[cr]].map(f64::from)
                } else {
                    let (upper, lower) = (pair(y & !1, x), pair(y | 1, x));
                    let mean = [0, 1].map(|i| f64::midpoint(upper[i], lower[i]));
                    if from.pixel.is_rgb() { mean } else { mean.map(round) }
                };
            }
            let [luma, cb, cr] = if between == to.encoding() {
                [luma, chroma[0], chroma[1]]
            } else {
                encode(decode([luma, chroma[0], chroma[1]], between), to.encoding())
            };
            shall[at] = Some(luma.clamp(0., 255.));
            let (cb_at, cr_at) = chroma_at(to, x, y);
            if from.pixel.is_rgb() || x % 2 == 0 {
                shall[cb_at] = Some(cb.clamp(0., 255.));
                shall[cr_at] = Some(cr.clamp(0., 255.));
            }
        }
    }
    shall
}

/// Compares, and says how far it is off: the most, and the mean with its sign.
fn difference(from: Format, source: &[u8], to: Format) -> (f64, f64) {
    let picture = converted(from, source, to);
    let (mut most, mut sum, mut count) = (0f64, 0., 0.);
    for (is, shall) in picture.iter().zip(reference(from, source, to)) {
        let Some(shall) = shall else {
            assert_eq!(*is, 0, "written between rows: {from:?} {to:?}");
            continue;
        };
        let off = f64::from(*is) - shall;
        most = most.max(off.abs());
        sum += off;
        count += 1.;
    }
    (most, sum / count)
}

#[test]
fn samples_that_are_only_moved_are_exact() {
    for (width, height) in SIZES {
        for from in of_size(width, height) {
            let source = noise(from);
            for to in of_size(width, height) {
                if from.pixel.is_rgb() == to.pixel.is_rgb() {
                    assert_eq!(difference(from, &source, to).0, 0., "{from:?} {to:?}");
                }
            }
        }
    }
}

#[test]
fn between_rgb_and_yuv_is_within_rounding_in_every_encoding() {
    for (width, height) in SIZES {
        for encoding in Encoding::ALL {
            for from in of_size(width, height).map(|format| format.with_encoding(encoding)) {
                let source = noise(from);
                for to in of_size(width, height).map(|format| format.with_encoding(encoding)) {
                    if from.pixel.is_rgb() == to.pixel.is_rgb() {
                        continue;
                    }
                    let (most, mean) = difference(from, &source, to);
                    assert!(most < 2., "{from:?} {to:?}: {most}");
                    // Halves are rounded up.
                    assert!(mean.abs() < 0.3, "{from:?} {to:?}: {mean}");
                }
            }
        }
    }
}

#[test]
fn from_encoding_to_encoding_is_within_rounding() {
    for from_encoding in Encoding::ALL {
        for to_encoding in Encoding::ALL {
            for from in of_size(34, 18).map(|format| format.with_encoding(from_encoding)) {
                let source = noise(from);
                for to in of_size(34, 18).map(|format| format.with_encoding(to_encoding)) {
                    if !from.pixel.is_rgb() && !to.pixel.is_rgb() && from_encoding != to_encoding {
                        let (most, mean) = difference(from, &source, to);
                        assert!(most < 1.6, "{from:?} {to:?}: {most}");
                        assert!(mean.abs() < 0.15, "{from:?} {to:?}: {mean}");
                    }
                }
            }
        }
    }
}

/// A picture of one colour.
fn flat(format: Format, colour: [u8; 3]) -> Vec<u8> {
    let mut picture = blank(format, 0);
    for y in 0..format.geometry.height() {
        for x in 0..format.geometry.width() {
            let at = luma_at(format, x, y);
            picture[at..at + 3].copy_from_slice(&colour);
        }
    }
    picture
}

#[test]
fn grey_has_no_colour_and_black_and_white_are_exact() {
    for encoding in Encoding::ALL {
        let [nv12, yuy2, rgb24, rgb32] = of_size(18, 16).map(|format| format.with_encoding(encoding));
        let (black, white) = if encoding.range == Range::Full { (0, 255) } else { (16, 235) };
        for grey in 0..=255u8 {
            for rgb in [rgb24, rgb32] {
                let source = flat(rgb, [grey; 3]);
                for yuv in [nv12, yuy2] {
                    let there = converted(rgb, &source, yuv);
                    let (cb, cr) = chroma_at(yuv, 4, 4);
                    assert_eq!([there[cb], there[cr]], [128; 2], "{yuv:?} {grey}");
                    let luma = there[luma_at(yuv, 4, 4)];
                    assert!(grey != 0 || luma == black, "{yuv:?} {luma}");
                    assert!(grey != 255 || luma == white, "{yuv:?} {luma}");
                    let back = converted(yuv, &there, rgb);
                    let at = luma_at(rgb, 4, 4);
                    assert!(back[at].abs_diff(grey) <= 1, "{yuv:?} {grey}: {}", back[at]);
                    assert_eq!([back[at]; 3], back[at..at + 3]);
                }
            }
        }
    }
}

#[test]
fn rgb_there_and_back_is_the_same_picture() {
    for (width, height) in SIZES {
        let [_, _, rgb24, rgb32] = of_size(width, height);
        for order in [Order::TopDown, Order::BottomUp] {
            let rgb32 = rgb32.with_order(order).unwrap();
            let mut source = noise(rgb24);
            source.iter_mut().zip(is_pixel(rgb24)).filter(|(_, is)| !is).for_each(|(byte, _)| *byte = 0);
            let back = converted(rgb32, &converted(rgb24, &source, rgb32), rgb24);
            assert!(back == source, "{rgb24:?}");
        }
    }
}

/// All formats of a size, with and without bytes between rows, in all orders.
fn variants(width: u32, height: u32) -> impl Iterator<Item = Format> {
    of_size(width, height).into_iter().flat_map(|format| {
        let wide = format.with_stride(format.stride() + 20).unwrap();
        [format, wide].into_iter().flat_map(|format| {
            [Order::TopDown, Order::BottomUp].into_iter().filter_map(move |order| format.with_order(order))
        })
    })
}

/// Nothing but pixels is written, each byte once; each byte of a pixel is read at least once, and nothing else is; any
/// scratch memory from the least to the most makes the same picture, and less than the least none.
#[test]
fn bytes_between_rows_are_left_alone_whatever_the_scratch_memory() {
    for (width, height) in [(16, 16), (50, 18), (300, 16)] {
        for from in variants(width, height) {
            let source = Counted::new(noise(from));
            for to in variants(width, height) {
                let conversion = Conversion::new(from, to, Adjust::NEUTRAL);
                let most = conversion.scratch();
                assert_careful(to, |sink| conversion.run(&source, sink, &mut vec![0; most]));
                let shall = converted(from, &source.bytes, to);
                for scratch in [Conversion::MIN_SCRATCH, Conversion::MIN_SCRATCH + 1000, most + 1] {
                    let source = Counted::new(source.bytes.clone());
                    let mut sink = Counted::new(blank(to, 0));
                    assert!(conversion.run(&source, &mut sink, &mut vec![0x5A; scratch]), "{from:?} {to:?}");
                    assert!(sink.bytes == shall, "{from:?} {to:?} {scratch}");
                    let reads = source.reads.borrow();
                    let pixels = reads.iter().zip(is_pixel(from));
                    assert!(pixels.clone().all(|(count, is)| (*count > 0) == is), "{from:?} {to:?}");
                    if scratch > most {
                        assert!(pixels.clone().all(|(count, _)| *count <= 1), "{from:?} {to:?}");
                    }
                }
                let mut sink = Counted::new(blank(to, 0));
                assert!(!conversion.run(&source, &mut sink, &mut []));
                assert!(sink.writes.iter().all(|count| *count == 0));
            }
        }
    }
}

#[test]
fn every_size_is_converted_without_a_byte_too_many() {
    for from in formats().filter(|format| format.geometry.width() < 700) {
        for pixel in PixelFormat::ALL {
            let to = Format::new(pixel, from.geometry);
            let conversion = Conversion::new(from, to, Adjust::NEUTRAL);
            assert_careful(to, |sink| {
                let source = Counted::new(noise(from));
                conversion.run(&source, sink, &mut vec![0; conversion.scratch()])
            });
        }
    }
}

#[test]
fn equal_formats_are_copies() {
    for from in formats() {
        let conversion = Conversion::new(from, from, Adjust::NEUTRAL);
        assert!(conversion.is_copy());
        let mut source = noise(from);
        source.iter_mut().zip(is_pixel(from)).filter(|(_, is)| !is).for_each(|(byte, _)| *byte = 0);
        assert!(converted(from, &source, from) == source, "{from:?}");
    }
    for from in yuv_formats() {
        assert!(!Conversion::new(from, other(from), Adjust::NEUTRAL).is_copy());
    }
}

#[test]
fn a_source_that_is_too_small_is_not_read() {
    for from in yuv_formats() {
        let size = from.image_size() as usize;
        for len in [0, 1, size - 1] {
            let source = Counted::new(vec![0; len]);
            let mut sink = Counted::new(blank(other(from), 0));
            let mut scratch = vec![0; Conversion::new(from, other(from), Adjust::NEUTRAL).scratch()];
            assert!(!convert(from, &source, other(from), &mut sink, &mut scratch));
            assert_eq!(source.is_empty(), len == 0);
            assert!(source.reads.borrow().iter().all(|count| *count == 0));
            assert!(sink.writes.iter().all(|count| *count == 0));
        }
    }
}
