//! The event timeline: every call into the driver in order, one line each, objects as lanes.
//!
//! Setting up and taking down takes no virtual time at all, so the order is the axis and the time stands
//! beside it. What repeats while streaming is folded into one line.

use std::collections::BTreeMap;

use super::svg::Svg;
use crate::client::Status;
use crate::nt::trace::Event;

/// Callbacks that come more often than this are folded.
const OFTEN: usize = 16;

/// What is a consequence and nothing the driver was asked: it is left out.
const QUIET: [&str; 1] = ["BagItemFree"];

/// One line of the drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    time: u64,
    object: String,
    text: String,
    /// Calls inside calls are indented.
    depth: usize,
    outcome: Option<Status>,
    /// How many calls it stands for, when it is folded.
    folded: usize,
}

impl Line {
    fn is_connect(&self) -> bool {
        self.folded == 0 && self.text.contains("onnect")
    }
}

/// The calls into the driver, each with what it returned.
fn calls(events: &[Event]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for event in events {
        let stack = open.entry(&event.thread).or_default();
        let value = |key| event.values.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str());
        match event.kind {
            "callback" | "return" if QUIET.contains(&event.detail.as_str()) => {}
            "callback" => {
                let (object, text) = (event.object.clone(), event.detail.clone());
                stack.push(lines.len());
                let depth = stack.len() - 1;
                lines.push(Line { time: event.time, object, text, depth, outcome: None, folded: 0 });
            }
            "return" => {
                if let Some(line) = stack.pop().and_then(|index| lines.get_mut(index)) {
                    line.outcome = value("status").and_then(status);
                }
            }
            // The states belong to the call that was just made.
            "state" => {
                if let (Some(from), Some(to)) = (value("from"), value("to"))
                    && let Some(line) = lines.iter_mut().rev().find(|line| line.object == event.object)
                    && line.text.contains("State")
                    && !line.text.contains('→')
                {
                    line.text = format!("{} {from} → {to}", line.text);
                }
            }
            _ => {}
        }
    }
    lines
}

fn status(text: &str) -> Option<Status> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(|status| Status(status as i32))
}

/// Runs of calls that come often become one line.
fn fold(lines: Vec<Line>) -> Vec<Line> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in &lines {
        *counts.entry(line.text.clone()).or_default() += 1;
    }
    let mut folded: Vec<Line> = Vec::new();
    let mut run: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        let often = counts[&line.text] > OFTEN && !line.outcome.is_some_and(Status::is_error);
        if !often {
            run.clear();
            folded.push(line);
            continue;
        }
        *run.entry(line.text.clone()).or_default() += 1;
        let parts: Vec<String> = run.iter().map(|(name, count)| format!("{name} ×{count}")).collect();
        let text = parts.join(", ");
        match folded.last_mut().filter(|last| last.folded > 0) {
            Some(last) => {
                last.folded += 1;
                last.text = text;
            }
            None => folded.push(Line { text, object: String::new(), outcome: None, folded: 1, ..line }),
        }
    }
    folded
}

/// A log that is cut is better than a page no browser opens.
const MAX_LINES: usize = 400;
const ROW: f64 = 24.0;
const LANES: f64 = 92.0;
const LANE: f64 = 18.0;

/// The drawing.
pub fn svg(events: &[Event]) -> String {
    let mut lines = fold(calls(events));
    if lines.is_empty() {
        return "<p class=\"soft\">No events were kept.</p>".to_owned();
    }
    let cut = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    let mut lanes: Vec<&str> = Vec::new();
    for line in lines.iter().filter(|line| line.folded == 0) {
        if !lanes.contains(&line.object.as_str()) {
            lanes.push(&line.object);
        }
    }
    let text = LANES + LANE * lanes.len() as f64 + 10.0;
    let name = lanes.iter().map(|lane| lane.chars().count()).max().unwrap_or(0) as f64 * 7.6 + 20.0;
    let height = ROW * (lines.len() as f64 + 1.0) + 8.0;
    let mut svg = Svg::new((text + name + 640.0).max(1040.0), height);
    for (index, lane) in lanes.iter().enumerate() {
        let touched = |line: &&Line| line.object == *lane;
        let first = lines.iter().position(|line| touched(&line)).unwrap_or(0) as f64;
        let last = lines.iter().rposition(|line| touched(&line)).unwrap_or(0) as f64;
        let x = LANES + LANE * index as f64;
        svg.line("rule", [x, ROW * (first + 0.5), x, ROW * (last + 0.5)]);
    }
    for (index, line) in lines.iter().enumerate() {
        draw(&mut svg, line, &lanes, ROW * index as f64, [text, name]);
    }
    if cut > 0 {
        let y = ROW * (lines.len() as f64 + 0.6);
        svg.text("label", "start", text, y, format_args!("and {cut} more: see events.jsonl"));
    }
    svg.finish("Calls into the driver in order")
}

fn draw(svg: &mut Svg, line: &Line, lanes: &[&str], y: f64, [text, name]: [f64; 2]) {
    let middle = y + ROW * 0.5;
    if line.is_connect() {
        svg.rect("band", [0.0, y + 1.0, text + name + 620.0, ROW - 2.0], 5.0);
    }
    let time = format_args!("{:.4} s", line.time as f64 / 1e7).to_string();
    svg.text("label mono", "end", LANES - 20.0, middle + 4.0, time);
    if line.folded > 0 {
        svg.text("label", "start", text, middle + 4.0, format_args!("⋮  {}", line.text));
        return;
    }
    let failed = line.outcome.is_some_and(Status::is_error);
    let class = if failed {
        "dot bad"
    } else if line.is_connect() {
        "dot key"
    } else {
        "dot"
    };
    let lane = lanes.iter().position(|lane| *lane == line.object).unwrap_or(0);
    svg.circle(class, LANES + LANE * lane as f64, middle, 4.5);
    svg.text("label", "start", text, middle + 4.0, &line.object);
    let indent = 16.0 * line.depth as f64;
    let x = text + name + indent;
    svg.text(if line.is_connect() { "strong" } else { "pin" }, "start", x, middle + 4.0, &line.text);
    if let Some(status) = line.outcome {
        let class = if failed { "mono bad" } else { "mono label" };
        svg.text(class, "start", text + name + 350.0, middle + 4.0, format_args!("→ {status}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &'static str, object: &str, detail: &str, values: &[(&'static str, &str)]) -> Event {
        let values = values.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let (object, detail) = (object.to_owned(), detail.to_owned());
        Event { time: 0, thread: "user".to_owned(), kind, object, detail, values }
    }

    #[test]
    fn calls_are_paired_with_their_results_and_states() {
        let lines = calls(&[
            event("callback", "driver", "DriverEntry", &[]),
            event("callback", "device 1", "DeviceAdd", &[]),
            event("return", "device 1", "DeviceAdd", &[("status", "0x00000000")]),
            event("return", "driver", "DriverEntry", &[("status", "0xc0000001")]),
            event("callback", "pin 1", "PinSetDeviceState", &[]),
            event("return", "pin 1", "PinSetDeviceState", &[("status", "0x00000000")]),
            event("state", "pin 1", "", &[("from", "STOP"), ("to", "ACQUIRE")]),
        ]);
        let texts: Vec<_> =
            lines.iter().map(|l| (l.text.as_str(), l.depth, l.outcome.map(|s| s.0))).collect();
        assert_eq!(
            texts,
            [
                ("DriverEntry", 0, Some(0xC000_0001_u32 as i32)),
                ("DeviceAdd", 1, Some(0)),
                ("PinSetDeviceState STOP → ACQUIRE", 0, Some(0))
            ]
        );
    }

    #[test]
    fn what_comes_often_is_folded_unless_it_fails() {
        let call = |status| {
            [
                event("callback", "pin 1", "PinProcess", &[]),
                event("return", "pin 1", "PinProcess", &[("status", status)]),
            ]
        };
        let mut events: Vec<Event> = (0..40).flat_map(|_| call("0x00000000")).collect();
        events.extend(call("0xc0000001"));
        let lines = fold(calls(&events));
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].text.as_str(), lines[0].folded), ("PinProcess ×40", 40));
        assert_eq!(lines[1].folded, 0);
        assert!(svg(&events).contains("STATUS_UNSUCCESSFUL"));
    }
}
