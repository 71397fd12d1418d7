//! The one format: NV12, 16x16, 30 frames a second.

use core::ptr::copy_nonoverlapping;

use ks_sys::{
    KS_BITMAPINFOHEADER, KS_DATARANGE_VIDEO, KS_VIDEO_STREAM_CONFIG_CAPS, KS_VIDEOINFOHEADER, KSDATAFORMAT,
    KSDATAFORMAT__bindgen_ty_1, KSDATAFORMAT_SPECIFIER_VIDEOINFO, KSDATAFORMAT_TYPE_VIDEO, NTSTATUS, PIRP,
    PKSDATARANGE, PKSP_PIN, PULONG, PVOID, RECT, SIZE, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
    STATUS_SUCCESS, ULONG, fourcc_subtype,
};

use crate::{Constant, SAMPLE_SIZE};

const SIDE: i32 = 16;
/// Bytes in a frame.
pub const FRAME: u32 = (SIDE * SIDE * 3 / 2) as u32;
/// Time between frames, 100 ns units.
pub const INTERVAL: i64 = 333_333;
const BITS_PER_SECOND: u32 = FRAME * 8 * 30;

const fn header(size: usize, sample: u32) -> KSDATAFORMAT {
    KSDATAFORMAT {
        __bindgen_anon_1: KSDATAFORMAT__bindgen_ty_1 {
            FormatSize: size as u32,
            Flags: 0,
            SampleSize: sample,
            Reserved: 0,
            MajorFormat: KSDATAFORMAT_TYPE_VIDEO,
            SubFormat: fourcc_subtype(*b"NV12"),
            Specifier: KSDATAFORMAT_SPECIFIER_VIDEOINFO,
        },
    }
}

const WHOLE: RECT = RECT { left: 0, top: 0, right: SIDE, bottom: SIDE };
const SQUARE: SIZE = SIZE { cx: SIDE, cy: SIDE };

const INFO: KS_VIDEOINFOHEADER = KS_VIDEOINFOHEADER {
    rcSource: WHOLE,
    rcTarget: WHOLE,
    dwBitRate: BITS_PER_SECOND,
    dwBitErrorRate: 0,
    AvgTimePerFrame: INTERVAL,
    bmiHeader: KS_BITMAPINFOHEADER {
        biSize: size_of::<KS_BITMAPINFOHEADER>() as u32,
        biWidth: SIDE,
        biHeight: SIDE,
        biPlanes: 1,
        biBitCount: 12,
        biCompression: u32::from_le_bytes(*b"NV12"),
        biSizeImage: FRAME,
        biXPelsPerMeter: 0,
        biYPelsPerMeter: 0,
        biClrUsed: 0,
        biClrImportant: 0,
    },
};

static RANGE: Constant<KS_DATARANGE_VIDEO> = Constant(KS_DATARANGE_VIDEO {
    DataRange: header(size_of::<KS_DATARANGE_VIDEO>(), FRAME),
    bFixedSizeSamples: 1,
    bTemporalCompression: 0,
    StreamDescriptionFlags: 0,
    MemoryAllocationFlags: 0,
    ConfigCaps: KS_VIDEO_STREAM_CONFIG_CAPS {
        guid: KSDATAFORMAT_SPECIFIER_VIDEOINFO,
        VideoStandard: 0,
        InputSize: SQUARE,
        MinCroppingSize: SQUARE,
        MaxCroppingSize: SQUARE,
        CropGranularityX: 1,
        CropGranularityY: 1,
        CropAlignX: 1,
        CropAlignY: 1,
        MinOutputSize: SQUARE,
        MaxOutputSize: SQUARE,
        OutputGranularityX: 1,
        OutputGranularityY: 1,
        StretchTapsX: 0,
        StretchTapsY: 0,
        ShrinkTapsX: 0,
        ShrinkTapsY: 0,
        MinFrameInterval: INTERVAL,
        MaxFrameInterval: INTERVAL,
        MinBitsPerSecond: BITS_PER_SECOND as i32,
        MaxBitsPerSecond: BITS_PER_SECOND as i32,
    },
    VideoInfoHeader: INFO,
});

/// `KSPIN_DESCRIPTOR.DataRanges`.
pub static RANGES: Constant<[*const KS_DATARANGE_VIDEO; 1]> = Constant([RANGE.get()]);

/// `KS_DATAFORMAT_VIDEOINFOHEADER`.
#[repr(C)]
struct Format {
    format: KSDATAFORMAT,
    info: KS_VIDEOINFOHEADER,
}

static FORMAT: Constant<Format> =
    Constant(Format { format: header(size_of::<Format>(), SAMPLE_SIZE), info: INFO });

/// `PFNKSINTERSECTHANDLEREX` (contract R3.21): there is one format to offer.
pub unsafe extern "C" fn intersect(
    _context: PVOID,
    _irp: PIRP,
    _pin: PKSP_PIN,
    _wanted: PKSDATARANGE,
    _matching: PKSDATARANGE,
    length: ULONG,
    data: PVOID,
    size: PULONG,
) -> NTSTATUS {
    let needed = size_of::<Format>();
    // SAFETY: AVStream's place for the size.
    unsafe { *size = needed as u32 };
    match length {
        0 => STATUS_BUFFER_OVERFLOW,
        _ if (length as usize) < needed => STATUS_BUFFER_TOO_SMALL,
        _ => {
            // SAFETY: the buffer has room for a whole format.
            unsafe { copy_nonoverlapping(FORMAT.get().cast::<u8>(), data.cast(), needed) };
            STATUS_SUCCESS
        }
    }
}
