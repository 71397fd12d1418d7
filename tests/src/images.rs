//! The built images.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder of packages, as `cargo xtask package` leaves it, if their drivers are to be tested.
const PACKAGE: &str = "LOOPCAM_PACKAGE";

/// loopcam.sys in both flavours: as built, or as it lies in the packages.
pub fn loopcam() -> [PathBuf; 2] {
    match env::var_os(PACKAGE) {
        Some(folder) => ["windows-10-2004/amd64", "windows-xp"].map(|package| {
            let path = root().join(&folder).join(package).join("loopcam.sys");
            assert!(path.exists(), "{} is missing: run `cargo xtask package`", path.display());
            path
        }),
        None => ["default", "downlevel"].map(|flavour| built(&format!("{flavour}/loopcam.sys"))),
    }
}

/// An INF file by its name without extension: its source, or what the packages have.
pub fn inf(name: &str) -> PathBuf {
    let package = if name == "loopcam" { "windows-10-2004" } else { "windows-xp" };
    match env::var_os(PACKAGE) {
        Some(folder) => root().join(&folder).join(package).join(name).with_extension("inf"),
        None => root().join("inf").join(name).with_extension("inx"),
    }
}

/// A variant of tests/drivers.
pub fn raw(variant: &str) -> PathBuf {
    built(&format!("tests/{variant}.sys"))
}

/// A mutant of tests/drivers/mutants; `Sound` is none.
pub fn mutant(name: &str) -> PathBuf {
    built(&format!("mutants/{name}.sys"))
}

/// ks-compliance.exe: as built, or as it lies in the packages.
pub fn windows_program() -> PathBuf {
    let path = match env::var_os(PACKAGE) {
        Some(folder) => root().join(&folder).join("tools/ks-compliance.exe"),
        None => root().join("target/driver/tools/ks-compliance.exe"),
    };
    assert!(path.exists(), "{} is missing: run `cargo xtask program`", path.display());
    path
}

/// The top of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

fn built(name: &str) -> PathBuf {
    let path = root().join("target/driver").join(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask build`", path.display());
    path
}
