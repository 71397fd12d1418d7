//! Every rule of the linter catches a specimen that breaks it, and lets good packages pass.
//!
//! What a report says about each specimen lies in `golden/`; `UPDATE_EXPECT=1 cargo test -p driver-package` writes it anew.

mod catalogs;
mod der;
mod image;
mod images;
mod inf;
mod signatures;
mod signed;
mod specimen;

use std::collections::BTreeSet;

use driver_package::{
    inf::Stamp,
    lint::{Options, lint_package, rules},
};
use expect_test::expect_file;
use signed::Made;
use specimen::Specimen;

fn specimens() -> Vec<Specimen> {
    [inf::specimens(), images::specimens(), catalogs::specimens(), signatures::specimens()]
        .into_iter()
        .flatten()
        .collect()
}

/// What a rule is about. A specimen is complete in what its rule is about only: an INF's has no image.
fn kind(code: &str) -> &str {
    ["PE", "CAT", "SIG"].into_iter().find(|letters| code.starts_with(letters)).unwrap_or("INF")
}

/// Each specimen's report is the one that was looked at, and has the finding that it is there for.
#[test]
fn specimens_are_caught() {
    for specimen in specimens() {
        let folder = tempfile::tempdir().expect("a folder");
        (specimen.make)(folder.path());
        let mut report = lint_package(folder.path(), Options::default()).expect("a folder that can be read");
        report.findings.retain(|finding| kind(finding.code) == kind(specimen.code));
        let codes = report.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        assert!(codes.contains(&specimen.code), "{}: {codes:?}", specimen.name);
        let golden = format!("{}/tests/lint/golden/{}.txt", env!("CARGO_MANIFEST_DIR"), specimen.name);
        // Without the last line, which counts the rules.
        let text = report.to_string();
        let end = text.rfind('\n').expect("lines");
        expect_file![golden].assert_eq(&text[..=end]);
    }
}

/// A rule without a specimen may be one that never finds anything.
#[test]
fn every_rule_has_a_specimen() {
    let caught = specimens().iter().map(|specimen| specimen.code).collect::<BTreeSet<_>>();
    let missing = rules().map(|rule| rule.code).filter(|code| !caught.contains(code)).collect::<Vec<_>>();
    assert_eq!(missing, [""; 0]);
}

/// Golden files are named after specimens; none is left over.
#[test]
fn every_golden_file_has_a_specimen() {
    let known = specimens().into_iter().map(|specimen| format!("{}.txt", specimen.name)).collect::<Vec<_>>();
    let names = known.iter().collect::<BTreeSet<_>>();
    assert_eq!(names.len(), known.len(), "two specimens have one name");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lint/golden");
    for file in std::fs::read_dir(folder).expect("the folder of golden files") {
        let name = file.expect("a file").file_name().into_string().expect("a name");
        assert!(names.contains(&name), "{name} is left over");
    }
}

/// What is right is let pass: the packages that the specimens are made from.
#[test]
fn good_packages_pass() {
    for (name, make) in inf::good() {
        let folder = tempfile::tempdir().expect("a folder");
        make(folder.path());
        let mut report = lint_package(folder.path(), Options::default()).expect("a folder that can be read");
        report.findings.retain(|finding| kind(finding.code) == "INF");
        assert_eq!(report.findings, [], "{name}");
    }
    for made in [Made::modern(), Made::legacy()] {
        let folder = tempfile::tempdir().expect("a folder");
        made.write(folder.path());
        let mut report = lint_package(folder.path(), Options::default()).expect("a folder that can be read");
        report.findings.retain(|finding| kind(finding.code) != "INF");
        assert_eq!(report.findings, [], "{}", made.inf);
    }
}

/// Promise: whatever is in an image, it is told, and nothing panics.
#[test]
fn broken_images_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for image in images::mutations() {
        Made { image, ..Made::modern() }.write_with(folder.path(), b"");
        lint_package(folder.path(), Options::default()).expect("a folder that can be read");
    }
}

/// Promise: whatever is in an INF file, it is told, and nothing panics.
#[test]
fn broken_inf_files_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for bytes in inf::mutations() {
        specimen::write(folder.path(), "cam.inf", &bytes);
        lint_package(folder.path(), Options::default()).expect("a folder that can be read");
        let version = "11/24/2026,1.2.3.4".parse().expect("date and version");
        // Stamped or refused.
        let _ = driver_package::inf::stamp(&bytes, &Stamp { version, architecture: None, catalog: None });
    }
}
