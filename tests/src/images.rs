//! The built images.

use std::path::{Path, PathBuf};

/// loopcam.sys in both flavours.
pub fn loopcam() -> [PathBuf; 2] {
    ["default", "downlevel"].map(|flavour| built(&format!("{flavour}/loopcam.sys")))
}

/// A variant of tests/drivers.
pub fn raw(variant: &str) -> PathBuf {
    built(&format!("tests/{variant}.sys"))
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
