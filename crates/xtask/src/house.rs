//! The places of this workspace.

use std::{
    env,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// The variable by which `reproduce` lets this program work on a copy of the workspace.
pub const ROOT: &str = "LOOPCAM_ROOT";

/// The root of the workspace, wherever the command was started.
pub fn root() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| match env::var_os(ROOT) {
        Some(copy) => copy.into(),
        None => {
            let own = Path::new(env!("CARGO_MANIFEST_DIR"));
            own.ancestors().nth(2).expect("xtask lies in crates/xtask").to_owned()
        }
    });
    &FOLDER
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
