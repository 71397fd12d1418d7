//! What the checks say.

use std::fmt;

/// The lines of a report, in the order of the checks.
#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
}

struct Line {
    verdict: Verdict,
    subject: &'static str,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    /// Only told.
    Fact,
}

impl Report {
    /// Something that was checked and is right.
    pub fn good(&mut self, subject: &'static str, text: impl Into<String>) {
        self.lines.push(Line { verdict: Verdict::Good, subject, text: text.into() });
    }

    /// Something that is wrong, with the reason.
    pub fn bad(&mut self, subject: &'static str, text: impl Into<String>) {
        self.lines.push(Line { verdict: Verdict::Bad, subject, text: text.into() });
    }

    /// Something worth knowing.
    pub fn fact(&mut self, subject: &'static str, text: impl Into<String>) {
        self.lines.push(Line { verdict: Verdict::Fact, subject, text: text.into() });
    }

    /// One text for right, another for wrong.
    pub fn check(
        &mut self,
        subject: &'static str,
        right: bool,
        good: impl Into<String>,
        bad: impl Into<String>,
    ) {
        if right { self.good(subject, good) } else { self.bad(subject, bad) }
    }

    /// What is wrong: subject and reason.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.lines
            .iter()
            .filter(|line| line.verdict == Verdict::Bad)
            .map(|line| (line.subject, line.text.as_str()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let mark = match line.verdict {
                Verdict::Good => "ok",
                Verdict::Bad => "BAD",
                Verdict::Fact => "",
            };
            let mut parts = line.text.lines();
            writeln!(f, "  {mark:<3}  {:<13} {}", line.subject, parts.next().unwrap_or_default())?;
            for part in parts {
                writeln!(f, "       {:<13} {part}", "")?;
            }
        }
        Ok(())
    }
}
