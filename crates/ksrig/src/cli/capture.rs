//! `ksrig capture`

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;

use super::{args, show};
use crate::client::graph::PinName;
use crate::client::session::{Got, Input, Read};
use crate::client::stream::Frame;
use crate::client::{Error, Video};
use crate::report::y4m;

/// Arguments of `ksrig capture`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The output holds the very samples the driver delivered: NV12 is stored as C420, YUY2 as C422, which is the
same samples in another order and loses nothing. With --input at the same format a driver that passes frames
on gives an output file that is equal to the input file, bit for bit.

Examples:
  ffmpeg -i video.mp4 -pix_fmt yuv420p in.y4m
  ksrig capture loopcam.sys --sink 0/1 --source 0/0 --input in.y4m --output out.y4m && cmp in.y4m out.y4m
  ksrig capture loopcam.sys --source 0/0 --format yuy2:640x480@30 --frames 90 --output out.y4m
  ffplay out.y4m")]
pub struct Args {
    #[command(flatten)]
    machine: args::Machine,
    /// Where the captured frames go
    #[arg(long, value_name = "OUT.y4m")]
    output: PathBuf,
    /// Write this video into the sink pin
    #[arg(long, value_name = "IN.y4m")]
    input: Option<PathBuf>,
    /// The pin to read from
    #[arg(long, value_name = "FILTER/PIN", default_value = "0/0")]
    source: PinName,
    /// The pin to write into
    #[arg(long, value_name = "FILTER/PIN", default_value = "0/1")]
    sink: PinName,
    /// The format to read [default: the input's, else the first the pin offers]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Video>,
    /// How many frames to read [default: as many as the input has, else 300]
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
}

/// A y4m file that was read through once: what it has is known before anything runs.
pub struct Source {
    path: PathBuf,
    /// Its header.
    pub header: y4m::Header,
    /// How many frames it has.
    pub frames: u64,
    reader: y4m::Reader<BufReader<File>>,
}

impl Source {
    /// Opens a file and checks all of it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let (mut reader, header) = Self::reader(path)?;
        let mut frame = vec![0; header.frame_len()];
        let mut frames = 0;
        while reader.read(&mut frame).with_context(|| path.display().to_string())? {
            frames += 1;
        }
        anyhow::ensure!(frames > 0, "{}: the file has no frames", path.display());
        let (reader, header) = Self::reader(path)?;
        Ok(Self { path: path.to_owned(), header, frames, reader })
    }

    fn reader(path: &Path) -> anyhow::Result<(y4m::Reader<BufReader<File>>, y4m::Header)> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let reader = y4m::Reader::new(BufReader::with_capacity(1 << 20, file));
        let reader = reader.with_context(|| path.display().to_string())?;
        let header = reader.header.clone();
        Ok((reader, header))
    }

    /// The file's frames as a driver's format.
    pub fn format(&self) -> Video {
        let y4m::Header { pixels, width, height, rate, .. } = self.header;
        Video::new(pixels, width, height, f64::from(rate.0) / f64::from(rate.1))
    }

    /// The next frame; false at the end.
    pub fn next(&mut self, frame: &mut [u8]) -> Result<bool, Error> {
        self.reader.read(frame).map_err(|error| Error::Read {
            path: self.path.display().to_string(),
            source: std::io::Error::other(error),
        })
    }
}

/// Where a reader's frames go: into a file, if there is one. Keeps the first thing that was wrong with them.
#[derive(Clone)]
pub struct Sink(Arc<Mutex<State>>);

struct State {
    /// How long a frame has to be.
    len: usize,
    file: Option<y4m::Writer<BufWriter<File>>>,
    fault: Option<String>,
}

impl Sink {
    /// Looks at the frames only.
    pub fn new(format: &Video) -> Self {
        Self(Arc::new(Mutex::new(State { len: format.frame_len(), file: None, fault: None })))
    }

    /// Creates the output file. The header is the input's where the formats are equal.
    pub fn create(path: &Path, format: &Video, input: Option<&y4m::Header>) -> anyhow::Result<Self> {
        let same = |header: &&y4m::Header| {
            (header.pixels, header.width, header.height) == (format.pixels, format.width, format.height)
        };
        let header = input.filter(same).cloned().unwrap_or_else(|| {
            let rate = (((1e10 / format.interval.max(1) as f64).round()) as u32, 1000);
            let rate = if rate.0 % 1000 == 0 { (rate.0 / 1000, 1) } else { rate };
            y4m::Header::new(format.pixels, format.width, format.height, rate)
        });
        let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        let writer = y4m::Writer::new(BufWriter::with_capacity(1 << 20, file), header);
        let sink = Self::new(format);
        sink.state().file = Some(writer.with_context(|| format!("cannot write {}", path.display()))?);
        Ok(sink)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a frame; whether it has the length that it should.
    pub fn take(&self, frame: &Frame<'_>) -> bool {
        let mut state = self.state();
        let (len, expected) = (frame.data.len(), state.len);
        if len != expected {
            state.fault.get_or_insert(format!("frame {} has {len} bytes instead of {expected}", frame.index));
        } else if let Some(Err(error)) = state.file.as_mut().map(|file| file.write(frame.data)) {
            state.fault.get_or_insert(format!("cannot write the output: {error}"));
        }
        len == expected
    }

    /// Finishes the file.
    pub fn finish(&self) {
        let mut state = self.state();
        if let Some(Err(error)) = state.file.take().map(y4m::Writer::finish) {
            state.fault.get_or_insert(format!("cannot write the output: {error}"));
        }
    }

    /// Why what the reader got is not all of it.
    pub fn fault(&self, got: &Got) -> Option<String> {
        let dropped = || got.dropped.filter(|count| *count != 0);
        let dropped = || dropped().map(|count| format!("the driver dropped {count} frames"));
        let backwards =
            || got.backwards.map(|index| format!("frame {index} is not presented after the one before"));
        got.error.clone().or_else(|| self.state().fault.take()).or_else(dropped).or_else(backwards)
    }
}

/// Reads, and writes if there is an input.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let mut input = args.input.as_deref().map(Source::open).transpose()?;
    let rig = args.machine.rig()?.trace(false).build();
    let driver = args.machine.load(&rig)?;
    let format = match (args.format, &input) {
        (Some(format), _) => format,
        (None, Some(input)) => input.format(),
        (None, None) => rig.place(&args.source)?.default_format(None)?,
    };
    anyhow::ensure!(
        !format.pixels.is_rgb(),
        "a y4m file holds no RGB: read {} as nv12 or yuy2",
        format.pixels
    );
    let frames = args.frames.or(input.as_ref().map(|input| input.frames)).unwrap_or(300);
    let output = Sink::create(&args.output, &format, input.as_ref().map(|input| &input.header))?;
    let bar = show::progress(frames, "capturing");
    let (file, ticks) = (output.clone(), bar.clone());
    let read = Read {
        pin: args.source.clone(),
        format,
        frames,
        on_frame: Box::new(move |frame| {
            file.take(frame);
            ticks.inc(1);
        }),
    };
    let write_format = input.as_ref().map(Source::format);
    let mut next = |frame: &mut [u8]| input.as_mut().map_or(Ok(false), |input| input.next(frame));
    let feed = match write_format {
        Some(format) => Input::Write { to: args.sink.clone(), format, next: &mut next },
        None => Input::Nothing,
    };
    let outcome = rig.session(feed, vec![read])?;
    bar.finish_and_clear();
    output.finish();
    drop(driver);
    let violations = rig.violations();
    show::violations(&violations);
    let got = &outcome.readers[0];
    println!(
        "{}: {} frames of {format}, {} written",
        args.output.display(),
        got.arrivals.len(),
        outcome.written
    );
    if let Some(reason) = output.fault(got) {
        anyhow::bail!("the capture is not complete: {reason}");
    }
    Ok(violations.is_empty())
}
