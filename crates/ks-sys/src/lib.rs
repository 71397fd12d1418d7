//! What `ks.h` and `ksmedia.h` say: raw bindings to Windows kernel streaming (KS) and its class
//! driver AVStream, made by bindgen from the C headers; complete, no opinions.
//!
//! Two flavours from the same headers:
//!
//! * feature `driver`: for a kernel driver, on [`wdk_sys`](https://docs.rs/wdk-sys), whose NT types
//!   and constants are re-exported, with the imports of `ks.sys`;
//! * without it: for a Linux process that plays the other side of the ABI. C's `long` has 32 bits
//!   (LLP64), callbacks are `extern "win64"`, the NT types and `STATUS_` codes come from the same
//!   headers, and no function is imported.
//!
//! Beside the bindings: the GUIDs as constants; [`mod@gaps`], the visible list of what the headers lack
//! or misdeclare; `inline`, the documented DDIs that are C macros or inline functions and no
//! exports of `ks.sys`.

#![no_std]
#![allow(non_upper_case_globals)]
// bindgen's own helper types stand in both.
#![cfg_attr(feature = "driver", allow(ambiguous_glob_reexports))]

#[cfg(feature = "driver")]
pub use wdk_sys::*;

pub use crate::bindings::*;
// By name: what a newer header has as well is shadowed, not ambiguous.
pub use crate::gaps::{
    AMCONTROL_COLORINFO_PRESENT, AMCONTROL_USED, DXVA_NominalRange_Normal, DXVA_NominalRange_Wide,
    DXVA_NominalRangeShift, DXVA_VideoTransferMatrix_BT601, DXVA_VideoTransferMatrix_BT709,
    DXVA_VideoTransferMatrixShift, IOCTL_KS_DISABLE_EVENT, IOCTL_KS_ENABLE_EVENT, IOCTL_KS_HANDSHAKE,
    IOCTL_KS_METHOD, IOCTL_KS_PROPERTY, IOCTL_KS_READ_STREAM, IOCTL_KS_RESET_STATE, IOCTL_KS_WRITE_STREAM,
    KS_FRAME_INFO_NARROW_SIZE, KS_FRAME_INFO_NARROW_SURFACE_PITCH_OFFSET, KS_FRAME_INFO_SURFACE_PITCH_OFFSET,
    KS_VIDEOINFOHEADER2_CONTROL_FLAGS_OFFSET, KSDEVICE_DESCRIPTOR_VERSION_2, KSFILTER_DESCRIPTOR_VERSION,
    KSFILTER_NODE, KSINSTANCE_INDETERMINATE, MEDIASUBTYPE_RGB24, MEDIASUBTYPE_RGB32, NT_SUCCESS, VT_I4,
    VT_UI4, fourcc_subtype,
};

pub mod gaps;
pub mod gate;
#[cfg(feature = "driver")]
pub mod inline;
#[cfg(not(feature = "driver"))]
pub mod llp64;

#[allow(
    clippy::all,
    clippy::multiple_unsafe_ops_per_block,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    rustdoc::all,
    unnecessary_transmutes,
    unsafe_op_in_unsafe_fn,
    unused_qualifications
)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/ks.rs"));
}

include!(concat!(env!("OUT_DIR"), "/guids.rs"));

/// The GUID that is written `{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}`, from its 32 hexadecimal digits.
#[must_use]
pub const fn guid(digits: u128) -> GUID {
    GUID {
        Data1: (digits >> 96) as u32,
        Data2: (digits >> 80) as u16,
        Data3: (digits >> 64) as u16,
        Data4: (digits as u64).to_be_bytes(),
    }
}

/// Whether two GUIDs are the same (bindgen's structure has no equality).
#[must_use]
pub const fn is_equal_guid(a: &GUID, b: &GUID) -> bool {
    a.Data1 == b.Data1
        && a.Data2 == b.Data2
        && a.Data3 == b.Data3
        && u64::from_be_bytes(a.Data4) == u64::from_be_bytes(b.Data4)
}
