//! Every rule of the linter catches a specimen that breaks it, and lets good packages pass.
//!
//! What a report says about each specimen lies in `golden/`; `UPDATE_EXPECT=1 cargo test -p driver-package` writes it anew.

mod inf;
mod specimen;

use std::collections::BTreeSet;

use driver_package::lint::{Options, lint_package, rules};
use expect_test::expect_file;
use specimen::Specimen;

fn specimens() -> Vec<Specimen> {
    [inf::specimens()].into_iter().flatten().collect()
}

/// Each specimen's report is the one that was looked at, and has the finding that it is there for.
#[test]
fn specimens_are_caught() {
    for specimen in specimens() {
        let folder = tempfile::tempdir().expect("a folder");
        (specimen.make)(folder.path());
        let report = lint_package(folder.path(), Options::default()).expect("a folder that can be read");
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
        let report = lint_package(folder.path(), Options::default()).expect("a folder that can be read");
        assert_eq!(report.findings, [], "{name}");
    }
}
