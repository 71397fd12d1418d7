//! The formats of all pins: NV12 and YUY2, any even size from 16×16 to 1920×1080, 1 to 60 pictures per second.

use avstream::{
    DataRange, DataRangeRef, Error, Format, Result, VideoFormat, VideoRange,
    ffi::{
        GUID, KS_BITMAPINFOHEADER, KS_VIDEO_STREAM_CONFIG_CAPS, KS_VIDEOINFOHEADER,
        KSDATAFORMAT_SPECIFIER_VIDEOINFO, RECT, SIZE, fourcc_subtype, is_equal_guid,
    },
    time::SECOND,
};
use video::{Geometry, PixelFormat};

/// How pictures look and how fast they follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// How they look.
    pub format: video::Format,
    /// The time from one to the next, in 100 ns.
    pub interval: i64,
}

const MIN_INTERVAL: i64 = SECOND / 60;
const MAX_INTERVAL: i64 = SECOND;
const DEFAULT_INTERVAL: i64 = SECOND / 30;

/// The largest picture of a pin.
const LARGEST: Geometry = Geometry::new(1920, 1080).unwrap();
/// Its size in the format that takes most.
pub const MAX_IMAGE_SIZE: u32 = video::Format::new(PixelFormat::Yuy2, LARGEST).image_size();

const BITMAP_INFO_SIZE: u32 = size_of::<KS_BITMAPINFOHEADER>() as u32;

/// The ranges of every pin, the preferred one first. They differ in what they propose, not in what they allow.
pub static DATA_RANGES: [DataRangeRef; 6] = [
    DataRangeRef::video(&NV12_VGA),
    DataRangeRef::video(&NV12_720P),
    DataRangeRef::video(&NV12_1080P),
    DataRangeRef::video(&YUY2_VGA),
    DataRangeRef::video(&YUY2_720P),
    DataRangeRef::video(&YUY2_1080P),
];

static NV12_VGA: VideoRange = range(PixelFormat::Nv12, 640, 480);
static NV12_720P: VideoRange = range(PixelFormat::Nv12, 1280, 720);
static NV12_1080P: VideoRange = range(PixelFormat::Nv12, 1920, 1080);
static YUY2_VGA: VideoRange = range(PixelFormat::Yuy2, 640, 480);
static YUY2_720P: VideoRange = range(PixelFormat::Yuy2, 1280, 720);
static YUY2_1080P: VideoRange = range(PixelFormat::Yuy2, 1920, 1080);

const fn range(pixel: PixelFormat, width: u32, height: u32) -> VideoRange {
    let format = video::Format::new(pixel, Geometry::new(width, height).unwrap());
    let preferred = Stream { format, interval: DEFAULT_INTERVAL }.video_info();
    VideoRange::new(subtype(pixel), caps(pixel), preferred)
}

/// Every size and rate that there is.
const fn caps(pixel: PixelFormat) -> KS_VIDEO_STREAM_CONFIG_CAPS {
    let smallest = Geometry::new(Geometry::MIN_WIDTH, Geometry::MIN_HEIGHT).unwrap();
    let largest = LARGEST;
    let slowest = Stream { format: video::Format::new(pixel, smallest), interval: MAX_INTERVAL };
    let fastest = Stream { format: video::Format::new(pixel, largest), interval: MIN_INTERVAL };
    KS_VIDEO_STREAM_CONFIG_CAPS {
        guid: KSDATAFORMAT_SPECIFIER_VIDEOINFO,
        VideoStandard: 0,
        InputSize: size(largest),
        // Nothing is cropped.
        MinCroppingSize: size(largest),
        MaxCroppingSize: size(largest),
        CropGranularityX: 1,
        CropGranularityY: 1,
        CropAlignX: 1,
        CropAlignY: 1,
        MinOutputSize: size(smallest),
        MaxOutputSize: size(largest),
        OutputGranularityX: Geometry::STEP as i32,
        OutputGranularityY: Geometry::STEP as i32,
        StretchTapsX: 0,
        StretchTapsY: 0,
        ShrinkTapsX: 0,
        ShrinkTapsY: 0,
        MinFrameInterval: MIN_INTERVAL,
        MaxFrameInterval: MAX_INTERVAL,
        MinBitsPerSecond: slowest.bits_per_second(),
        MaxBitsPerSecond: fastest.bits_per_second(),
    }
}

const fn size(geometry: Geometry) -> SIZE {
    SIZE { cx: geometry.width() as i32, cy: geometry.height() as i32 }
}

const fn subtype(pixel: PixelFormat) -> GUID {
    fourcc_subtype(pixel.fourcc().to_le_bytes())
}

/// The pixel format that a subtype names.
fn pixel_format(subtype: &GUID) -> Option<PixelFormat> {
    PixelFormat::from_fourcc(subtype.Data1)
        .filter(|pixel| is_equal_guid(subtype, &fourcc_subtype(pixel.fourcc().to_le_bytes())))
}

impl Stream {
    const fn bits_per_second(self) -> i32 {
        let bits = self.format.image_size() as i64 * 8;
        let bits = match (bits * SECOND).checked_div(self.interval) {
            Some(bits) => bits,
            None => bits,
        };
        if bits < i32::MAX as i64 { bits as i32 } else { i32::MAX }
    }

    const fn video_info(self) -> KS_VIDEOINFOHEADER {
        let geometry = self.format.geometry;
        let SIZE { cx, cy } = size(geometry);
        let whole = RECT { left: 0, top: 0, right: cx, bottom: cy };
        KS_VIDEOINFOHEADER {
            rcSource: whole,
            rcTarget: whole,
            dwBitRate: self.bits_per_second().cast_unsigned(),
            dwBitErrorRate: 0,
            AvgTimePerFrame: self.interval,
            bmiHeader: KS_BITMAPINFOHEADER {
                biSize: BITMAP_INFO_SIZE,
                biWidth: cx,
                biHeight: cy,
                biPlanes: 1,
                biBitCount: self.format.pixel.bits_per_pixel(),
                biCompression: self.format.pixel.fourcc(),
                biSizeImage: self.format.image_size(),
                biXPelsPerMeter: 0,
                biYPelsPerMeter: 0,
                biClrUsed: 0,
                biClrImportant: 0,
            },
        }
    }

    /// What a client's format says, if it is one of ours in every detail that counts.
    ///
    /// # Errors
    ///
    /// [`Error::NO_MATCH`]: it is not.
    pub fn of(format: Format<'_>) -> Result<Self> {
        let info = format.video_info().ok_or(Error::NO_MATCH)?;
        let pixel = pixel_format(&format.subtype()).ok_or(Error::NO_MATCH)?;
        let bitmap = &info.bmiHeader;
        // A YUV picture begins at the top, whatever the sign of its height.
        let geometry = u32::try_from(bitmap.biWidth).ok();
        let geometry = geometry.and_then(|width| geometry_of(width, bitmap.biHeight.unsigned_abs()));
        let looks = video::Format::new(pixel, geometry.ok_or(Error::NO_MATCH)?);
        let is_ours = bitmap.biSize >= BITMAP_INFO_SIZE
            && bitmap.biPlanes == 1
            && bitmap.biCompression == pixel.fourcc()
            && bitmap.biBitCount == pixel.bits_per_pixel()
            && bitmap.biSizeImage == looks.image_size()
            && matches!(format.sample_size(), size if size == 0 || size == looks.image_size())
            && is_whole(&info.rcSource, looks.geometry)
            && is_whole(&info.rcTarget, looks.geometry);
        if !is_ours {
            return Err(Error::NO_MATCH);
        }
        let interval = interval(info.AvgTimePerFrame).ok_or(Error::NO_MATCH)?;
        Ok(Self { format: looks, interval })
    }
}

/// A size that a pin can have.
fn geometry_of(width: u32, height: u32) -> Option<Geometry> {
    Geometry::new(width, height)
        .filter(|size| size.width() <= LARGEST.width() && size.height() <= LARGEST.height())
}

/// A legal interval; nothing said means the usual one.
fn interval(interval: i64) -> Option<i64> {
    match interval {
        0 => Some(DEFAULT_INTERVAL),
        MIN_INTERVAL..=MAX_INTERVAL => Some(interval),
        _ => None,
    }
}

/// Whether a rectangle is the whole picture, or says nothing.
fn is_whole(rectangle: &RECT, geometry: Geometry) -> bool {
    let RECT { left, top, right, bottom } = *rectangle;
    let SIZE { cx, cy } = size(geometry);
    (left, top, right, bottom) == (0, 0, 0, 0) || (left, top, right, bottom) == (0, 0, cx, cy)
}

/// The format to propose to a client that can handle `theirs`: its own picture if it is possible, ours if it
/// says nothing about pictures.
///
/// # Errors
///
/// [`Error::NO_MATCH`]: there is none.
pub fn intersect(theirs: DataRange<'_>, ours: DataRange<'_>) -> Result<VideoFormat> {
    let ours_subtype = ours.subtype();
    let pixel = pixel_format(&ours_subtype).ok_or(Error::NO_MATCH)?;
    let ours = ours.video().ok_or(Error::NO_MATCH)?;
    let wish = theirs.video().map_or(&ours.VideoInfoHeader, |theirs| &theirs.VideoInfoHeader);
    let SIZE { cx, cy } = SIZE { cx: wish.bmiHeader.biWidth, cy: wish.bmiHeader.biHeight };
    let geometry = u32::try_from(cx).ok().and_then(|width| geometry_of(width, cy.unsigned_abs()));
    let geometry = geometry.ok_or(Error::NO_MATCH)?;
    let interval = interval(wish.AvgTimePerFrame).unwrap_or(DEFAULT_INTERVAL);
    let stream = Stream { format: video::Format::new(pixel, geometry), interval };
    Ok(VideoFormat::new(ours_subtype, stream.video_info()))
}
