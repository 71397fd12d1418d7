//! The data ranges of every pin, the preferred one first: each pixel format in each of the usual sizes, described in both
//! ways. Ranges of one pixel format differ in what they propose, not in what they allow.

use avstream::{
    DataRangeRef, VideoRange, VideoRange2,
    ffi::{
        GUID, KS_VIDEO_STREAM_CONFIG_CAPS, KSDATAFORMAT_SPECIFIER_VIDEOINFO,
        KSDATAFORMAT_SPECIFIER_VIDEOINFO2, SIZE,
    },
};
use video::{Geometry, PixelFormat};

use super::{DEFAULT_INTERVAL, MAX_INTERVAL, MIN_INTERVAL, Stream, subtype, usual};

/// The sizes that are proposed.
const SIZES: [Geometry; 9] = [
    size(640, 480),
    size(1280, 720),
    size(1920, 1080),
    size(160, 120),
    size(320, 240),
    size(640, 360),
    size(800, 600),
    size(2560, 1440),
    size(3840, 2160),
];

const fn size(width: u32, height: u32) -> Geometry {
    Geometry::new(width, height).unwrap()
}

const SMALLEST: Geometry = size(Geometry::MIN_WIDTH, Geometry::MIN_HEIGHT);
const LARGEST: Geometry = size(Geometry::MAX_WIDTH, Geometry::MAX_HEIGHT);

/// The ranges of one pixel format.
struct Ranges {
    first: [VideoRange; SIZES.len()],
    second: [VideoRange2; SIZES.len()],
}

static NV12: Ranges = Ranges::new(PixelFormat::Nv12);
static YUY2: Ranges = Ranges::new(PixelFormat::Yuy2);
static RGB24: Ranges = Ranges::new(PixelFormat::Rgb24);
static RGB32: Ranges = Ranges::new(PixelFormat::Rgb32);

/// The ranges of every pin.
pub static DATA_RANGES: [DataRangeRef; 8 * SIZES.len()] = {
    let all = [&NV12, &YUY2, &RGB32, &RGB24];
    let mut list = [DataRangeRef::video(&NV12.first[0]); 8 * SIZES.len()];
    let mut next = 0;
    while next < list.len() {
        // By sizes within pixel formats; what every Windows knows comes first.
        let (group, size) = (next / SIZES.len(), next % SIZES.len());
        list[next] = if group < all.len() {
            DataRangeRef::video(&all[group].first[size])
        } else {
            DataRangeRef::video2(&all[group - all.len()].second[size])
        };
        next += 1;
    }
    list
};

impl Ranges {
    const fn new(pixel: PixelFormat) -> Self {
        // No closures in constants.
        macro_rules! each_size {
            ($range:ident) => {
                [
                    $range(pixel, SIZES[0]),
                    $range(pixel, SIZES[1]),
                    $range(pixel, SIZES[2]),
                    $range(pixel, SIZES[3]),
                    $range(pixel, SIZES[4]),
                    $range(pixel, SIZES[5]),
                    $range(pixel, SIZES[6]),
                    $range(pixel, SIZES[7]),
                    $range(pixel, SIZES[8]),
                ]
            };
        }
        Self { first: each_size!(first), second: each_size!(second) }
    }
}

/// The ranges, in both descriptions, of nothing but the pictures of a stream, without bytes between rows.
pub fn only(stream: Stream) -> Option<(VideoRange, VideoRange2)> {
    let stream = stream.with_pixels(stream.format.pixel);
    let (pixel, info) = (stream.format.pixel, stream.video_info());
    let first = VideoRange::only(subtype(pixel), caps(pixel, KSDATAFORMAT_SPECIFIER_VIDEOINFO), info)?;
    let caps = caps(pixel, KSDATAFORMAT_SPECIFIER_VIDEOINFO2);
    Some((first, VideoRange2::only(subtype(pixel), caps, info, stream.extension())?))
}

const fn proposal(pixel: PixelFormat, geometry: Geometry) -> Stream {
    Stream { format: usual(pixel, geometry), interval: DEFAULT_INTERVAL }
}

const fn first(pixel: PixelFormat, geometry: Geometry) -> VideoRange {
    let caps = caps(pixel, KSDATAFORMAT_SPECIFIER_VIDEOINFO);
    VideoRange::new(subtype(pixel), caps, proposal(pixel, geometry).video_info())
}

const fn second(pixel: PixelFormat, geometry: Geometry) -> VideoRange2 {
    let (caps, proposal) = (caps(pixel, KSDATAFORMAT_SPECIFIER_VIDEOINFO2), proposal(pixel, geometry));
    VideoRange2::new(subtype(pixel), caps, proposal.video_info(), proposal.extension())
}

/// Every size and rate that there is.
const fn caps(pixel: PixelFormat, specifier: GUID) -> KS_VIDEO_STREAM_CONFIG_CAPS {
    const fn extent(geometry: Geometry) -> SIZE {
        SIZE { cx: geometry.width() as i32, cy: geometry.height() as i32 }
    }
    let slowest = Stream { format: usual(pixel, SMALLEST), interval: MAX_INTERVAL };
    let fastest = Stream { format: usual(pixel, LARGEST), interval: MIN_INTERVAL };
    KS_VIDEO_STREAM_CONFIG_CAPS {
        guid: specifier,
        VideoStandard: 0,
        InputSize: extent(LARGEST),
        // Nothing is cropped.
        MinCroppingSize: extent(LARGEST),
        MaxCroppingSize: extent(LARGEST),
        CropGranularityX: 1,
        CropGranularityY: 1,
        CropAlignX: 1,
        CropAlignY: 1,
        MinOutputSize: extent(SMALLEST),
        MaxOutputSize: extent(LARGEST),
        OutputGranularityX: Geometry::STEP as i32,
        OutputGranularityY: Geometry::STEP as i32,
        // Two taps: interpolation.
        StretchTapsX: 2,
        StretchTapsY: 2,
        ShrinkTapsX: 2,
        ShrinkTapsY: 2,
        MinFrameInterval: MIN_INTERVAL,
        MaxFrameInterval: MAX_INTERVAL,
        MinBitsPerSecond: slowest.bits_per_second(),
        MaxBitsPerSecond: fastest.bits_per_second(),
    }
}
