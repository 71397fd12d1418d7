//! `ksrig bench`

use serde::Serialize;

use super::{args, show};
use crate::client::Video;
use crate::client::bench::{self, Case, Footprint, FrameCost};
use crate::client::graph::PinName;
use crate::nt::flags::Flags;

/// Arguments of `ksrig bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A client writes frames into the sink pin while readers read. The time inside the driver is measured by call,
without what the rig does for it; what the rig's stubs add to each call of an export is measured before and taken off
(the column in brackets). The bare copy behind each frame copies the same bytes to as many buffers, so the
ratio, taken frame by frame, compares the driver with the best there can be on this machine. Times and ratios are
medians.

Example: ksrig bench loopcam.sys --sink 0/1 --read 0/0 --from 1/0 --json")]
pub struct Args {
    #[command(flatten)]
    machine: args::Machine,
    /// The source pin to connect from
    #[arg(long, value_name = "FILTER/PIN", default_value = "1/0")]
    from: PinName,
    /// The sink pin to write into and to connect to
    #[arg(long, value_name = "FILTER/PIN", default_value = "0/1")]
    sink: PinName,
    /// The pin to read from
    #[arg(long, value_name = "FILTER/PIN", default_value = "0/0")]
    read: PinName,
    /// Frames measured in each case
    #[arg(long, default_value_t = 200, value_name = "N")]
    frames: usize,
    /// The frames' formats
    #[arg(long, value_delimiter = ',', default_values = ["nv12:16x16@30", "nv12:1920x1080@30", "nv12:3840x2160@30"], value_name = "FORMAT,...")]
    format: Vec<Video>,
    /// What the readers read [default: what is written]
    #[arg(long, value_name = "FORMAT")]
    read_format: Option<Video>,
    /// Connections measured
    #[arg(long, default_value_t = 2000, value_name = "N")]
    connections: usize,
    /// Measure the frames only
    #[arg(long)]
    frames_only: bool,
    /// Numbers of readers
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16], value_name = "N,N,...")]
    readers: Vec<usize>,
    /// Readers beside them that run and take no frame
    #[arg(long, default_value_t = 0, value_name = "N")]
    stalled: usize,
    /// What is watched meanwhile, as with `ksrig verify`: to see what it costs
    #[arg(long, value_name = "NAMES", default_value = "none")]
    flags: Flags,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Figures {
    frames: Vec<FrameCost>,
    #[serde(flatten)]
    rest: Option<Rest>,
}

/// What is not about frames.
#[derive(Debug, Serialize)]
struct Rest {
    connect_disconnect_ns: f64,
    times_real_time: f64,
    idle_calls: u64,
    footprint: Vec<Footprint>,
}

/// What is connected, and what is streamed through the connection.
const TINY: &str = "nv12:16x16@30";
const HD: &str = "nv12:1280x720@30";

/// Measures.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let frames = frames(args)?;
    let rest = if args.frames_only { None } else { Some(rest(args)?) };
    let result = Figures { frames, rest };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        table(&result);
    }
    Ok(true)
}

fn frames(args: &Args) -> anyhow::Result<Vec<FrameCost>> {
    let rig = args.machine.rig()?.watch(args.flags).trace(false).preemption(0).measure(true).build();
    let _driver = args.machine.load(&rig)?;
    let mut frames = Vec::new();
    for format in &args.format {
        for readers in &args.readers {
            if !args.json {
                eprintln!("measuring {format}, {readers} readers ...");
            }
            let case = Case {
                format: *format,
                read_format: args.read_format.unwrap_or(*format),
                readers: *readers,
                stalled: args.stalled,
                frames: args.frames,
            };
            frames.push(bench::frames(&rig, &args.sink, &args.read, case)?);
        }
    }
    Ok(frames)
}

fn rest(args: &Args) -> anyhow::Result<Rest> {
    let parse = |text: &str| text.parse::<Video>().map_err(anyhow::Error::msg);
    let (tiny, hd) = (parse(TINY)?, parse(HD)?);
    let idle_calls = {
        let rig = args.machine.rig()?.watch(args.flags).trace(false).measure(true).build();
        let _driver = args.machine.load(&rig)?;
        bench::idle(&rig, &args.sink, &args.read, &hd)?
    };
    let rig = args.machine.rig()?.watch(args.flags).trace(false).preemption(0).build();
    let footprint = bench::footprint(&rig, || args.machine.load(&rig), &args.sink, &args.read, &hd)?;
    let _driver = args.machine.load(&rig)?;
    Ok(Rest {
        connect_disconnect_ns: bench::connect(&rig, &args.from, &args.sink, &tiny, args.connections)?,
        times_real_time: bench::speed(&rig, &args.from, &args.sink, &args.read, hd, args.frames as u64)?,
        idle_calls,
        footprint,
    })
}

fn table(result: &Figures) {
    show::headline("Time in the driver for a frame (medians)");
    println!(
        "  {:<26} {:>7} {:>12} {:>14} {:>12} {:>12} {:>10} {:>6} {:>11}",
        "written",
        "readers",
        "driver",
        "a reader",
        "(rig)",
        "bare copy",
        "copy/driver",
        "calls",
        "allocations"
    );
    for cost in &result.frames {
        let FrameCost { format, readers, driver_ns, rig_ns, copy_ns, ratio, calls, allocations, .. } = cost;
        println!(
            "  {format:<26} {readers:>7} {:>12} {:>14} {:>12} {:>12} {ratio:>11.2} {calls:>6.0} {allocations:>11}",
            time(*driver_ns),
            time(driver_ns / *readers as f64),
            time(*rig_ns),
            time(*copy_ns)
        );
    }
    let Some(rest) = &result.rest else { return };
    show::headline("Connections");
    println!("  connect and disconnect, driver and rig together: {}", time(rest.connect_disconnect_ns));
    show::headline("Speed");
    println!("  {HD} through a kernel connection: {:.0} times real time", rest.times_real_time);
    show::headline("Idle");
    println!("  calls into the driver while its pins are paused for ten seconds: {}", rest.idle_calls);
    show::headline("Pool that the driver takes");
    for Footprint { what, bytes, allocations } in &rest.footprint {
        println!("  {what:<26} {bytes:>7} bytes in {allocations} allocations");
    }
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 10_000_000.0 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
