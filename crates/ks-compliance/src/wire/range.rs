//! Data ranges: what a pin says it can do.

use std::{fmt, mem::offset_of};

use ks_sys::*;

use super::bytes::{self, FormatHead};
use super::format::{SECOND, Video, bitmap_in_header, subtype};
use super::pixel::Pixels;

/// One data range, as the pin gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(pub Vec<u8>);

impl Range {
    /// Splits what `KSPROPERTY_PIN_DATARANGES` answers: a `KSMULTIPLE_ITEM`, then ranges, each on an 8-byte
    /// boundary.
    pub fn list(answer: &[u8]) -> Vec<Self> {
        let Some(KSMULTIPLE_ITEM { Count, .. }) = bytes::read(answer) else { return Vec::new() };
        let mut rest = &answer[size_of::<KSMULTIPLE_ITEM>()..];
        let mut ranges = Vec::new();
        while ranges.len() < Count as usize
            && let Some(head) = bytes::read::<FormatHead>(rest)
            && let Some(range) = rest.get(..head.FormatSize as usize)
            && range.len() >= size_of::<FormatHead>()
        {
            ranges.push(Self(range.to_vec()));
            rest = rest.get(range.len().next_multiple_of(8)..).unwrap_or_default();
        }
        ranges
    }

    /// The common start.
    pub fn head(&self) -> FormatHead {
        bytes::read(&self.0).unwrap_or_else(bytes::zeroed)
    }

    /// Where the bitmap header lies in a range of video formats.
    fn bitmap_at(&self) -> Option<usize> {
        Some(offset_of!(KS_DATARANGE_VIDEO, VideoInfoHeader) + bitmap_in_header(&self.head())?)
    }

    /// The pictures, if it is a range of video formats with `KS_VIDEOINFOHEADER` or `KS_VIDEOINFOHEADER2`.
    pub fn video(&self) -> Option<Pictures> {
        Some(Pictures {
            caps: bytes::read(self.0.get(offset_of!(KS_DATARANGE_VIDEO, ConfigCaps)..)?)?,
            interval: bytes::read(self.0.get(INTERVAL..)?)?,
            bitmap: bytes::read(self.0.get(self.bitmap_at()?..)?)?,
        })
    }

    /// The pixels of the range, if it is a video range of a known subtype.
    pub fn pixels(&self) -> Option<Pixels> {
        self.video().and_then(|_| Pixels::from_subtype(&self.head().SubFormat))
    }

    /// The format the range names first, if it is a video range of a known subtype.
    pub fn default_format(&self) -> Option<Video> {
        let (pixels, Pictures { interval, bitmap, .. }) = (self.pixels()?, self.video()?);
        let interval = interval.max(1) as u64;
        let (width, height) = (bitmap.biWidth.unsigned_abs(), bitmap.biHeight.unsigned_abs());
        Some(Video { pixels, width, height, interval })
    }

    /// Whether a format lies in the range, by its ConfigCaps.
    pub fn contains(&self, format: &Video) -> bool {
        let (Some(pixels), Some(range)) = (self.pixels(), self.video()) else { return false };
        let caps = range.caps;
        let between = |value: u32, low: i32, high: i32, step: i32| {
            let value = i64::from(value);
            (i64::from(low)..=i64::from(high)).contains(&value)
                && (step <= 0 || (value - i64::from(low)) % i64::from(step) == 0)
        };
        pixels == format.pixels
            && between(format.width, caps.MinOutputSize.cx, caps.MaxOutputSize.cx, caps.OutputGranularityX)
            && between(format.height, caps.MinOutputSize.cy, caps.MaxOutputSize.cy, caps.OutputGranularityY)
            && (caps.MinFrameInterval..=caps.MaxFrameInterval).contains(&(format.interval as i64))
    }

    /// The range with the size and rate of a format in its video header: what a client submits to have an
    /// intersection of just this.
    pub fn narrowed(&self, format: &Video) -> Self {
        let mut range = self.clone();
        if let (Some(at), Some(Pictures { mut bitmap, .. })) = (self.bitmap_at(), self.video()) {
            bitmap.biWidth = format.width as i32;
            bitmap.biHeight = format.height as i32;
            bitmap.biSizeImage = format.frame_len() as u32;
            bytes::write(&mut range.0[at..], &bitmap);
            bytes::write(&mut range.0[INTERVAL..], &(format.interval as i64));
        }
        range
    }
}

/// The members of a range of video formats that both kinds have.
#[derive(Clone, Copy, Debug)]
pub struct Pictures {
    /// What is possible.
    pub caps: KS_VIDEO_STREAM_CONFIG_CAPS,
    /// The proposed time between frames, 100 ns units.
    pub interval: i64,
    /// The proposed frame.
    pub bitmap: KS_BITMAPINFOHEADER,
}

/// Where the interval lies in both kinds of range.
const INTERVAL: usize =
    offset_of!(KS_DATARANGE_VIDEO, VideoInfoHeader) + offset_of!(KS_VIDEOINFOHEADER, AvgTimePerFrame);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&subtype(&self.head()))?;
        let Some(video) = self.video() else { return Ok(()) };
        let Pictures { caps, bitmap, .. } = video;
        let (low, high) = (caps.MinOutputSize, caps.MaxOutputSize);
        write!(f, " {}x{}", bitmap.biWidth, bitmap.biHeight)?;
        if (low.cx, low.cy) != (high.cx, high.cy) {
            write!(f, " ({}x{} to {}x{}", low.cx, low.cy, high.cx, high.cy)?;
            if caps.OutputGranularityX > 1 || caps.OutputGranularityY > 1 {
                write!(f, " in steps of {}x{}", caps.OutputGranularityX, caps.OutputGranularityY)?;
            }
            f.write_str(")")?;
        }
        let fps = |interval: i64| (SECOND as f64 / interval.max(1) as f64 * 100.0).round() / 100.0;
        match (fps(caps.MaxFrameInterval), fps(caps.MinFrameInterval)) {
            (slow, fast) if slow == fast => write!(f, ", {fast} fps"),
            (slow, fast) => write!(f, ", {slow} to {fast} fps"),
        }
    }
}
