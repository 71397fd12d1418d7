//! The places of this workspace.

use std::path::{Path, PathBuf};

/// The root of the workspace, wherever the command was started.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("xtask lies in crates/xtask")
}

/// Where the driver and what belongs to it are left. It must lie inside the workspace: wdk-build looks for
/// Cargo.lock in the folders above its own output.
pub fn driver() -> PathBuf {
    root().join("target/driver")
}

/// A path as a person types it from the root of the workspace.
pub fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
