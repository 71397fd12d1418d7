//! The descriptors of the two filters and their pins, and what both filters do.

use core::{mem::zeroed, ptr::null};

use ks_sys::{
    GUID, KSALLOCATOR_FRAMING_EX, KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY,
    KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY, KSCATEGORY_VIDEO, KSFILTER_DESCRIPTOR,
    KSFILTER_DESCRIPTOR_VERSION, KSFILTER_DISPATCH, KSMEMORY_TYPE_KERNEL_NONPAGED, KSPIN_COMMUNICATION,
    KSPIN_DATAFLOW, KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH, KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING, KsGetDevice,
    NTSTATUS, PIRP, PKSFILTER, STATUS_SUCCESS, guid,
};

use crate::{
    Constant, controls,
    ddi::{KeRaiseIrqlToDpcLevel, sleep},
    exercise, format, mutant, sink, source,
};

static SINK_GUID: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_1001);
static SOURCE_GUID: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_1002);
/// The category of the filters.
pub static CATEGORY: GUID = KSCATEGORY_VIDEO;

const fn framing() -> KSALLOCATOR_FRAMING_EX {
    // SAFETY: a structure of numbers.
    let mut framing: KSALLOCATOR_FRAMING_EX = unsafe { zeroed() };
    framing.CountItems = 1;
    framing.OutputCompression.RatioNumerator = 1;
    framing.OutputCompression.RatioDenominator = 1;
    let item = &mut framing.FramingItem[0];
    item.MemoryType = KSMEMORY_TYPE_KERNEL_NONPAGED;
    item.Flags = KSALLOCATOR_REQUIREMENTF_SYSTEM_MEMORY | KSALLOCATOR_REQUIREMENTF_PREFERENCES_ONLY;
    item.Frames = 4;
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
    pin.AutomationTable = controls::TABLE.get();
    pin.PinDescriptor.DataRangesCount = 1;
    pin.PinDescriptor.DataRanges = format::RANGES.get().cast();
    pin.PinDescriptor.DataFlow = flow;
    pin.PinDescriptor.Communication = communication;
    pin.InstancesPossible = 8;
    pin.AllocatorFraming = &raw const FRAMING;
    pin.IntersectHandler = Some(format::intersect);
    pin
}

static DISPATCH: Constant<KSFILTER_DISPATCH> =
    Constant(KSFILTER_DISPATCH { Create: Some(create), Close: None, Process: None, Reset: None });

const fn filter(guid: &'static GUID, pin: *const KSPIN_DESCRIPTOR_EX) -> KSFILTER_DESCRIPTOR {
    KSFILTER_DESCRIPTOR {
        Dispatch: DISPATCH.get(),
        AutomationTable: controls::TABLE.get(),
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

static SINK_PIN: Constant<KSPIN_DESCRIPTOR_EX> = Constant(pin(
    &sink::DISPATCH.0,
    KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN,
    KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
));

static SOURCE_PIN: Constant<KSPIN_DESCRIPTOR_EX> = Constant(KSPIN_DESCRIPTOR_EX {
    // Its timer's DPC processes it.
    Flags: KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING,
    ..pin(
        &source::DISPATCH.0,
        KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
        KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH,
    )
});

/// Filter *Sink*.
pub static SINK: Constant<KSFILTER_DESCRIPTOR> = Constant(filter(&SINK_GUID, SINK_PIN.get()));

/// Filter *Source*. Its pin can also be read by a client.
pub static SOURCE: Constant<KSFILTER_DESCRIPTOR> = Constant(filter(&SOURCE_GUID, SOURCE_PIN.get()));

unsafe extern "C" fn create(filter: PKSFILTER, _irp: PIRP) -> NTSTATUS {
    // SAFETY: AVStream calls Create with a live filter at PASSIVE_LEVEL.
    unsafe { exercise::at_passive(KsGetDevice(filter.cast())) };
    if mutant::once("KsTimedFilterCallbacks") {
        sleep(600);
    }
    if mutant::once("KsIrqlFilterCallbacks") {
        // SAFETY: always allowed; never to be left like this.
        let _ = unsafe { KeRaiseIrqlToDpcLevel() };
    }
    STATUS_SUCCESS
}
