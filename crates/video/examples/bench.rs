//! What pictures cost, beside a bare copy.
//!
//! `cargo run --profile rig -p video --example bench` prints a table; `cargo xtask bench --pixels` does the same. A ratio is the time
//! that a copy takes of as many bytes as the destination has, divided by the time of the operation; or, behind it, of as
//! many as the larger of source and destination. Each is the median of ratios of times that were taken one directly
//! after the other. Pictures are taken in turn from more memory than the caches hold.

use std::env::args;
use std::hint::black_box;
use std::time::{Duration, Instant};

use video::{Adjust, Conversion, Format, Geometry, PixelFormat, bars, placeholder};

const USAGE: &str = "usage: bench [ROUNDS]   (an odd number of rounds for each median; 101 if none is given)";
/// Memory that is gone through in turn.
const MEMORY: usize = 64 << 20;

fn main() {
    let mut arguments = args().skip(1);
    let rounds = arguments.next().map_or(Ok(101), |rounds| rounds.parse::<usize>());
    let Some(rounds) = rounds.ok().filter(|rounds| rounds % 2 == 1 && arguments.next().is_none()) else {
        eprintln!("{USAGE}");
        std::process::exit(2);
    };
    let hd = Geometry::new(1920, 1080).expect("a legal size");
    let vga = Geometry::new(640, 480).expect("a legal size");
    let uhd = Geometry::new(3840, 2160).expect("a legal size");
    println!("{:<44} {:>10} {:>12} {:>12}", "", "time", "copy of", "copy of");
    println!("{:<44} {:>10} {:>12} {:>12}", "", "", "destination", "larger");
    for from in PixelFormat::ALL {
        for to in PixelFormat::ALL {
            conversion(Format::new(from, hd), Format::new(to, hd), Adjust::NEUTRAL, rounds);
        }
    }
    let nv12 = |geometry| Format::new(PixelFormat::Nv12, geometry);
    let adjusted = Adjust::new(1000, 120, 80, 500).expect("legal values");
    conversion(nv12(hd), nv12(hd), adjusted, rounds);
    for (from, to) in [(uhd, hd), (hd, vga), (vga, hd)] {
        conversion(nv12(from), nv12(to), Adjust::NEUTRAL, rounds);
    }
    for pixel in PixelFormat::ALL {
        let format = Format::new(pixel, hd);
        painting("placeholder", format, rounds, |number, out| placeholder::paint(format, number, out));
        painting("bars", format, rounds, |number, out| bars::paint(format, number, out));
    }
}

/// A format in a few letters.
fn name(format: Format) -> String {
    let (width, height) = (format.geometry.width(), format.geometry.height());
    format!("{:?} {width}x{height}", format.pixel)
}

fn conversion(from: Format, to: Format, adjust: Adjust, rounds: usize) {
    let conversion = Conversion::new(from, to, adjust);
    let mut scratch = vec![0; conversion.scratch()];
    let mut sources = pictures(from);
    for (number, source) in (0..).zip(&mut sources) {
        assert!(bars::paint(from, number, &mut source[..]));
    }
    let remark = if adjust.is_neutral() { "" } else { ", adjusted" };
    let name = format!("{} -> {}{remark}", name(from), name(to));
    measure(&name, from.image_size().max(to.image_size()), to, rounds, |number, out| {
        conversion.run(&sources[number % sources.len()][..], out, &mut scratch)
    });
}

fn painting(name_of: &str, format: Format, rounds: usize, paint: impl Fn(u32, &mut [u8]) -> bool) {
    let name = format!("{name_of}, {}", name(format));
    measure(&name, format.image_size(), format, rounds, |number, out| paint(number as u32, out));
}

fn measure(
    name: &str,
    larger: u32,
    to: Format,
    rounds: usize,
    mut operation: impl FnMut(usize, &mut [u8]) -> bool,
) {
    let size = to.image_size() as usize;
    let mut sinks = pictures(to);
    let count = MEMORY / larger as usize;
    let copied = vec![1; larger as usize * count];
    let mut copies = vec![1; larger as usize * count];
    let mut copy = |number: usize, bytes: usize| {
        let place = number % count * larger as usize..;
        let (from, to) = (&copied[place.clone()][..bytes], &mut copies[place][..bytes]);
        timed(|| black_box(&mut *to).copy_from_slice(black_box(from)))
    };
    let (mut times, mut ratios, mut larger_ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let index = round % sinks.len();
        let sink = &mut sinks[index][..];
        let destination = copy(round * 2, size).as_secs_f64();
        let time = timed(|| assert!(operation(round, black_box(sink))));
        let whole = copy(round * 2 + 1, larger as usize).as_secs_f64();
        times.push(time.as_secs_f64());
        ratios.push(destination / time.as_secs_f64());
        larger_ratios.push(whole / time.as_secs_f64());
    }
    let time = median(times) * 1e3;
    println!("{name:<44} {time:>7.2} ms {:>12.2} {:>12.2}", median(ratios), median(larger_ratios));
}

/// As many pictures as fit into the memory.
fn pictures(format: Format) -> Vec<Vec<u8>> {
    let size = format.image_size() as usize;
    vec![vec![1; size]; MEMORY / size]
}

fn timed(operation: impl FnOnce()) -> Duration {
    let start = Instant::now();
    operation();
    start.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
