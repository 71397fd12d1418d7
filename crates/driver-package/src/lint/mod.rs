//! Checks a driver package: [`lint_package`].
//!
//! A [`Rule`] is a value with a function; [`rules`] has them all. Codes that are numbers are InfVerif's own; others
//! begin with letters: `INF` and `PKG` here, `PE` for images, `CAT` for catalogs, `SIG` for signatures.

mod catalog;
mod catalog_file;
mod error;
mod finding;
mod findings;
mod image;
mod image_file;
mod inf;
mod package;
mod profile;
mod report;
mod rule;
mod signature;
mod signed_file;

use std::{path::Path, time::SystemTime};

pub use catalog_file::CatalogFile;
pub use error::Error;
pub use finding::Finding;
pub use findings::Findings;
pub use image_file::ImageFile;
pub use package::{InfFile, Package};
pub use profile::Profile;
pub use report::Report;
pub use rule::{Check, Levels, Rule, Severity};
pub use signed_file::SignedFile;

/// What to check against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whose rules apply; if none is given, those that each INF's oldest target asks for.
    pub profile: Option<Profile>,
    /// When certificates have to be valid, and dates past; now, if it is not given.
    pub now: Option<SystemTime>,
}

/// Every rule, in the order of the checks.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [inf::RULES, image::RULES, catalog::RULES, signature::RULES].concat().into_iter().flatten()
}

/// Checks the package in a folder.
///
/// # Errors
///
/// The folder or a file in it cannot be read. Whatever is wrong with the content of files is a finding.
pub fn lint_package(folder: &Path, options: Options) -> Result<Report, Error> {
    let package = Package::open(folder, options)?;
    let mut findings = Findings::new(&package);
    for rule in rules() {
        findings.check(rule);
    }
    Ok(Report::new(&package, findings.finish()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A code names one rule, and numbers are InfVerif's: four digits.
    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut codes = BTreeSet::new();
        for rule in rules() {
            assert!(codes.insert(rule.code), "{} is there twice", rule.code);
            let letters = rule.code.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = rule.code.len() - letters.len();
            assert!(
                matches!((letters, digits), ("", 4) | ("INF" | "PKG" | "PE" | "CAT" | "SIG", 2)),
                "{}",
                rule.code
            );
            assert!(!rule.title.ends_with('.') && !rule.page.starts_with('/'), "{}", rule.code);
        }
    }
}
