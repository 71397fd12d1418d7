//! The sink pin: takes every frame, and does nothing with it.

use core::ptr::null;

use ks_sys::{
    KSPIN_DISPATCH, KSSTREAM_POINTER_STATE, KsPinGetLeadingEdgeStreamPointer,
    KsStreamPointerAdvanceOffsetsAndUnlock, NTSTATUS, PFNKSPIN, PFNKSPINVOID, PKSPIN, STATUS_PENDING,
    STATUS_SUCCESS,
};

use crate::{Constant, answers, clock, variant};

const fn when_it_connects<T: Copy>(callback: Option<T>) -> Option<T> {
    if variant::CONNECTS { callback } else { None }
}

/// Its dispatch table.
pub static DISPATCH: Constant<KSPIN_DISPATCH> = Constant(KSPIN_DISPATCH {
    Create: None,
    Close: None,
    Process: Some(process),
    Reset: None,
    SetDataFormat: None,
    SetDeviceState: None,
    Connect: when_it_connects::<unsafe extern "C" fn(PKSPIN) -> NTSTATUS>(Some(connect)) as PFNKSPIN,
    Disconnect: when_it_connects::<unsafe extern "C" fn(PKSPIN)>(Some(disconnect)) as PFNKSPINVOID,
    Clock: if variant::HAS_CLOCK { clock::DISPATCH.get() } else { null() },
    Allocator: null(),
});

unsafe extern "C" fn connect(pin: PKSPIN) -> NTSTATUS {
    answers::note(pin);
    variant::in_connect(pin)
}

unsafe extern "C" fn disconnect(_pin: PKSPIN) {}

unsafe extern "C" fn process(pin: PKSPIN) -> NTSTATUS {
    // SAFETY: AVStream calls Process with a live pin.
    let edge = unsafe {
        KsPinGetLeadingEdgeStreamPointer(pin, KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED)
    };
    if edge.is_null() {
        return STATUS_PENDING;
    }
    // SAFETY: the edge is locked.
    unsafe { KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 0, 1) };
    STATUS_SUCCESS
}
