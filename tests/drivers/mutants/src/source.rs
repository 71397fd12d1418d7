//! The source pin: at each tick of its timer it fills a frame with the number of the frame.

use core::{
    ptr::null,
    sync::atomic::{AtomicBool, Ordering},
};

use ks_sys::{
    DEVICE_POWER_STATE, KSPIN_DISPATCH, KSPROCESSPIN, KSSTATE, KSSTREAM_POINTER_STATE, KsAddItemToObjectBag,
    KsCompletePendingRequest, KsGetDevice, KsPinGetLeadingEdgeStreamPointer,
    KsPinRegisterIrpCompletionCallback, KsPinRegisterPowerCallbacks, KsProcessPinUpdate,
    KsStreamPointerAdvanceOffsetsAndUnlock, NTSTATUS, PIRP, PKSDATAFORMAT, PKSMULTIPLE_ITEM, PKSPIN,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS,
};
use ks_sys::{KSATTRIBUTE_LIST, KSDATARANGE};
use wdk_sys::POOL_FLAG_NON_PAGED;

use crate::{
    Constant,
    ddi::{KeRaiseIrqlToDpcLevel, allocate, free, sleep},
    exercise, format, mutant, shared,
    timer::Timer,
    work,
};

/// Its dispatch table.
pub static DISPATCH: Constant<KSPIN_DISPATCH> = Constant(KSPIN_DISPATCH {
    Create: Some(create),
    Close: Some(close),
    Process: Some(process),
    Reset: None,
    SetDataFormat: Some(set_format),
    SetDeviceState: Some(set_state),
    Connect: None,
    Disconnect: None,
    Clock: null(),
    Allocator: null(),
});

/// Whether no pin is made any more, since there was no memory for one.
static REFUSES: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    if REFUSES.load(Ordering::Relaxed) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let timer = allocate(POOL_FLAG_NON_PAGED, size_of::<Timer>()).cast::<Timer>();
    if timer.is_null() {
        REFUSES.store(mutant::is("Recovery"), Ordering::Relaxed);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: a live pin at PASSIVE_LEVEL, its filter's control mutex held; the bag has the memory from then on.
    unsafe {
        Timer::initialize(timer, pin);
        let status = KsAddItemToObjectBag((*pin).Bag, timer.cast(), Some(free_timer));
        if status < 0 {
            free(timer.cast());
            return status;
        }
        (*pin).Context = timer.cast();
        if mutant::once("KsPowerCallbacks") {
            KsPinRegisterPowerCallbacks(pin, None, None);
        } else {
            KsPinRegisterPowerCallbacks(pin, Some(power), Some(power));
        }
        exercise::locks::in_order(KsGetDevice(pin.cast()));
    }
    shared::begin();
    if mutant::once("KsTimedPinCallbacks") {
        sleep(600);
    }
    if mutant::once("KsIrqlPinCallbacks") {
        // SAFETY: always allowed; never to be left like this.
        let _ = unsafe { KeRaiseIrqlToDpcLevel() };
    }
    STATUS_SUCCESS
}

unsafe extern "C" fn free_timer(timer: ks_sys::PVOID) {
    // SAFETY: the bag's item, which Create has made.
    unsafe { free(timer) };
}

unsafe extern "C" fn power(_pin: PKSPIN, _state: DEVICE_POWER_STATE) {}

unsafe extern "C" fn close(pin: PKSPIN, irp: PIRP) -> NTSTATUS {
    shared::end();
    if mutant::once("KsMarkPendingIrp") {
        // SAFETY: a live pin and its request, which is finished later, as its status says.
        unsafe {
            let device = KsGetDevice(pin.cast());
            (*irp).IoStatus.__bindgen_anon_1.Status = STATUS_SUCCESS;
            work::later((*device).FunctionalDeviceObject, irp, finish);
        }
        return STATUS_PENDING;
    }
    STATUS_SUCCESS
}

#[inline(never)]
unsafe fn finish(irp: PIRP) {
    // SAFETY: the request that Close has kept.
    unsafe { KsCompletePendingRequest(irp) };
}

unsafe extern "C" fn set_format(
    _pin: PKSPIN,
    _old: PKSDATAFORMAT,
    _old_attributes: PKSMULTIPLE_ITEM,
    _range: *const KSDATARANGE,
    _attributes: *const KSATTRIBUTE_LIST,
) -> NTSTATUS {
    if mutant::once("SetDataFormatPending") { STATUS_PENDING } else { STATUS_SUCCESS }
}

unsafe extern "C" fn set_state(pin: PKSPIN, to: KSSTATE::Type, from: KSSTATE::Type) -> NTSTATUS {
    if mutant::once("KsTimedPinSetDeviceState") {
        sleep(600);
    }
    if mutant::once("KsCallbackReturn") {
        return STATUS_PENDING;
    }
    // SAFETY: a live pin at PASSIVE_LEVEL, whose context Create has made.
    unsafe {
        let timer = (*pin).Context.cast::<Timer>();
        if mutant::once("KsProcessPinUpdate") {
            let mut own = KSPROCESSPIN { Pin: pin, ..KSPROCESSPIN::default() };
            KsProcessPinUpdate(&raw mut own);
        }
        if to == KSSTATE::KSSTATE_RUN {
            if mutant::once("KsPinRegisterCallback") {
                KsPinRegisterIrpCompletionCallback(pin, Some(completed));
            }
            Timer::start(timer);
        } else if from == KSSTATE::KSSTATE_RUN {
            Timer::stop(timer);
        }
    }
    STATUS_SUCCESS
}

unsafe extern "C" fn completed(_pin: PKSPIN, _irp: PIRP) {}

unsafe extern "C" fn process(pin: PKSPIN) -> NTSTATUS {
    // SAFETY: AVStream calls Process with a live pin, whose context Create has made.
    let edge = unsafe {
        if !Timer::take_due((*pin).Context.cast()) {
            return STATUS_PENDING;
        }
        KsPinGetLeadingEdgeStreamPointer(pin, KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED)
    };
    if edge.is_null() {
        return STATUS_PENDING;
    }
    // SAFETY: the edge is locked: its frame has that many bytes left, and a header that lives as long as the lock.
    unsafe {
        let offset = &(*edge).OffsetOut;
        let used = offset.Remaining.min(format::FRAME);
        offset.__bindgen_anon_1.Data.write_bytes(0x80, used as usize);
        (*(*edge).StreamHeader).DataUsed = used + u32::from(mutant::once("KsDataUsed"));
        let more = u32::from(mutant::once("KsStreamPointerAdvanceOffsets"));
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, used + more, 1);
    }
    STATUS_SUCCESS
}
