//! Promise: whichever byte of whichever file of a package is changed, the linter finds it.

use std::{fs, path::Path};

use driver_package::{
    digest::Digest,
    lint::{Options, Severity, lint_package},
};

use crate::sign::package;

/// What the linter objects to.
fn errors(folder: &Path) -> Vec<String> {
    let report = lint_package(folder, Options::default()).unwrap();
    let errors = report.findings.into_iter().filter(|finding| finding.severity == Severity::Error);
    // Only what is about images, catalogs and signatures: an INF that is not changed is not the matter here.
    errors
        .filter(|error| error.code.starts_with(char::is_alphabetic))
        .map(|error| error.to_string())
        .collect()
}

/// Changes one bit of every byte of a file in turn.
fn every_byte(folder: &Path, name: &str) {
    assert_eq!(errors(folder), [""; 0], "before anything was changed");
    let path = folder.join(name);
    let good = fs::read(&path).unwrap();
    let mut bytes = good.clone();
    let mut missed = Vec::new();
    for at in 0..good.len() {
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        if errors(folder).is_empty() {
            missed.push(at);
        }
        bytes[at] = good[at];
    }
    assert_eq!(missed, [0usize; 0], "bytes of {name} that can be changed unseen");
}

#[test]
fn every_byte_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), Digest::Sha256);
    // The image is enough by itself.
    fs::remove_file(folder.path().join("cam.cat")).unwrap();
    let inf = fs::read_to_string(folder.path().join("cam.inf")).unwrap();
    fs::write(folder.path().join("cam.inf"), inf.replace("CatalogFile=cam.cat\n", "")).unwrap();
    every_byte(folder.path(), "cam.sys");
}

#[test]
fn every_byte_of_the_inf() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), Digest::Sha256);
    every_byte(folder.path(), "cam.inf");
}

#[test]
fn every_byte_of_the_catalog() {
    for digest in [Digest::Sha1, Digest::Sha256] {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path(), digest);
        every_byte(folder.path(), "cam.cat");
    }
}
