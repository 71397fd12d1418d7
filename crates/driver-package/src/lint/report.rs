//! The outcome of a check.

use std::fmt;

use serde::Serialize;

use super::{Finding, Package, Profile, Severity, rules};

/// Everything that was found in a package.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many rules were checked.
    pub rules: usize,
    /// The INF files, each with the profile whose rules applied.
    pub infs: Vec<(String, Profile)>,
    /// By file and line.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(package: &Package, findings: Vec<Finding>) -> Self {
        let infs = package.infs.iter().map(|inf| (inf.name.clone(), inf.profile)).collect();
        Self { rules: rules().count(), infs, findings }
    }

    /// How many findings are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and numbers become JSON")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (inf, profile) in &self.infs {
            writeln!(formatter, "{inf}: profile {profile}")?;
        }
        for finding in &self.findings {
            writeln!(formatter, "{finding}")?;
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let plural =
            |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        write!(
            formatter,
            "{} rules: {}, {}",
            self.rules,
            plural(errors, "error"),
            plural(warnings, "warning")
        )
    }
}
