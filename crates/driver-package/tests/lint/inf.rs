//! Specimens of INF rules: a good file with one edit.

use std::path::Path;

use driver_package::inf::{self, Stamp};

use super::specimen::{Make, Specimen, write};

/// The file of a package for Windows 10 1709 and later.
const MODERN: &str = include_str!("modern.inf");

/// A package for Windows 10 with a changed INF file.
fn modern(folder: &Path, inf: impl AsRef<[u8]>) {
    write(folder, "cam.inf", inf);
    write(folder, "cam.sys", "");
    write(folder, "cam.cat", "");
}

/// Packages without a mistake.
pub fn good() -> Vec<(&'static str, Make)> {
    vec![
        ("modern", Box::new(|folder| modern(folder, MODERN))),
        (
            "loopcam",
            Box::new(|folder| loopcam(folder, "loopcam", &["amd64/loopcam.sys", "arm64/loopcam.sys"])),
        ),
        ("loopcam-legacy", Box::new(|folder| loopcam(folder, "loopcam-legacy", &["loopcam.sys"]))),
    ]
}

/// A package of this repository, with its INF file stamped.
fn loopcam(folder: &Path, name: &str, images: &[&str]) {
    let source = format!("{}/../../inf/{name}.inx", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read(&source).expect("the source of the INF file");
    let version = "11/24/2026,0.1.0.0".parse().expect("date and version");
    let catalog = format!("{name}.cat");
    let stamp = Stamp { version, architecture: None, catalog: Some(&catalog) };
    write(folder, &format!("{name}.inf"), inf::stamp(&source, &stamp).expect("an INF file"));
    for file in images.iter().copied().chain([catalog.as_str()]) {
        write(folder, file, "");
    }
}

/// `MODERN` with other text in one place.
fn edited(name: &str, old: &'static str, new: &'static str) -> Specimen {
    assert_eq!(MODERN.matches(old).count(), 1, "{name}: {old}");
    Specimen::new(name, move |folder| modern(folder, MODERN.replace(old, new)))
}

/// Packages with one mistake.
pub fn specimens() -> Vec<Specimen> {
    vec![
        Specimen::new("1000", |folder| write(folder, "cam.sys", "")),
        edited("1001", "$Windows NT$", "$Windows 95$"),
        edited("1001-missing", "Signature   = \"$Windows NT$\"", ""),
        edited("1002", "[Cam.Copy]", "[Cam.Copy"),
        edited("1002-quotation", "\"Contoso\"\nDisk", "\"Contoso\nDisk"),
        Specimen::new("1003", |folder| modern(folder, MODERN.replace("Contoso", "Cöntoso"))),
    ]
}
