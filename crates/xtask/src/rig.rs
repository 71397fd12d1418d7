//! Running the rig: `cargo xtask demo`, `cargo xtask bench`, and the compliance suite in `cargo xtask test`. Its command line is known here and nowhere else.

use std::{
    path::{Path, PathBuf, absolute},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    build::{Flavour, Profile, Workshop},
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

/// Measure the driver: time per picture beside a bare copy of the same bytes, connecting, the rig's own speed.
///
/// Builds the driver and the rig optimised, and runs `ksrig bench`, which prints a table. Measures this machine as it
/// is, so let nothing else run beside it. With --pixels, measures the conversions and pictures of crate video instead.
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --pixels")]
pub struct BenchOptions {
    /// Measure conversions and painted pictures, each beside a bare copy
    #[arg(long, conflicts_with = "more")]
    pixels: bool,
    /// More arguments for `ksrig bench`
    #[arg(last = true, value_name = "KSRIG ARGUMENTS")]
    more: Vec<String>,
}

/// The command.
pub fn demo(options: &DemoOptions) -> Result<()> {
    let mut rig = rig("demo")?;
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

/// The command.
pub fn bench(options: &BenchOptions) -> Result<()> {
    if options.pixels {
        let arguments = ["run", "--locked", "--profile", "rig", "--package", "video", "--example", "bench"];
        return process::run(toolchain::host_cargo().args(arguments));
    }
    process::run(rig("bench")?.args(&options.more))
}

/// Requests by chance that a change has to withstand, and their seed.
const REQUESTS: [&str; 4] = ["--requests", "1000000", "--seed", "7"];
/// With each switch the checks are made once more; those that repeat themselves for ever, less often.
const EACH_SWITCH: [&str; 5] = ["--each-switch", "--requests", "5000", "--rounds", "200"];

/// Runs the compliance suite on the driver: whole, with a million random requests, then with each open point the other
/// way. Prints how long each part took.
pub fn compliance() -> Result<()> {
    build()?;
    for arguments in [&REQUESTS[..], &EACH_SWITCH] {
        let start = Instant::now();
        process::run(run("compliance", &Flavour::Default.image()).args(arguments))?;
        println!("{}: {:.1} s", arguments.join(" "), start.elapsed().as_secs_f32());
    }
    Ok(())
}

/// The rig with a freshly built driver: options are to follow.
fn rig(command: &str) -> Result<Command> {
    let driver = Workshop::open()?.driver(Flavour::Default, Profile::Release)?;
    build()?;
    Ok(run(command, &driver))
}

const PACKAGE: [&str; 5] = ["--locked", "--profile", "rig", "--package", "ksrig"];

fn build() -> Result<()> {
    println!("building the rig");
    process::run(toolchain::host_cargo().arg("build").args(PACKAGE))
}

/// `ksrig <command> DRIVER`, with the names that users see.
fn run(command: &str, driver: &Path) -> Command {
    let mut cargo = toolchain::host_cargo();
    cargo.args(["run", "--quiet"]).args(PACKAGE).args(["--bin", "ksrig", "--", command]).arg(driver);
    cargo.arg("--inf").arg(house::root().join("inf/loopcam.inx"));
    cargo
}
