//! The mutant drivers: one image under many names, each of which breaks the rule that it is named after.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use cargo_metadata::Package;
use clap::Args;

use crate::{
    build::{self, Profile, Workshop},
    house, rig, test, toolchain,
};

/// Show that the rig sees what it is there for: drivers that break one rule each, and one that breaks none.
///
/// Builds the driver of tests/drivers/mutants and the rig, runs `ksrig verify` on each mutant and prints the matrix: the
/// rule that it breaks, what Windows would stop with, the option that is needed to see it. Ends with an error if one is
/// missed, or anything else is found, or the words are not those of tests/golden/mutants.
#[derive(Args)]
pub struct Options {}

/// The command.
pub fn run(_: &Options) -> Result<()> {
    let metadata = build::metadata()?;
    {
        let workshop = Workshop::open()?;
        for package in build::test_driver_packages(&metadata) {
            if let Some(table) = table(package) {
                workshop.mutants(package, &table, Profile::Release)?;
            }
        }
    }
    rig::mutants(toolchain::host_cargo().arg("test").args(test::host_packages(&metadata)))
}

/// The table of a package whose image has many names: `[package.metadata.ksrig] names`.
pub fn table(package: &Package) -> Option<PathBuf> {
    let file = package.metadata["ksrig"]["names"].as_str()?;
    Some(package.manifest_path.parent()?.join(file).into())
}

/// Where the images lie.
pub fn folder() -> PathBuf {
    house::driver().join("mutants")
}

/// Links an image with its symbols to each name of the table, and to no other; gives all paths.
pub fn link(sound: &Path, table: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string(table).with_context(|| format!("cannot read {}", table.display()))?;
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if path.file_stem() != sound.file_stem() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    let mut images = vec![sound.to_owned()];
    for name in text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').next())
    {
        let image = sound.with_file_name(name).with_extension("sys");
        for extension in ["sys", "pdb", "map"] {
            let link = image.with_extension(extension);
            fs::hard_link(sound.with_extension(extension), &link)
                .with_context(|| format!("cannot make {}", link.display()))?;
        }
        images.push(image);
    }
    Ok(images)
}
