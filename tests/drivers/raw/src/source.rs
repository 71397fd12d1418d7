//! The source pin: fills every frame it gets with the number of the frame.

use core::{
    ptr::null,
    sync::atomic::{AtomicU32, Ordering},
};

use ks_sys::{
    KSPIN_DISPATCH, KSSTATE, KSSTREAM_POINTER_STATE, KsPinGetLeadingEdgeStreamPointer,
    KsStreamPointerAdvanceOffsetsAndUnlock, NTSTATUS, PIRP, PKSPIN, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::{Constant, format, variant};

/// Its dispatch table.
pub static DISPATCH: Constant<KSPIN_DISPATCH> = Constant(KSPIN_DISPATCH {
    Create: Some(create),
    Close: if cfg!(feature = "racy-count") { Some(close) } else { None },
    Process: Some(process),
    Reset: None,
    SetDataFormat: None,
    SetDeviceState: if cfg!(feature = "stuck-state") { Some(set_state) } else { None },
    Connect: None,
    Disconnect: None,
    Clock: null(),
    Allocator: null(),
});

static FRAMES: AtomicU32 = AtomicU32::new(0);
/// There is no clock here: this ends the stream.
const STOP_AFTER: u32 = 1000;

unsafe extern "C" fn create(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    FRAMES.store(0, Ordering::Relaxed);
    variant::in_source_create()
}

unsafe extern "C" fn close(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    variant::in_source_close();
    STATUS_SUCCESS
}

unsafe extern "C" fn set_state(_pin: PKSPIN, to: KSSTATE::Type, from: KSSTATE::Type) -> NTSTATUS {
    variant::in_source_state(to, from)
}

unsafe extern "C" fn process(pin: PKSPIN) -> NTSTATUS {
    let number = FRAMES.fetch_add(1, Ordering::Relaxed);
    if number >= STOP_AFTER {
        return STATUS_PENDING;
    }
    // SAFETY: AVStream calls Process with a live pin.
    let edge = unsafe {
        KsPinGetLeadingEdgeStreamPointer(pin, KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED)
    };
    if edge.is_null() {
        FRAMES.fetch_sub(1, Ordering::Relaxed);
        return STATUS_PENDING;
    }
    // SAFETY: the edge is locked.
    let offset = unsafe { &(*edge).OffsetOut };
    let used = offset.Remaining.min(format::FRAME);
    // SAFETY: the pin does not ask for mappings, so the union holds the address.
    let data = unsafe { offset.__bindgen_anon_1.Data };
    let filled = variant::filled(offset.Remaining, format::FRAME);
    // SAFETY: the frame has that many bytes left; but for the variant whose fault it is.
    unsafe { data.write_bytes(number as u8, filled as usize) };
    // SAFETY: the edge is locked.
    let header = unsafe { (*edge).StreamHeader };
    // SAFETY: AVStream's copy of the header, and the frame that it is of.
    unsafe { variant::write_rows(header, data) };
    // SAFETY: AVStream's copy of the header, which lives as long as the lock.
    unsafe { (*header).DataUsed = variant::data_used(used) };
    // SAFETY: the edge is locked and has that many bytes left.
    unsafe { KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, used, 1) };
    STATUS_SUCCESS
}
