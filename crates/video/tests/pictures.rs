//! The pictures that are drawn here: colour bars and the placeholder.

mod common;

use common::{assert_careful, blank, chroma_at, formats, geometries, luma_at, other, yuv_formats};
use video::colour::BARS;
use video::stamp::{read_first, read_last};
use video::{Format, PixelFormat, bars, placeholder};

type Paint = fn(Format, u32) -> Vec<u8>;

fn bars(format: Format, number: u32) -> Vec<u8> {
    let mut picture = blank(format, 0);
    assert!(bars::paint(format, number, &mut picture[..]));
    picture
}

fn placeholder(format: Format, number: u32) -> Vec<u8> {
    let mut picture = blank(format, 0);
    assert!(placeholder::paint(format, number, &mut picture[..]));
    picture
}

const BOTH: [Paint; 2] = [bars, placeholder];

/// The luma of a picture without the two stamped rows.
fn content(format: Format, picture: &[u8]) -> Vec<u8> {
    let (width, height) = (format.geometry.width(), format.geometry.height());
    (1..height - 1)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| picture[luma_at(format, x, y)])
        .collect()
}

fn samples(format: Format, picture: &[u8], x: u32, y: u32) -> [u8; 3] {
    let (cb, cr) = chroma_at(format, x, y);
    [picture[luma_at(format, x, y)], picture[cb], picture[cr]]
}

#[test]
fn bars_write_every_byte_once_or_nothing() {
    for format in formats() {
        assert_careful(format, |sink| bars::paint(format, 5, sink));
    }
}

#[test]
fn placeholder_writes_every_byte_once_or_nothing() {
    for format in formats() {
        assert_careful(format, |sink| placeholder::paint(format, 5, sink));
    }
}

#[test]
fn both_are_stamped() {
    for format in formats() {
        for number in [0, 1, 300, u32::MAX] {
            for paint in BOTH {
                let picture = paint(format, number);
                assert!(read_first(format, &picture[..]).unwrap().is(number));
                assert!(read_last(format, &picture[..]).unwrap().is(number));
            }
        }
    }
}

#[test]
fn both_stay_within_the_limited_range() {
    for format in yuv_formats() {
        for paint in BOTH {
            let picture = paint(format, 9);
            assert!(picture.iter().all(|sample| (16..=240).contains(sample)));
            assert!(content(format, &picture).iter().all(|luma| *luma <= 235));
        }
    }
}

#[test]
fn both_have_the_same_luma_in_both_formats() {
    for format in formats().filter(|format| format.pixel == PixelFormat::Nv12) {
        for paint in BOTH {
            let packed = other(format);
            let one = content(format, &paint(format, 12));
            assert_eq!(one, content(packed, &paint(packed, 12)), "{format:?}");
        }
    }
}

#[test]
fn both_are_told_apart_at_a_glance() {
    for format in yuv_formats() {
        let bars = content(format, &bars(format, 3));
        let placeholder = content(format, &placeholder(format, 3));
        let same = bars.iter().zip(&placeholder).filter(|(a, b)| a.abs_diff(**b) < 8).count();
        assert!(same * 3 < bars.len(), "{format:?}");
    }
}

#[test]
fn both_move() {
    for format in yuv_formats() {
        for number in [0, 1, 77, u32::MAX - 8] {
            let frame = |paint: Paint, number| content(format, &paint(format, number));
            // The bars with every frame, the placeholder at the latest with every fourth.
            assert_ne!(frame(bars, number), frame(bars, number + 1), "{format:?}");
            assert_ne!(frame(placeholder, number), frame(placeholder, number + 4), "{format:?}");
        }
    }
}

#[test]
fn frame_0_has_the_bars_from_left_to_right() {
    for format in yuv_formats() {
        let picture = bars(format, 0);
        let width = format.geometry.width();
        for (i, bar) in (0..).zip(BARS) {
            let middle = width * (2 * i + 1) / 16;
            for y in [1, format.geometry.height() / 2, format.geometry.height() - 2] {
                assert_eq!(samples(format, &picture, middle, y), [bar.y, bar.cb, bar.cr], "{format:?}");
            }
        }
    }
}

#[test]
fn bars_are_about_equally_wide() {
    for format in yuv_formats() {
        let picture = bars(format, 0);
        let width = format.geometry.width();
        for bar in BARS {
            let count = (0..width).filter(|x| picture[luma_at(format, *x, 1)] == bar.y).count();
            assert!(count.abs_diff(width as usize / 8) <= 2, "{format:?}");
        }
    }
}

#[test]
fn bars_move_left_by_two_pixels_for_each_320() {
    for format in yuv_formats() {
        let width = format.geometry.width();
        let still = bars(format, 0);
        for number in [1, 2, 1000, u32::MAX] {
            let moved = bars(format, number);
            let step = u64::from(if width < 640 { 2 } else { width / 320 * 2 });
            let way = u64::from(number) * step;
            for x in 0..width {
                let from = ((u64::from(x) + way) % u64::from(width)) as u32;
                assert_eq!(samples(format, &moved, x, 3), samples(format, &still, from, 3), "{format:?}");
            }
        }
    }
}

#[test]
fn all_rows_of_bars_are_alike() {
    for format in yuv_formats() {
        let picture = bars(format, 11);
        for y in 1..format.geometry.height() - 1 {
            for x in 0..format.geometry.width() {
                assert_eq!(samples(format, &picture, x, y), samples(format, &picture, x, 1));
            }
        }
    }
}

#[test]
fn placeholder_has_a_mark_in_the_middle_and_words_where_there_is_room() {
    for geometry in geometries() {
        let format = Format::new(PixelFormat::Nv12, geometry);
        let (width, height) = (geometry.width(), geometry.height());
        let picture = placeholder(format, 0);
        let ground = |y| samples(format, &picture, 0, y)[0];
        let marked = |y: u32| (0..width).any(|x| samples(format, &picture, x, y)[0] > ground(y) + 40);
        assert!((height / 4..height * 3 / 4).any(marked), "{format:?}");
        if width >= 78 && height >= 64 {
            assert!(!marked(height * 43 / 64), "{format:?}");
            let words = (height * 46 / 64..height - 1).filter(|y| marked(*y)).count();
            // Seven lines of dots, all of one size.
            assert!(words >= 7 && words.is_multiple_of(7), "{format:?}");
        }
    }
}

#[test]
fn placeholder_goes_round_in_128_frames() {
    for format in yuv_formats().filter(|format| format.geometry.width() <= 640) {
        let picture = |number| content(format, &placeholder(format, number));
        assert_eq!(picture(5), picture(5 + 128));
        assert_ne!(picture(5), picture(5 + 64));
    }
}
