//! The descriptors of the filters and their pins, and what all filters do.

use ks_sys::{
    GUID, KSALLOCATOR_FRAMING_EX, KSCATEGORY_VIDEO, KSFILTER_DESCRIPTOR, KSFILTER_DISPATCH,
    KSPIN_COMMUNICATION, KSPIN_DATAFLOW, KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH, KSPIN_FLAG_CRITICAL_PROCESSING,
    KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING, KSPIN_FLAG_HYPERCRITICAL_PROCESSING, KsFilterCreatePinFactory,
    KsGetDevice, NTSTATUS, PIRP, PKSFILTER, STATUS_SUCCESS, guid,
};

use crate::{
    Constant, controls,
    ddi::{KeRaiseIrqlToDpcLevel, sleep},
    descriptor, drain, exercise, mutant, sink, source,
};

static SINK_GUID: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_1001);
static SOURCE_GUID: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_1002);
static DRAIN_GUID: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_1003);
/// The category of the filters.
pub static CATEGORY: GUID = KSCATEGORY_VIDEO;

static FRAMING: KSALLOCATOR_FRAMING_EX = descriptor::framing(4, 0);

const fn pin(
    dispatch: &'static KSPIN_DISPATCH,
    flow: KSPIN_DATAFLOW::Type,
    communication: KSPIN_COMMUNICATION::Type,
) -> KSPIN_DESCRIPTOR_EX {
    descriptor::pin(dispatch, controls::TABLE.get(), &FRAMING, flow, communication)
}

static DISPATCH: Constant<KSFILTER_DISPATCH> =
    Constant(KSFILTER_DISPATCH { Create: Some(create), Close: None, Process: None, Reset: None });

const fn filter(
    dispatch: *const KSFILTER_DISPATCH,
    guid: &'static GUID,
    pin: *const KSPIN_DESCRIPTOR_EX,
) -> KSFILTER_DESCRIPTOR {
    descriptor::filter(dispatch, controls::TABLE.get(), guid, &CATEGORY, pin)
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

static DRAIN_PIN: Constant<KSPIN_DESCRIPTOR_EX> = Constant(pin(
    &drain::PIN_DISPATCH.0,
    KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN,
    KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
));

/// A pin type that nobody can make: two of its flags exclude each other.
static CONTRADICTORY_PIN: Constant<KSPIN_DESCRIPTOR_EX> = Constant(KSPIN_DESCRIPTOR_EX {
    Flags: KSPIN_FLAG_CRITICAL_PROCESSING | KSPIN_FLAG_HYPERCRITICAL_PROCESSING,
    ..pin(&sink::DISPATCH.0, KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK)
});

/// Filter *Sink*.
pub static SINK: Constant<KSFILTER_DESCRIPTOR> = Constant(filter(DISPATCH.get(), &SINK_GUID, SINK_PIN.get()));

/// Filter *Source*. Its pin can also be read by a client.
pub static SOURCE: Constant<KSFILTER_DESCRIPTOR> =
    Constant(filter(DISPATCH.get(), &SOURCE_GUID, SOURCE_PIN.get()));

/// Filter *Drain*.
pub static DRAIN: Constant<KSFILTER_DESCRIPTOR> =
    Constant(filter(drain::DISPATCH.get(), &DRAIN_GUID, DRAIN_PIN.get()));

/// The filters' Create.
///
/// # Safety
///
/// AVStream calls it with a live filter.
pub unsafe extern "C" fn create(filter: PKSFILTER, _irp: PIRP) -> NTSTATUS {
    // SAFETY: AVStream calls Create with a live filter at PASSIVE_LEVEL, the control mutex held.
    unsafe {
        exercise::at_passive(KsGetDevice(filter.cast()));
        if mutant::once("KsDescriptor") {
            let mut id = 0;
            let _ = KsFilterCreatePinFactory(filter, CONTRADICTORY_PIN.get(), &raw mut id);
        }
    }
    if mutant::once("KsTimedFilterCallbacks") {
        sleep(600);
    }
    if mutant::once("KsIrqlFilterCallbacks") {
        // SAFETY: always allowed; never to be left like this.
        let _ = unsafe { KeRaiseIrqlToDpcLevel() };
    }
    STATUS_SUCCESS
}
