//! `cargo xtask bench`: how fast the driver is here, beside a bare copy and beside the driver of an earlier commit.

mod measured;
mod plot;
mod previous;

use std::{fs, path::Path};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use self::measured::{Case, Measured};
use crate::{house, process, rig::Rig, toolchain};

/// Measure the driver: time per picture beside a bare copy of the same bytes, connecting, the rig's own speed.
///
/// Builds the driver and the rig optimised, and the driver of the commit before; measures both in turns with
/// `ksrig bench`, prints tables, and leaves bench.json and bench.svg in target/bench/. Measures this machine as it is,
/// so let nothing else run beside it. With --pixels, measures the conversions and pictures of crate video instead.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --against v0.1.0\n  cargo xtask bench --alone -- --readers 1 --format yuy2:640x480@30\n  cargo xtask bench --pixels"
)]
pub struct Options {
    /// Measure conversions and painted pictures, each beside a bare copy
    #[arg(long, conflicts_with_all = ["more", "against"])]
    pixels: bool,
    /// The commit whose driver is measured as well
    #[arg(long, value_name = "COMMIT", default_value = "HEAD~1")]
    against: String,
    /// Measure this driver alone
    #[arg(long, conflicts_with = "against")]
    alone: bool,
    /// How often; the tables show medians
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// More arguments for `ksrig bench`
    #[arg(last = true, value_name = "KSRIG ARGUMENTS")]
    more: Vec<String>,
}

/// What bench.json holds.
#[derive(Serialize)]
struct Results<'a> {
    /// The commit that was measured against.
    against: Option<&'a str>,
    now: &'a Measured,
    before: Option<&'a Measured>,
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    if options.pixels {
        let arguments = ["run", "--locked", "--profile", "rig", "--package", "video", "--example", "bench"];
        return process::run(toolchain::host_cargo().args(arguments));
    }
    let before = if options.alone { None } else { Some(previous::driver(&options.against)?) };
    let rig = Rig::build()?;
    let old_rig = before.as_ref().map(|driver| rig.with(driver));
    let (mut now, mut before) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds.max(1) {
        println!("round {round} of {}", options.rounds.max(1));
        now.push(Measured::by(&rig, &options.more)?);
        if let Some(rig) = &old_rig {
            before.push(Measured::by(rig, &options.more)?);
        }
    }
    let now = Measured::median(now).context("nothing was measured")?;
    let before = Measured::median(before);
    table(&now, before.as_ref());
    println!("\nFifteen readers, and the same beside a sixteenth that takes nothing");
    for format in ["nv12:16x16@30", "nv12:1920x1080@30"] {
        let [without, with] = Measured::stalled(&rig, format, 2 * options.rounds.max(1) + 1)?;
        let change = (with / without - 1.0) * 100.0;
        println!("  {format:<26} {:>12} {:>12} {change:>+8.1} %", time(without), time(with));
    }
    let watching = ["--flags", "standard,ks"].map(str::to_owned);
    let watched =
        (0..options.rounds.max(1)).map(|_| Measured::by(&rig, &[&options.more[..], &watching].concat()));
    let watched = Measured::median(watched.collect::<Result<_>>()?).context("nothing was measured")?;
    let factor = now.times_real_time / watched.times_real_time;
    println!("\nWith Driver Verifier's options (standard,ks) the rig takes {factor:.1} times as long");
    let folder = house::root().join("target/bench");
    let against = before.as_ref().map(|_| options.against.as_str());
    save(&folder, &Results { against, now: &now, before: before.as_ref() })
}

fn save(folder: &Path, results: &Results<'_>) -> Result<()> {
    fs::create_dir_all(folder)?;
    let (json, svg) = (folder.join("bench.json"), folder.join("bench.svg"));
    fs::write(&json, serde_json::to_string_pretty(results)?)?;
    plot::draw(&svg, results)?;
    println!("\n{} and {}", house::short(&json), house::short(&svg));
    Ok(())
}

fn table(now: &Measured, before: Option<&Measured>) {
    println!("\nTime in the driver for a frame (medians)");
    println!(
        "  {:<26} {:>7} {:>12} {:>12} {:>11} {:>11} {:>8}",
        "format", "readers", "driver", "bare copy", "copy/driver", "before", "change"
    );
    for (index, Case { format, readers, driver_ns, copy_ns, ratio, .. }) in now.frames.iter().enumerate() {
        let old = before.and_then(|before| before.frames.get(index));
        let was = old.map_or_else(String::new, |old| format!("{:.2}", old.ratio));
        // Both as shares of the bare copy beside them: the machine may have been slower.
        let change =
            old.map_or_else(String::new, |old| format!("{:+.0} %", (old.ratio / ratio - 1.0) * 100.0));
        println!(
            "  {format:<26} {readers:>7} {:>12} {:>12} {ratio:>11.2} {was:>11} {change:>8}",
            time(*driver_ns),
            time(*copy_ns)
        );
    }
    let pair = |name: &str, of: fn(&Measured) -> String| {
        let was = before.map_or_else(String::new, |before| format!(" (before: {})", of(before)));
        println!("{name:<34} {}{was}", of(now));
    };
    println!();
    pair("connect and disconnect, with rig", |measured| time(measured.connect_disconnect_ns));
    pair("speed of the rig, in real time", |measured| format!("{:.0} x", measured.times_real_time));
    pair("calls in ten idle seconds", |measured| measured.idle_calls.to_string());
    for (index, step) in now.footprint.iter().enumerate() {
        let bytes = |measured: &Measured| measured.footprint.get(index).map_or(0, |step| step.bytes);
        let was = before.map_or_else(String::new, |before| format!(" (before: {})", bytes(before)));
        println!("{:<34} {} bytes of pool{was}", step.what, step.bytes);
    }
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 10_000_000.0 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
