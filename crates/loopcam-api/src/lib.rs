//! What a program needs to know and to steer loopcam's cameras: a property set of its own and an event, on each camera's
//! filter; and a filter that adds and removes cameras. `include/loopcam.h` says the same to C.
//!
//! Requests are those of kernel streaming: IOCTL_KS_PROPERTY with a `KSPROPERTY` of [`PROPERTY_SET`] and one of the numbers
//! here, or `IKsPropertySet`; IOCTL_KS_ENABLE_EVENT with a `KSEVENT` of [`EVENT_SET`].
//!
//! Identifiers are given as their 128 digits, as `GUID::from_u128` takes them. Time is in 100 ns if nothing else is said.

#![no_std]
#![forbid(unsafe_code)]

/// The property set: `{9D4C71E6-2A3B-4F85-B0D9-C6E7F8135A20}`.
pub const PROPERTY_SET: u128 = 0x9D4C_71E6_2A3B_4F85_B0D9_C6E7_F813_5A20;

/// [`Status`]; get.
pub const STATUS: u32 = 0;

/// A `KSMULTIPLE_ITEM` and a [`Reader`] for each open pin *Capture*; get. Without room it is the size that is told.
pub const READERS: u32 = 1;

/// How long a writer may be silent before the placeholder is shown: milliseconds, [`MIN_TIMEOUT`] to [`MAX_TIMEOUT`],
/// a `ULONG`; get, and set by whoever may write to the camera.
pub const TIMEOUT: u32 = 2;

/// The picture that is shown while nobody writes: a [`Placeholder`] and its pixels behind it; get, and set by whoever may
/// write to the camera. All zero and nothing behind it is the camera's own, moving picture. Without room it is the size
/// that is told.
pub const PLACEHOLDER: u32 = 3;

/// The least [`TIMEOUT`].
pub const MIN_TIMEOUT: u32 = 10;
/// The greatest [`TIMEOUT`].
pub const MAX_TIMEOUT: u32 = 60_000;
/// The [`TIMEOUT`] at first.
pub const DEFAULT_TIMEOUT: u32 = 1000;

/// The greatest [`Placeholder::width`].
pub const MAX_PLACEHOLDER_WIDTH: u32 = 1920;
/// The greatest [`Placeholder::height`].
pub const MAX_PLACEHOLDER_HEIGHT: u32 = 1080;

/// How many pins *Capture* can be open at the same time, of all clients together.
pub const MAX_READERS: u32 = 64;

/// The event set: `{E1B7D0A4-6C52-4D39-8F1E-3A95C02B7D68}`.
pub const EVENT_SET: u128 = 0xE1B7_D0A4_6C52_4D39_8F1E_3A95_C02B_7D68;

/// Something of what the property set tells has changed, other than counters of pictures: a reader or a writer has come,
/// gone, started, stopped or changed its format; a picture is a reader's first of the writer, or the first without it;
/// time-out or placeholder have been set.
pub const CHANGED: u32 = 0;

/// [`Status::writer`]: nobody has the right to write.
pub const WRITER_NONE: u32 = 0;
/// [`Status::writer`]: somebody has the right to write, and does not.
pub const WRITER_IDLE: u32 = 1;
/// [`Status::writer`]: somebody writes.
pub const WRITER_LIVE: u32 = 2;

/// The interface class under which the filter is found that adds and removes cameras:
/// `{C2F6E580-4B17-4A9D-93E8-7D05B1A46F32}`.
pub const MANAGER_CATEGORY: u128 = 0xC2F6_E580_4B17_4A9D_93E8_7D05_B1A4_6F32;

/// Its property set: `{47D1B93E-05CA-4E62-A8F4-19B63C7E20D5}`. Its event is [`CHANGED`] of [`EVENT_SET`]: a camera has
/// been added, renamed or removed.
pub const MANAGER_SET: u128 = 0x47D1_B93E_05CA_4E62_A8F4_19B6_3C7E_20D5;

/// A `KSMULTIPLE_ITEM` and a [`Camera`] for each camera; get. Without room it is the size that is told.
pub const CAMERAS: u32 = 0;

/// A [`Camera`] that is to be from now on, also after the device is started again; set by whoever may write to the
/// manager. Its number is one that no camera has.
pub const ADD: u32 = 1;

/// A [`Camera`] whose name is to be another from now on; set by whoever may write to the manager. Programs see it when they
/// look for cameras again.
pub const RENAME: u32 = 2;

/// The number of a camera that is to be no more, a `ULONG`; set by whoever may write to the manager. Whoever has it open is
/// refused pictures, new pins and the way to RUN from now on (STATUS_DEVICE_REMOVED). Camera 0 belongs to the device and stays.
pub const REMOVE: u32 = 3;

/// How many cameras there can be; their numbers are below.
pub const MAX_CAMERAS: u32 = 16;

/// Units of 16 bits that there is room for in [`Camera::name`], with a zero at the end.
pub const NAME_ROOM: usize = 64;

/// The reference string of camera 0's interfaces: `{6C1F3F5A-93A8-4E0E-8F6B-2D9C57A1E4B0}`. That of another has its number
/// in the last digit.
pub const REFERENCE: u128 = 0x6C1F_3F5A_93A8_4E0E_8F6B_2D9C_57A1_E4B0;

/// Declares the structures by the macro whose name is given, so that the driver's have the same members as the clients'.
#[doc(hidden)]
#[macro_export]
macro_rules! structures {
    ($($declare:ident)::+) => {
        $($declare)::+! {
            /// The camera, as it is now.
            pub struct Status {
                /// `WRITER_…`.
                pub writer: u32,
                /// How the writer's pixels are written down, as in `biCompression`; this and what follows about
                /// pictures is 0 while nobody writes.
                pub fourcc: u32,
                /// Bits of a pixel, as in `biBitCount`.
                pub bits: u32,
                /// Pixels in a row.
                pub width: u32,
                /// Rows.
                pub height: u32,
                /// Open pins *Capture*.
                pub readers: u32,
                /// Those of them that run.
                pub running: u32,
                /// How often the event has been told since the device was started; it begins again after 2^32 times.
                pub changes: u32,
                /// The time from one of the writer's pictures to the next, as its format says.
                pub interval: i64,
                /// Pictures that have been written since the device was started.
                pub pictures: u64,
            }
        }
        $($declare)::+! {
            /// One open pin *Capture*.
            pub struct Reader {
                /// Its `KSSTATE`: 0 stop, 1 acquire, 2 pause, 3 run.
                pub state: u32,
                /// 1: its last picture was the writer's. 0: it was the placeholder, or there was none.
                pub follows: u32,
                /// How its pixels are written down, as in `biCompression`.
                pub fourcc: u32,
                /// Bits of a pixel, as in `biBitCount`.
                pub bits: u32,
                /// Pixels in a row.
                pub width: u32,
                /// Rows.
                pub height: u32,
                /// The time from one picture to the next, as its format says.
                pub interval: i64,
                /// The number of its last picture since it was in ACQUIRE, with those that it did not get.
                pub pictures: i64,
                /// Pictures that it did not get, because it had no buffer for them.
                pub dropped: i64,
            }
        }
        $($declare)::+! {
            /// A picture, whose pixels lie behind it: row by row without gaps, from the top; NV12, YUY2, RGB24 or RGB32, RGB
            /// in rows that begin at multiples of four bytes.
            pub struct Placeholder {
                /// How they are written down, as in `biCompression`.
                pub fourcc: u32,
                /// Bits of a pixel, as in `biBitCount`: 12, 16, 24 or 32.
                pub bits: u32,
                /// Pixels in a row: even, 16 to [`MAX_PLACEHOLDER_WIDTH`](loopcam_api::MAX_PLACEHOLDER_WIDTH).
                pub width: u32,
                /// Rows: even, 16 to [`MAX_PLACEHOLDER_HEIGHT`](loopcam_api::MAX_PLACEHOLDER_HEIGHT).
                pub height: u32,
            }
        }
        $($declare)::+! {
            /// A camera.
            pub struct Camera {
                /// Its number, below [`MAX_CAMERAS`](loopcam_api::MAX_CAMERAS).
                pub number: u32,
                /// What applications call it, in UTF-16, without control characters; what is behind the first zero is of no
                /// meaning.
                pub name: [u16; loopcam_api::NAME_ROOM],
            }
        }
    };
}

/// What a structure is made of: numbers, and arrays of them.
trait Member: Sized {
    /// The member at the beginning, and what is behind it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])>;

    /// Its bytes, as a processor of Windows has them in memory.
    fn bytes(self) -> impl Iterator<Item = u8>;
}

macro_rules! numbers {
    ($($type:ty)*) => {
        $(impl Member for $type {
            fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
                let (&bytes, rest) = bytes.split_first_chunk()?;
                Some((Self::from_le_bytes(bytes), rest))
            }

            fn bytes(self) -> impl Iterator<Item = u8> {
                self.to_le_bytes().into_iter()
            }
        })*
    };
}

numbers! { u16 u32 u64 i64 }

impl<T: Member + Copy + Default, const N: usize> Member for [T; N] {
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (mut members, mut rest) = ([T::default(); N], bytes);
        for member in &mut members {
            (*member, rest) = T::read(rest)?;
        }
        Some((members, rest))
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        self.into_iter().flat_map(T::bytes)
    }
}

/// A structure of numbers, laid out as in C, without padding.
macro_rules! structure {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $type,)*
        }

        impl $name {
            /// Its bytes.
            pub const SIZE: usize = 0 $(+ size_of::<$type>())*;

            /// The structure at the beginning of an answer; `None` if that is too short.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let rest = bytes;
                $(let ($field, rest) = <$type>::read(rest)?;)*
                let _ = rest;
                Some(Self { $($field,)* })
            }

            /// The structure as it stands in a request.
            #[must_use]
            pub fn to_bytes(self) -> [u8; Self::SIZE] {
                let mut bytes = [0; Self::SIZE];
                let members = core::iter::empty()$(.chain(self.$field.bytes()))*;
                bytes.iter_mut().zip(members).for_each(|(place, byte)| *place = byte);
                bytes
            }
        }

        impl Default for $name {
            fn default() -> Self {
                // As many zeros as there are bytes.
                Self::from_bytes(&[0; Self::SIZE]).unwrap_or_else(|| unreachable!())
            }
        }

        const _: () = assert!(size_of::<$name>() == $name::SIZE, "padding");
    };
}

extern crate self as loopcam_api;

structures!(structure);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let picture = Placeholder { fourcc: 0x3231_564E, bits: 12, width: 64, height: 48 };
        let bytes = picture.to_bytes();
        assert_eq!(bytes[..8], [0x4E, 0x56, 0x31, 0x32, 12, 0, 0, 0]);
        assert_eq!(Placeholder::from_bytes(&bytes), Some(picture));
        assert_eq!(Placeholder::from_bytes(&bytes[..15]), None);
        let status = Status { interval: -1, pictures: 7, ..Status::default() };
        assert_eq!(Status::from_bytes(&status.to_bytes()), Some(status));
        let mut name = [0; NAME_ROOM];
        name[..2].copy_from_slice(&[0x43, 0x263A]);
        let camera = Camera { number: 3, name };
        assert_eq!(camera.to_bytes()[..8], [3, 0, 0, 0, 0x43, 0, 0x3A, 0x26]);
        assert_eq!(Camera::from_bytes(&camera.to_bytes()), Some(camera));
        assert_eq!((Status::SIZE, Reader::SIZE, Placeholder::SIZE, Camera::SIZE), (48, 48, 16, 132));
    }
}
