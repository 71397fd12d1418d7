//! `cargo xtask reproduce`: the same sources give the same driver, wherever they lie.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::{
    build, house,
    package::{self, archive},
    process,
};

/// Prove that the driver does not depend on where and when it is built.
///
/// Makes the unsigned packages here and from a copy of the sources in another folder, and compares every .sys, .inf and
/// .cat byte by byte. Tools of the same versions are taken for granted. Takes as long as a first build, several minutes.
#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask reproduce --quick")]
pub struct Options {
    /// Take what is compiled of other people's crates along; this workspace's are all compiled again
    #[arg(long)]
    quick: bool,
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    let date = package::date::seconds()?;
    let here = house::root().join("target/reproduce");
    make(house::root(), &here, &date)?;

    let elsewhere = tempfile::Builder::new().prefix("loopcam-elsewhere-").tempdir()?;
    let copy = elsewhere.path().join("sources");
    copy_sources(&copy)?;
    if options.quick {
        build::take_along(&copy)?;
    }
    println!("again in {}", copy.display());
    let there = elsewhere.path().join("packages");
    make(&copy, &there, &date)?;
    compare(&here, &there)
}

/// Makes the packages from the sources in a folder.
fn make(root: &Path, out: &Path, date: &str) -> Result<()> {
    let mut command = Command::new(env::current_exe().context("where is this program?")?);
    // The program is not compared: what the linker makes of it depends on the folder.
    command.args(["package", "--unsigned", "--without-program", "--out"]).arg(out).current_dir(root);
    process::run(command.env(house::ROOT, root).env("SOURCE_DATE_EPOCH", date))
}

/// What git knows or would take up, as it is now.
fn copy_sources(to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(house::root());
    let list = process::output(&mut git).context("which files are sources is git's to know")?;
    for name in list.split_terminator('\0') {
        let (from, to) = (house::root().join(name), to.join(name));
        // Deleted, but not committed yet.
        if !from.exists() {
            continue;
        }
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        // Not with the date: all sources are new here.
        fs::write(&to, fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?)?;
    }
    Ok(())
}

/// The same files with the same bytes.
fn compare(here: &Path, there: &Path) -> Result<()> {
    let names = |folder: &Path| -> Result<Vec<PathBuf>> {
        let compared = |path: &PathBuf| {
            path.extension()
                .is_some_and(|extension| ["sys", "inf", "cat"].iter().any(|other| extension == *other))
        };
        let files = archive::files(folder)?.into_iter().filter(compared);
        files.map(|path| Ok(path.strip_prefix(folder)?.to_owned())).collect()
    };
    let (ours, theirs) = (names(here)?, names(there)?);
    ensure!(ours == theirs && !ours.is_empty(), "different files: {ours:?} here, {theirs:?} there");
    let mut different = 0;
    for name in ours {
        let (one, other) = (fs::read(here.join(&name))?, fs::read(there.join(&name))?);
        let hash: String = Sha256::digest(&one).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        if one == other {
            println!("  same       {hash}  {}", name.display());
            continue;
        }
        different += 1;
        let bytes = one.iter().zip(&other).filter(|(a, b)| a != b).count();
        let first = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
        println!(
            "  DIFFERENT  {}: {bytes} bytes, the first at {first:#x}; {} and {} bytes long",
            name.display(),
            one.len(),
            other.len()
        );
    }
    match different {
        0 => Ok(()),
        n => bail!("{n} files depend on where or when they are built"),
    }
}
