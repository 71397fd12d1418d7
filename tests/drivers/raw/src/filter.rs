//! The descriptors of the two filters and their pins.

use core::{mem::zeroed, ptr::null};

use ks_sys::{
    GUID, KSALLOCATOR_FRAMING_EX, KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY,
    KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY, KSCATEGORY_VIDEO, KSFILTER_DESCRIPTOR,
    KSFILTER_DESCRIPTOR_VERSION, KSMEMORY_TYPE_KERNEL_NONPAGED, KSPIN_COMMUNICATION, KSPIN_DATAFLOW,
    KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH, KSPIN_FLAG_IMPLEMENT_CLOCK, guid,
};

use crate::{Constant, answers, format, sink, source, variant};

static SINK_GUID: GUID = guid(0x2B6F_0D1C_7A45_4E0B_9C1D_5E88_42A7_1001);
static SOURCE_GUID: GUID = guid(0x2B6F_0D1C_7A45_4E0B_9C1D_5E88_42A7_1002);
static CATEGORY: GUID = KSCATEGORY_VIDEO;

const fn framing() -> KSALLOCATOR_FRAMING_EX {
    // SAFETY: a structure of numbers.
    let mut framing: KSALLOCATOR_FRAMING_EX = unsafe { zeroed() };
    framing.CountItems = 1;
    framing.OutputCompression.RatioNumerator = 1;
    framing.OutputCompression.RatioDenominator = 1;
    let item = &mut framing.FramingItem[0];
    item.MemoryType = KSMEMORY_TYPE_KERNEL_NONPAGED;
    item.Flags = KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY | KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY;
    (item.Frames, item.FileAlignment) = variant::framing();
    item.PhysicalRange.MaxFrameSize = u32::MAX;
    item.PhysicalRange.Stepping = 1;
    item.FramingRange.Range.MinFrameSize = format::FRAME;
    item.FramingRange.Range.MaxFrameSize = format::FRAME;
    item.FramingRange.Range.Stepping = 1;
    framing
}

static FRAMING: KSALLOCATOR_FRAMING_EX = framing();

const fn pin(
    dispatch: &'static KSPIN_DISPATCH,
    flow: KSPIN_DATAFLOW::Type,
    communication: KSPIN_COMMUNICATION::Type,
) -> KSPIN_DESCRIPTOR_EX {
    // SAFETY: numbers, null pointers and absent callbacks.
    let mut pin: KSPIN_DESCRIPTOR_EX = unsafe { zeroed() };
    pin.Dispatch = dispatch;
    pin.AutomationTable = answers::TABLE.get();
    pin.PinDescriptor.DataRangesCount = 1;
    pin.PinDescriptor.DataRanges = format::RANGES.get().cast();
    pin.PinDescriptor.DataFlow = flow;
    pin.PinDescriptor.Communication = communication;
    pin.PinDescriptor.Category = variant::CATEGORY;
    pin.InstancesPossible = 8;
    pin.AllocatorFraming = &raw const FRAMING;
    pin.IntersectHandler = Some(format::intersect);
    pin
}

const fn filter(guid: &'static GUID, pin: *const KSPIN_DESCRIPTOR_EX) -> KSFILTER_DESCRIPTOR {
    KSFILTER_DESCRIPTOR {
        Dispatch: null(),
        AutomationTable: null(),
        Version: KSFILTER_DESCRIPTOR_VERSION,
        Flags: 0,
        ReferenceGuid: guid,
        PinDescriptorsCount: 1,
        PinDescriptorSize: size_of::<KSPIN_DESCRIPTOR_EX>() as u32,
        PinDescriptors: pin,
        CategoriesCount: 1,
        Categories: &raw const CATEGORY,
        NodeDescriptorsCount: 0,
        NodeDescriptorSize: 0,
        NodeDescriptors: null(),
        ConnectionsCount: 0,
        Connections: null(),
        ComponentId: null(),
    }
}

static SINK_PIN: Constant<KSPIN_DESCRIPTOR_EX> = Constant(KSPIN_DESCRIPTOR_EX {
    Flags: if variant::HAS_CLOCK { KSPIN_FLAG_IMPLEMENT_CLOCK } else { 0 },
    ..pin(&sink::DISPATCH.0, KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK)
});

static SOURCE_PIN: Constant<KSPIN_DESCRIPTOR_EX> = Constant(pin(
    &source::DISPATCH.0,
    KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
    KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH,
));

/// Filter *Sink*.
pub static SINK: Constant<KSFILTER_DESCRIPTOR> = Constant(filter(&SINK_GUID, SINK_PIN.get()));

/// Filter *Source*. Its pin can also be read by a client.
pub static SOURCE: Constant<KSFILTER_DESCRIPTOR> = Constant(filter(&SOURCE_GUID, SOURCE_PIN.get()));
