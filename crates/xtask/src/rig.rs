//! Running the rig: `cargo xtask demo`, and the compliance suite and the verification in `cargo xtask test`.

use std::{
    path::{Path, PathBuf, absolute},
    process::Command,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    build::{self, Flavour, Profile, Workshop},
    house, process, toolchain,
};

/// Show the driver at work: connect a source pin to its sink pin, stream video, look at the pictures.
///
/// Builds the driver, loads it into the rig, connects the test source to the camera's input (or, with --input, feeds
/// a video into it as an application would), reads from the camera with two readers and takes everything down again.
/// Leaves report.html, frames.png, capture.y4m and events.jsonl in target/demo/.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask demo
  ffmpeg -i holiday.mp4 -pix_fmt yuv420p holiday.y4m && cargo xtask demo --input holiday.y4m")]
pub struct DemoOptions {
    /// Send this video through the camera instead of the test source's pictures
    #[arg(long, value_name = "FILE.y4m")]
    input: Option<PathBuf>,
    /// How many pictures
    #[arg(long, value_name = "N")]
    frames: Option<u32>,
    /// Where to leave the results
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
    /// More arguments for `ksrig demo`
    #[arg(last = true, value_name = "KSRIG ARGUMENTS")]
    more: Vec<String>,
}

/// The command.
pub fn demo(options: &DemoOptions) -> Result<()> {
    let mut rig = Rig::build()?.command("demo");
    // A path of the user's is relative to where the user is, the default one to the workspace.
    let out = match options.out.to_str() {
        Some("target/demo") => house::root().join("target/demo"),
        _ => absolute(&options.out).context("--out")?,
    };
    rig.arg("--out").arg(&out);
    if let Some(file) = &options.input {
        rig.arg("--input").arg(absolute(file).context("--input")?);
    }
    if let Some(frames) = options.frames {
        rig.args(["--frames", &frames.to_string()]);
    }
    rig.args(&options.more);
    process::run(&mut rig)
}

/// The rig and a freshly built driver.
pub struct Rig {
    program: PathBuf,
    driver: PathBuf,
}

impl Rig {
    /// Builds both, the driver in the default flavour.
    pub fn build() -> Result<Self> {
        let driver = Workshop::open()?.driver(Flavour::Default, Profile::Release)?;
        Ok(Self { program: build_program()?, driver })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The same rig with another driver.
    pub fn with(&self, driver: &Path) -> Self {
        Self { program: self.program.clone(), driver: driver.to_owned() }
    }

    /// `ksrig <command> target/driver/default/loopcam.sys`, options are to follow.
    pub fn command(&self, command: &str) -> Command {
        let mut rig = Command::new(&self.program);
        rig.arg(command).arg(&self.driver);
        // The names that users see.
        rig.arg("--inf").arg(house::root().join("inf/loopcam.inx"));
        rig
    }
}

/// Builds the optimised rig.
pub fn build_program() -> Result<PathBuf> {
    println!("building the rig");
    let mut cargo = toolchain::host_cargo();
    process::run(cargo.args(["build", "--locked", "--profile", "rig", "--package", "ksrig"]))?;
    Ok(build::metadata()?.target_directory.join("rig/ksrig").into())
}

/// With each switch the checks are made once more; those that repeat themselves for ever, less often.
const EACH_SWITCH: [&str; 5] = ["--each-switch", "--requests", "2000", "--rounds", "100"];

/// Runs the compliance suite on the driver: what `tests`, a run of the tests, has left to a rig that is optimised, a
/// million random requests among it; then the suite with each open point the other way.
pub fn compliance(tests: &mut Command) -> Result<()> {
    let rig = Rig::build()?;
    let tests = tests.args(["--test", "compliance", "--", "--ignored", "--nocapture"]);
    process::run(tests.env("KSRIG", &rig.program))?;
    process::run(rig.command("compliance").args(EACH_SWITCH))
}

/// Calls fail one by one, schedules are tried and threads run free, in all scenarios, for as long as that.
const VERIFY: [&str; 8] =
    ["--faults", "systematic", "--schedules", "100000", "--stress", "100000", "--seconds", "180"];

/// Verifies the driver.
pub fn verify() -> Result<()> {
    process::run(Rig::build()?.command("verify").args(VERIFY))
}

/// Runs the rig on every mutant driver, by what `tests`, a run of the tests, has for that; prints the matrix.
pub fn mutants(tests: &mut Command) -> Result<()> {
    let tests = tests.args(["--test", "mutants", "--", "--nocapture", "--test-threads", "1"]);
    process::run(tests.env("KSRIG", build_program()?))
}
