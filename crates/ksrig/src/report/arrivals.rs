//! When the frames of each stream arrived, over virtual time.

use super::page::Stream;
use super::svg::Svg;

const LEFT: f64 = 150.0;
const WIDTH: f64 = 1040.0;
const LANE: f64 = 34.0;

/// A lane for each stream, a mark for each frame.
pub fn svg(streams: &[Stream]) -> String {
    let times = || streams.iter().flat_map(|stream| stream.arrivals.iter().copied());
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let span = (last - first).max(1) as f64;
    let x = |time: u64| LEFT + (time - first) as f64 / span * (WIDTH - LEFT - 20.0);
    let height = LANE * streams.len() as f64 + 34.0;
    let mut svg = Svg::new(WIDTH, height);
    for (index, stream) in streams.iter().enumerate() {
        let y = LANE * index as f64;
        svg.text("pin", "start", 0.0, y + 20.0, &stream.name);
        svg.line("rule", [LEFT, y + 16.0, WIDTH - 20.0, y + 16.0]);
        let marks: String =
            stream.arrivals.iter().map(|time| format!("M{:.1} {:.1}v16", x(*time), y + 8.0)).collect();
        svg.path("tick", &marks);
    }
    let bottom = LANE * streams.len() as f64 + 6.0;
    svg.line("axis", [LEFT, bottom, WIDTH - 20.0, bottom]);
    for part in 0..=5 {
        let at = LEFT + f64::from(part) / 5.0 * (WIDTH - LEFT - 20.0);
        let seconds = (first as f64 + span * f64::from(part) / 5.0) / 1e7;
        svg.line("axis", [at, bottom, at, bottom + 5.0]);
        svg.text("label", "middle", at, bottom + 20.0, format_args!("{seconds:.2} s"));
    }
    svg.finish("Arrival of the frames over virtual time")
}
