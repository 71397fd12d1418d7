//! Data ranges.

use core::marker::PhantomData;

use crate::{
    ffi::{
        GUID, KS_DATARANGE_VIDEO, KS_DATARANGE_VIDEO2, KS_VIDEO_STREAM_CONFIG_CAPS, KS_VIDEOINFOHEADER,
        KSDATAFORMAT_SPECIFIER_VIDEOINFO, KSDATAFORMAT_SPECIFIER_VIDEOINFO2, KSDATARANGE, SIZE,
    },
    format,
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
        // What is true of the one kind is true of the other.
        let VideoRange(range) = VideoRange::new(subtype, caps, preferred);
        assert!(extension.reserved == 0, "data range: the reserved member has to be zero");
        const SIZE: u32 = size_of::<KS_DATARANGE_VIDEO2>() as u32;
        let size = preferred.bmiHeader.biSizeImage;
        Self(KS_DATARANGE_VIDEO2 {
            DataRange: format::header(SIZE, size, subtype, KSDATAFORMAT_SPECIFIER_VIDEOINFO2),
            bFixedSizeSamples: range.bFixedSizeSamples,
            bTemporalCompression: range.bTemporalCompression,
            StreamDescriptionFlags: range.StreamDescriptionFlags,
            MemoryAllocationFlags: range.MemoryAllocationFlags,
            ConfigCaps: caps,
            VideoInfoHeader: extension.with(&preferred),
        })
    }
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
