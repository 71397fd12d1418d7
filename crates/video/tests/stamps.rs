//! The frame number in the first and the last row.

mod common;

use common::{Counted, blank, chroma_at, converted, formats, luma_at, noise, yuv_formats};
use video::format::Layout;
use video::stamp::{draw, read_first, read_last};
use video::{Format, Geometry, PixelFormat, Stamp};

const NUMBERS: [u32; 9] = [0, 1, 2, 127, 255, 256, 0x1234_5678, 0x8000_0000, u32::MAX];

fn format(pixel: PixelFormat, width: u32, height: u32) -> Format {
    Format::new(pixel, Geometry::new(width, height).unwrap())
}

/// The cells of a row and the pixels of each, as documented.
fn cells(width: u32) -> (u32, u32) {
    if width >= 48 { (48, width / 48) } else { (16, width / 16) }
}

fn stamped(format: Format, number: u32) -> Vec<u8> {
    let mut picture = noise(format);
    assert!(draw(format, number, &mut picture[..]));
    picture
}

#[test]
fn is_read_as_it_was_drawn() {
    for format in formats() {
        for number in NUMBERS {
            let picture = stamped(format, number);
            let shall = if format.geometry.width() >= 48 {
                Stamp { number, bits: 32 }
            } else {
                Stamp { number: number & 0xFF, bits: 8 }
            };
            assert_eq!(read_first(format, &picture[..]), Some(shall), "{format:?}");
            assert_eq!(read_last(format, &picture[..]), Some(shall), "{format:?}");
            assert!(shall.is(number));
            assert!(!shall.is(number ^ 1));
        }
    }
}

#[test]
fn narrow_stamp_is_every_number_with_these_low_bits() {
    let stamp = Stamp { number: 0x78, bits: 8 };
    assert!(stamp.is(0x1234_5678) && stamp.is(0x78) && !stamp.is(0x79));
    assert!(!Stamp { number: 0x78, bits: 32 }.is(0x1234_5678));
}

#[test]
fn survives_conversion() {
    for format in formats() {
        for number in if format.geometry.width() > 300 { &NUMBERS[6..7] } else { &NUMBERS[..] } {
            let picture = stamped(format, *number);
            let stamp = read_first(format, &picture[..]);
            assert!(stamp.is_some());
            for pixel in PixelFormat::ALL {
                let to = Format::new(pixel, format.geometry);
                let converted = converted(format, &picture, to);
                assert_eq!(read_first(to, &converted[..]), stamp, "{format:?} {to:?}");
                assert_eq!(read_last(to, &converted[..]), stamp, "{format:?} {to:?}");
            }
        }
    }
}

#[test]
fn lies_in_the_luma_of_two_rows_and_nowhere_else() {
    for format in formats() {
        let (width, height) = (format.geometry.width(), format.geometry.height());
        let mut sink = Counted::new(noise(format));
        assert!(draw(format, 77, &mut sink));
        let mut shall = vec![0; sink.bytes.len()];
        for y in [0, height - 1] {
            for x in 0..width {
                shall[luma_at(format, x, y)] = 1;
                if let Layout::Rgb { bytes, .. } = format.layout() {
                    let at = luma_at(format, x, y);
                    shall[at..at + bytes as usize].fill(1);
                }
                if format.pixel == PixelFormat::Yuy2 {
                    let (cb, cr) = chroma_at(format, x, y);
                    shall[cb] = 1;
                    shall[cr] = 1;
                    assert_eq!([sink.bytes[cb], sink.bytes[cr]], [128; 2]);
                }
            }
        }
        assert_eq!(sink.writes, shall, "{format:?}");
        assert!(sink.reads.borrow().iter().all(|count| *count == 0));
    }
}

#[test]
fn cells_are_black_and_white_from_the_highest_bit_and_the_rest_is_black() {
    for format in formats().filter(|format| format.geometry.width() >= 48) {
        let number = 0xF0A5_3C96;
        let (black, white) = if format.pixel.is_rgb() { (0, 255) } else { (16, 235) };
        let picture = stamped(format, number);
        let (count, pixels) = cells(format.geometry.width());
        for x in 0..format.geometry.width() {
            let cell = x / pixels;
            let luma = picture[luma_at(format, x, 0)];
            if cell < 32 {
                assert_eq!(luma, if number << cell & 1 << 31 == 0 { black } else { white });
            } else if cell >= count {
                assert_eq!(luma, black);
            }
        }
    }
}

#[test]
fn one_wrong_cell_is_refused() {
    for format in yuv_formats().filter(|format| format.geometry.height() < 100) {
        let (count, pixels) = cells(format.geometry.width());
        let last = format.geometry.height() - 1;
        for number in NUMBERS {
            let picture = stamped(format, number);
            for cell in 0..count {
                let mut wrong = picture.clone();
                for x in cell * pixels..(cell + 1) * pixels {
                    let luma = &mut wrong[luma_at(format, x, 0)];
                    *luma = 251 - *luma;
                }
                assert_eq!(read_first(format, &wrong[..]), None);
                // The other row does not care.
                assert_eq!(read_last(format, &wrong[..]), read_last(format, &picture[..]));
                for x in cell * pixels..(cell + 1) * pixels {
                    let luma = &mut wrong[luma_at(format, x, last)];
                    *luma = 251 - *luma;
                }
                assert_eq!(read_last(format, &wrong[..]), None);
            }
        }
    }
}

#[test]
fn two_numbers_in_one_picture_are_told_apart() {
    for format in formats() {
        let (old, new) = if format.pixel.is_rgb() { (8, 7) } else { (7, 8) };
        let (old, new) = (stamped(format, old), stamped(format, new));
        let torn = old.len() / 4;
        // What lies first in RGB is the last row.
        let picture = [&new[..torn], &old[torn..]].concat();
        let first = read_first(format, &picture[..]).unwrap();
        let last = read_last(format, &picture[..]).unwrap();
        assert!(first.is(8) && last.is(7));
    }
}

#[test]
fn a_blank_picture_has_none() {
    for format in formats() {
        for value in [0, 16, 127, 128, 235, 255] {
            assert_eq!(read_first(format, &blank(format, value)[..]), None);
            assert_eq!(read_last(format, &blank(format, value)[..]), None);
        }
    }
}

#[test]
fn is_read_through_noise_and_blurred_cells() {
    for format in yuv_formats() {
        let (count, pixels) = cells(format.geometry.width());
        let mut picture = stamped(format, 0xDEAD_BEEF);
        for x in 0..count * pixels {
            let luma = &mut picture[luma_at(format, x, 0)];
            *luma = if *luma < 128 { *luma + (x * 37 % 110) as u8 } else { *luma - (x * 53 % 106) as u8 };
        }
        // Only the middle of a cell counts.
        if pixels >= 3 {
            for cell in 0..count {
                picture[luma_at(format, cell * pixels, 0)] = 128;
                picture[luma_at(format, cell * pixels + pixels - 1, 0)] = 127;
            }
        }
        assert!(read_first(format, &picture[..]).unwrap().is(0xDEAD_BEEF), "{format:?}");
    }
}

#[test]
fn memory_that_is_too_small_is_neither_drawn_to_nor_read() {
    for format in formats() {
        let size = format.image_size() as usize;
        for len in [0, 1, size / 2, size - 1] {
            let mut memory = Counted::new(vec![0; len]);
            assert!(!draw(format, 1, &mut memory));
            assert!(memory.writes.iter().all(|count| *count == 0));
            assert_eq!(read_first(format, &memory), None);
            assert_eq!(read_last(format, &memory), None);
            assert!(memory.reads.borrow().iter().all(|count| *count == 0));
        }
    }
}

#[test]
fn a_refusal_is_passed_on() {
    for pixel in PixelFormat::ALL {
        let format = format(pixel, 640, 480);
        let mut memory = Counted::new(blank(format, 0));
        memory.patience = 3;
        assert!(!draw(format, 1, &mut memory));
    }
}
