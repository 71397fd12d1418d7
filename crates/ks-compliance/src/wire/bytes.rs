//! Structures of the headers as the bytes that cross the border between a client and the kernel.

use std::mem::size_of;

use ks_sys::*;

/// The fields of a `KSDATAFORMAT` or `KSDATARANGE` (both are unions with an alignment member).
pub type FormatHead = KSDATAFORMAT__bindgen_ty_1;
/// The fields of a `KSPROPERTY`, `KSPIN_INTERFACE`, `KSPIN_MEDIUM`, ...
pub type Identifier = KSIDENTIFIER__bindgen_ty_1__bindgen_ty_1;

/// Structures of plain numbers.
///
/// # Safety
/// Every bit pattern is a value, and there is no padding but what is zeroed when the value is made.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ty)*) => {$(
        // SAFETY: numbers, GUIDs and addresses that are only numbers here.
        unsafe impl Plain for $name {}
    )*};
}
plain! {
    KSEVENTDATA KSP_PIN KSPROPERTY_DESCRIPTION KSPIN_PHYSICALCONNECTION KSCOMPONENTID KSTOPOLOGY_CONNECTION
    KSRESOLUTION KSALLOCATOR_FRAMING KSALLOCATOR_FRAMING_EX FormatHead Identifier KS_VIDEOINFOHEADER
    KS_DATARANGE_VIDEO KS_VIDEOINFOHEADER2 KS_VIDEO_STREAM_CONFIG_CAPS KS_BITMAPINFOHEADER RECT KSSTREAM_HEADER KS_FRAME_INFO KSMULTIPLE_ITEM KSPIN_CINSTANCES KSPIN_CONNECT
    KSCORRELATED_TIME KSSTREAMALLOCATOR_STATUS GUID u32 i32 u64 i64
}

/// A structure of zeros.
pub fn zeroed<T: Plain>() -> T {
    // SAFETY: zeros are a value of a plain structure.
    unsafe { std::mem::zeroed() }
}

/// The bytes of a structure.
pub fn of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: a plain structure has no uninitialised bytes.
    unsafe { std::slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) }
}

/// The structure at the start of `bytes`, if there are enough.
pub fn read<T: Plain>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    // SAFETY: there are enough bytes, any pattern is a value, and the read needs no alignment.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// Overwrites the start of `bytes`; false when they are too few.
pub fn write<T: Plain>(bytes: &mut [u8], value: &T) -> bool {
    let target = bytes.get_mut(..size_of::<T>());
    target.map(|target| target.copy_from_slice(of(value))).is_some()
}
