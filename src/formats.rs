//! The formats of all pins: NV12, YUY2, RGB24 and RGB32, any even size from 16×16 to 3840×2160, 1 to 60 pictures per
//! second; described by KS_VIDEOINFOHEADER or KS_VIDEOINFOHEADER2.

mod colour;
mod ranges;

use avstream::{
    DataRange, Error, Format, Result, Surface, VideoExtension, VideoFormat, VideoInfo,
    ffi::{
        GUID, KS_BITMAPINFOHEADER, KS_INTERLACE_IsInterlaced, KS_VIDEOINFOHEADER, MEDIASUBTYPE_RGB24,
        MEDIASUBTYPE_RGB32, RECT, fourcc_subtype, is_equal_guid,
    },
    time::SECOND,
};
use video::{Geometry, Order, PixelFormat};

pub use ranges::{DATA_RANGES, only};

/// How pictures look and how fast they follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// How they look.
    pub format: video::Format,
    /// The time from one to the next, in 100 ns.
    pub interval: i64,
}

/// The least [`Stream::interval`].
pub const MIN_INTERVAL: i64 = SECOND / 60;
const MAX_INTERVAL: i64 = SECOND;
const DEFAULT_INTERVAL: i64 = SECOND / 30;

/// The size of the largest picture in the format that takes most.
pub const MAX_IMAGE_SIZE: u32 = video::Format::MAX_IMAGE_SIZE;

const fn subtype(pixel: PixelFormat) -> GUID {
    match pixel {
        PixelFormat::Rgb24 => MEDIASUBTYPE_RGB24,
        PixelFormat::Rgb32 => MEDIASUBTYPE_RGB32,
        PixelFormat::Nv12 | PixelFormat::Yuy2 => fourcc_subtype(pixel.fourcc().to_le_bytes()),
    }
}

/// The pixel format that a subtype names.
fn pixel_format(wanted: &GUID) -> Option<PixelFormat> {
    PixelFormat::ALL.into_iter().find(|pixel| is_equal_guid(wanted, &subtype(*pixel)))
}

/// Pictures of a size as they are unless somebody says otherwise: RGB from the bottom up, rows without padding, YUV in
/// the encoding that goes with the size.
const fn usual(pixel: PixelFormat, geometry: Geometry) -> video::Format {
    video::Format::new(pixel, geometry).with_encoding(colour::of_size(geometry))
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

    /// The description of such pictures, without bytes between rows.
    const fn video_info(self) -> KS_VIDEOINFOHEADER {
        let format = self.format;
        let (width, height) = (format.geometry.width() as i32, format.geometry.height() as i32);
        let whole = RECT { left: 0, top: 0, right: width, bottom: height };
        let is_upside_down = format.pixel.is_rgb() && matches!(format.order(), Order::TopDown);
        KS_VIDEOINFOHEADER {
            rcSource: whole,
            rcTarget: whole,
            dwBitRate: self.bits_per_second().cast_unsigned(),
            dwBitErrorRate: 0,
            AvgTimePerFrame: self.interval,
            bmiHeader: KS_BITMAPINFOHEADER {
                biSize: size_of::<KS_BITMAPINFOHEADER>() as u32,
                biWidth: width,
                biHeight: if is_upside_down { -height } else { height },
                biPlanes: 1,
                biBitCount: format.pixel.bits_per_pixel(),
                biCompression: format.pixel.fourcc(),
                biSizeImage: format.image_size(),
                biXPelsPerMeter: 0,
                biYPelsPerMeter: 0,
                biClrUsed: 0,
                biClrImportant: 0,
            },
        }
    }

    /// What KS_VIDEOINFOHEADER2 says beyond that: progressive, square pixels, and the encoding if it is not the one
    /// that goes with the size. Windows before Vista wants no control flags.
    const fn extension(self) -> VideoExtension {
        let geometry = self.format.geometry;
        VideoExtension {
            interlace: 0,
            copy_protection: 0,
            aspect: lowest_terms(geometry.width(), geometry.height()),
            control: colour::flags(self.format),
            reserved: 0,
        }
    }

    /// The same pictures with other pixels, or at least without bytes between rows.
    fn with_pixels(self, pixel: PixelFormat) -> Self {
        let format = usual(pixel, self.format.geometry);
        if self.format.pixel != pixel {
            return Self { format, ..self };
        }
        let format = format.with_encoding(self.format.encoding());
        Self { format: format.with_order(self.format.order()).unwrap_or(format), ..self }
    }

    /// As a format, described in one of both ways.
    fn proposal(self, is_video2: bool) -> VideoFormat {
        let (subtype, info) = (subtype(self.format.pixel), self.video_info());
        if is_video2 {
            VideoFormat::new2(subtype, info, self.extension())
        } else {
            VideoFormat::new(subtype, info)
        }
    }

    /// What a client's format says, if it is one of ours in every detail that counts.
    ///
    /// # Errors
    ///
    /// [`Error::NO_MATCH`]: it is not.
    pub fn of(format: Format<'_>) -> Result<Self> {
        Self::described(format).ok_or(Error::NO_MATCH)
    }

    fn described(format: Format<'_>) -> Option<Self> {
        let info = format.video()?;
        let pixel = pixel_format(&format.subtype())?;
        let Surface { width, height, pitch, is_top_down } = info.surface()?;
        let geometry = Geometry::new(width, height)?;
        let encoding = match info.extension {
            Some(extension) => encoding(&extension, geometry)?,
            None => colour::of_size(geometry),
        };
        // A YUV picture begins at the top, whatever the sign of its height.
        let order = if is_top_down || !pixel.is_rgb() { Order::TopDown } else { Order::BottomUp };
        let looks = video::Format::new(pixel, geometry)
            .with_encoding(encoding)
            .with_order(order)?
            .with_stride(pixel.stride(pitch))?;
        let bitmap = info.bitmap;
        let is_size = |size: u32| size == looks.image_size();
        let is_ours = bitmap.biCompression == pixel.fourcc()
            && bitmap.biBitCount == pixel.bits_per_pixel()
            // "Only required if using compression" (`ns-ksmedia-tagks_bitmapinfoheader.md`).
            && (is_size(bitmap.biSizeImage) || bitmap.biSizeImage == 0 && pixel.is_rgb())
            && (is_size(format.sample_size()) || format.sample_size() == 0);
        is_ours.then_some(Self { format: looks, interval: interval(info.interval)? })
    }
}

/// The encoding of a picture that is described by KS_VIDEOINFOHEADER2; `None` if that says what we do not have:
/// interlaced or protected pictures.
fn encoding(extension: &VideoExtension, geometry: Geometry) -> Option<video::Encoding> {
    let is_plain = extension.interlace & KS_INTERLACE_IsInterlaced == 0
        && extension.copy_protection == 0
        && extension.reserved == 0;
    if is_plain { colour::encoding(extension.control, geometry) } else { None }
}

/// A ratio in the smallest numbers that there are for it.
const fn lowest_terms(numerator: u32, denominator: u32) -> (u32, u32) {
    let (mut divisor, mut other) = (numerator, denominator);
    while let Some(rest) = divisor.checked_rem(other) {
        (divisor, other) = (other, rest);
    }
    match (numerator.checked_div(divisor), denominator.checked_div(divisor)) {
        (Some(numerator), Some(denominator)) => (numerator, denominator),
        _ => (numerator, denominator),
    }
}

/// A legal interval; nothing said means the usual one.
fn interval(interval: i64) -> Option<i64> {
    match interval {
        0 => Some(DEFAULT_INTERVAL),
        MIN_INTERVAL..=MAX_INTERVAL => Some(interval),
        _ => None,
    }
}

/// The format to propose to a client that can handle `theirs`: its own picture if it is possible, and what the writer
/// writes, if there is one, as far as the client leaves it open; otherwise ours.
///
/// # Errors
///
/// [`Error::NO_MATCH`]: there is none.
pub fn intersect(writer: Option<Stream>, theirs: DataRange<'_>, ours: DataRange<'_>) -> Result<VideoFormat> {
    let pixel = pixel_format(&ours.subtype()).ok_or(Error::NO_MATCH)?;
    if theirs.is_wild() && writer.is_some_and(|writer| writer.format.pixel != pixel) {
        // One of the next ranges has the writer's pixels.
        return Err(Error::NO_MATCH);
    }
    let stream = match (theirs.video(), writer) {
        (Some(wish), _) => wished(pixel, wish)?,
        (None, Some(writer)) => writer.with_pixels(pixel),
        (None, None) => wished(pixel, ours.video().ok_or(Error::NO_MATCH)?)?,
    };
    Ok(stream.proposal(ours.is_video2()))
}

/// Pictures of the size, order, rate and encoding that a range prefers.
fn wished(pixel: PixelFormat, wish: VideoInfo<'_>) -> Result<Stream> {
    let bitmap = wish.bitmap;
    let geometry = u32::try_from(bitmap.biWidth).ok();
    let geometry = geometry.and_then(|width| Geometry::new(width, bitmap.biHeight.unsigned_abs()));
    let format = usual(pixel, geometry.ok_or(Error::NO_MATCH)?);
    let encoding = wish.extension.and_then(|extension| encoding(&extension, format.geometry));
    let order = if bitmap.biHeight < 0 { Order::TopDown } else { format.order() };
    let format = format.with_encoding(encoding.unwrap_or(format.encoding()));
    let format = format.with_order(order).unwrap_or(format);
    Ok(Stream { format, interval: interval(wish.interval).unwrap_or(DEFAULT_INTERVAL) })
}
