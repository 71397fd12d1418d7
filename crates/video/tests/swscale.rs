//! Conversion beside that of ffmpeg's swscale, with photographs.
//!
//! The photographs are those of Debian's package lomiri-wallpapers-16.04, which `cargo xtask setup` installs: CC0 and
//! CC-BY 4.0, see its copyright file. Both sides get the same bytes and are told the same: matrix and range, chroma
//! with the left pixel and between the rows, no dithering; swscale interpolates bilinearly and rounds accurately, at full
//! chroma resolution inside.

mod common;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{converted, is_pixel};
use video::{Encoding, Format, Geometry, Matrix, Order, PixelFormat, Range, fit};

const FOLDER: &str = "/usr/share/backgrounds";
/// A landscape, people, plants, and leaves and sky.
const PHOTOGRAPHS: [&str; 4] = [
    "picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "friends_by_Aitzol_Berasategi.jpg",
    "seeding_by_Clements_Engelhardt.jpg",
    "umang_by_Abhishek_Mudgal.jpg",
];

/// Runs ffmpeg with some bytes at its standard input; what it writes to its standard output.
fn ffmpeg(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(arguments)
        .args(["-f", "rawvideo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg; `cargo xtask setup` installs it");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("ffmpeg");
    writer.join().expect("the writer").expect("ffmpeg reads everything");
    assert!(output.status.success(), "ffmpeg {arguments:?}");
    output.stdout
}

/// ffmpeg's name of a pixel format.
const fn name(pixel: PixelFormat) -> &'static str {
    match pixel {
        PixelFormat::Nv12 => "nv12",
        PixelFormat::Yuy2 => "yuyv422",
        PixelFormat::Rgb24 => "bgr24",
        PixelFormat::Rgb32 => "bgr0",
    }
}

/// The middle of a photograph in a size, as pixels of three bytes from the top.
fn photograph(file: &str, geometry: Geometry) -> (Format, Vec<u8>) {
    let (width, height) = (geometry.width(), geometry.height());
    let path = format!("{FOLDER}/{file}");
    assert!(fs::exists(&path).is_ok_and(|there| there), "no {path}: `cargo xtask setup` installs it");
    let size = format!("{width}:{height}");
    let filter = format!("scale={size}:force_original_aspect_ratio=increase:flags=lanczos,crop={size}");
    let picture = ffmpeg(&["-i", &path, "-vf", &filter, "-pix_fmt", "bgr24"], &[]);
    let format = Format::new(PixelFormat::Rgb24, geometry).with_order(Order::TopDown).unwrap();
    assert_eq!((picture.len(), format.stride()), (format.image_size() as usize, width * 3));
    (format, picture)
}

/// Converts with swscale.
fn swscale(from: Format, source: &[u8], to: Format) -> Vec<u8> {
    let size = |format: Format| format!("{}x{}", format.geometry.width(), format.geometry.height());
    let words = |format: Format| {
        let matrix = if format.encoding().matrix == Matrix::Bt601 { "bt601" } else { "bt709" };
        let range =
            if format.pixel.is_rgb() || format.encoding().range == Range::Full { "full" } else { "limited" };
        (matrix, range)
    };
    let ((in_matrix, in_range), (out_matrix, out_range)) = (words(from), words(to));
    // RGB has the matrix of the other side.
    let in_matrix = if from.pixel.is_rgb() { out_matrix } else { in_matrix };
    let out_matrix = if to.pixel.is_rgb() { in_matrix } else { out_matrix };
    let filter = format!(
        "scale={}:in_color_matrix={in_matrix}:out_color_matrix={out_matrix}:in_range={in_range}:out_range={out_range}\
         :in_h_chr_pos=0:in_v_chr_pos=128:out_h_chr_pos=0:out_v_chr_pos=128\
         :sws_dither=none:flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact",
        size(to).replace('x', ":"),
    );
    let size = size(from);
    let input = ["-f", "rawvideo", "-pix_fmt", name(from.pixel), "-s", &size, "-i", "-"];
    let picture = ffmpeg(&[&input[..], &["-vf", &filter, "-pix_fmt", name(to.pixel)]].concat(), source);
    assert_eq!(picture.len(), to.image_size() as usize);
    picture
}

/// The peak signal-to-noise ratio in decibels, over all bytes that mean something.
fn psnr(format: Format, one: &[u8], other: &[u8]) -> f64 {
    let means = is_pixel(format);
    let counts = |at: usize| means[at] && (format.pixel != PixelFormat::Rgb32 || at % 4 < 3);
    let squares: Vec<f64> = (one.iter().zip(other).enumerate())
        .filter(|(at, _)| counts(*at))
        .map(|(_, (a, b))| f64::from(a.abs_diff(*b)).powi(2))
        .collect();
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    10. * (255f64.powi(2) / mean).log10()
}

/// The formats of a size in an encoding, RGB from the top as ffmpeg has it.
fn formats(geometry: Geometry, encoding: Encoding) -> [Format; 4] {
    PixelFormat::ALL
        .map(|pixel| Format::new(pixel, geometry).with_encoding(encoding).with_order(Order::TopDown).unwrap())
}

/// Every conversion without scaling is within 45 dB of swscale's, in every encoding; samples that are only moved are the
/// same.
#[test]
fn conversions_are_within_45_db() {
    let geometry = Geometry::new(1280, 720).unwrap();
    for (file, encoding) in PHOTOGRAPHS.into_iter().zip(Encoding::ALL) {
        let (rgb, photograph) = photograph(file, geometry);
        for from in formats(geometry, encoding) {
            let source = if from == rgb { photograph.clone() } else { swscale(rgb, &photograph, from) };
            for to in formats(geometry, encoding) {
                if from == to {
                    assert!(converted(from, &source, to) == source, "{from:?}");
                    continue;
                }
                let psnr = psnr(to, &converted(from, &source, to), &swscale(from, &source, to));
                println!("{file} {encoding:?} {:?} -> {:?}: {psnr:.1} dB", from.pixel, to.pixel);
                let least = if from.pixel.is_rgb() && to.pixel.is_rgb() { f64::INFINITY } else { 45. };
                assert!(psnr >= least, "{file} {from:?} {to:?}: {psnr}");
            }
        }
    }
}

/// From encoding to encoding too.
#[test]
fn changes_of_encoding_are_within_45_db() {
    let geometry = Geometry::new(640, 480).unwrap();
    let (rgb, photograph) = photograph(PHOTOGRAPHS[1], geometry);
    for from in Encoding::ALL.map(|encoding| Format::new(PixelFormat::Nv12, geometry).with_encoding(encoding))
    {
        let source = swscale(rgb, &photograph, from);
        for to in
            Encoding::ALL.map(|encoding| Format::new(PixelFormat::Yuy2, geometry).with_encoding(encoding))
        {
            let psnr = psnr(to, &converted(from, &source, to), &swscale(from, &source, to));
            println!("{:?} -> {:?}: {psnr:.1} dB", from.encoding(), to.encoding());
            assert!(psnr >= 45., "{from:?} {to:?}: {psnr}");
        }
    }
}

/// Sizes that are fitted are within 38 dB, from every format to every format, up and down.
#[test]
fn fitted_sizes_are_within_38_db() {
    let size = |width, height| Geometry::new(width, height).unwrap();
    let sizes = [
        (size(1280, 720), size(640, 360)),
        (size(1280, 720), size(176, 144)),
        (size(640, 480), size(1280, 720)),
        (size(640, 480), size(352, 288)),
        (size(856, 480), size(640, 480)),
    ];
    for (file, (small, large)) in PHOTOGRAPHS.into_iter().cycle().zip(sizes) {
        let (rgb, photograph) = photograph(file, small);
        for from in formats(small, Encoding::DEFAULT) {
            let source = if from == rgb { photograph.clone() } else { swscale(rgb, &photograph, from) };
            for to in formats(large, Encoding::DEFAULT) {
                let area = fit(small, large);
                let inner = Geometry::new(area.width, area.height).unwrap();
                let inside = Format::new(to.pixel, inner).with_order(Order::TopDown).unwrap();
                let picture = cut(to, &converted(from, &source, to), inside, (area.x, area.y));
                let psnr = psnr(inside, &picture, &swscale(from, &source, inside));
                println!("{file} {:?} {small:?} -> {:?} {inner:?}: {psnr:.1} dB", from.pixel, to.pixel);
                assert!(psnr >= 38., "{file} {from:?} {to:?}: {psnr}");
            }
        }
    }
}

/// A part of a picture, with its upper left corner at an even pixel.
fn cut(format: Format, picture: &[u8], to: Format, (x, y): (u32, u32)) -> Vec<u8> {
    let mut part = vec![0; to.image_size() as usize];
    for row in 0..to.geometry.height() {
        for column in 0..to.geometry.width() {
            let (from, at) = (common::luma_at(format, x + column, y + row), common::luma_at(to, column, row));
            if format.pixel.is_rgb() {
                part[at..at + 3].copy_from_slice(&picture[from..from + 3]);
                continue;
            }
            part[at] = picture[from];
            let (from, at) =
                (common::chroma_at(format, x + column, y + row), common::chroma_at(to, column, row));
            (part[at.0], part[at.1]) = (picture[from.0], picture[from.1]);
        }
    }
    part
}
