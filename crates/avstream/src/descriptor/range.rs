//! Data ranges.

use core::{marker::PhantomData, mem::offset_of};

use crate::{
    ffi::{
        GUID, KS_DATARANGE_VIDEO, KS_DATARANGE_VIDEO2, KS_VIDEO_STREAM_CONFIG_CAPS, KS_VIDEOINFOHEADER,
        KSDATAFORMAT_SPECIFIER_VIDEOINFO, KSDATAFORMAT_SPECIFIER_VIDEOINFO2, KSDATARANGE, SIZE,
    },
    format,
    memory::{FrameSink, FrameSource},
    raw,
    surface::VideoExtension,
};

/// A data range of uncompressed pictures, described by `KS_VIDEOINFOHEADER`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ksmedia/ns-ksmedia-tagks_datarange_video>
#[repr(transparent)]
pub struct VideoRange(KS_DATARANGE_VIDEO);

impl VideoRange {
    /// Pictures within `caps`; `preferred` is the one to take if nothing speaks against it.
    #[must_use]
    pub const fn new(
        subtype: GUID,
        caps: KS_VIDEO_STREAM_CONFIG_CAPS,
        preferred: KS_VIDEOINFOHEADER,
    ) -> Self {
        let (min, max) = (caps.MinOutputSize, caps.MaxOutputSize);
        let picture = preferred.bmiHeader;
        assert!(min.cx > 0 && min.cy > 0, "data range: a picture needs a size");
        assert!(min.cx <= max.cx && min.cy <= max.cy, "data range: the smallest picture exceeds the largest");
        assert!(
            caps.OutputGranularityX > 0 && caps.OutputGranularityY > 0,
            "data range: the granularity is at least one pixel"
        );
        assert!(
            caps.MinFrameInterval > 0 && caps.MinFrameInterval <= caps.MaxFrameInterval,
            "data range: the shortest frame interval exceeds the longest, or is no time at all"
        );
        assert!(
            Self::is_within(picture.biWidth, picture.biHeight, min, max),
            "data range: the preferred picture is not in the range"
        );
        assert!(picture.biSizeImage > 0, "data range: the preferred picture has no image size");
        Self::of(subtype, caps, preferred)
    }

    /// The range of one format alone: pictures as `only` says. `None` if it has no size or no interval.
    #[must_use]
    pub fn only(subtype: GUID, caps: KS_VIDEO_STREAM_CONFIG_CAPS, only: KS_VIDEOINFOHEADER) -> Option<Self> {
        let bitmap = only.bmiHeader;
        let size = SIZE { cx: bitmap.biWidth, cy: i32::try_from(bitmap.biHeight.unsigned_abs()).ok()? };
        let is_range = size.cx > 0 && size.cy > 0 && only.AvgTimePerFrame > 0 && bitmap.biSizeImage > 0;
        let caps = KS_VIDEO_STREAM_CONFIG_CAPS {
            MinOutputSize: size,
            MaxOutputSize: size,
            MinFrameInterval: only.AvgTimePerFrame,
            MaxFrameInterval: only.AvgTimePerFrame,
            ..caps
        };
        is_range.then(|| Self::of(subtype, caps, only))
    }

    const fn of(subtype: GUID, caps: KS_VIDEO_STREAM_CONFIG_CAPS, preferred: KS_VIDEOINFOHEADER) -> Self {
        let picture = preferred.bmiHeader;
        const SIZE: u32 = size_of::<KS_DATARANGE_VIDEO>() as u32;
        Self(KS_DATARANGE_VIDEO {
            DataRange: format::header(SIZE, picture.biSizeImage, subtype, KSDATAFORMAT_SPECIFIER_VIDEOINFO),
            bFixedSizeSamples: 1,
            bTemporalCompression: 0,
            StreamDescriptionFlags: 0,
            MemoryAllocationFlags: 0,
            ConfigCaps: caps,
            VideoInfoHeader: preferred,
        })
    }

    /// Writes the structure down, with zeros where it has gaps; `false` if there is no room for it.
    pub(crate) fn write(&self, sink: &mut FrameSink<'_>, at: usize) -> bool {
        // SAFETY: the structure's own bytes, which are copied as they are.
        let source = unsafe { FrameSource::new((&raw const *self).cast(), size_of::<Self>()) };
        source.copy_piece(0, sink, at, size_of::<Self>()) && fill_gap(sink, at)
    }

    const fn is_within(width: i32, height: i32, min: SIZE, max: SIZE) -> bool {
        min.cx <= width && width <= max.cx && min.cy <= height && height <= max.cy
    }
}

/// A data range of uncompressed pictures, described by `KS_VIDEOINFOHEADER2`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ksmedia/ns-ksmedia-tagks_datarange_video2>
#[repr(transparent)]
pub struct VideoRange2(KS_DATARANGE_VIDEO2);

impl VideoRange2 {
    /// Pictures within `caps`; `preferred` and `extension` describe the one to take if nothing speaks against it.
    #[must_use]
    pub const fn new(
        subtype: GUID,
        caps: KS_VIDEO_STREAM_CONFIG_CAPS,
        preferred: KS_VIDEOINFOHEADER,
        extension: VideoExtension,
    ) -> Self {
        assert!(extension.reserved == 0, "data range: the reserved member has to be zero");
        // What is true of the one kind is true of the other.
        Self::of(VideoRange::new(subtype, caps, preferred), extension)
    }

    /// The range of one format alone, as [`VideoRange::only`].
    #[must_use]
    pub fn only(
        subtype: GUID,
        caps: KS_VIDEO_STREAM_CONFIG_CAPS,
        only: KS_VIDEOINFOHEADER,
        extension: VideoExtension,
    ) -> Option<Self> {
        Some(Self::of(VideoRange::only(subtype, caps, only)?, extension))
    }

    /// Writes the structure down, with zeros where it has gaps; `false` if there is no room for it.
    pub(crate) fn write(&self, sink: &mut FrameSink<'_>, at: usize) -> bool {
        // SAFETY: the structure's own bytes, which are copied as they are.
        let source = unsafe { FrameSource::new((&raw const *self).cast(), size_of::<Self>()) };
        source.copy_piece(0, sink, at, size_of::<Self>()) && fill_gap(sink, at)
    }

    const fn of(VideoRange(range): VideoRange, extension: VideoExtension) -> Self {
        let preferred = range.VideoInfoHeader;
        let subtype = raw::subtype(&range.DataRange);
        const SIZE: u32 = size_of::<KS_DATARANGE_VIDEO2>() as u32;
        let size = preferred.bmiHeader.biSizeImage;
        Self(KS_DATARANGE_VIDEO2 {
            DataRange: format::header(SIZE, size, subtype, KSDATAFORMAT_SPECIFIER_VIDEOINFO2),
            bFixedSizeSamples: range.bFixedSizeSamples,
            bTemporalCompression: range.bTemporalCompression,
            StreamDescriptionFlags: range.StreamDescriptionFlags,
            MemoryAllocationFlags: range.MemoryAllocationFlags,
            ConfigCaps: range.ConfigCaps,
            VideoInfoHeader: extension.with(&preferred),
        })
    }
}

/// Zeros for the bytes that KS_VIDEO_STREAM_CONFIG_CAPS has between its members, in a range that lies at `at`.
fn fill_gap(sink: &mut FrameSink<'_>, at: usize) -> bool {
    const CAPS: usize = offset_of!(KS_DATARANGE_VIDEO, ConfigCaps);
    const BEGIN: usize = offset_of!(KS_VIDEO_STREAM_CONFIG_CAPS, ShrinkTapsY) + size_of::<i32>();
    const END: usize = offset_of!(KS_VIDEO_STREAM_CONFIG_CAPS, MinFrameInterval);
    const {
        assert!(
            CAPS == offset_of!(KS_DATARANGE_VIDEO2, ConfigCaps),
            "it lies at the same place in both ranges"
        );
        let header = size_of::<KSDATARANGE>() + 4 * size_of::<u32>();
        assert!(CAPS == header, "nothing before it");
        assert!(
            size_of::<KS_DATARANGE_VIDEO>() == CAPS + size_of::<KS_VIDEO_STREAM_CONFIG_CAPS>() + 88,
            "nor behind"
        );
        assert!(
            size_of::<KS_DATARANGE_VIDEO2>() == CAPS + size_of::<KS_VIDEO_STREAM_CONFIG_CAPS>() + 112,
            "nor behind"
        );
        assert!(size_of::<KS_VIDEO_STREAM_CONFIG_CAPS>() == END + 24, "nor at its end");
    };
    at.checked_add(CAPS + BEGIN).is_some_and(|gap| sink.fill(gap, END - BEGIN, 0))
}

/// A data range of any kind, in a list of a pin's ranges.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct DataRangeRef {
    range: *const KSDATARANGE,
    life: PhantomData<&'static KSDATARANGE>,
}

// SAFETY: a shared reference to static, unchanging data.
unsafe impl Sync for DataRangeRef {}
// SAFETY: as above.
unsafe impl Send for DataRangeRef {}

impl DataRangeRef {
    /// A range of pictures.
    #[must_use]
    pub const fn video(range: &'static VideoRange) -> Self {
        // A KS_DATARANGE_VIDEO begins with its KSDATARANGE.
        Self { range: (&raw const *range).cast(), life: PhantomData }
    }

    /// A range of pictures.
    #[must_use]
    pub const fn video2(range: &'static VideoRange2) -> Self {
        // A KS_DATARANGE_VIDEO2 begins with its KSDATARANGE.
        Self { range: (&raw const *range).cast(), life: PhantomData }
    }
}
