//! The descriptors of the two filters and their pins, and what both filters do.

use ks_sys::{
    GUID, KSALLOCATOR_FRAMING_EX, KSCATEGORY_VIDEO, KSFILTER_DESCRIPTOR, KSFILTER_DISPATCH,
    KSPIN_COMMUNICATION, KSPIN_DATAFLOW, KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH,
    KSPIN_FLAG_DISPATCH_LEVEL_PROCESSING, KsGetDevice, NTSTATUS, PIRP, PKSFILTER, STATUS_SUCCESS, guid,
};

use crate::{
    Constant, controls,
    ddi::{KeRaiseIrqlToDpcLevel, sleep},
    descriptor, exercise, mutant, sink, source,
};

static SINK_GUID: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_1001);
static SOURCE_GUID: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_1002);
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

const fn filter(guid: &'static GUID, pin: *const KSPIN_DESCRIPTOR_EX) -> KSFILTER_DESCRIPTOR {
    descriptor::filter(DISPATCH.get(), controls::TABLE.get(), guid, &CATEGORY, pin)
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
