//! Formats and data ranges, as the class driver shows them.

use core::marker::PhantomData;

use crate::{
    ffi::{
        GUID, KS_DATAFORMAT_VIDEOINFOHEADER, KS_DATARANGE_VIDEO, KS_VIDEOINFOHEADER, KSDATAFORMAT,
        KSDATAFORMAT_SPECIFIER_VIDEOINFO, KSDATAFORMAT_TYPE_VIDEO, is_equal_guid,
    },
    raw::{self, FormatHeader},
};

/// A data format: one way in which frames are.
///
/// A part of a format is shown only if the format says that it is there: both its size and its
/// specifier must.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/stream/data-formats>
#[derive(Clone, Copy)]
pub struct Format<'a>(Described<'a>);

/// A data range: the formats that a pin, or a client, can handle.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/stream/ks-data-formats-and-data-ranges>
#[derive(Clone, Copy)]
pub struct DataRange<'a>(Described<'a>);

impl<'a> Format<'a> {
    /// # Safety
    ///
    /// `format` points at as many readable bytes as its FormatSize says, at least the size of the
    /// structure, which do not change.
    pub(crate) const unsafe fn from_raw(format: *const KSDATAFORMAT) -> Self {
        Self(Described { header: raw::format_header(format), life: PhantomData })
    }

    /// What the format is a kind of.
    #[must_use]
    pub fn subtype(self) -> GUID {
        self.0.header().SubFormat
    }

    /// The bytes of one frame, as the format says; nothing to rely on.
    #[must_use]
    pub fn sample_size(self) -> u32 {
        self.0.header().SampleSize
    }

    /// The picture, if the format describes one by `KS_VIDEOINFOHEADER`.
    #[must_use]
    pub fn video_info(self) -> Option<&'a KS_VIDEOINFOHEADER> {
        self.0.part::<KS_DATAFORMAT_VIDEOINFOHEADER>().map(|format| &format.VideoInfoHeader)
    }
}

impl<'a> DataRange<'a> {
    /// # Safety
    ///
    /// As for [`Format::from_raw`].
    pub(crate) const unsafe fn from_raw(range: *const KSDATAFORMAT) -> Self {
        Self(Described { header: raw::format_header(range), life: PhantomData })
    }

    /// What the formats are a kind of.
    #[must_use]
    pub fn subtype(self) -> GUID {
        self.0.header().SubFormat
    }

    /// The pictures, if the range describes them by `KS_DATARANGE_VIDEO`.
    #[must_use]
    pub fn video(self) -> Option<&'a KS_DATARANGE_VIDEO> {
        self.0.part()
    }
}

/// The structure that begins both.
#[derive(Clone, Copy)]
struct Described<'a> {
    header: *const FormatHeader,
    life: PhantomData<&'a FormatHeader>,
}

impl<'a> Described<'a> {
    const fn header(self) -> &'a FormatHeader {
        // SAFETY: the promise of `from_raw`.
        unsafe { &*self.header }
    }

    /// The whole, if it is a `T`.
    fn part<T: Video>(self) -> Option<&'a T> {
        let header = self.header();
        let is_video = header.FormatSize as usize >= size_of::<T>()
            && is_equal_guid(&header.MajorFormat, &KSDATAFORMAT_TYPE_VIDEO)
            && is_equal_guid(&header.Specifier, &KSDATAFORMAT_SPECIFIER_VIDEOINFO);
        if !is_video {
            return None;
        }
        // SAFETY: the specifier says that it is one and the size that all of it is there.
        Some(unsafe { &*self.header.cast::<T>() })
    }
}

/// What the specifier VIDEOINFO stands for: numbers only, of any value.
trait Video {}
impl Video for KS_DATAFORMAT_VIDEOINFOHEADER {}
impl Video for KS_DATARANGE_VIDEO {}

/// A format that describes a picture by `KS_VIDEOINFOHEADER`.
#[derive(Clone, Copy)]
pub struct VideoFormat(pub(crate) KS_DATAFORMAT_VIDEOINFOHEADER);

impl VideoFormat {
    /// A fully specified format: its frames have the size that `info.bmiHeader.biSizeImage` says.
    #[must_use]
    pub const fn new(subtype: GUID, info: KS_VIDEOINFOHEADER) -> Self {
        Self(KS_DATAFORMAT_VIDEOINFOHEADER {
            DataFormat: raw::format_of(FormatHeader {
                FormatSize: size_of::<KS_DATAFORMAT_VIDEOINFOHEADER>() as u32,
                Flags: 0,
                SampleSize: info.bmiHeader.biSizeImage,
                Reserved: 0,
                MajorFormat: KSDATAFORMAT_TYPE_VIDEO,
                SubFormat: subtype,
                Specifier: KSDATAFORMAT_SPECIFIER_VIDEOINFO,
            }),
            VideoInfoHeader: info,
        })
    }
}
