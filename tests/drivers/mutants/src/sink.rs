//! The sink pin: keeps the newest frame by a clone of the stream pointer, until there is a newer one.

use core::{
    ptr::{null, null_mut},
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

use ks_sys::{
    GUID, IUnknown, KSPIN_DISPATCH, KSSTATE, KSSTREAM_POINTER, KSSTREAM_POINTER_STATE, KsAddItemToObjectBag,
    KsPinAcquireProcessingMutex, KsPinGetConnectedPinInterface, KsPinGetLeadingEdgeStreamPointer,
    KsPinReleaseProcessingMutex, KsStreamPointerAdvanceOffsetsAndUnlock, KsStreamPointerClone,
    KsStreamPointerDelete, KsStreamPointerLock, KsStreamPointerUnlock, NTSTATUS, PFNKSSTREAMPOINTER, PIRP,
    PKSPIN, PKSSTREAM_POINTER, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS, guid,
};
use wdk_sys::POOL_FLAG_NON_PAGED;

use crate::{
    Constant,
    ddi::{allocate, free, sleep},
    mutant,
};

/// `IKsControl` (ks.h), which every AVStream object has.
static IKSCONTROL: GUID = guid(0x28F5_4685_06FD_11D2_B27A_00A0_C922_3196);

/// Its dispatch table.
pub static DISPATCH: Constant<KSPIN_DISPATCH> = Constant(KSPIN_DISPATCH {
    Create: Some(create),
    Close: None,
    Process: Some(process),
    Reset: None,
    SetDataFormat: None,
    SetDeviceState: Some(set_state),
    Connect: Some(connect),
    Disconnect: Some(disconnect),
    Clock: null(),
    Allocator: null(),
});

/// A pin's context, in nonpaged memory.
struct Sink {
    /// The clone on the newest frame, or null. Who takes it out deletes it.
    newest: AtomicPtr<KSSTREAM_POINTER>,
    /// Whether a source is connected.
    connected: AtomicBool,
    /// Whether Process has left the leading edge locked.
    left_locked: AtomicBool,
}

/// The context of a pin.
unsafe fn sink<'a>(pin: PKSPIN) -> &'a Sink {
    // SAFETY: a live pin, whose context Create has made and nobody changes but by its atomics.
    unsafe { &*(*pin).Context.cast() }
}

unsafe extern "C" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    let context = allocate(POOL_FLAG_NON_PAGED, size_of::<Sink>());
    if context.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: a live pin, its filter's control mutex held; the bag has the memory from then on.
    unsafe {
        context.cast::<Sink>().write(Sink {
            newest: AtomicPtr::new(null_mut()),
            connected: AtomicBool::new(false),
            left_locked: AtomicBool::new(false),
        });
        let status = if mutant::once("KsObjectBagMutex") {
            without_mutex(pin, context)
        } else {
            KsAddItemToObjectBag((*pin).Bag, context, Some(free_context))
        };
        if status < 0 {
            free(context);
            return status;
        }
        (*pin).Context = context;
    }
    STATUS_SUCCESS
}

/// Gives the control mutex up while the bag is used, which nobody may.
#[inline(never)]
unsafe fn without_mutex(pin: PKSPIN, context: PVOID) -> NTSTATUS {
    // SAFETY: a live pin; the mutex is taken again before Create returns.
    unsafe {
        ks_sys::inline::KsPinReleaseControl(pin);
        let status = KsAddItemToObjectBag((*pin).Bag, context, Some(free_context));
        ks_sys::inline::KsPinAcquireControl(pin);
        status
    }
}

unsafe extern "C" fn free_context(context: PVOID) {
    // SAFETY: the bag's item, which Create has made.
    unsafe { free(context) };
}

unsafe extern "C" fn connect(pin: PKSPIN) -> NTSTATUS {
    let mut found: PVOID = null_mut();
    // SAFETY: a live pin at PASSIVE_LEVEL; the reference is given back.
    unsafe {
        let status = KsPinGetConnectedPinInterface(pin, &raw const IKSCONTROL, &raw mut found);
        if status >= 0 && !mutant::once("KsInterfaceReference") {
            let unknown = found.cast::<IUnknown>();
            if let Some(release) = (*(*unknown).lpVtbl).Release {
                release(unknown);
            }
        }
    }
    // SAFETY: a live pin.
    unsafe { sink(pin) }.connected.store(true, Ordering::Relaxed);
    if mutant::once("KsConnectReturnsPending") { STATUS_PENDING } else { STATUS_SUCCESS }
}

unsafe extern "C" fn disconnect(pin: PKSPIN) {
    // SAFETY: a live pin.
    unsafe { sink(pin) }.connected.store(false, Ordering::Relaxed);
}

unsafe extern "C" fn set_state(pin: PKSPIN, to: KSSTATE::Type, _from: KSSTATE::Type) -> NTSTATUS {
    if to < KSSTATE::KSSTATE_PAUSE {
        // SAFETY: a live pin at PASSIVE_LEVEL; with the processing mutex, so that no Process is about to add one.
        unsafe {
            KsPinAcquireProcessingMutex(pin);
            if mutant::is("KsStreamPointerClone") {
                sink(pin).newest.store(null_mut(), Ordering::Relaxed);
            }
            replace(pin, null_mut());
            KsPinReleaseProcessingMutex(pin);
        }
    }
    STATUS_SUCCESS
}

/// Another clone is the newest now. IRQL <= DISPATCH_LEVEL.
#[inline(never)]
unsafe fn replace(pin: PKSPIN, clone: PKSSTREAM_POINTER) {
    // SAFETY: a live pin, whose context Create has made; a clone is deleted by who takes it out.
    unsafe {
        let old = sink(pin).newest.swap(clone, Ordering::AcqRel);
        if !old.is_null() {
            KsStreamPointerDelete(old);
            if mutant::once("StreamPointerUseAfterDelete") {
                let _ = (&raw const (*old).Pin).read_volatile();
            }
        }
    }
}

/// How often Process has said that it has done something.
static IDLE: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn process(pin: PKSPIN) -> NTSTATUS {
    const MOST_IDLE: u32 = 1000;
    if mutant::is("KsProcessNoProgress") && IDLE.fetch_add(1, Ordering::Relaxed) < MOST_IDLE {
        return STATUS_SUCCESS;
    }
    if mutant::once("KsTimedProcessingMutex") {
        sleep(150);
    }
    // Not with a client's request, which would then never end.
    // SAFETY: AVStream calls Process with a live pin.
    let context = unsafe { sink(pin) };
    let leaves = mutant::is("KsStreamPointerUnlock") && context.connected.load(Ordering::Relaxed);
    if context.left_locked.swap(leaves, Ordering::Relaxed) {
        return STATUS_PENDING;
    }
    // SAFETY: as above.
    let edge = unsafe {
        KsPinGetLeadingEdgeStreamPointer(pin, KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED)
    };
    if edge.is_null() || leaves {
        return STATUS_PENDING;
    }
    // SAFETY: the edge is locked, and so is a clone of it at first.
    unsafe {
        if mutant::once("KsStreamPointerLock") {
            let _ = KsStreamPointerLock(edge);
        }
        if mutant::once("KsInvalidStreamPointer") {
            KsStreamPointerDelete(edge);
        }
        let mut clone = null_mut();
        // A clone that is never deleted and has a callback would be another fault.
        let callback: PFNKSSTREAMPOINTER =
            if mutant::is("KsStreamPointerClone") { None } else { Some(cancelled) };
        // Where the context has no bytes, what lies behind it is found at once.
        let context_size = if mutant::is("StreamPointerContextOverrun") { 8 } else { 0 };
        if KsStreamPointerClone(edge, callback, context_size, &raw mut clone) >= 0 {
            if mutant::once("StreamPointerContextOverrun") {
                (*clone).Context.cast::<u8>().add(8).write_volatile(1);
            }
            if !mutant::is("IrpCancelled") {
                KsStreamPointerUnlock(clone, 0);
            }
            replace(pin, clone);
        }
        let used = (*edge).OffsetIn.Remaining;
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, used, 0, 1);
    }
    STATUS_SUCCESS
}

/// The frame under a clone goes: so does the clone, unless somebody else has taken it out to delete it. The queue's spin
/// lock is held, under which nothing else of the queue is called.
unsafe extern "C" fn cancelled(clone: PKSSTREAM_POINTER) {
    // SAFETY: AVStream calls with a live clone on a live pin.
    unsafe {
        if mutant::once("KsCancelCallback") {
            let _ = KsStreamPointerLock(clone);
        }
        let newest = &sink((*clone).Pin).newest;
        if newest.compare_exchange(clone, null_mut(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
            KsStreamPointerDelete(clone);
        }
    }
}
