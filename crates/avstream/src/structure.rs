//! Structures of the C headers that are nothing but numbers, with gaps between them.

use core::mem::offset_of;

use crate::{
    ffi::{
        KSIDENTIFIER, KSP_PIN, KSPROPERTY_DROPPEDFRAMES_CURRENT_S,
        KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE_S, KSPROPERTY_VIDEOCONTROL_CAPS_S,
        KSPROPERTY_VIDEOCONTROL_FRAME_RATES_S, KSPROPERTY_VIDEOPROCAMP_S,
    },
    plain::Plain,
};

/// A type of which every pattern of bits is a value, and which has no pointers: it may come from anybody. The bytes
/// between its members have no value; they are written as zeros, so that nobody sees somebody's old memory.
///
/// # Safety
///
/// So it is; and [`MEMBERS`](Self::MEMBERS) are inside, and always have a value.
pub unsafe trait Structure: Copy + 'static {
    /// Where the members are: offset and length in bytes.
    #[doc(hidden)]
    const MEMBERS: &'static [(usize, usize)];
}

// SAFETY: plain values have no gaps.
unsafe impl<T: Plain> Structure for T {
    const MEMBERS: &'static [(usize, usize)] = &[(0, size_of::<T>())];
}

macro_rules! structures {
    ($($type:ident { $($member:ident: $member_type:ty),* $(,)? })*) => {
        $(
            // SAFETY: numbers; the compiler says where they are, and that they have that type.
            unsafe impl Structure for $type {
                const MEMBERS: &'static [(usize, usize)] = {
                    const fn of_this_type(value: &$type) {
                        $(let _: &$member_type = &value.$member;)*
                    }
                    let _: fn(&$type) = of_this_type;
                    &[$((offset_of!($type, $member), size_of::<$member_type>())),*]
                };
            }
        )*
    };
}

// SAFETY: a GUID and two numbers, without gaps; the other member of its union is there for the alignment.
unsafe impl Structure for KSIDENTIFIER {
    const MEMBERS: &'static [(usize, usize)] = &[(0, size_of::<Self>())];
}

// SAFETY: a KSPROPERTY and two numbers, without gaps.
unsafe impl Structure for KSP_PIN {
    const MEMBERS: &'static [(usize, usize)] = &[(0, size_of::<Self>())];
}

structures! {
    KSPROPERTY_VIDEOPROCAMP_S { Property: KSIDENTIFIER, Value: i32, Flags: u32, Capabilities: u32 }
    KSPROPERTY_VIDEOCONTROL_CAPS_S { Property: KSIDENTIFIER, StreamIndex: u32, VideoControlCaps: u32 }
    KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE_S {
        Property: KSIDENTIFIER,
        StreamIndex: u32,
        RangeIndex: u32,
        Dimensions: crate::ffi::SIZE,
        CurrentActualFrameRate: i64,
        CurrentMaxAvailableFrameRate: i64,
    }
    KSPROPERTY_VIDEOCONTROL_FRAME_RATES_S {
        Property: KSIDENTIFIER,
        StreamIndex: u32,
        RangeIndex: u32,
        Dimensions: crate::ffi::SIZE,
    }
    KSPROPERTY_DROPPEDFRAMES_CURRENT_S {
        Property: KSIDENTIFIER,
        PictureNumber: i64,
        DropCount: i64,
        AverageFrameSize: u32,
    }
}

/// Writes a value, with zeros where it has gaps.
///
/// # Safety
///
/// As many bytes as `T` has can be written at `place`.
pub(crate) unsafe fn write<T: Structure>(place: *mut u8, value: &T) {
    let from = (&raw const *value).cast::<u8>();
    // SAFETY: the caller's promise.
    unsafe { place.write_bytes(0, size_of::<T>()) };
    for &(offset, len) in T::MEMBERS {
        // SAFETY: the member is inside.
        let from = unsafe { from.add(offset) };
        // SAFETY: as above.
        let to = unsafe { place.add(offset) };
        // SAFETY: the member's bytes, which have a value.
        unsafe { from.copy_to_nonoverlapping(to, len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lies between members, and behind them, is nobody's old memory.
    #[test]
    fn gaps_are_zeros() {
        // SAFETY: numbers.
        let mut value: KSPROPERTY_VIDEOPROCAMP_S = unsafe { core::mem::zeroed() };
        (value.Value, value.Flags, value.Capabilities) = (-2, 3, 4);
        let mut bytes = [0xCC_u8; 41];
        // SAFETY: the array is one byte larger.
        unsafe { write(bytes.as_mut_ptr(), &value) };
        assert_eq!(bytes[..24], [0; 24]);
        assert_eq!(bytes[24..28], (-2_i32).to_le_bytes());
        assert_eq!(bytes[28..36], [3, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(bytes[36..], [0, 0, 0, 0, 0xCC]);
    }

    /// No member lies over another or beyond the end.
    #[test]
    fn members_are_apart() {
        fn check<T: Structure>() {
            let mut end = 0;
            for &(offset, len) in T::MEMBERS {
                assert!(offset >= end && offset + len <= size_of::<T>());
                end = offset + len;
            }
        }
        check::<KSPROPERTY_VIDEOPROCAMP_S>();
        check::<KSPROPERTY_VIDEOCONTROL_CAPS_S>();
        check::<KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE_S>();
        check::<KSPROPERTY_VIDEOCONTROL_FRAME_RATES_S>();
        check::<KSPROPERTY_DROPPEDFRAMES_CURRENT_S>();
    }
}
