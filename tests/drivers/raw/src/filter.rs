//! The descriptors of the two filters and their pins.

use core::ptr::null;

use ks_sys::{
    GUID, KSALLOCATOR_FRAMING_EX, KSCATEGORY_VIDEO, KSFILTER_DESCRIPTOR, KSPIN_COMMUNICATION, KSPIN_DATAFLOW,
    KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH, KSPIN_FLAG_IMPLEMENT_CLOCK, guid,
};

use crate::{Constant, answers, descriptor, sink, source, variant};

static SINK_GUID: GUID = guid(0x2B6F_0D1C_7A45_4E0B_9C1D_5E88_42A7_1001);
static SOURCE_GUID: GUID = guid(0x2B6F_0D1C_7A45_4E0B_9C1D_5E88_42A7_1002);
static CATEGORY: GUID = KSCATEGORY_VIDEO;

static FRAMING: KSALLOCATOR_FRAMING_EX = {
    let (frames, alignment) = variant::framing();
    descriptor::framing(frames, alignment)
};

const fn pin(
    dispatch: &'static KSPIN_DISPATCH,
    flow: KSPIN_DATAFLOW::Type,
    communication: KSPIN_COMMUNICATION::Type,
) -> KSPIN_DESCRIPTOR_EX {
    let mut pin = descriptor::pin(dispatch, answers::TABLE.get(), &FRAMING, flow, communication);
    pin.PinDescriptor.Category = variant::CATEGORY;
    pin
}

const fn filter(guid: &'static GUID, pin: *const KSPIN_DESCRIPTOR_EX) -> KSFILTER_DESCRIPTOR {
    descriptor::filter(null(), null(), guid, &CATEGORY, pin)
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
