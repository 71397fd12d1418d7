//! Data formats: what a client asks for.

use std::fmt;
use std::mem::offset_of;
use std::str::FromStr;

use ks_sys::*;

use super::bytes::{self, FormatHead};
use super::guid;
use super::pixel::Pixels;

/// A data format as it stands behind a `KSPIN_CONNECT`: any bytes, usually a video format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(pub Vec<u8>);

/// A video format's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Video {
    /// The arrangement of the pixels.
    pub pixels: Pixels,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The time between frames, 100 ns units.
    pub interval: u64,
}

/// 100 ns units in a second.
pub const SECOND: u64 = 10_000_000;

impl Video {
    /// A format with so many frames a second.
    pub fn new(pixels: Pixels, width: u32, height: u32, fps: f64) -> Self {
        Self { pixels, width, height, interval: (SECOND as f64 / fps).round() as u64 }
    }

    /// Frames in a second.
    pub fn fps(&self) -> f64 {
        SECOND as f64 / self.interval.max(1) as f64
    }

    /// The bytes of a frame.
    pub fn frame_len(&self) -> usize {
        self.pixels.frame_len(self.width, self.height)
    }
}

impl fmt::Display for Video {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pixels, width, height, .. } = self;
        let fps = format!("{:.2}", self.fps());
        let fps = fps.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{pixels} {width}x{height} at {fps} fps")
    }
}

impl FromStr for Video {
    type Err = String;

    /// `nv12:1280x720@30`
    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("{text:?} is no format: write it as nv12:1280x720@30");
        let (pixels, rest) = text.split_once(':').ok_or_else(shape)?;
        let (size, fps) = rest.split_once('@').unwrap_or((rest, "30"));
        let (width, height) = size.split_once(['x', 'X']).ok_or_else(shape)?;
        let number =
            |text: &str| text.parse::<u32>().ok().filter(|n| (1..=16384).contains(n)).ok_or_else(shape);
        let fps = fps.parse::<f64>().ok().filter(|fps| (0.001..=10_000.0).contains(fps)).ok_or_else(shape)?;
        Ok(Self::new(pixels.parse()?, number(width)?, number(height)?, fps))
    }
}

impl From<Video> for Format {
    /// `KS_DATAFORMAT_VIDEOINFOHEADER`: no cropping, no stretching, rows without padding; RGB is bottom-up.
    fn from(video: Video) -> Self {
        let Video { pixels, width, height, interval } = video;
        let size = video.frame_len() as u32;
        let whole = RECT { left: 0, top: 0, right: width as i32, bottom: height as i32 };
        let rate = (u64::from(size) * 8 * SECOND / interval.max(1)).min(u64::from(u32::MAX)) as u32;
        let info = KS_VIDEOINFOHEADER {
            rcSource: whole,
            rcTarget: whole,
            dwBitRate: rate,
            dwBitErrorRate: 0,
            AvgTimePerFrame: interval as i64,
            bmiHeader: KS_BITMAPINFOHEADER {
                biSize: size_of::<KS_BITMAPINFOHEADER>() as u32,
                biWidth: width as i32,
                biHeight: height as i32,
                biPlanes: 1,
                biBitCount: pixels.bits,
                biCompression: u32::from_le_bytes(pixels.fourcc),
                biSizeImage: size,
                biXPelsPerMeter: 0,
                biYPelsPerMeter: 0,
                biClrUsed: 0,
                biClrImportant: 0,
            },
        };
        let head = FormatHead {
            FormatSize: (size_of::<FormatHead>() + size_of::<KS_VIDEOINFOHEADER>()) as u32,
            Flags: 0,
            SampleSize: size,
            Reserved: 0,
            MajorFormat: KSDATAFORMAT_TYPE_VIDEO,
            SubFormat: pixels.subtype(),
            Specifier: KSDATAFORMAT_SPECIFIER_VIDEOINFO,
        };
        Self([bytes::of(&head), bytes::of(&info)].concat())
    }
}

impl Format {
    /// The common start, if the bytes are enough for it.
    pub fn head(&self) -> Option<FormatHead> {
        bytes::read(&self.0)
    }

    /// The numbers of a video format with a `KS_VIDEOINFOHEADER` or `KS_VIDEOINFOHEADER2`.
    pub fn video(&self) -> Option<Video> {
        let (pixels, bitmap) = (Pixels::from_subtype(&self.head()?.SubFormat)?, self.bitmap()?);
        let interval = size_of::<FormatHead>() + offset_of!(KS_VIDEOINFOHEADER, AvgTimePerFrame);
        let interval: i64 = bytes::read(self.0.get(interval..)?)?;
        Some(Video {
            pixels,
            width: bitmap.biWidth.unsigned_abs(),
            height: bitmap.biHeight.unsigned_abs(),
            interval: interval.max(0) as u64,
        })
    }

    /// Where the bitmap header lies in a video format.
    pub fn bitmap_at(&self) -> Option<usize> {
        Some(size_of::<FormatHead>() + bitmap_in_header(&self.head()?)?)
    }

    /// The bitmap header of a video format.
    pub fn bitmap(&self) -> Option<KS_BITMAPINFOHEADER> {
        bytes::read(self.0.get(self.bitmap_at()?..)?)
    }

    /// The same with `KS_VIDEOINFOHEADER2`: progressive, the shape that square pixels make, no colour information.
    pub fn with_header2(&self) -> Option<Self> {
        let mut head =
            self.head().filter(|head| is_equal_guid(&head.Specifier, &KSDATAFORMAT_SPECIFIER_VIDEOINFO))?;
        let info: KS_VIDEOINFOHEADER = bytes::read(self.0.get(size_of::<FormatHead>()..)?)?;
        let mut more: KS_VIDEOINFOHEADER2 = bytes::zeroed();
        (more.rcSource, more.rcTarget) = (info.rcSource, info.rcTarget);
        (more.dwBitRate, more.AvgTimePerFrame) = (info.dwBitRate, info.AvgTimePerFrame);
        (more.dwPictAspectRatioX, more.dwPictAspectRatioY) =
            (info.bmiHeader.biWidth.unsigned_abs(), info.bmiHeader.biHeight.unsigned_abs());
        more.bmiHeader = info.bmiHeader;
        head.FormatSize = (size_of::<FormatHead>() + size_of::<KS_VIDEOINFOHEADER2>()) as u32;
        head.Specifier = KSDATAFORMAT_SPECIFIER_VIDEOINFO2;
        Some(Self([bytes::of(&head), bytes::of(&more)].concat()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.video(), self.head()) {
            (Some(video), _) => write!(f, "{video}"),
            (None, Some(head)) => f.write_str(&subtype(&head)),
            (None, None) => write!(f, "{} bytes that are no format", self.0.len()),
        }
    }
}

/// Where the bitmap header lies in the video header that a format or a range has.
pub(super) fn bitmap_in_header(head: &FormatHead) -> Option<usize> {
    if is_equal_guid(&head.Specifier, &KSDATAFORMAT_SPECIFIER_VIDEOINFO) {
        Some(offset_of!(KS_VIDEOINFOHEADER, bmiHeader))
    } else if is_equal_guid(&head.Specifier, &KSDATAFORMAT_SPECIFIER_VIDEOINFO2) {
        Some(offset_of!(KS_VIDEOINFOHEADER2, bmiHeader))
    } else {
        None
    }
}

/// The subtype for people: the FourCC where it is one.
pub(super) fn subtype(head: &FormatHead) -> String {
    if let Some(pixels) = Pixels::from_subtype(&head.SubFormat) {
        return pixels.to_string();
    }
    let fourcc = head.SubFormat.Data1.to_le_bytes();
    let is_fourcc =
        is_equal_guid(&fourcc_subtype(fourcc), &head.SubFormat) && fourcc.iter().all(u8::is_ascii_graphic);
    if is_fourcc { String::from_utf8_lossy(&fourcc).into_owned() } else { guid::label(&head.SubFormat) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_as_it_was_written() {
        let video: Video = "yuy2:640x480@29.97".parse().unwrap();
        assert_eq!(video.frame_len(), 614_400);
        assert_eq!(video.to_string(), "YUY2 640x480 at 29.97 fps");
        let format = Format::from(video);
        assert_eq!(format.0.len(), 152, "sizeof(KS_DATAFORMAT_VIDEOINFOHEADER)");
        assert_eq!(format.video(), Some(video));
        assert_eq!(format.to_string(), video.to_string());
        let second = format.with_header2().unwrap();
        assert_eq!(second.0.len(), 176, "sizeof(KS_DATAFORMAT_VIDEOINFOHEADER2)");
        assert_eq!(second.video(), Some(video));
    }

    #[test]
    fn rows_of_rgb_are_whole_words() {
        let video: Video = "rgb24:18x16@30".parse().unwrap();
        assert_eq!(video.frame_len(), 56 * 16);
        assert_eq!(Format::from(video).video(), Some(video));
        assert_eq!(video.to_string(), "RGB24 18x16 at 30 fps");
    }

    #[test]
    fn what_is_no_format_is_said_so() {
        for text in ["", "nv12", "nv12:1280", "nv12:0x16", "nv12:16x16@0", "rgb:16x16@30", "nv12:99999x2"] {
            assert!(text.parse::<Video>().is_err(), "{text:?} was accepted");
        }
        assert_eq!(Format(vec![1, 2, 3]).to_string(), "3 bytes that are no format");
    }
}
