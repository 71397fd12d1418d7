//! `cargo xtask fuzz`: libFuzzer over the driver on the rig, and over what the tools read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{
    build::{self, Flavour, Profile, Workshop},
    house, process,
    setup::{self, Purpose},
    toolchain,
};

/// Look for input that breaks something: libFuzzer over requests to the driver, and over the files that the tools read.
///
/// Requests are made from what the driver's filters say of themselves: handles are resources, properties and formats are
/// typed values. What counts as new is new code of the driver, the very loopcam.sys, which nothing is compiled into. What
/// is found worth keeping goes to target/fuzz/; --merge takes from it into fuzz/corpus/ what reaches more code than what
/// is there. An input that breaks something is left in target/fuzz/, with the inputs since the driver was loaded.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz requests --seconds 600
  cargo xtask fuzz requests -- target/fuzz/requests/crash-0123
      plays one input, or several in their order, once more")]
pub struct Options {
    /// What to fuzz; everything, if it is not said
    #[arg(value_enum)]
    target: Option<Target>,
    /// How long, each target
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// Takes into fuzz/corpus/ what reaches more code, and fuzzes nothing
    #[arg(long)]
    merge: bool,
    /// Arguments for libFuzzer; with files, they are played and nothing else
    #[arg(last = true, value_name = "LIBFUZZER ARGUMENTS")]
    more: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Requests of a program to the driver
    Requests,
    /// Data formats and ranges
    Formats,
    /// Images of drivers, as ksrig loads them
    Image,
    /// INF files
    Inf,
    /// Catalogs of driver packages
    Catalog,
    /// Video files
    Y4m,
}

impl Target {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Longer inputs are not tried.
    fn longest(self) -> u32 {
        match self {
            Self::Requests => 1024,
            Self::Formats | Self::Y4m => 4096,
            Self::Inf | Self::Catalog => 16384,
            Self::Image => 65536,
        }
    }
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure(Purpose::Test)?;
    Workshop::open()?.driver(Flavour::Default, Profile::Release)?;
    let targets = options.target.map_or_else(|| Target::value_variants().to_vec(), |target| vec![target]);
    for target in targets {
        let program = compile(target)?;
        fuzz(target, &program, options)?;
    }
    Ok(())
}

/// Builds a target. What is fuzzed of this program itself is compiled to tell libFuzzer where it goes; the driver is not,
/// and tells so by its breakpoints.
fn compile(target: Target) -> Result<PathBuf> {
    let bin = format!("fuzz-{}", target.name());
    let mut cargo = toolchain::host_cargo();
    cargo.args(["build", "--locked", "--profile", "rig", "--package", "loopcam-fuzz"]);
    cargo.args(["--features", "libfuzzer", "--bin", &bin]);
    let folder = if target == Target::Requests {
        // As the rig is built otherwise.
        cargo.arg("--no-default-features");
        build::metadata()?.target_directory.into_std_path_buf()
    } else {
        const COVERAGE: [&str; 4] = [
            "-Cpasses=sancov-module",
            "-Cllvm-args=-sanitizer-coverage-level=4",
            "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
            "-Cllvm-args=-sanitizer-coverage-pc-table",
        ];
        let folder = house::root().join("target/fuzz/cargo");
        cargo.arg("--target-dir").arg(&folder);
        // With a target named, build scripts and macros are compiled without them.
        cargo.args(["--target", HOST]).env("RUSTFLAGS", COVERAGE.join(" "));
        folder.join(HOST)
    };
    process::run(&mut cargo)?;
    Ok(folder.join("rig").join(bin))
}

const HOST: &str = "x86_64-unknown-linux-gnu";

fn fuzz(target: Target, program: &Path, options: &Options) -> Result<()> {
    let name = target.name();
    let kept = house::root().join("fuzz/corpus").join(&name);
    let folder = house::root().join("target/fuzz").join(&name);
    let found = folder.join("corpus");
    fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    let mut command = Command::new(program);
    command.current_dir(house::root()).env("FUZZ_HISTORY", folder.join("history"));
    command.arg(format!("-artifact_prefix={}/", folder.display()));
    if options.more.iter().any(|argument| !argument.starts_with('-')) {
        return process::run(command.args(&options.more));
    }
    command.arg(format!("-max_len={}", target.longest()));
    let seeds = if target == Target::Image { Some(seeds(&folder)?) } else { None };
    if options.merge {
        return process::run(command.arg("-set_cover_merge=1").arg(&kept).arg(&found).args(seeds));
    }
    println!("fuzzing {name} for {} s", options.seconds);
    command.args([format!("-max_total_time={}", options.seconds)]);
    command.args(["-print_final_stats=1", "-timeout=60"]).args(&options.more).arg(&found).arg(&kept);
    process::run(command.args(seeds))
}

/// Images to begin with: small drivers.
fn seeds(folder: &Path) -> Result<PathBuf> {
    let seeds = folder.join("seeds");
    fs::create_dir_all(&seeds)?;
    Workshop::open()?.test_drivers(Profile::Release)?;
    let sound = house::driver().join("tests/sound.sys");
    fs::copy(&sound, seeds.join("sound.sys")).with_context(|| sound.display().to_string())?;
    Ok(seeds)
}
