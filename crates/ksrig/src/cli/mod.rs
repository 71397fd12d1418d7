//! The command's face: arguments in, text and files out.

mod args;
mod bench;
mod capture;
mod compliance;
mod connect;
mod coverage;
mod demo;
mod info;
mod rules;
mod show;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Loads the .sys of an AVStream minidriver on Linux and plays Windows for it.
///
/// ksrig maps the driver's image, runs its DriverEntry, starts a device, opens filters, connects pins and
/// streams video, as KsStudio does on Windows. It watches every call as Driver Verifier does. Nothing of
/// Windows is needed.
#[derive(Debug, Parser)]
#[command(name = "ksrig", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ksrig info loopcam.sys
      what the driver has: filters, pins, formats
  ksrig connect loopcam.sys --from 1/0 --to 0/1
      connects pin 0 of filter 1 to pin 1 of filter 0, shows what Connect returned
  ksrig capture loopcam.sys --sink 0/1 --source 0/0 --input in.y4m --output out.y4m
      writes a video into one pin and reads it from another
  ksrig demo loopcam.sys --inf loopcam.inx --connect '1/0>0/1' --read 0/0@nv12 --read 0/0@yuy2
      all of it with a report in HTML
  ksrig compliance loopcam.sys --html report.html
      how well it behaves, in some ninety checks
  ksrig verify loopcam.sys --faults systematic --schedules 1000 --seconds 60
      what Driver Verifier would find, and more

Pins are named FILTER/PIN. Each is a number as `ksrig info` shows it or a name, if there is one.
Formats are written as nv12:1280x720@30.

Exit codes: 0 all went right; 1 something went wrong, a rule was broken or something leaked; 2 wrong usage;
70 the driver stopped the machine (a bug check on Windows).";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows what a driver has: image, filters, pins, formats
    Info(info::Args),
    /// Connects a source pin to a sink pin and shows what Connect returned
    Connect(connect::Args),
    /// Reads frames from a pin into a .y4m file, and writes one into another pin
    Capture(capture::Args),
    /// Connects, streams to several readers, closes everything and writes a report
    Demo(demo::Args),
    /// Measures the driver: time per frame beside a bare copy, connect and disconnect
    Bench(bench::Args),
    /// Measures how well a driver behaves: numbered checks, as v4l2-compliance makes them
    Compliance(compliance::Args),
    /// Shows which lines of a driver have run
    Coverage(coverage::Args),
    /// Looks for faults in a driver, any: scenarios, calls that fail, schedules
    Verify(verify::Args),
    /// Lists the rules the rig watches
    Rules(rules::Args),
}

/// Runs the command.
pub fn main() -> ExitCode {
    // SAFETY: done once, before any thread is made. `ksrig info | head` ends as other commands do.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let result = match Cli::parse().command {
        Command::Info(args) => info::run(&args),
        Command::Connect(args) => connect::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Compliance(args) => compliance::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Rules(args) => rules::run(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ksrig: {error:#}");
            ExitCode::FAILURE
        }
    }
}
