//! What the descriptors of all specimens have in common: filters with one pin, which has the one format.

use core::{mem::zeroed, ptr::null};

use ks_sys::{
    GUID, KSALLOCATOR_FRAMING_EX, KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY,
    KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY, KSAUTOMATION_TABLE, KSFILTER_DESCRIPTOR,
    KSFILTER_DESCRIPTOR_VERSION, KSFILTER_DISPATCH, KSMEMORY_TYPE_KERNEL_NONPAGED, KSPIN_COMMUNICATION,
    KSPIN_DATAFLOW, KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH,
};

use crate::format;

/// A framing of so many frames with this alignment.
pub const fn framing(frames: u32, alignment: u32) -> KSALLOCATOR_FRAMING_EX {
    // SAFETY: a structure of numbers.
    let mut framing: KSALLOCATOR_FRAMING_EX = unsafe { zeroed() };
    framing.CountItems = 1;
    framing.OutputCompression.RatioNumerator = 1;
    framing.OutputCompression.RatioDenominator = 1;
    let item = &mut framing.FramingItem[0];
    item.MemoryType = KSMEMORY_TYPE_KERNEL_NONPAGED;
    item.Flags = KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY | KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY;
    item.Frames = frames;
    item.FileAlignment = alignment;
    item.PhysicalRange.MaxFrameSize = u32::MAX;
    item.PhysicalRange.Stepping = 1;
    item.FramingRange.Range.MinFrameSize = format::FRAME;
    item.FramingRange.Range.MaxFrameSize = format::FRAME;
    item.FramingRange.Range.Stepping = 1;
    framing
}

/// A pin.
pub const fn pin(
    dispatch: &'static KSPIN_DISPATCH,
    automation: *const KSAUTOMATION_TABLE,
    framing: &'static KSALLOCATOR_FRAMING_EX,
    flow: KSPIN_DATAFLOW::Type,
    communication: KSPIN_COMMUNICATION::Type,
) -> KSPIN_DESCRIPTOR_EX {
    // SAFETY: numbers, null pointers and absent callbacks.
    let mut pin: KSPIN_DESCRIPTOR_EX = unsafe { zeroed() };
    pin.Dispatch = dispatch;
    pin.AutomationTable = automation;
    pin.PinDescriptor.DataRangesCount = 1;
    pin.PinDescriptor.DataRanges = format::RANGES.get().cast();
    pin.PinDescriptor.DataFlow = flow;
    pin.PinDescriptor.Communication = communication;
    pin.InstancesPossible = 8;
    pin.AllocatorFraming = framing;
    pin.IntersectHandler = Some(format::intersect);
    pin
}

/// A filter with one pin, in one category.
pub const fn filter(
    dispatch: *const KSFILTER_DISPATCH,
    automation: *const KSAUTOMATION_TABLE,
    guid: &'static GUID,
    category: &'static GUID,
    pin: *const KSPIN_DESCRIPTOR_EX,
) -> KSFILTER_DESCRIPTOR {
    KSFILTER_DESCRIPTOR {
        Dispatch: dispatch,
        AutomationTable: automation,
        Version: KSFILTER_DESCRIPTOR_VERSION,
        Flags: 0,
        ReferenceGuid: guid,
        PinDescriptorsCount: 1,
        PinDescriptorSize: size_of::<KSPIN_DESCRIPTOR_EX>() as u32,
        PinDescriptors: pin,
        CategoriesCount: 1,
        Categories: category,
        NodeDescriptorsCount: 0,
        NodeDescriptorSize: 0,
        NodeDescriptors: null(),
        ConnectionsCount: 0,
        Connections: null(),
        ComponentId: null(),
    }
}
