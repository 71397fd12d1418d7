//! What the headers lack or say in a way that bindgen cannot evaluate: each item names the
//! documentation page it rests on. A real WDK's headers have all of it.

use core::mem::offset_of;

use crate::{GUID, KS_FRAME_INFO, KS_VIDEOINFOHEADER2, KSDEVICE_DESCRIPTOR, NTSTATUS, ULONG, guid};

/// `KSFILTER_DESCRIPTOR.Version` (`ns-ks-_ksfilter_descriptor.md`; in ks.h `((ULONG)-1)`).
pub const KSFILTER_DESCRIPTOR_VERSION: ULONG = ULONG::MAX;

/// `KSDEVICE_DESCRIPTOR.Version` of a driver whose `Flags` count (`ns-ks-_ksdevice_descriptor.md`).
pub const KSDEVICE_DESCRIPTOR_VERSION_2: ULONG = 0x110;

/// Byte offset of `KSDEVICE_DESCRIPTOR.Flags`, which mingw-w64's header lacks: it lies in the padding
/// after `Version` (`ns-ks-_ksdevice_descriptor.md`).
pub const KSDEVICE_DESCRIPTOR_FLAGS_OFFSET: usize = offset_of!(KSDEVICE_DESCRIPTOR, Version) + 4;

/// `KSTOPOLOGY_CONNECTION.FromNode` or `ToNode` that means the filter's edge
/// (`ns-ks-kstopology_connection.md`; in ks.h `((ULONG)-1)`).
pub const KSFILTER_NODE: ULONG = ULONG::MAX;

/// `KSPIN_DESCRIPTOR_EX.InstancesPossible` without a limit (`ns-ks-_kspin_descriptor_ex.md`; in ks.h
/// `((ULONG)-1)`).
pub const KSINSTANCE_INDETERMINATE: ULONG = ULONG::MAX;

/// `VARENUM.VT_I4`, a property's value of type `LONG` (`ne-ks-varenum.md`).
pub const VT_I4: ULONG = 3;

/// `VARENUM.VT_UI4`, a property's value of type `ULONG` (`ne-ks-varenum.md`).
pub const VT_UI4: ULONG = 19;

/// `CTL_CODE(FILE_DEVICE_KS, function, METHOD_NEITHER, access)`.
const fn ioctl_ks(function: u32, access: u32) -> u32 {
    const FILE_DEVICE_KS: u32 = 0x2F;
    const METHOD_NEITHER: u32 = 3;
    FILE_DEVICE_KS << 16 | access << 14 | function << 2 | METHOD_NEITHER
}

const FILE_ANY_ACCESS: u32 = 0;
const FILE_READ_ACCESS: u32 = 1;
const FILE_WRITE_ACCESS: u32 = 2;

/// Get, set or ask about a property (`ni-ks-ioctl_ks_property.md`).
pub const IOCTL_KS_PROPERTY: u32 = ioctl_ks(0, FILE_ANY_ACCESS);
/// Ask to be told of an event (`ni-ks-ioctl_ks_enable_event.md`).
pub const IOCTL_KS_ENABLE_EVENT: u32 = ioctl_ks(1, FILE_ANY_ACCESS);
/// End a request for an event (`ni-ks-ioctl_ks_disable_event.md`).
pub const IOCTL_KS_DISABLE_EVENT: u32 = ioctl_ks(2, FILE_ANY_ACCESS);
/// Call a method (`ni-ks-ioctl_ks_method.md`).
pub const IOCTL_KS_METHOD: u32 = ioctl_ks(3, FILE_ANY_ACCESS);
/// Hand frames to a pin (`ni-ks-ioctl_ks_write_stream.md`).
pub const IOCTL_KS_WRITE_STREAM: u32 = ioctl_ks(4, FILE_WRITE_ACCESS);
/// Have frames filled by a pin (`ni-ks-ioctl_ks_read_stream.md`).
pub const IOCTL_KS_READ_STREAM: u32 = ioctl_ks(5, FILE_READ_ACCESS);
/// Flush a stream (`ni-ks-ioctl_ks_reset_state.md`).
pub const IOCTL_KS_RESET_STATE: u32 = ioctl_ks(6, FILE_ANY_ACCESS);
/// A private protocol between kernel-mode pins (`ni-ks-ioctl_ks_handshake.md`).
pub const IOCTL_KS_HANDSHAKE: u32 = ioctl_ks(7, FILE_ANY_ACCESS);

/// The media subtype of an uncompressed format that has a FOURCC code, such as `*b"NV12"`
/// (`stream/fourcc-codes` family: `XXXXXXXX-0000-0010-8000-00AA00389B71`).
#[must_use]
pub const fn fourcc_subtype(fourcc: [u8; 4]) -> GUID {
    GUID { Data1: u32::from_le_bytes(fourcc), ..guid(0x0000_0000_0000_0010_8000_00AA_0038_9B71) }
}

/// RGB with 8 bits each of blue, green and red (`directshow/uncompressed-rgb-video-subtypes`).
pub const MEDIASUBTYPE_RGB24: GUID = guid(0xE436_EB7D_524F_11CE_9F53_0020_AF0B_A770);
/// The same with a fourth byte that means nothing.
pub const MEDIASUBTYPE_RGB32: GUID = guid(0xE436_EB7E_524F_11CE_9F53_0020_AF0B_A770);

/// Byte offset of `KS_VIDEOINFOHEADER2.dwControlFlags`, which mingw-w64's header calls `dwReserved1`
/// (`ns-ksmedia-tagks_videoinfoheader2.md`).
pub const KS_VIDEOINFOHEADER2_CONTROL_FLAGS_OFFSET: usize = offset_of!(KS_VIDEOINFOHEADER2, dwReserved2) - 4;

/// `dwControlFlags`: the flags are used (dvdmedia.h; `ns-ksmedia-tagks_videoinfoheader2.md`).
pub const AMCONTROL_USED: ULONG = 0x01;
/// `dwControlFlags`: the upper 24 bits are a `DXVA_ExtendedFormat`.
pub const AMCONTROL_COLORINFO_PRESENT: ULONG = 0x80;
/// Where the three bits of `DXVA_NominalRange` lie (`ne-dxva-_dxva_nominalrange.md`; values in dxva.h).
pub const DXVA_NominalRangeShift: u32 = 12;
/// From 0 to 255.
pub const DXVA_NominalRange_Normal: ULONG = 1;
/// From 16 to 235.
pub const DXVA_NominalRange_Wide: ULONG = 2;
/// Where the three bits of `DXVA_VideoTransferMatrix` lie (`ne-dxva-_dxva_videotransfermatrix.md`; values in dxva.h).
pub const DXVA_VideoTransferMatrixShift: u32 = 15;
/// BT.709.
pub const DXVA_VideoTransferMatrix_BT709: ULONG = 1;
/// BT.601.
pub const DXVA_VideoTransferMatrix_BT601: ULONG = 2;

/// Byte offset of `KS_FRAME_INFO.lSurfacePitch`, which mingw-w64's header calls `Reserved1`
/// (`ns-ksmedia-tagks_frame_info.md`).
pub const KS_FRAME_INFO_SURFACE_PITCH_OFFSET: usize = offset_of!(KS_FRAME_INFO, Reserved2) - 4;

/// Bytes of the `KS_FRAME_INFO` of a program of 32 bits, where its two handles have four bytes each.
pub const KS_FRAME_INFO_NARROW_SIZE: usize = size_of::<KS_FRAME_INFO>() - 2 * NARROWER;
/// Byte offset of `lSurfacePitch` there.
pub const KS_FRAME_INFO_NARROW_SURFACE_PITCH_OFFSET: usize =
    KS_FRAME_INFO_SURFACE_PITCH_OFFSET - 2 * NARROWER;
/// How much shorter a handle is in a program of 32 bits.
const NARROWER: usize = 4;

/// Whether a status means success or information, as ntdef.h's macro of that name.
#[must_use]
#[allow(non_snake_case)]
pub const fn NT_SUCCESS(status: NTSTATUS) -> bool {
    status >= 0
}

#[cfg(feature = "driver")]
unsafe extern "C" {
    /// Allocates pool memory on every Windows (`nf-wdm-exallocatepoolwithtag.md`). wdk-sys leaves it out, as its
    /// page prefers `ExAllocatePool2`, which exists from Windows 10 2004 on.
    pub fn ExAllocatePoolWithTag(
        PoolType: crate::POOL_TYPE,
        NumberOfBytes: crate::SIZE_T,
        Tag: ULONG,
    ) -> crate::PVOID;
}
