//! `cargo xtask program`: the compliance suite as a program for Windows.

mod check;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    build::{Workshop, replace},
    house, process,
    setup::{self, Purpose},
    toolchain,
};

/// Build ks-compliance.exe, the compliance suite for real Windows handles.
///
/// Leaves it in target/driver/tools/, for Windows 7 and later on x64. The Rust library is compiled from Debian's source
/// package for a target whose library Windows 7 can serve, and GCC of mingw-w64 links. Shows what is in the image, and
/// fails if it is not as it should be.
#[derive(Args)]
pub struct Options {}

/// The command.
pub fn run(_: &Options) -> Result<()> {
    let workshop = Workshop::open()?;
    let report = build(&workshop)?;
    print!("{report}");
    Ok(())
}

/// Where the built program is.
pub fn file() -> PathBuf {
    house::driver().join("tools/ks-compliance.exe")
}

/// Builds and checks the program; what is in it.
pub fn build(workshop: &Workshop) -> Result<check::Report> {
    setup::ensure(Purpose::Program)?;
    let file = file();
    println!("building {} with Debian's rustc-web, library from source", house::short(&file));
    let start = Instant::now();
    let mut cargo = toolchain::program_cargo(workshop.target_dir(), "build")?;
    cargo.args(["--package", "ks-compliance", "--bin", "ks-compliance", "--release"]);
    process::run(&mut cargo)?;
    let made = workshop.target_dir().join(toolchain::PROGRAM).join("release/ks-compliance.exe");
    let image = fs::read(&made).with_context(|| format!("cannot read {}", made.display()))?;
    let report = check::check(&image)?;
    ensure!(report.faults().next().is_none(), "{} is not fit for Windows:\n{report}", house::short(&made));
    let folder = file.parent().context("a program lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    replace(&file, &image)?;
    println!("built    {} in {:.1} s", house::short(&file), start.elapsed().as_secs_f32());
    Ok(report)
}

/// Clippy over what is compiled for Windows only.
pub fn clippy(workshop: &Workshop) -> Result<()> {
    if !Path::new(toolchain::DEBIAN_CLIPPY).exists() {
        println!("SKIPPED: there is no {} (Debian's rust-web-clippy)", toolchain::DEBIAN_CLIPPY);
        return Ok(());
    }
    let mut cargo = toolchain::program_cargo(workshop.target_dir(), "clippy")?;
    process::run(cargo.args(["--package", "ks-compliance", "--release", "--", "-Dwarnings"]))
}
