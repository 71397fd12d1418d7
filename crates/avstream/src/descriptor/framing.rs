//! Which frames a pin would like to have.

use crate::{
    ffi::guid,
    ffi::{
        GUID, KS_COMPRESSION, KS_FRAMING_ITEM, KS_FRAMING_RANGE, KS_FRAMING_RANGE_WEIGHTED,
        KSALLOCATOR_FRAMING_EX, KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY,
        KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY, KSMEMORY_TYPE_KERNEL_NONPAGED, ULONG,
    },
};

/// `KSALLOCATOR_FRAMING_EX` with one item: frames in non-paged memory. Advice that others need not
/// follow: the size of every frame has to be looked at.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-ksallocator_framing_ex>
#[repr(transparent)]
pub struct Framing(KSALLOCATOR_FRAMING_EX);

impl Framing {
    /// `frames` frames of `min` to `max` bytes.
    #[must_use]
    pub const fn new(frames: u32, min: u32, max: u32) -> Self {
        assert!(frames > 0, "framing: at least one frame is needed");
        assert!(min <= max, "framing: the smallest frame is larger than the largest");
        const DONT_CARE: GUID = guid(0);
        Self(KSALLOCATOR_FRAMING_EX {
            CountItems: 1,
            PinFlags: 0,
            OutputCompression: KS_COMPRESSION {
                RatioNumerator: 1,
                RatioDenominator: 1,
                RatioConstantMargin: 0,
            },
            PinWeight: 0,
            FramingItem: [KS_FRAMING_ITEM {
                MemoryType: KSMEMORY_TYPE_KERNEL_NONPAGED,
                BusType: DONT_CARE,
                MemoryFlags: 0,
                BusFlags: 0,
                Flags: KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY | KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY,
                Frames: frames,
                FileAlignment: 0,
                MemoryTypeWeight: 0,
                PhysicalRange: KS_FRAMING_RANGE { MinFrameSize: 0, MaxFrameSize: ULONG::MAX, Stepping: 1 },
                FramingRange: KS_FRAMING_RANGE_WEIGHTED {
                    Range: KS_FRAMING_RANGE { MinFrameSize: min, MaxFrameSize: max, Stepping: 1 },
                    InPlaceWeight: 0,
                    NotInPlaceWeight: 0,
                },
            }],
        })
    }
}
