//! Measuring a driver: its own time per frame beside a bare copy of the same bytes in the same run.

use std::time::Instant;

use super::error::Error;
use super::graph::PinName;
use super::rig::Rig;
use super::session::{Input, Read};
use super::{State, Video};
use crate::nt::{measure, pool, sched, user};

/// A case to measure.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is written.
    pub format: Video,
    /// What is read.
    pub read_format: Video,
    /// Pins that read at once.
    pub readers: usize,
    /// Pins beside them that run and take no frame.
    pub stalled: usize,
    /// Frames measured.
    pub frames: usize,
}

/// One measured case; times are medians.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FrameCost {
    /// What is written.
    pub format: String,
    /// What is read.
    pub read_format: String,
    /// Pins that read at once.
    pub readers: usize,
    /// Pins beside them that run and take no frame.
    pub stalled: usize,
    /// Frames measured.
    pub frames: usize,
    /// Nanoseconds in the driver for a frame, all readers together, without what the rig adds.
    pub driver_ns: f64,
    /// Nanoseconds that the rig's stubs and clock add to them, by the number of calls of exports and the cost of one that
    /// does nothing, measured in the same run.
    pub rig_ns: f64,
    /// Nanoseconds of bare copies of the bytes that are read to as many buffers.
    pub copy_ns: f64,
    /// Bare copy by driver, frame by frame; the median of that. 1 is the best there can be.
    pub ratio: f64,
    /// Calls into the driver for a frame.
    pub calls: f64,
    /// Allocations of pool by the driver, in all the measured frames.
    pub allocations: u64,
}

/// Pool that the driver holds at some point more than before it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Footprint {
    /// What has been made.
    pub what: &'static str,
    /// Bytes that it takes.
    pub bytes: usize,
    /// In so many allocations.
    pub allocations: usize,
}

/// The median of some numbers; 0 of none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// Buffers that are copied to in turns: as many as the readers keep on their way, in the same kind of memory.
struct Copies {
    source: user::Buffer,
    buffers: Vec<user::Buffer>,
    next: usize,
}

impl Copies {
    fn new(readers: usize, len: usize) -> Self {
        let buffer = || user::Buffer::from_bytes(&vec![1; len]);
        Self { source: buffer(), buffers: (0..readers * 4).map(|_| buffer()).collect(), next: 0 }
    }

    fn time(&mut self, frame: &[u8], readers: usize) -> f64 {
        let source = self.source.bytes_mut();
        let len = source.len().min(frame.len());
        source[..len].copy_from_slice(&frame[..len]);
        let begun = Instant::now();
        for _ in 0..readers {
            self.buffers[self.next].bytes_mut().copy_from_slice(self.source.bytes());
            self.next = (self.next + 1) % self.buffers.len();
        }
        std::hint::black_box(self.buffers[0].bytes());
        begun.elapsed().as_nanos() as f64
    }
}

/// Writes frames into a sink pin while pins are read. The rig must measure.
pub fn frames(rig: &Rig, sink: &PinName, read: &PinName, case: Case) -> Result<FrameCost, Error> {
    let Case { format, read_format, readers, stalled, frames: count } = case;
    let warm = count / 10 + 4;
    let (mut driver, mut copy, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let mut copies = Copies::new(readers, read_format.frame_len());
    let mut index = 0;
    let mut allocated = None;
    let no_memory =
        |error: std::io::Error| Error::Stream { pin: sink.to_string(), frame: 0, reason: error.to_string() };
    let export = measure::cost_of_an_export().map_err(no_memory)?;
    let mut added = Vec::new();
    let mut next = |frame: &mut [u8]| {
        // What the frame before has cost is known when everything has come to rest.
        sched::settle();
        let totals = measure::totals();
        if index > warm {
            // The bare copy right behind it: both see the machine as it is at that moment.
            let rig = totals.exports as f64 * export;
            added.push(rig);
            driver.push((totals.nanoseconds - rig).max(0.0));
            calls.push(totals.calls as f64);
            copy.push(copies.time(frame, readers));
            let now = pool::allocations();
            let (first, _) = allocated.unwrap_or((now, now));
            allocated = Some((first, now));
        }
        frame.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        index += 1;
        measure::reset();
        Ok(index <= warm + count)
    };
    let one = || Read {
        pin: read.clone(),
        format: read_format,
        frames: (warm + count) as u64,
        on_frame: Box::new(|_| ()),
    };
    let reads = (0..readers).map(|_| one()).collect();
    let place = rig.place(read)?;
    let stalled_format = place.format(&read_format)?;
    let stalled_pins = (0..stalled).map(|_| place.create(&stalled_format)).collect::<Result<Vec<_>, _>>()?;
    for pin in &stalled_pins {
        pin.run().map_err(Error::status("running a pin that takes no frame"))?;
    }
    let outcome = rig.session(Input::Write { to: sink.clone(), format, next: &mut next }, reads)?;
    if let Some(reason) = outcome.readers.iter().find_map(|got| got.error.clone()) {
        return Err(Error::Stream { pin: read.to_string(), frame: index as u64, reason });
    }
    let ratios = driver.iter().zip(&copy).map(|(driver, copy)| copy / driver.max(1.0)).collect();
    Ok(FrameCost {
        format: format.to_string(),
        read_format: read_format.to_string(),
        readers,
        stalled,
        frames: driver.len(),
        driver_ns: median(driver),
        rig_ns: median(added),
        copy_ns: median(copy),
        ratio: median(ratios),
        calls: median(calls),
        allocations: allocated.map_or(0, |(first, last)| last - first),
    })
}

/// Calls into a driver in ten seconds in which its pins are paused. The rig must measure.
pub fn idle(rig: &Rig, sink: &PinName, read: &PinName, format: &Video) -> Result<u64, Error> {
    let (sink, reader) = (rig.place(sink)?, rig.place(read)?);
    let (sink_format, read_format) = (sink.format(format)?, reader.format(format)?);
    let pins = [sink.create(&sink_format)?, reader.create(&read_format)?];
    for state in [State::Acquire, State::Pause] {
        for pin in &pins {
            pin.set_state(state).map_err(Error::status("pausing a pin"))?;
        }
    }
    sched::settle();
    measure::reset();
    rig.sleep(100_000_000);
    Ok(measure::totals().calls)
}

/// What pool the driver takes for each thing that it is asked for. `load` loads it into the rig.
pub fn footprint<T, E: From<Error>>(
    rig: &Rig,
    load: impl FnOnce() -> Result<T, E>,
    sink: &PinName,
    read: &PinName,
    format: &Video,
) -> Result<Vec<Footprint>, E> {
    let mut steps = Vec::new();
    let mut before = pool::in_use();
    let mut step = |what| {
        let now = pool::in_use();
        let (allocations, bytes) = (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1));
        steps.push(Footprint { what, bytes, allocations });
        before = now;
    };
    let _driver = load()?;
    step("driver and device");
    let (sink, reader) = (rig.place(sink)?, rig.place(read)?);
    step("two filter handles");
    let sink_format = sink.format(format)?;
    let sink_pin = sink.create(&sink_format)?;
    step("sink pin");
    let read_format = reader.format(format)?;
    let read_pin = reader.create(&read_format)?;
    step("reading pin");
    sink_pin.run().map_err(Error::status("running the sink pin"))?;
    step("sink pin that runs");
    read_pin.run().map_err(Error::status("running the reading pin"))?;
    step("reading pin that runs");
    Ok(steps)
}

/// Nanoseconds of a connection and its end, driver and rig together: the median of `count`.
pub fn connect(rig: &Rig, from: &PinName, to: &PinName, format: &Video, count: usize) -> Result<f64, Error> {
    let (source, sink) = (rig.place(from)?, rig.place(to)?);
    let (source_format, sink_format) = (source.format(format)?, sink.format(format)?);
    let sink_pin = sink.create(&sink_format)?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        drop(source.connect(&source_format, &sink_pin)?);
        times.push(begun.elapsed().as_nanos() as f64);
    }
    Ok(median(times))
}

/// How many times faster than real time a connected source is read.
pub fn speed(
    rig: &Rig,
    from: &PinName,
    to: &PinName,
    read: &PinName,
    format: Video,
    frames: u64,
) -> Result<f64, Error> {
    let reads = vec![Read { pin: read.clone(), format, frames, on_frame: Box::new(|_| ()) }];
    let (begun, from_time) = (Instant::now(), rig.now());
    let outcome = rig.session(Input::Connect { from: from.clone(), to: to.clone(), format }, reads)?;
    let virtual_time = (rig.now() - from_time) as f64 / 1e7;
    if let Some(Err(error)) = outcome.connected {
        return Err(error);
    }
    if let Some(reason) = outcome.readers.iter().find_map(|got| got.error.clone()) {
        return Err(Error::Stream { pin: read.to_string(), frame: 0, reason });
    }
    Ok(virtual_time / begun.elapsed().as_secs_f64())
}
