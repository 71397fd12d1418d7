//! `ksrig demo`

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;

use super::capture::{Sink, Source};
use super::{args, show};
use crate::client::graph::PinName;
use crate::client::session::{Input, Outcome, Read};
use crate::client::{Interface, PinInfo, Pixels, Video};
use crate::report::{self, Graph, Page, Picture, Stream};

/// Arguments of `ksrig demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Leaves in the output directory: report.html (open it in any browser; it needs no other file), frames.png,
capture.y4m (what the first reader got), events.jsonl (every call into the driver; the same seed gives the
same file).

Example:
  ksrig demo loopcam.sys --inf inf/loopcam.inx --connect '1/0>0/1' --read 0/0@nv12 --read 0/0@yuy2 --out target/demo")]
pub struct Args {
    #[command(flatten)]
    machine: args::Machine,
    /// Connect a source pin to a sink pin; with --input only the sink pin is used
    #[arg(long, value_name = "FROM>TO", default_value = "1/0>0/1")]
    connect: Wire,
    /// Read from a pin with these pixels; may be given several times
    #[arg(long, value_name = "PIN@PIXELS", default_values = ["0/0@nv12", "0/0@yuy2"])]
    read: Vec<Reading>,
    /// Width and height
    #[arg(long, default_value = "1280x720", value_name = "WxH")]
    size: String,
    /// Frames in a second
    #[arg(long, default_value_t = 30.0, value_name = "N")]
    fps: f64,
    /// How many frames each reader reads [default: as many as the input has, else 300]
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    /// Write this video into the sink pin instead of connecting the source pin
    #[arg(long, value_name = "FILE.y4m")]
    input: Option<PathBuf>,
    /// Where the report goes
    #[arg(long, default_value = "target/demo", value_name = "DIR")]
    out: PathBuf,
}

/// `FROM>TO`
#[derive(Clone, Debug)]
struct Wire {
    from: PinName,
    to: PinName,
}

impl FromStr for Wire {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('>').ok_or("write it as FILTER/PIN>FILTER/PIN, in quotes")?;
        Ok(Self { from: from.parse()?, to: to.parse()? })
    }
}

/// `PIN@PIXELS`
#[derive(Clone, Debug)]
struct Reading {
    pin: PinName,
    pixels: Pixels,
}

impl FromStr for Reading {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pin, pixels) = text.rsplit_once('@').ok_or("write it as FILTER/PIN@nv12")?;
        Ok(Self { pin: pin.parse()?, pixels: pixels.parse()? })
    }
}

/// How many pictures of each reader the report shows.
const PICTURES: u64 = 8;
/// How wide they are at most.
const WIDTH: u32 = 320;

type Pictures = Arc<Mutex<Vec<(String, Picture)>>>;

/// The main job.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let mut input = args.input.as_deref().map(Source::open).transpose()?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let wish = |pixels: Pixels| -> anyhow::Result<Video> {
        let text = format!("{pixels}:{}@{}", args.size, args.fps);
        text.parse().map_err(|error| anyhow::anyhow!("--size and --fps: {error}"))
    };
    let format = match &input {
        Some(input) => input.format(),
        None => wish(args.read.first().map_or(Pixels::NV12, |reading| reading.pixels))?,
    };
    let frames = args.frames.or(input.as_ref().map(|input| input.frames)).unwrap_or(300);

    let rig = args.machine.rig()?.trace(true).build();
    let driver = args.machine.load(&rig)?;
    let facts = driver.image().map(show::image_facts).unwrap_or_default();
    let found = show::driver(&rig, &driver)?;

    show::headline("Streaming");
    let capture_path = args.out.join("capture.y4m");
    let first = Video { pixels: args.read.first().map_or(format.pixels, |reading| reading.pixels), ..format };
    let capture = Sink::create(&capture_path, &first, input.as_ref().map(|input| &input.header))?;
    let bar = show::progress(frames * args.read.len() as u64, "reading");
    let mut pictures: Vec<Pictures> = Vec::new();
    let (mut reads, mut sinks) = (Vec::new(), Vec::new());
    for (index, reading) in args.read.iter().enumerate() {
        let kept = Pictures::default();
        let format = Video { pixels: reading.pixels, ..format };
        let sink = if index == 0 { capture.clone() } else { Sink::new(&format) };
        sinks.push(sink.clone());
        let (ticks, shots) = (bar.clone(), kept.clone());
        let step = frames.div_ceil(PICTURES).max(1);
        reads.push(Read {
            pin: reading.pin.clone(),
            format,
            frames,
            on_frame: Box::new(move |frame| {
                if sink.take(frame) && frame.index % step == 0 {
                    let Video { pixels, width, height, .. } = format;
                    let picture = Picture::from_frame(pixels, width, height, frame.data, WIDTH);
                    let caption = format!("frame {} at {:.2} s", frame.index, frame.time as f64 / 1e7);
                    shots.lock().unwrap_or_else(PoisonError::into_inner).push((caption, picture));
                }
                ticks.inc(1);
            }),
        });
        pictures.push(kept);
    }
    let from_file = input.is_some();
    let mut next = |frame: &mut [u8]| input.as_mut().map_or(Ok(false), |input| input.next(frame));
    let Wire { from, to } = args.connect.clone();
    let feed = match from_file {
        true => Input::Write { to: to.clone(), format, next: &mut next },
        false => Input::Connect { from: from.clone(), to: to.clone(), format },
    };
    let streaming = Instant::now();
    let outcome = rig.session(feed, reads)?;
    let streamed = streaming.elapsed();
    bar.finish_and_clear();
    capture.finish();
    let virtual_time = rig.now();
    let left = driver.unload();

    let events = rig.events();
    let violations = rig.violations();
    let connect = show::connect_result(&events);
    match (&outcome.connected, &connect) {
        (Some(Ok(())), Some((pin, status))) => println!("  Connect ran on {pin} and returned {status}"),
        (Some(Ok(())), None) => println!("  connected; the sink pin has no Connect"),
        (Some(Err(error)), _) => println!("  {error}"),
        (None, _) => println!("  {} frames written by a client into {to}", outcome.written),
    }
    let mut faults = Vec::new();
    if let Some(Err(error)) = &outcome.connected {
        faults.push(error.to_string());
    }
    for (index, (got, sink)) in outcome.readers.iter().zip(&sinks).enumerate() {
        let (number, count) = (index + 1, got.arrivals.len());
        println!(
            "  reader {number}: {count} of {frames} frames of {}",
            Video { pixels: args.read[index].pixels, ..format }
        );
        let short = (count as u64 != frames).then(|| "the input ended".to_owned());
        if let Some(reason) = sink.fault(got).or(short) {
            faults.push(format!("reader {number} got {count} of {frames} frames: {reason}"));
        }
    }
    if !violations.is_empty() {
        faults.push(format!("{} broken rules", violations.len()));
        show::headline("Broken rules");
        show::violations(&violations);
    }
    let passed = faults.is_empty();
    let verdict = match passed {
        true => "every frame arrived, no rule was broken, nothing leaked".to_owned(),
        false => faults.join("; "),
    };

    let seconds = virtual_time as f64 / 1e7;
    let callbacks = events.iter().filter(|event| event.kind == "callback").count();
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let read: usize = outcome.readers.iter().map(|got| got.arrivals.len()).sum();
    let mut figures = vec![
        fact("Frames read", format!("{read} of {}", frames * args.read.len() as u64)),
        fact("Format", format!("{format}")),
        fact("Virtual time", format!("{seconds:.2} s")),
        fact(
            "Real time of streaming",
            format!("{:.2} s, {:.1} times as fast", streamed.as_secs_f64(), seconds / streamed.as_secs_f64()),
        ),
        fact("Calls into the driver", callbacks.to_string()),
        fact("Rules broken", violations.len().to_string()),
        fact("Broken while unloading (leaks)", left.len().to_string()),
        fact("Seed", args.machine.seed.to_string()),
    ];
    if let Some((pin, status)) = &connect {
        figures.insert(0, fact("Connect", format!("{status} on {pin}")));
    }
    let names = (label(&found, &from), label(&found, &to));
    let streams = streams(args, &outcome, &format, pictures);
    let name = args.machine.driver_name();
    let page = Page {
        title: format!("{name} on the rig"),
        subtitle: match from_file {
            true => format!("{} frames written by a client into {}, {read} read.", outcome.written, names.1),
            false => format!("{} connected to {} inside the kernel, {read} frames read.", names.0, names.1),
        },
        passed,
        verdict: verdict.clone(),
        facts,
        figures,
        graph: graph(
            args,
            &found,
            &outcome,
            &connect.map(|(_, status)| status.to_string()),
            &format,
            from_file,
        ),
        streams,
        events,
        violations,
    };
    write_report(args, &page)?;
    show::headline("Report");
    for file in ["report.html", "frames.png", "capture.y4m", "events.jsonl"] {
        println!("  {}", args.out.join(file).display());
    }
    show::verdict(passed, &format!("{verdict} ({:.1} s)", begun.elapsed().as_secs_f64()));
    Ok(passed)
}

/// Where a pin is among those that were found.
fn locate(found: &[(Interface, Vec<PinInfo>)], name: &PinName) -> Option<(usize, usize)> {
    let same = |interface: &Interface| {
        interface.name.eq_ignore_ascii_case(&name.filter)
            || interface.reference.eq_ignore_ascii_case(&name.filter)
    };
    let by_number = name.filter.parse().ok().filter(|index| *index < found.len());
    let filter = by_number.or_else(|| found.iter().position(|(interface, _)| same(interface)))?;
    let same = |pin: &PinInfo| pin.id.to_string() == name.pin || pin.label().eq_ignore_ascii_case(&name.pin);
    Some((filter, found[filter].1.iter().position(same)?))
}

/// A pin's name for people.
fn label(found: &[(Interface, Vec<PinInfo>)], name: &PinName) -> String {
    match locate(found, name) {
        Some((filter, pin)) => format!("{}/{}", found[filter].0.name, found[filter].1[pin].label()),
        None => name.to_string(),
    }
}

fn streams(args: &Args, outcome: &Outcome, format: &Video, pictures: Vec<Pictures>) -> Vec<Stream> {
    let readers = outcome.readers.iter().zip(pictures).zip(&args.read).enumerate();
    readers
        .map(|(index, ((got, pictures), reading))| Stream {
            name: format!("Reader {}", index + 1),
            format: Video { pixels: reading.pixels, ..*format }.to_string(),
            arrivals: got.arrivals.clone(),
            pictures: std::mem::take(&mut *pictures.lock().unwrap_or_else(PoisonError::into_inner)),
        })
        .collect()
}

/// Filters that take part, then the programs.
fn graph(
    args: &Args,
    found: &[(Interface, Vec<PinInfo>)],
    outcome: &Outcome,
    connect: &Option<String>,
    format: &Video,
    from_file: bool,
) -> Graph {
    let mut graph = Graph::default();
    for (number, (interface, pins)) in found.iter().enumerate() {
        let item = report::Box {
            title: interface.name.clone(),
            note: format!("filter {number}"),
            client: false,
            ports: pins.iter().map(|pin| report::Port { name: pin.label(), output: pin.output }).collect(),
        };
        graph.boxes.push(item);
    }
    // Filters were pushed in their order, so that their numbers are those of their boxes.
    let find = |name: &PinName| locate(found, name);
    let client = |title: String, note: &str, port: &str, output| report::Box {
        title,
        note: note.to_owned(),
        client: true,
        ports: vec![report::Port { name: port.to_owned(), output }],
    };
    if let Some(to) = find(&args.connect.to) {
        if from_file {
            let name = args.input.as_ref().and_then(|path| path.file_name());
            let title = name.map_or_else(|| "writer".to_owned(), |name| name.to_string_lossy().into_owned());
            graph.boxes.push(client(title, "a program that writes", &format.pixels.to_string(), true));
            let label = format!("{} frames", outcome.written);
            graph.links.push(report::Link { from: (graph.boxes.len() - 1, 0), to, label, kernel: false });
        } else if let Some(from) = find(&args.connect.from) {
            let result = match (&outcome.connected, connect) {
                (_, Some(status)) => status.clone(),
                (Some(Err(_)), None) => "failed".to_owned(),
                _ => "no Connect".to_owned(),
            };
            graph.links.push(report::Link { from, to, label: format!("Connect\n{result}"), kernel: true });
        }
    }
    for (index, (reading, got)) in args.read.iter().zip(&outcome.readers).enumerate() {
        if let Some(from) = find(&reading.pin) {
            let title = format!("Reader {}", index + 1);
            graph.boxes.push(client(title, "a program that reads", &reading.pixels.to_string(), false));
            let label = format!("{} frames", got.arrivals.len());
            graph.links.push(report::Link { from, to: (graph.boxes.len() - 1, 0), label, kernel: false });
        }
    }
    graph
}

fn write_report(args: &Args, page: &Page) -> anyhow::Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        let path = args.out.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write("report.html", page.html().as_bytes())?;
    write("frames.png", &report::contact_sheet(&page.streams).png())?;
    let path = args.out.join("events.jsonl");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    report::events::write(BufWriter::new(file), &page.events)
        .with_context(|| format!("cannot write {}", path.display()))
}
