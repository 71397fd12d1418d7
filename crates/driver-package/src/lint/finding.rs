//! What breaks a rule.

use std::fmt;

use serde::Serialize;

use super::Severity;

/// One place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of the rule.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The file's path in the package; empty if it is about the package as a whole.
    pub file: String,
    /// The line's number, from 1, if it is about a line.
    pub line: Option<usize>,
    /// What is there.
    pub found: String,
    /// What to do.
    pub advice: String,
    /// The address of the page that has the rule.
    pub page: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.severity, self.code)?;
        match (self.file.as_str(), self.line) {
            ("", _) => {}
            (file, None) => write!(formatter, " in {file}")?,
            (file, Some(line)) => write!(formatter, " in {file}, line {line}")?,
        }
        write!(formatter, ": {}\n    do:  {}\n    see: {}", self.found, self.advice, self.page)
    }
}
