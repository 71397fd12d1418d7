//! `ksrig bench`

use serde::Serialize;

use super::{args, show};
use crate::client::bench::{self, FrameCost};
use crate::client::graph::PinName;
use crate::client::{Pixels, Video};

/// Arguments of `ksrig bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A client writes frames into the sink pin while readers read. The time inside the driver is measured by call,
without what the rig does for it. The bare copy behind each frame copies the same bytes to as many buffers, so the
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
    /// Connections measured
    #[arg(long, default_value_t = 2000, value_name = "N")]
    connections: usize,
    /// Numbers of readers
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16], value_name = "N,N,...")]
    readers: Vec<usize>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Figures {
    frames: Vec<FrameCost>,
    connect_disconnect_ns: f64,
    times_real_time: f64,
}

/// Measures.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let tiny = Video::new(Pixels::NV12, 16, 16, 30.0);
    let full = Video::new(Pixels::NV12, 1920, 1080, 30.0);
    let mut frames = Vec::new();
    {
        let rig = args.machine.rig()?.trace(false).preemption(0).measure(true).build();
        let _driver = args.machine.load(&rig)?;
        for format in [tiny, full] {
            for readers in &args.readers {
                if !args.json {
                    eprintln!("measuring {format}, {readers} readers ...");
                }
                frames.push(bench::frames(&rig, &args.sink, &args.read, format, *readers, args.frames)?);
            }
        }
    }
    let rig = args.machine.rig()?.trace(false).preemption(0).build();
    let driver = args.machine.load(&rig)?;
    let connect = bench::connect(&rig, &args.from, &args.sink, &tiny, args.connections)?;
    let hd = Video::new(Pixels::NV12, 1280, 720, 30.0);
    let speed = bench::speed(&rig, &args.from, &args.sink, &args.read, hd, args.frames as u64)?;
    drop(driver);
    let result = Figures { frames, connect_disconnect_ns: connect, times_real_time: speed };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        table(&result, &hd);
    }
    Ok(true)
}

fn table(result: &Figures, streamed: &Video) {
    show::headline("Time in the driver for a frame (medians)");
    println!(
        "  {:<26} {:>7} {:>12} {:>14} {:>12} {:>10} {:>6}",
        "format", "readers", "driver", "a reader", "bare copy", "copy/driver", "calls"
    );
    for cost in &result.frames {
        let FrameCost { format, readers, driver_ns, copy_ns, ratio, calls, .. } = cost;
        println!(
            "  {format:<26} {readers:>7} {:>12} {:>14} {:>12} {ratio:>11.2} {calls:>6.0}",
            time(*driver_ns),
            time(driver_ns / *readers as f64),
            time(*copy_ns)
        );
    }
    show::headline("Connections");
    println!("  connect and disconnect, driver and rig together: {}", time(result.connect_disconnect_ns));
    show::headline("Speed");
    println!("  {streamed} through a kernel connection: {:.0} times real time", result.times_real_time);
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 10_000_000.0 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
