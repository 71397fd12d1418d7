//! Which pins have a queue (R4.30), and what a queue counts (R4.29).

use std::{cell::RefCell, ptr::null_mut};

use ks_sys::*;

use crate::{
    ks::{
        fixture::{self, Fixture, bytes, callbacks, close, connect, open_pin_raw},
        object::Pin,
        state,
        stream_pointer::KsPinGetLeadingEdgeStreamPointer,
    },
    nt::violation,
};

/// A medium that is not the standard one.
const MEDIUM: GUID = guid(0x3AE8_6F21_0C7A_49B5_9D11_7F5B_02C4_E1A0);
/// An interface that is not the standard one.
const INTERFACE: GUID = guid(0x9C00_51D4_7E35_4B0F_8A26_D3E7_6640_18FB);

thread_local! {
    static PINS: RefCell<Vec<PKSPIN>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    PINS.with_borrow_mut(|pins| pins.push(pin));
    STATUS_SUCCESS
}

unsafe extern "win64" fn set_state(_pin: PKSPIN, _to: KSSTATE::Type, _from: KSSTATE::Type) -> NTSTATUS {
    STATUS_SUCCESS
}

fn identifier(set: GUID) -> KSIDENTIFIER__bindgen_ty_1__bindgen_ty_1 {
    KSIDENTIFIER__bindgen_ty_1__bindgen_ty_1 { Set: set, Id: 0, Flags: 0 }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A pin type with standard and own interface and medium.
fn pin_type(flags: u32) -> KSPIN_DESCRIPTOR_EX {
    let dispatch =
        KSPIN_DISPATCH { Create: Some(create), SetDeviceState: Some(set_state), ..KSPIN_DISPATCH::default() };
    let (flow, role) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
    let mut pin = fixture::pin_type(dispatch, flow, role, flags | KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING);
    let of = |sets: [GUID; 2]| {
        leak(sets.map(|set| {
            let mut one = KSIDENTIFIER::default();
            one.__bindgen_anon_1.__bindgen_anon_1 = identifier(set);
            one
        }))
        .as_ptr()
    };
    pin.PinDescriptor.InterfacesCount = 2;
    pin.PinDescriptor.Interfaces = of([KSINTERFACESETID_Standard, INTERFACE]);
    pin.PinDescriptor.MediumsCount = 2;
    pin.PinDescriptor.Mediums = of([KSMEDIUMSETID_Standard, MEDIUM]);
    pin
}

/// R4.30: the standard transport is there with standard interface and medium, or where the flag forces it, which beats
/// the flag that forbids it. R5.3: without it the minidriver gets state changes as they were asked for.
#[test]
fn who_has_the_standard_transport() {
    let force = KSPIN_FLAG_USE_STANDARD_TRANSPORT;
    let forbid = KSPIN_FLAG_DO_NOT_USE_STANDARD_TRANSPORT;
    let (standard, own) =
        ((KSINTERFACESETID_Standard, KSMEDIUMSETID_Standard), (INTERFACE, KSMEDIUMSETID_Standard));
    let cases = [
        (0, standard, true),
        (0, own, false),
        (0, (KSINTERFACESETID_Standard, MEDIUM), false),
        (forbid, standard, false),
        (force, own, true),
        (force, (INTERFACE, MEDIUM), true),
        (force | forbid, standard, true),
    ];
    for (flags, (interface, medium), expected) in cases {
        let what = format!("flags {flags:#x}, expected {expected}");
        let fixture = Fixture::new(vec![fixture::filter(1, vec![pin_type(flags)])]);
        let filter = fixture.open_filter(1).unwrap();
        let mut request = connect(0, null_mut());
        request.Interface.__bindgen_anon_1.__bindgen_anon_1 = identifier(interface);
        request.Medium.__bindgen_anon_1.__bindgen_anon_1 = identifier(medium);
        let parameters = [bytes(&request), bytes(&fixture::format(fixture::SUB))].concat();
        let handle = open_pin_raw(filter, &parameters).unwrap();
        let pin = Pin::of(PINS.take()[0]);
        let before = callbacks().len();
        assert_eq!(state::set(pin, KSSTATE::KSSTATE_RUN), STATUS_SUCCESS);
        assert_eq!(pin.transport().queue().is_some(), expected, "{what}");
        let unlocked = KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_UNLOCKED;
        // SAFETY: a live pin.
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(pin.ks(), unlocked) };
        assert_eq!(!edge.is_null(), expected, "{what}");
        assert_eq!(state::set(pin, KSSTATE::KSSTATE_STOP), STATUS_SUCCESS);
        let changes =
            callbacks()[before..].iter().filter(|line| line.starts_with("PinSetDeviceState")).count();
        assert_eq!(changes, if expected { 6 } else { 2 }, "{what}: single steps, or RUN and STOP");
        close(handle);
        close(filter);
        assert_eq!(violation::list(), []);
        fixture.end();
    }
}
