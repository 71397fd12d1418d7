//! The driver of an earlier commit.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{build, house, process};

/// Builds the driver as it was at a commit, unless that is done; its image.
pub fn driver(commit: &str) -> Result<PathBuf> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(house::root());
        git
    };
    let name = format!("{commit}^{{commit}}");
    let hash = process::output(&mut git(&["rev-parse", "--verify", "--short=12", &name]))
        .with_context(|| format!("there is no commit {commit}; --alone measures without one"))?;
    let kept = house::root().join("target/bench").join(format!("loopcam-{}.sys", hash.trim()));
    if kept.exists() {
        return Ok(kept);
    }
    println!("building the driver of {commit} ({})", hash.trim());
    let folder = tempfile::Builder::new().prefix("loopcam-before-").tempdir()?;
    let root = folder.path();
    let mut archive = git(&["archive", hash.trim()]).stdout(Stdio::piped()).spawn().context("git archive")?;
    let tar = archive.stdout.take().context("git archive has no output")?;
    process::run(Command::new("tar").args(["-x", "-C"]).arg(root).stdin(tar))?;
    ensure!(archive.wait()?.success(), "git archive failed");
    build::take_along(root)?;
    let mut itself = Command::new(env::current_exe().context("where is this program?")?);
    process::run(itself.args(["build", "--flavour", "default"]).current_dir(root).env(house::ROOT, root))?;
    fs::create_dir_all(kept.parent().context("a file lies in a folder")?)?;
    fs::copy(root.join("target/driver/default/loopcam.sys"), &kept)?;
    Ok(kept)
}
