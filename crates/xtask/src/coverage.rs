//! `cargo xtask coverage`: which lines of the driver the tests run.

use std::{fs, process::Command};

use anyhow::Result;
use clap::Args;

use crate::{
    build::Flavour,
    house, process,
    rig::Rig,
    setup::{self, Purpose},
    toolchain,
};

/// Show which lines of the driver and of avstream the tests run.
///
/// Runs the whole-driver tests with breakpoints on every basic block of loopcam.sys, as it is shipped, and compares what
/// ran with its symbols. Lines that the optimiser left no code of do not count. Leaves target/coverage/lcov.info for
/// editors and genhtml.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask coverage
  cargo xtask coverage --recorded --missing")]
pub struct Options {
    /// Compares what the last run has recorded, and runs nothing
    #[arg(long)]
    recorded: bool,
    /// Lists the lines that did not run
    #[arg(long)]
    missing: bool,
}

/// At least so many lines run, in percent.
const PROMISED: &str = "95";

/// The command.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure(Purpose::Test)?;
    let rig = Rig::build()?;
    if !options.recorded {
        let mut tests = toolchain::host_cargo();
        tests.args(["test", "--locked", "--package", "loopcam-tests", "--no-fail-fast"]);
        process::run(record(&mut tests)?)?;
    }
    report(&rig, options.missing)
}

/// Lets a run of tests record what runs, from nothing on.
pub fn record(tests: &mut Command) -> Result<&mut Command> {
    let folder = house::root().join("target/coverage/records");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(tests.env("KSRIG_COVERAGE", folder))
}

/// Prints what ran, and fails if that is less than is promised.
pub fn report(rig: &Rig, missing: bool) -> Result<()> {
    let folder = house::root().join("target/coverage");
    let mut coverage = Command::new(rig.program());
    coverage.current_dir(house::root()).arg("coverage").arg(Flavour::Default.image());
    coverage.arg(folder.join("records")).args(["--source", "src", "--source", "crates/avstream/src"]);
    coverage.arg("--lcov").arg(folder.join("lcov.info")).args(["--at-least", PROMISED]);
    process::run(coverage.args(missing.then_some("--missing")))
}
