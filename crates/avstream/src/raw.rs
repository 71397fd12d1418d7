//! The unnamed unions of the C structures, whose generated names appear here only.

use core::mem::zeroed;

use crate::ffi::{
    ACCESS_MASK, GUID, IO_STACK_LOCATION, KPROCESSOR_MODE, KS_FRAME_INFO, KS_VIDEOINFOHEADER2,
    KS_VIDEOINFOHEADER2_CONTROL_FLAGS_OFFSET, KSDATAFORMAT, KSDATAFORMAT__bindgen_ty_1, KSIDENTIFIER,
    KSPIN_DATAFLOW, KSPIN_DESCRIPTOR_EX, KSPROPERTY_BOUNDS_LONG, KSPROPERTY_ITEM, KSSTREAM_POINTER,
    KSSTREAM_POINTER_OFFSET, LARGE_INTEGER, PFNKSHANDLER, PIRP,
};

/// The members of a format or a data range.
pub(crate) type FormatHeader = KSDATAFORMAT__bindgen_ty_1;

/// Where the members of a format or a data range lie.
pub(crate) const fn format_header(format: *const KSDATAFORMAT) -> *const FormatHeader {
    format.cast()
}

/// What a format or a data range is a kind of.
pub(crate) const fn subtype(format: &KSDATAFORMAT) -> GUID {
    // SAFETY: the other member of the union is there for the alignment.
    unsafe { format.__bindgen_anon_1.SubFormat }
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

/// The surface pitch that a frame's header says at an offset of its info.
///
/// # Safety
///
/// At that offset there are four bytes, which can be read, at a multiple of four.
pub(crate) unsafe fn surface_pitch(info: *const KS_FRAME_INFO, offset: usize) -> i32 {
    let pitch = info.cast::<u8>().wrapping_add(offset);
    // SAFETY: the caller's promise; some headers have the member in a union (`ns-ksmedia-tagks_frame_info.md`).
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

/// A property with these handlers; NULL for what it does not do.
pub(crate) const fn property_item(
    id: u32,
    min_property: u32,
    min_data: u32,
    get: PFNKSHANDLER,
    set: PFNKSHANDLER,
) -> KSPROPERTY_ITEM {
    // SAFETY: numbers, null pointers and absent callbacks.
    let mut item: KSPROPERTY_ITEM = unsafe { zeroed() };
    item.PropertyId = id;
    item.MinProperty = min_property;
    item.MinData = min_data;
    item.__bindgen_anon_1.GetPropertyHandler = get;
    item.__bindgen_anon_2.SetPropertyHandler = set;
    item
}

/// The handlers of a property.
#[cfg(test)]
pub(crate) fn handlers(item: &KSPROPERTY_ITEM) -> (PFNKSHANDLER, PFNKSHANDLER) {
    // SAFETY: `property_item` has put them there.
    let get = unsafe { item.__bindgen_anon_1.GetPropertyHandler };
    // SAFETY: as above.
    (get, unsafe { item.__bindgen_anon_2.SetPropertyHandler })
}

/// The number in a set.
#[cfg(test)]
pub(crate) fn id(identifier: &KSIDENTIFIER) -> u32 {
    // SAFETY: numbers.
    unsafe { identifier.__bindgen_anon_1.__bindgen_anon_1.Id }
}

/// The least and the greatest of numbers with a sign.
#[cfg(test)]
pub(crate) fn signed_bounds(bounds: &KSPROPERTY_BOUNDS_LONG) -> (i32, i32) {
    // SAFETY: numbers.
    let bounds = unsafe { bounds.__bindgen_anon_1 };
    (bounds.SignedMinimum, bounds.SignedMaximum)
}

/// A member of a set.
pub(crate) const fn identifier(set: GUID, id: u32) -> KSIDENTIFIER {
    // SAFETY: numbers.
    let mut identifier: KSIDENTIFIER = unsafe { zeroed() };
    identifier.__bindgen_anon_1.__bindgen_anon_1.Set = set;
    identifier.__bindgen_anon_1.__bindgen_anon_1.Id = id;
    identifier
}

/// The numbers from one to another, both with the same sign or both without one.
pub(crate) const fn bounds(min: u32, max: u32) -> KSPROPERTY_BOUNDS_LONG {
    // SAFETY: numbers.
    let mut bounds: KSPROPERTY_BOUNDS_LONG = unsafe { zeroed() };
    bounds.__bindgen_anon_2.UnsignedMinimum = min;
    bounds.__bindgen_anon_2.UnsignedMaximum = max;
    bounds
}

/// Where a request that the driver has is.
///
/// # Safety
///
/// `irp` is a request that the driver has, as long as the reference is used.
unsafe fn location<'a>(irp: PIRP) -> &'a IO_STACK_LOCATION {
    // SAFETY: the caller's promise.
    let irp = unsafe { &*irp };
    // SAFETY: a request that somebody has is at a stack location (IoGetCurrentIrpStackLocation).
    let overlay = unsafe { &irp.Tail.Overlay.__bindgen_anon_2 };
    // SAFETY: as above.
    let location = unsafe { overlay.__bindgen_anon_1.CurrentStackLocation };
    // SAFETY: as above.
    unsafe { &*location }
}

/// The bytes of input that came with a device control request.
///
/// # Safety
///
/// `irp` is a device control request that the driver has.
pub(crate) unsafe fn input_length(irp: PIRP) -> u32 {
    // SAFETY: the caller's promise.
    let location = unsafe { location(irp) };
    // SAFETY: the caller's promise: it is of the kind that has these parameters.
    unsafe { location.Parameters.DeviceIoControl.InputBufferLength }
}

/// The bytes of output that a device control request has room for.
///
/// # Safety
///
/// `irp` is a device control request that the driver has.
pub(crate) unsafe fn output_length(irp: PIRP) -> u32 {
    // SAFETY: the caller's promise.
    let location = unsafe { location(irp) };
    // SAFETY: the caller's promise: it is of the kind that has these parameters.
    unsafe { location.Parameters.DeviceIoControl.OutputBufferLength }
}

/// Who makes a create request, and the rights that it asks for; none if nobody says.
///
/// # Safety
///
/// `irp` is a create request that the driver has.
pub(crate) unsafe fn create(irp: PIRP) -> (KPROCESSOR_MODE, ACCESS_MASK) {
    // SAFETY: the caller's promise.
    let mode = unsafe { (*irp).RequestorMode };
    // SAFETY: the caller's promise.
    let location = unsafe { location(irp) };
    // SAFETY: the caller's promise: it is of the kind that has these parameters.
    let context = unsafe { location.Parameters.Create.SecurityContext };
    // SAFETY: it lives as long as the request (`kernel/irp-mj-create.md`).
    let access = unsafe { context.as_ref() }.map_or(0, |context| context.DesiredAccess);
    (mode, access)
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
