//! The unnamed unions of the C structures, whose generated names appear here only.

use core::mem::zeroed;

use crate::ffi::{
    KS_FRAME_INFO, KS_FRAME_INFO_SURFACE_PITCH_OFFSET, KS_VIDEOINFOHEADER2,
    KS_VIDEOINFOHEADER2_CONTROL_FLAGS_OFFSET, KSDATAFORMAT, KSDATAFORMAT__bindgen_ty_1, KSPIN_DATAFLOW,
    KSPIN_DESCRIPTOR_EX, KSPROPERTY_ITEM, KSSTREAM_POINTER, KSSTREAM_POINTER_OFFSET, LARGE_INTEGER,
    PFNKSHANDLER, PIRP,
};

/// The members of a format or a data range.
pub(crate) type FormatHeader = KSDATAFORMAT__bindgen_ty_1;

/// Where the members of a format or a data range lie.
pub(crate) const fn format_header(format: *const KSDATAFORMAT) -> *const FormatHeader {
    format.cast()
}

/// A format or a data range with these members.
pub(crate) const fn format_of(header: FormatHeader) -> KSDATAFORMAT {
    KSDATAFORMAT { __bindgen_anon_1: header }
}

/// A video header with nothing in it but control flags.
pub(crate) const fn video_info2(control_flags: u32) -> KS_VIDEOINFOHEADER2 {
    // SAFETY: numbers.
    let mut info: KS_VIDEOINFOHEADER2 = unsafe { zeroed() };
    let flags = (&raw mut info).cast::<u8>().wrapping_add(KS_VIDEOINFOHEADER2_CONTROL_FLAGS_OFFSET);
    // SAFETY: a member of four bytes, which some headers have in a union (`ns-ksmedia-tagks_videoinfoheader2.md`).
    unsafe { flags.cast::<u32>().write(control_flags) };
    info
}

/// The control flags of a video header.
pub(crate) const fn control_flags(info: &KS_VIDEOINFOHEADER2) -> u32 {
    let flags = (&raw const *info).cast::<u8>().wrapping_add(KS_VIDEOINFOHEADER2_CONTROL_FLAGS_OFFSET);
    // SAFETY: as above.
    unsafe { flags.cast::<u32>().read() }
}

/// The surface pitch that a frame's header says.
///
/// # Safety
///
/// `info` can be read.
pub(crate) unsafe fn surface_pitch(info: *const KS_FRAME_INFO) -> i32 {
    let pitch = info.cast::<u8>().wrapping_add(KS_FRAME_INFO_SURFACE_PITCH_OFFSET);
    // SAFETY: the caller's promise; a member of four bytes (`ns-ksmedia-tagks_frame_info.md`).
    unsafe { pitch.cast::<i32>().read() }
}

/// A pin descriptor with nothing in it.
pub(crate) const fn empty_pin_descriptor() -> KSPIN_DESCRIPTOR_EX {
    // SAFETY: numbers, null pointers and absent callbacks.
    unsafe { zeroed() }
}

/// The position in the direction in which data flows through a pin.
///
/// # Safety
///
/// `pointer` is a live stream pointer.
pub(crate) unsafe fn offset(
    pointer: *mut KSSTREAM_POINTER,
    flow: KSPIN_DATAFLOW::Type,
) -> *mut KSSTREAM_POINTER_OFFSET {
    if flow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN {
        // SAFETY: the caller's promise.
        unsafe { &raw mut (*pointer).OffsetIn }
    } else {
        // SAFETY: the caller's promise.
        unsafe { &raw mut (*pointer).OffsetOut }
    }
}

/// Where the bytes at a position lie, and how many there are up to the end of the frame. Valid while
/// the frame is locked.
pub(crate) fn bytes(offset: &KSSTREAM_POINTER_OFFSET) -> (*mut u8, usize) {
    // SAFETY: pins of this crate do not ask for mappings, so that the union holds an address
    // (`ns-ks-_ksstream_pointer_offset.md`).
    let data = unsafe { offset.__bindgen_anon_1.Data };
    (data, offset.Remaining as usize)
}

/// A property that can be read.
pub(crate) const fn property_item(
    id: u32,
    min_property: u32,
    min_data: u32,
    get: PFNKSHANDLER,
) -> KSPROPERTY_ITEM {
    // SAFETY: numbers, null pointers and absent callbacks.
    let mut item: KSPROPERTY_ITEM = unsafe { zeroed() };
    item.PropertyId = id;
    item.MinProperty = min_property;
    item.MinData = min_data;
    item.__bindgen_anon_1.GetPropertyHandler = get;
    item
}

/// The bytes of input that came with a device control request.
///
/// # Safety
///
/// `irp` is a device control request that the driver has.
pub(crate) unsafe fn input_length(irp: PIRP) -> u32 {
    // SAFETY: the caller's promise.
    let irp = unsafe { &*irp };
    // SAFETY: a request that somebody has is at a stack location (IoGetCurrentIrpStackLocation).
    let overlay = unsafe { &irp.Tail.Overlay.__bindgen_anon_2 };
    // SAFETY: as above.
    let location = unsafe { overlay.__bindgen_anon_1.CurrentStackLocation };
    // SAFETY: as above.
    let location = unsafe { &*location };
    // SAFETY: the caller's promise: it is of the kind that has these parameters.
    unsafe { location.Parameters.DeviceIoControl.InputBufferLength }
}

/// The number in a `LARGE_INTEGER`.
pub(crate) fn quad(value: &LARGE_INTEGER) -> i64 {
    // SAFETY: every view of the union is numbers of the same 64 bits.
    unsafe { value.QuadPart }
}

/// A number as `LARGE_INTEGER`.
pub(crate) const fn large(value: i64) -> LARGE_INTEGER {
    LARGE_INTEGER { QuadPart: value }
}
