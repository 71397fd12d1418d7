//! `ksrig connect`

use super::{args, show};
use crate::client::Video;
use crate::client::graph::PinName;

/// Arguments of `ksrig connect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The sink pin is created first, then the source pin with the sink's handle: inside that request AVStream calls
the sink's Connect. An error of Connect is an error of the source pin's creation.

Examples:
  ksrig connect loopcam.sys --from 1/0 --to 0/1
  ksrig connect loopcam.sys --from 1/0 --to 0/1 --format yuy2:640x480@30 --cycles 10000")]
pub struct Args {
    #[command(flatten)]
    machine: args::Machine,
    /// The source pin
    #[arg(long, value_name = "FILTER/PIN")]
    from: PinName,
    /// The sink pin
    #[arg(long, value_name = "FILTER/PIN")]
    to: PinName,
    /// The format of the connection [default: the first that the source offers]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Video>,
    /// Connect and disconnect so many times
    #[arg(long, default_value_t = 1, value_name = "N")]
    cycles: u64,
}

/// Connects and disconnects.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let rig = args.machine.rig()?.trace(args.cycles == 1).build();
    let driver = args.machine.load(&rig)?;
    let (source, sink) = (rig.place(&args.from)?, rig.place(&args.to)?);
    let format = match args.format {
        Some(format) => format,
        None => source.default_format(None)?,
    };
    let (source_format, sink_format) = (source.format(&format)?, sink.format(&format)?);
    println!("{} → {} with {format}", source.name(), sink.name());
    let sink_pin = sink.create(&sink_format)?;
    let mut result = Ok(());
    for _ in 0..args.cycles {
        result = source.connect(&source_format, &sink_pin).map(drop);
        if result.is_err() {
            break;
        }
    }
    match show::connect_result(&rig.events()) {
        Some((pin, status)) => println!("Connect ran on {pin} and returned {status}"),
        None if args.cycles == 1 => println!("Connect did not run"),
        None => {}
    }
    drop(sink_pin);
    drop((source, sink));
    drop(driver);
    let violations = rig.violations();
    show::violations(&violations);
    result?;
    show::verdict(violations.is_empty(), &format!("connected and disconnected {} times", args.cycles));
    Ok(violations.is_empty())
}
