//! The page of a verification: what was tried, what was found, in one file that needs no other.

use std::fmt::Write;

use super::style;
use super::svg::{Escaped, Svg};
use crate::verifier::finding::Step;
use crate::verifier::{Finding, Played, Verdict};

/// What is told.
pub struct Verification<'a>(pub &'a Verdict);

impl Verification<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let Verdict { driver, flags, seed, played, findings } = self.0;
        let passed = findings.0.is_empty();
        let (class, word) = if passed { ("good", "✓ Passed") } else { ("bad", "✗ Failed") };
        let (driver, flags, sentence) = (Escaped(driver), Escaped(flags), Escaped(self.0.sentence()));
        let style = style::STYLE;
        let mut html = format!(
            r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{driver} verified</title><style>{style}</style></head><body><main>
<h1>{driver} verified</h1><p class="soft">watched: {flags}; seed {seed}</p>
<div class="verdict {class}"><b>{word}</b><span>{sentence}</span></div>
"#
        );
        // Writing to a string cannot fail.
        for finding in &findings.0 {
            let _ = write!(html, "{}", found(finding));
        }
        for sum in self.0.sums() {
            let _ = write!(html, "<p>{}</p>", Escaped(sum));
        }
        let rows: String = played.iter().map(row).collect();
        let _ = write!(
            html,
            r#"<h2>Scenarios</h2><div class="panel"><table>{rows}</table></div>
<footer>Made by ksrig. Times are virtual unless said otherwise.</footer></main></body></html>
"#
        );
        html
    }
}

fn row(played: &Played) -> String {
    let mark = if played.found == 0 { "✓" } else { "✗" };
    format!(
        "<tr><th>{mark} {}</th><td>{}<br><span class=\"soft\">{}</span></td></tr>",
        Escaped(&played.scenario),
        Escaped(&played.title),
        Escaped(played.summary())
    )
}

fn found(finding: &Finding) -> String {
    let Finding {
        rule,
        expected,
        message,
        object,
        page,
        stack,
        injected,
        scenario,
        seed,
        command,
        times,
        ..
    } = finding;
    let code = finding.bug_check.map_or_else(String::new, |(code, parameter)| match parameter {
        Some(parameter) => format!("{code:#x}/{parameter:#x}"),
        None => format!("{code:#x}"),
    });
    let injected =
        injected.as_ref().map_or_else(String::new, |call| format!("<br>failed before it: {}", Escaped(call)));
    let object = if object.is_empty() { String::new() } else { format!("<br>object: {}", Escaped(object)) };
    let page = if page.is_empty() { String::new() } else { format!(r#"<br><code>{}</code>"#, Escaped(page)) };
    format!(
        r#"<div class="violation"><b>{}</b> <code>{code}</code> in {}, seed {seed}, found {times} times<br>expected: {}<br>got: {}{object}{injected}{page}
<pre>{}</pre>{}<pre>{}</pre></div>"#,
        Escaped(rule),
        Escaped(scenario),
        Escaped(expected),
        Escaped(message),
        Escaped(stack.join("\n")),
        timeline(&finding.trail),
        Escaped(command)
    )
}

/// The events before it: a row for each, a column for each thread.
fn timeline(trail: &[Step]) -> String {
    const ROW: f64 = 18.0;
    const COLUMN: f64 = 26.0;
    if trail.is_empty() {
        return String::new();
    }
    let mut threads: Vec<&str> = Vec::new();
    for step in trail {
        if !threads.contains(&step.thread.as_str()) {
            threads.push(&step.thread);
        }
    }
    let left = COLUMN * threads.len() as f64 + 90.0;
    let height = ROW * (trail.len() + 1) as f64;
    let mut svg = Svg::new(1000.0, height);
    for index in 0..threads.len() {
        let x = COLUMN * (index as f64 + 0.5);
        svg.line("axis", [x, ROW / 2.0, x, height - ROW / 2.0]);
    }
    for (index, step) in trail.iter().enumerate() {
        let y = ROW * (index as f64 + 1.0);
        let column = threads.iter().position(|thread| *thread == step.thread).unwrap_or(0);
        svg.circle("dot", COLUMN * (column as f64 + 0.5), y - 4.0, 4.0);
        svg.text("label", "end", left - 10.0, y, format_args!("{:.4} s", step.time as f64 / 1e7));
        svg.text("label", "start", left, y, format_args!("{}: {}", step.thread, step.what));
    }
    svg.finish("what happened before it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::{Findings, Tried};

    /// A page with a finding: all of it is there, escaped, and the page needs no other file.
    #[test]
    fn a_page_stands_alone() {
        let mut finding = Finding::of_process("no end", "a run ends", "the run <goes> on".to_owned());
        finding.stack = vec!["driver.sys+0x10  process+0x2".to_owned()];
        (finding.object, finding.seed) = ("pin <1>".to_owned(), 17);
        finding.command = "ksrig verify driver.sys --scenario stream".to_owned();
        let step =
            |thread: &str, what: &str| Step { time: 5, thread: thread.to_owned(), what: what.to_owned() };
        finding.trail = vec![step("main", "irp pin 1 create"), step("worker", "callback pin 1 PinProcess")];
        let played = Played {
            // Longer than a column.
            scenario: "a-scenario-with-a-long-name".to_owned(),
            done: [("pins made".to_owned(), 3)].into(),
            schedules: Some(Tried { schedules: 2, ..Tried::default() }),
            found: 1,
            ..Played::default()
        };
        let verdict = Verdict {
            driver: "driver.sys".to_owned(),
            played: vec![played],
            findings: Findings(vec![finding]),
            ..Verdict::default()
        };
        let html = Verification(&verdict).html();
        for part in [
            "the run &lt;goes&gt; on",
            "pin &lt;1&gt;",
            "seed 17",
            "process+0x2",
            "--scenario stream",
            "PinProcess",
            "one finding",
            "3 pins made; 2 schedules",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("src=") && !html.contains("href="));
    }
}
