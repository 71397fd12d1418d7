//! The report: text as v4l2-compliance writes it, JSON, HTML.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    check::FAMILIES,
    outcome::{Finding, Outcome, Totals, Verdict},
};

/// What a run of the suite came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The driver.
    pub driver: String,
    /// The computer.
    pub system: String,
    /// The sums.
    pub totals: Totals,
    /// Check by check.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// A report.
    pub fn new(driver: String, system: String, outcomes: Vec<Outcome>) -> Self {
        Self { driver, system, totals: Totals::of(&outcomes), outcomes }
    }

    /// Whether nothing failed.
    pub fn is_ok(&self) -> bool {
        self.totals.failed == 0
    }

    /// The sums, in one line.
    pub fn totals_line(&self) -> String {
        let Totals { checks, ok, not_supported, failed, assertions, warnings } = self.totals;
        format!(
            "Total for {}: {checks} checks, {ok} OK, {not_supported} not supported, {failed} failed; \
             {assertions} assertions; {warnings} warnings",
            self.driver
        )
    }

    /// The report as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The report as one HTML file without anything from elsewhere.
    pub fn html(&self) -> String {
        let mut page = String::new();
        let Totals { checks, ok, not_supported, failed, assertions, warnings } = self.totals;
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>KS compliance: {driver}</title>\n\
             <style>{STYLE}</style>\n<h1>KS compliance of {driver}</h1>\n\
             <p>On {system}: {checks} checks with {assertions} assertions. <span class=\"ok\">{ok} OK</span>, \
             <span class=\"none\">{not_supported} not supported</span>, \
             <span class=\"{fail}\">{failed} failed</span>, {warnings} warnings.</p>\n",
            driver = escape(&self.driver),
            system = escape(&self.system),
            fail = if failed > 0 { "fail" } else { "none" },
        );
        let failed = self.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Fail);
        let links: Vec<String> =
            failed.map(|Outcome { id, .. }| format!("<a class=\"fail\" href=\"#{id}\">{id}</a>")).collect();
        if !links.is_empty() {
            let _ = writeln!(page, "<p>Failed: {}</p>", links.join(" "));
        }
        for (family, name) in FAMILIES {
            let of_family: Vec<&Outcome> =
                self.outcomes.iter().filter(|outcome| outcome.id.starts_with(family)).collect();
            if of_family.is_empty() {
                continue;
            }
            let _ = write!(page, "<h2>{family}. {name}</h2>\n<table><tr><th><th><th><th>assertions\n");
            for outcome in of_family {
                row(&mut page, outcome);
            }
            page.push_str("</table>\n");
        }
        page.push_str("</html>\n");
        page
    }
}

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;\
color:#222;background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem;margin:1.6rem 0 0}\
table{border-collapse:collapse;width:100%;table-layout:fixed}td{padding:.3rem .6rem;border-top:1px solid #ddd;\
vertical-align:top}th{padding:0 .6rem;font-weight:400;font-size:.8rem;text-align:right;color:#666}\
th:nth-child(1){width:2rem}th:nth-child(3){width:5.5rem}th:nth-child(4){width:4.5rem}\
td:first-child{font-weight:600}td:nth-child(3),td:nth-child(4){text-align:right}td:nth-child(4){color:#666}\
tr:target{background:#fff6e5}.ok{color:#176f2c}.fail{color:#b3261e;font-weight:600}.none{color:#666}\
ul{margin:.3rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere;margin:.2rem 0}li .none{font-size:.85rem}\
a{color:inherit;text-decoration-color:#bbb}";

fn row(page: &mut String, outcome: &Outcome) {
    let Outcome { id, title, page: link, verdict, assertions, failures, warnings, notes } = outcome;
    let class = match verdict {
        Verdict::Ok => "ok",
        Verdict::NotSupported => "none",
        Verdict::Fail => "fail",
    };
    let _ =
        write!(page, "<tr id=\"{id}\"><td>{id}</td><td><a href=\"{}\">{}</a>", escape(link), escape(title));
    let lines: Vec<String> = failures
        .iter()
        .map(|finding| item("fail", "fail", finding))
        .chain(warnings.iter().map(|finding| item("warning", "none", finding)))
        .chain(notes.iter().map(|note| format!("<li class=\"none\">{}</li>", escape(note))))
        .collect();
    if !lines.is_empty() {
        let _ = write!(page, "<ul>{}</ul>", lines.concat());
    }
    let _ = writeln!(page, "</td><td class=\"{class}\">{}</td><td>{assertions}</td></tr>", verdict.text());
}

/// A finding: what was tried, expected and found, and, small, its place in the suite.
fn item(word: &str, class: &str, finding: &Finding) -> String {
    let Finding { at, what, expected, got, times } = finding;
    let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
    let [at, what, expected, got] = [at, what, expected, got].map(|text| escape(text));
    format!(
        "<li><span class=\"{class}\">{word}</span>: {what}<br>expected: {expected}<br>got: {got}{times} \
         <span class=\"none\">{at}</span></li>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn line(finding: &Finding) -> String {
    let Finding { at, what, expected, got, times } = finding;
    let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
    format!("{at}: {what}: expected {expected}, got {got}{times}")
}

/// The heading of a check's family, if the check is the family's first of the selection.
pub fn heading(id: &str, before: Option<&str>) -> Option<String> {
    let family = id.chars().next()?;
    if before.is_some_and(|before| before.starts_with(family)) {
        return None;
    }
    let name = FAMILIES.iter().find(|(letter, _)| *letter == family)?.1;
    Some(format!("{family}. {name}:"))
}

/// What is said before a check is made.
pub fn begin(id: &str, title: &str) -> String {
    format!("\t{id} {title}: ")
}

/// What is said after it: the answer, and below it what was found.
pub fn end(outcome: &Outcome) -> String {
    let mut text = format!("{}\n", outcome.verdict.text());
    for failure in &outcome.failures {
        let _ = writeln!(text, "\t\tfail: {}", line(failure));
    }
    if !outcome.failures.is_empty() {
        let _ = writeln!(text, "\t\tsee {}", outcome.page);
    }
    for warning in &outcome.warnings {
        let _ = writeln!(text, "\t\twarn: {}", line(warning));
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "\t\tnote: {note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, verdict: Verdict) -> Outcome {
        Outcome {
            id: id.to_owned(),
            title: "a <title>".to_owned(),
            page: "https://example.org/a".to_owned(),
            verdict,
            assertions: 2,
            failures: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_report_has_sums_and_no_markup_of_the_driver() {
        let mut failed = outcome("B1", Verdict::Fail);
        failed.failures.push(Finding {
            at: "b.rs:1".into(),
            what: "x".into(),
            expected: "1".into(),
            got: "<2>".into(),
            times: 3,
        });
        let outcomes = vec![outcome("A1", Verdict::Ok), failed, outcome("B2", Verdict::NotSupported)];
        let report = Report::new("d.sys".to_owned(), "here".to_owned(), outcomes);
        assert!(!report.is_ok());
        assert_eq!(
            report.totals_line(),
            "Total for d.sys: 3 checks, 1 OK, 1 not supported, 1 failed; 6 assertions; 0 warnings"
        );
        let html = report.html();
        assert!(html.contains("&lt;2&gt; (3 times)") && !html.contains("<2>"));
        assert!(html.contains("href=\"#B1\"") && html.contains("<tr id=\"B1\">"));
        assert_eq!(heading("B1", Some("A7")).as_deref(), Some("B. Property protocol:"));
        assert_eq!(heading("B2", Some("B1")), None);
        let failed = &report.outcomes[1];
        let text = begin(&failed.id, &failed.title) + &end(failed);
        assert!(text.starts_with("\tB1 a <title>: FAIL\n") && text.contains("see https://example.org/a"));
    }
}
