//! What came of a check.

use serde::{Deserialize, Serialize};

/// The answer to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything was as it should be.
    Ok,
    /// Nothing could be asked: the notes say why.
    NotSupported,
    /// Something was not as it should be.
    Fail,
}

impl Verdict {
    /// As v4l2-compliance writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NotSupported => "OK (Not Supported)",
            Self::Fail => "FAIL",
        }
    }
}

/// Something that is not as it should be, or is doubtful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The place in the suite.
    pub at: String,
    /// What was tried.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// How often it was found at that place.
    pub times: u64,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The check's number, such as `B6`.
    pub id: String,
    /// What it checks.
    pub title: String,
    /// The documentation page.
    pub page: String,
    /// The answer.
    pub verdict: Verdict,
    /// Single assertions made.
    pub assertions: u64,
    /// What was not as it should be.
    pub failures: Vec<Finding>,
    /// What works, but is dubious.
    pub warnings: Vec<Finding>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
}

/// Sums over all checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Checks.
    pub checks: usize,
    /// Checks that went well.
    pub ok: usize,
    /// Checks that had nothing to ask.
    pub not_supported: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Single assertions.
    pub assertions: u64,
    /// Warnings.
    pub warnings: usize,
}

impl Totals {
    /// The sums.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
        Self {
            checks: outcomes.len(),
            ok: count(Verdict::Ok),
            not_supported: count(Verdict::NotSupported),
            failed: count(Verdict::Fail),
            assertions: outcomes.iter().map(|outcome| outcome.assertions).sum(),
            warnings: outcomes.iter().map(|outcome| outcome.warnings.len()).sum(),
        }
    }
}
