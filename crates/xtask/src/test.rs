//! `cargo xtask test`: everything that must hold before a change is taken.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use cargo_metadata::Metadata;
use clap::Args;

use crate::{
    build::{self, Flavour, Flavours, Profile, Workshop},
    coverage, fidelity, image, package, process, program, rig,
    setup::{self, Purpose},
    toolchain::{self, Route},
};

/// Test everything: format, driver images, lints, documentation, and the driver on the rig.
///
/// Installs what is missing, builds all flavours of the driver and the test drivers, checks the images, runs clippy over
/// both sides of the ABI, builds the documentation, runs all tests (with cargo-nextest if it is there) and looks which
/// lines of the driver they run, runs the compliance suite with a million random requests and with each open point the
/// other way, lets calls fail, tries schedules and lets threads run free, fuzzes, makes the packages, runs the drivers in
/// them, and builds the driver again in another folder. Stops at the first step that fails. From nothing it takes about half
/// an hour on two cores.
#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask test --quick")]
pub struct Options {
    /// Leave clippy and the documentation out
    #[arg(long)]
    pub quick: bool,
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("setup", || setup::ensure(Purpose::Test))?;
    let metadata = build::metadata()?;
    steps.run("fidelity", || fidelity::run(&fidelity::Options { all: false }))?;
    steps.run("format", || process::run(toolchain::formatter().args(["--all", "--check"])))?;
    {
        // Held while it is used, and no longer: tests may build drivers too.
        let workshop = steps.run("workshop", Workshop::open)?;
        for &flavour in Flavours::All.each() {
            let name = format!("build of the {} flavour", flavour.name());
            steps.run(&name, || workshop.driver(flavour, Profile::Release))?;
        }
        steps.run("build of the test drivers", || workshop.test_drivers(Profile::Release))?;
        steps.run("build of ks-compliance.exe", || program::build(&workshop))?;
        steps.run("image", || image::run(&image::Options { file: None, flavour: Some(Flavours::All) }))?;
        if !options.quick {
            steps.run("clippy, driver", || driver_clippy(&workshop, &metadata))?;
            steps.run("clippy, ks-compliance.exe", || program::clippy(&workshop))?;
            steps.run("documentation, driver", || driver_documentation(&workshop))?;
        }
    }
    if !options.quick {
        steps.run("clippy", || clippy(&metadata))?;
        steps.run("documentation", || documentation(&metadata))?;
    }
    let program = steps.run("build of the rig", rig::build_program)?;
    steps.run("tests", || tests(&metadata, &program))?;
    steps.run("compliance", || {
        rig::compliance(toolchain::host_cargo().arg("test").args(host_packages(&metadata)))
    })?;
    steps.run("coverage", || itself(&["coverage", "--recorded"]))?;
    steps.run("verify", rig::verify)?;
    steps.run("fuzz", || itself(&["fuzz", "requests", "--seconds", "20"]))?;
    steps.run("endurance", || itself(&["endurance", "--minutes", "0.2"]))?;
    steps.run("specification", || itself(&["specification"]))?;
    steps.run("package", || itself(&["package"]))?;
    steps.run("packaged drivers", || packaged_drivers(&metadata))?;
    if !options.quick {
        steps.run("reproduce", || itself(&["reproduce", "--quick"]))?;
    }
    steps.summary();
    Ok(())
}

/// What is done, and how long it took.
#[derive(Default)]
struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("=== {name}");
        let start = Instant::now();
        let result = work().with_context(|| format!("{name} failed"))?;
        let time = start.elapsed();
        println!("=== {name}: {}", seconds(time));
        self.done.push((name.to_owned(), time));
        Ok(result)
    }

    fn summary(&self) {
        println!("=== all is well");
        for (name, time) in &self.done {
            println!("{:>8}  {name}", seconds(*time));
        }
        println!("{:>8}  together", seconds(self.done.iter().map(|(_, time)| *time).sum()));
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

/// The workspace without the packages that are for Windows only.
pub fn host_packages(metadata: &Metadata) -> Vec<String> {
    let mut arguments = vec!["--locked".to_owned(), "--workspace".to_owned()];
    let drivers = build::test_driver_packages(metadata);
    for name in std::iter::once("loopcam").chain(drivers.iter().map(|package| package.name.as_str())) {
        arguments.extend(["--exclude".to_owned(), name.to_owned()]);
    }
    arguments
}

fn clippy(metadata: &Metadata) -> Result<()> {
    let Some(mut cargo) = toolchain::host_clippy() else {
        println!("SKIPPED: there is no clippy, neither rustup's nor Debian's rust-web-clippy");
        return Ok(());
    };
    process::run(cargo.args(host_packages(metadata)).args(["--all-targets", "--", "-Dwarnings"]))
}

/// The driver's side: what is compiled for Windows, with every set of features that is built.
fn driver_clippy(workshop: &Workshop, metadata: &Metadata) -> Result<()> {
    if workshop.route() == Route::Rustup && !toolchain::host_has("clippy") {
        println!("SKIPPED: rustup's toolchain has no clippy (`rustup component add clippy`)");
        return Ok(());
    }
    // What is compiled for ARM64 is the same but for one small file.
    let flavours = [Flavour::Default, Flavour::Downlevel].map(|flavour| ("loopcam", flavour.feature()));
    let drivers = build::test_driver_packages(metadata);
    let variants = drivers.iter().flat_map(|package| {
        build::variants(package).into_iter().map(|(_, feature)| (package.name.as_str(), feature))
    });
    for (package, feature) in flavours.into_iter().chain(variants) {
        // The release profile, whose build scripts have run already.
        let mut cargo = workshop.cargo("clippy")?;
        cargo.args(["--release", "--package", package]);
        if let Some(feature) = feature {
            cargo.args(["--features", feature]);
        }
        process::run(cargo.args(["--", "-Dwarnings"]))?;
    }
    Ok(())
}

fn documentation(metadata: &Metadata) -> Result<()> {
    let mut cargo = toolchain::host_cargo();
    process::run(
        cargo.args(["doc", "--no-deps"]).args(host_packages(metadata)).env("RUSTDOCFLAGS", "-Dwarnings"),
    )
}

fn driver_documentation(workshop: &Workshop) -> Result<()> {
    let document = |package: &str, option: Option<&str>, flags: &str| {
        let mut cargo = workshop.cargo("doc")?;
        cargo.args(["--release", "--no-deps", "--package", package]).args(option).env("RUSTDOCFLAGS", flags);
        process::run(&mut cargo)
    };
    document("avstream", None, "-Dwarnings")?;
    // The driver has no users but its developers, so its documentation may link to what is private.
    let flags = "-Dwarnings -Arustdoc::private-intra-doc-links";
    document("loopcam", Some("--document-private-items"), flags)
}

/// Another command of this program.
fn itself(arguments: &[&str]) -> Result<()> {
    let program = std::env::current_exe().context("where is this program?")?;
    process::run(Command::new(program).args(arguments))
}

/// Connecting, streaming and the demo, with the drivers and the program as a Windows machine gets them.
fn packaged_drivers(metadata: &Metadata) -> Result<()> {
    let mut cargo = toolchain::host_cargo();
    // Of the whole workspace, as the tests before: for one package, features differ and all is compiled again.
    cargo.args(["test", "--no-fail-fast"]).args(host_packages(metadata));
    for test in ["capture", "connect", "package", "windows_program"] {
        cargo.args(["--test", test]);
    }
    process::run(cargo.env("LOOPCAM_PACKAGE", package::default_folder()))
}

/// All tests; those that run the rig as a command, for minutes, take the optimised one.
fn tests(metadata: &Metadata, rig: &Path) -> Result<()> {
    let packages = host_packages(metadata);
    let run = |command: &mut Command| process::run(command.args(&packages).env("KSRIG", rig));
    if toolchain::host_has("nextest") {
        run(coverage::record(toolchain::host_cargo().args(["nextest", "run", "--no-fail-fast"]))?)?;
        // Which nextest does not run.
        run(toolchain::host_cargo().args(["test", "--doc"]))
    } else {
        run(coverage::record(toolchain::host_cargo().args(["test", "--no-fail-fast"]))?)
    }
}
