//! The filter that processes its pins itself: it drops what they get, as soon as one of them has a frame.

use core::{ptr::null, slice};

use ks_sys::{
    KSFILTER_DISPATCH, KSGATE, KSPIN_DISPATCH, KSSTATE, KsAddItemToObjectBag, KsPinAttachOrGate,
    KsPinGetParentFilter, NTSTATUS, PIRP, PKSFILTER, PKSPIN, PKSPROCESSPIN_INDEXENTRY, PVOID,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, gate::KsGateInitializeOr,
};
use wdk_sys::POOL_FLAG_NON_PAGED;

use crate::{
    Constant,
    ddi::{allocate, free},
    filter, mutant,
};

/// The filter's dispatch table.
pub static DISPATCH: Constant<KSFILTER_DISPATCH> =
    Constant(KSFILTER_DISPATCH { Create: Some(create), Close: None, Process: Some(process), Reset: None });

/// That of its pins.
pub static PIN_DISPATCH: Constant<KSPIN_DISPATCH> = Constant(KSPIN_DISPATCH {
    Create: Some(create_pin),
    Close: None,
    Process: None,
    Reset: None,
    SetDataFormat: None,
    SetDeviceState: Some(set_state),
    Connect: None,
    Disconnect: None,
    Clock: null(),
    Allocator: null(),
});

/// Makes the gate of all pins, which is the filter's context.
unsafe extern "C" fn create(filter: PKSFILTER, irp: PIRP) -> NTSTATUS {
    // SAFETY: AVStream calls Create with a live filter, its control mutex held; the bag has the memory from then on.
    unsafe {
        let status = filter::create(filter, irp);
        if status < 0 {
            return status;
        }
        let gate = allocate(POOL_FLAG_NON_PAGED, size_of::<KSGATE>());
        if gate.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        KsGateInitializeOr(gate.cast(), core::ptr::null_mut());
        let status = KsAddItemToObjectBag((*filter).Bag, gate, Some(free_gate));
        if status < 0 {
            free(gate);
            return status;
        }
        (*filter).Context = gate;
    }
    STATUS_SUCCESS
}

unsafe extern "C" fn free_gate(gate: PVOID) {
    // SAFETY: the bag's item, which Create has made.
    unsafe { free(gate) };
}

unsafe extern "C" fn create_pin(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    // SAFETY: a live pin in STOP.
    unsafe { attach(pin) };
    STATUS_SUCCESS
}

/// The filter processes when any of its pins has a frame. PASSIVE_LEVEL.
#[inline(never)]
unsafe fn attach(pin: PKSPIN) {
    // SAFETY: a live pin, whose filter's context is the gate, which lives as long as the filter.
    unsafe { KsPinAttachOrGate(pin, (*KsPinGetParentFilter(pin)).Context.cast()) };
}

unsafe extern "C" fn set_state(pin: PKSPIN, to: KSSTATE::Type, _from: KSSTATE::Type) -> NTSTATUS {
    if to == KSSTATE::KSSTATE_RUN && mutant::once("KsPinAttachGate") {
        // SAFETY: a live pin, but not in STOP; that is the fault.
        unsafe { attach(pin) };
    }
    STATUS_SUCCESS
}

unsafe extern "C" fn process(_filter: PKSFILTER, index: PKSPROCESSPIN_INDEXENTRY) -> NTSTATUS {
    // SAFETY: AVStream's table has an entry for the one pin type, and in it one for each pin that is not in STOP.
    unsafe {
        let entry = &*index;
        if entry.Count > 0 {
            for pin in slice::from_raw_parts(entry.Pins, entry.Count as usize) {
                (**pin).BytesUsed = (**pin).BytesAvailable;
            }
        }
    }
    STATUS_SUCCESS
}
