//! Streaming: reading frames from a pin and writing frames into one, as capture programs do.

use ks_sys::{KS_FRAME_INFO, KSSTREAM_HEADER};

use super::error::Error;
use super::packet::Packet;
use super::pin::Pin;
use super::request::{Completion, Request};
use crate::nt::sched;

/// A frame that was read.
pub struct Frame<'a> {
    /// Its number among those read, from 0.
    pub index: u64,
    /// The virtual time of its arrival, 100 ns units.
    pub time: u64,
    /// Its header as the driver left it.
    pub header: KSSTREAM_HEADER,
    /// Picture number and drop count, where the driver fills them in.
    pub info: Option<KS_FRAME_INFO>,
    /// The bytes the header says are used.
    pub data: &'a [u8],
}

/// Keeps reads on their way to a pin, oldest first.
pub struct Reader<'a> {
    pin: &'a Pin,
    name: String,
    waiting: std::collections::VecDeque<Request>,
    len: usize,
    depth: usize,
    index: u64,
    /// How long to wait for a frame in virtual time before giving up.
    pub patience: u64,
}

/// Ten seconds of virtual time: no camera is that slow.
const PATIENCE: u64 = 10 * super::format::SECOND;

impl<'a> Reader<'a> {
    /// A reader of frames of at most `len` bytes that keeps `depth` reads on their way.
    pub fn new(pin: &'a Pin, name: &str, len: usize, depth: usize) -> Self {
        let waiting = std::collections::VecDeque::new();
        Self { pin, name: name.to_owned(), waiting, len, depth, index: 0, patience: PATIENCE }
    }

    /// Sends the first reads. The pin must be in ACQUIRE at least.
    pub fn prime(&mut self) {
        while self.waiting.len() < self.depth {
            self.waiting.push_back(self.pin.submit_read(Packet::with_frame_info(&[self.len])));
        }
    }

    /// The next frame; its buffer goes back to the driver when `use_frame` has seen it.
    pub fn next<T>(&mut self, use_frame: impl FnOnce(Frame<'_>) -> T) -> Result<T, Error> {
        self.prime();
        let failed = |frame, reason| Error::Stream { pin: self.name.clone(), frame, reason };
        let oldest = self.waiting.pop_front().ok_or_else(|| failed(self.index, "no reads".to_owned()))?;
        let Ok(Completion { status, mut packet, .. }) = oldest.wait_for(self.patience) else {
            let seconds = self.patience as f64 / 1e7;
            return Err(failed(self.index, format!("nothing came within {seconds} s of virtual time")));
        };
        if !status.is_success() {
            return Err(failed(self.index, format!("the read came back with {status}")));
        }
        let (header, info) = (packet.header(0), packet.frame_info(0));
        let Some(data) = packet.used_data(0) else {
            let (used, len) = (header.DataUsed, packet.frame(0).len());
            return Err(failed(self.index, format!("the header says {used} bytes, the buffer has {len}")));
        };
        let frame = Frame { index: self.index, time: sched::now(), header, info, data };
        let result = use_frame(frame);
        self.index += 1;
        packet.prepare();
        self.waiting.push_back(self.pin.submit_read(packet));
        Ok(result)
    }
}

/// Writes frames into a pin in step with virtual time.
pub struct Writer<'a> {
    pin: &'a Pin,
    name: String,
    waiting: std::collections::VecDeque<Request>,
    /// Packets that came back: a program uses its buffers again.
    free: Vec<Packet>,
    depth: usize,
    interval: u64,
    start: Option<u64>,
    index: u64,
}

impl<'a> Writer<'a> {
    /// A writer that has at most `depth` frames on their way and writes one each `interval` (100 ns units).
    pub fn new(pin: &'a Pin, name: &str, interval: u64, depth: usize) -> Self {
        let waiting = std::collections::VecDeque::new();
        let free = Vec::new();
        Self { pin, name: name.to_owned(), waiting, free, depth, interval, start: None, index: 0 }
    }

    /// Writes the next frame when its time has come; returns without waiting for its completion.
    pub fn write(&mut self, frame: &[u8]) -> Result<(), Error> {
        let start = *self.start.get_or_insert_with(sched::now);
        let due = start + self.index * self.interval;
        if let Some(rest) = due.checked_sub(sched::now()).filter(|rest| *rest > 0) {
            sched::sleep(rest);
        }
        let mut packet = match self.free.pop() {
            Some(packet) if packet.frame(0).len() == frame.len() => packet,
            _ => Packet::new(&[frame.len()]),
        };
        packet.prepare();
        packet.frame_mut(0).copy_from_slice(frame);
        let mut header = packet.header(0);
        header.DataUsed = frame.len() as u32;
        header.PresentationTime.Time = (self.index * self.interval) as i64;
        header.Duration = self.interval as i64;
        header.OptionsFlags =
            ks_sys::KSSTREAM_HEADER_OPTIONSF_TIMEVALID | ks_sys::KSSTREAM_HEADER_OPTIONSF_DURATIONVALID;
        packet.set_header(0, &header);
        self.waiting.push_back(self.pin.submit_write(packet));
        self.index += 1;
        while self.waiting.len() > self.depth {
            self.wait_oldest()?;
        }
        Ok(())
    }

    fn wait_oldest(&mut self) -> Result<(), Error> {
        let Some(oldest) = self.waiting.pop_front() else { return Ok(()) };
        let frame = self.index - 1 - self.waiting.len() as u64;
        let failed = |reason| Error::Stream { pin: self.name.clone(), frame, reason };
        let done = oldest.wait_for(PATIENCE);
        match done {
            Ok(done) if done.status.is_success() => {
                self.free.push(done.packet);
                Ok(())
            }
            Ok(done) => Err(failed(format!("the write came back with {}", done.status))),
            Err(_) => Err(failed("the driver keeps the frame for ever".to_owned())),
        }
    }
}
