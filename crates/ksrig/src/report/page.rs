//! The page: everything about one run, in one file that needs no other.

use std::fmt::Write;

use super::graph::Graph;
use super::picture::Picture;
use super::svg::Escaped;
use super::{arrivals, base64, sequence, style};
use crate::nt::{trace::Event, violation::Violation};

/// One stream of frames that a client read.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The reader's name.
    pub name: String,
    /// Its format, for people.
    pub format: String,
    /// The virtual time of each frame's arrival, 100 ns units.
    pub arrivals: Vec<u64>,
    /// Some of the frames, with what stands under them.
    pub pictures: Vec<(String, Picture)>,
}

/// What the page tells.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The headline.
    pub title: String,
    /// What was done, in a sentence.
    pub subtitle: String,
    /// Whether all went right.
    pub passed: bool,
    /// The result in a sentence.
    pub verdict: String,
    /// About the driver.
    pub facts: Vec<(String, String)>,
    /// What was counted and measured.
    pub figures: Vec<(String, String)>,
    /// Who was connected to whom.
    pub graph: Graph,
    /// What the readers got.
    pub streams: Vec<Stream>,
    /// The event log.
    pub events: Vec<Event>,
    /// Rules the driver broke.
    pub violations: Vec<Violation>,
}

impl Page {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let mut html = String::new();
        let class = if self.passed { "good" } else { "bad" };
        let word = if self.passed { "✓ Passed" } else { "✗ Failed" };
        let (title, subtitle) = (Escaped(&self.title), Escaped(&self.subtitle));
        let (verdict, style) = (Escaped(&self.verdict), style::STYLE);
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title><style>{style}</style></head><body><main>
<h1>{title}</h1><p class="soft">{subtitle}</p>
<div class="verdict {class}"><b>{word}</b><span>{verdict}</span></div>
"#
        );
        self.violations(&mut html);
        section(&mut html, "Graph", &format!(r#"<div class="panel">{}</div>"#, self.graph.svg()));
        self.pictures(&mut html);
        let tables = [("Figures", &self.figures), ("Driver", &self.facts)];
        let tables =
            tables.map(|(name, rows)| format!(r#"<div class="panel"><h3>{name}</h3>{}</div>"#, table(rows)));
        section(&mut html, "Numbers", &format!(r#"<div class="columns">{}</div>"#, tables.concat()));
        section(
            &mut html,
            "What the driver was asked, in order",
            &format!(r#"<div class="panel">{}</div>"#, sequence::svg(&self.events)),
        );
        if self.streams.iter().any(|stream| !stream.arrivals.is_empty()) {
            let drawing = arrivals::svg(&self.streams);
            section(&mut html, "Frames over virtual time", &format!(r#"<div class="panel">{drawing}</div>"#));
        }
        html.push_str(
            "<footer>Made by ksrig. Times are virtual unless said otherwise.</footer></main></body></html>\n",
        );
        html
    }

    fn violations(&self, html: &mut String) {
        if self.violations.is_empty() {
            return;
        }
        let mut body = String::new();
        for violation in &self.violations {
            let Violation { rule, code, message, object, stack, .. } = violation;
            let _ = write!(
                body,
                r#"<div class="violation"><b>{}</b> <code>{code:#x}</code> at {}<br>{}<pre>{}</pre></div>"#,
                Escaped(rule),
                Escaped(object),
                Escaped(message),
                Escaped(stack.join("\n"))
            );
        }
        section(html, "Violations", &body);
    }

    fn pictures(&self, html: &mut String) {
        let mut body = String::new();
        for stream in self.streams.iter().filter(|stream| !stream.pictures.is_empty()) {
            let (name, format, count) =
                (Escaped(&stream.name), Escaped(&stream.format), stream.arrivals.len());
            let _ = write!(body, r#"<h3>{name} · {format} · {count} frames</h3><div class="frames">"#);
            for (caption, picture) in &stream.pictures {
                let (data, caption) = (base64::encode(&picture.png()), Escaped(caption));
                let _ = write!(
                    body,
                    r#"<figure><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>"#
                );
            }
            body.push_str("</div>");
        }
        if !body.is_empty() {
            section(html, "Pictures", &body);
        }
    }
}

fn section(html: &mut String, title: &str, body: &str) {
    let _ = writeln!(html, "<h2>{}</h2>{body}", Escaped(title));
}

fn table(rows: &[(String, String)]) -> String {
    let row = |(name, value): &(String, String)| {
        format!("<tr><th>{}</th><td>{}</td></tr>", Escaped(name), Escaped(value))
    };
    format!("<table>{}</table>", rows.iter().map(row).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Pixels;
    use crate::report::{Box, Link, Port};

    /// A page with something of everything. `KSRIG_SAMPLE_PAGE=FILE` keeps it, to look at.
    #[test]
    fn a_page_stands_alone() {
        let port = |name: &str, output| Port { name: name.to_owned(), output };
        let item = |title: &str, note: &str, client, ports| Box {
            title: title.to_owned(),
            note: note.to_owned(),
            client,
            ports,
        };
        let link = |from, to, label: &str, kernel| Link { from, to, label: label.to_owned(), kernel };
        let graph = Graph {
            boxes: vec![
                item("Loopcam Test Source", "filter 1", false, vec![port("Output", true)]),
                item("Loopcam", "filter 0", false, vec![port("Input", false), port("Capture", true)]),
                item("reader 1", "an application", true, vec![port("NV12", false)]),
                item("reader 2", "an application", true, vec![port("YUY2", false)]),
            ],
            links: vec![
                link((0, 0), (1, 0), "Connect\nSTATUS_SUCCESS", true),
                link((1, 1), (2, 0), "NV12 1280x720", false),
                link((1, 1), (3, 0), "YUY2 1280x720", false),
            ],
        };
        let frame: Vec<u8> = (0..64 * 36 * 3 / 2).map(|i| (i * 7) as u8).collect();
        let picture = Picture::from_frame(Pixels::NV12, 64, 36, &frame, 64);
        let stream = |name: &str| Stream {
            name: name.to_owned(),
            format: "NV12 1280x720 at 30 fps".to_owned(),
            arrivals: (0..300)
                .map(|i| i * 333_333)
                .filter(|t| !(20_000_000..23_000_000).contains(t))
                .collect(),
            pictures: (0..6).map(|i| (format!("frame {}", i * 50), picture.clone())).collect(),
        };
        let event = |time, kind, object: &str, detail: &str, status: Option<&str>| Event {
            time,
            thread: "user".to_owned(),
            kind,
            object: object.to_owned(),
            detail: detail.to_owned(),
            values: status.map(|status| ("status", status.to_owned())).into_iter().collect(),
        };
        let call = |time, object: &str, name: &str, status| {
            [event(time, "callback", object, name, None), event(time, "return", object, name, Some(status))]
        };
        let mut events: Vec<Event> = [
            call(0, "driver loopcam.sys", "DriverEntry", "0x00000000"),
            call(0, "device 1", "DeviceAdd", "0x00000000"),
            call(0, "pin Camera/Input#1", "PinCreate", "0x00000000"),
            call(0, "pin Camera/Input#1", "PinConnect", "0x00000000"),
            call(0, "pin Test Source/Output#1", "PinCreate", "0x00000000"),
        ]
        .concat();
        events.extend(
            (0..300).flat_map(|i| call(i * 333_333, "pin Camera/Capture#1", "PinProcess", "0x00000103")),
        );
        events.extend(call(100_000_000, "pin Camera/Input#1", "PinDisconnect", "0x00000000"));
        events.extend(call(100_000_000, "pin Camera/Input#1", "PinClose", "0xc0000001"));
        let page = Page {
            title: "loopcam.sys on the rig".to_owned(),
            subtitle: "300 frames <1280x720> through a kernel connection".to_owned(),
            passed: false,
            verdict: "one rule was broken".to_owned(),
            facts: vec![("Image".to_owned(), "48 KB".to_owned())],
            figures: vec![("Frames".to_owned(), "600 of 600".to_owned())],
            graph,
            streams: vec![stream("reader 1"), stream("reader 2")],
            events,
            violations: vec![Violation {
                time: 0,
                rule: "KsCallbackReturn",
                code: 0x81005,
                message: "PinConnect returned STATUS_PENDING".to_owned(),
                object: "pin Camera/Input#1".to_owned(),
                stack: vec!["loopcam.sys+0x1234  connect+0x12".to_owned()],
            }],
        };
        let html = page.html();
        if let Some(path) = std::env::var_os("KSRIG_SAMPLE_PAGE") {
            std::fs::write(path, &html).unwrap();
        }
        assert!(html.contains("KsCallbackReturn") && html.contains("&lt;1280x720&gt;"));
        assert!(!html.contains("http://") && !html.contains("https://"), "the page needs no other file");
    }
}
