//! Formats and data ranges, as the class driver shows them.

use core::marker::PhantomData;

use crate::{
    ffi::{
        GUID, GUID_NULL, KS_DATAFORMAT_VIDEOINFOHEADER, KS_DATAFORMAT_VIDEOINFOHEADER2, KS_DATARANGE_VIDEO,
        KS_DATARANGE_VIDEO2, KS_VIDEOINFOHEADER, KSDATAFORMAT, KSDATAFORMAT_SPECIFIER_VIDEOINFO,
        KSDATAFORMAT_SPECIFIER_VIDEOINFO2, KSDATAFORMAT_TYPE_VIDEO, is_equal_guid,
    },
    raw::{self, FormatHeader},
    surface::{VideoExtension, VideoInfo},
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

    /// The picture, if the format describes one by `KS_VIDEOINFOHEADER` or `KS_VIDEOINFOHEADER2`.
    #[must_use]
    pub fn video(self) -> Option<VideoInfo<'a>> {
        let first = || Some((&self.0.part::<KS_DATAFORMAT_VIDEOINFOHEADER>()?.VideoInfoHeader).into());
        let second = || Some((&self.0.part::<KS_DATAFORMAT_VIDEOINFOHEADER2>()?.VideoInfoHeader2).into());
        first().or_else(second)
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

    /// Whether the range leaves the subtype open.
    #[must_use]
    pub fn is_wild(self) -> bool {
        is_equal_guid(&self.0.header().SubFormat, &GUID_NULL)
    }

    /// Whether the formats are described by `KS_VIDEOINFOHEADER2`.
    #[must_use]
    pub fn is_video2(self) -> bool {
        is_equal_guid(&self.0.header().Specifier, &KSDATAFORMAT_SPECIFIER_VIDEOINFO2)
    }

    /// The preferred picture, if the range describes pictures by `KS_DATARANGE_VIDEO` or `KS_DATARANGE_VIDEO2`.
    #[must_use]
    pub fn video(self) -> Option<VideoInfo<'a>> {
        let first = || Some((&self.0.part::<KS_DATARANGE_VIDEO>()?.VideoInfoHeader).into());
        let second = || Some((&self.0.part::<KS_DATARANGE_VIDEO2>()?.VideoInfoHeader).into());
        first().or_else(second)
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
            && is_equal_guid(&header.Specifier, &T::SPECIFIER);
        if !is_video {
            return None;
        }
        // SAFETY: the specifier says that it is one and the size that all of it is there.
        Some(unsafe { &*self.header.cast::<T>() })
    }
}

/// What a specifier stands for: numbers only, of any value.
trait Video {
    const SPECIFIER: GUID;
}

impl Video for KS_DATAFORMAT_VIDEOINFOHEADER {
    const SPECIFIER: GUID = KSDATAFORMAT_SPECIFIER_VIDEOINFO;
}

impl Video for KS_DATARANGE_VIDEO {
    const SPECIFIER: GUID = KSDATAFORMAT_SPECIFIER_VIDEOINFO;
}

impl Video for KS_DATAFORMAT_VIDEOINFOHEADER2 {
    const SPECIFIER: GUID = KSDATAFORMAT_SPECIFIER_VIDEOINFO2;
}

impl Video for KS_DATARANGE_VIDEO2 {
    const SPECIFIER: GUID = KSDATAFORMAT_SPECIFIER_VIDEOINFO2;
}

/// A fully specified format of pictures: its frames have the size that `bmiHeader.biSizeImage` says.
#[derive(Clone, Copy)]
pub struct VideoFormat(Kind);

#[derive(Clone, Copy)]
enum Kind {
    First(KS_DATAFORMAT_VIDEOINFOHEADER),
    Second(KS_DATAFORMAT_VIDEOINFOHEADER2),
}

impl VideoFormat {
    /// A format that is described by `KS_VIDEOINFOHEADER`.
    #[must_use]
    pub const fn new(subtype: GUID, info: KS_VIDEOINFOHEADER) -> Self {
        const SIZE: u32 = size_of::<KS_DATAFORMAT_VIDEOINFOHEADER>() as u32;
        let size = info.bmiHeader.biSizeImage;
        let header = header(SIZE, size, subtype, KSDATAFORMAT_SPECIFIER_VIDEOINFO);
        Self(Kind::First(KS_DATAFORMAT_VIDEOINFOHEADER { DataFormat: header, VideoInfoHeader: info }))
    }

    /// A format that is described by `KS_VIDEOINFOHEADER2`.
    #[must_use]
    pub const fn new2(subtype: GUID, info: KS_VIDEOINFOHEADER, extension: VideoExtension) -> Self {
        const SIZE: u32 = size_of::<KS_DATAFORMAT_VIDEOINFOHEADER2>() as u32;
        let size = info.bmiHeader.biSizeImage;
        let header = header(SIZE, size, subtype, KSDATAFORMAT_SPECIFIER_VIDEOINFO2);
        let info = extension.with(&info);
        Self(Kind::Second(KS_DATAFORMAT_VIDEOINFOHEADER2 { DataFormat: header, VideoInfoHeader2: info }))
    }

    /// Its bytes.
    pub(crate) const fn size(&self) -> u32 {
        match self.0 {
            Kind::First(_) => size_of::<KS_DATAFORMAT_VIDEOINFOHEADER>() as u32,
            Kind::Second(_) => size_of::<KS_DATAFORMAT_VIDEOINFOHEADER2>() as u32,
        }
    }

    /// Writes the structure down.
    ///
    /// # Safety
    ///
    /// [`size`](Self::size) bytes can be written.
    pub(crate) const unsafe fn write(self, place: *mut u8) {
        match self.0 {
            // SAFETY: the caller's promise.
            Kind::First(format) => unsafe {
                place.cast::<KS_DATAFORMAT_VIDEOINFOHEADER>().write_unaligned(format)
            },
            // SAFETY: the caller's promise.
            Kind::Second(format) => unsafe {
                place.cast::<KS_DATAFORMAT_VIDEOINFOHEADER2>().write_unaligned(format);
            },
        }
    }
}

/// The beginning of a format of `size` bytes, or of a range.
pub(crate) const fn header(size: u32, sample_size: u32, subtype: GUID, specifier: GUID) -> KSDATAFORMAT {
    raw::format_of(FormatHeader {
        FormatSize: size,
        Flags: 0,
        SampleSize: sample_size,
        Reserved: 0,
        MajorFormat: KSDATAFORMAT_TYPE_VIDEO,
        SubFormat: subtype,
        Specifier: specifier,
    })
}
