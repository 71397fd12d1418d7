//! Frames that a minidriver makes itself, and being told of each trip (R4.33, R4.34; `stream/frame-injection.md`).

use std::{ptr::null_mut, sync::Mutex};

use ks_sys::{
    KSPIN_DATAFLOW, KSSTREAM_HEADER, NTSTATUS, PFNKSPINFRAMERETURN, PFNKSPINIRPCOMPLETION, PKSPIN,
    PKSSTREAM_HEADER, PMDL, PVOID, STATUS_CANCELLED, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use super::{
    call::{PIN_FRAME_RETURN, driver_call},
    circuit::Circuit,
    frame::{Cancel, Origin, Request},
    object::Pin as PinObject,
};
use crate::nt::{
    IoAllocateIrp, IoAllocateMdl, IoFreeIrp, IoFreeMdl, MmBuildMdlForNonPagedPool,
    MmGetSystemAddressForMdlSafe, violation,
};

/// The callbacks of a pin.
#[derive(Default)]
pub struct Callbacks {
    frame_return: Mutex<PFNKSPINFRAMERETURN>,
    irp_completion: Mutex<PFNKSPINIRPCOMPLETION>,
}

/// Where an injected frame came from.
pub struct Injected {
    /// The pin that it was submitted on.
    pub pin: &'static PinObject,
    data: PVOID,
    size: u32,
    /// The minidriver's MDL, or null.
    mdl: PMDL,
    context: PVOID,
}

/// The frame return callback of a pin in injection mode.
pub(super) fn mode(pin: &PinObject) -> PFNKSPINFRAMERETURN {
    *pin.transport().callbacks.frame_return.lock().expect("never poisoned")
}

/// Who wants to know of trips.
pub(super) fn irp_completion(pin: &PinObject) -> PFNKSPINIRPCOMPLETION {
    *pin.transport().callbacks.irp_completion.lock().expect("never poisoned")
}

/// A pin that has left STOP has its circuit: what is registered then comes too late.
fn in_stop(pin: &PinObject, call: &str) -> bool {
    let stopped = pin.transport().queue().is_none();
    if !stopped {
        let message = format_args!("{call} after the pin left STOP; it has no effect");
        violation::report("KsPinRegisterCallback", 0, pin.name(), message);
    }
    stopped
}

/// `KsPinRegisterFrameReturnCallback`: puts the pin into injection mode. In STOP. PASSIVE_LEVEL.
///
/// # Safety
/// The callback is good as long as the pin lives.
pub unsafe fn KsPinRegisterFrameReturnCallback(Pin: PKSPIN, FrameReturn: PFNKSPINFRAMERETURN) {
    let pin = PinObject::of(Pin);
    if in_stop(pin, "KsPinRegisterFrameReturnCallback") {
        *pin.transport().callbacks.frame_return.lock().expect("never poisoned") = FrameReturn;
    }
}

/// `KsPinRegisterIrpCompletionCallback`: told when an IRP has gone round and is about to be used again. Before
/// ACQUIRE. PASSIVE_LEVEL.
///
/// # Safety
/// The callback is good as long as the pin lives.
pub unsafe fn KsPinRegisterIrpCompletionCallback(Pin: PKSPIN, IrpCompletion: PFNKSPINIRPCOMPLETION) {
    let pin = PinObject::of(Pin);
    if in_stop(pin, "KsPinRegisterIrpCompletionCallback") {
        *pin.transport().callbacks.irp_completion.lock().expect("never poisoned") = IrpCompletion;
    }
}

/// `KsPinSubmitFrame`: injects a frame by its address in nonpaged memory. IRQL <= DISPATCH_LEVEL.
///
/// ASSUMED: STATUS_INVALID_DEVICE_REQUEST on a pin that is not in injection mode, or has no circuit because a client
/// talks to it; STATUS_DEVICE_NOT_READY when the frame is not accepted, as in STOP.
///
/// # Safety
/// `Data` has that many bytes until the frame returns; `StreamHeader` is null or a header with its extension.
pub unsafe fn KsPinSubmitFrame(
    Pin: PKSPIN,
    Data: PVOID,
    Size: u32,
    StreamHeader: PKSSTREAM_HEADER,
    Context: PVOID,
) -> NTSTATUS {
    if Data.is_null() != (Size == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    let pin = PinObject::of(Pin);
    let injected = Injected { pin, data: Data, size: Size, mdl: null_mut(), context: Context };
    // SAFETY: the caller's promise.
    unsafe { submit(injected, StreamHeader) }
}

/// `KsPinSubmitFrameMdl`: injects a frame by an MDL whose pages are locked. IRQL <= DISPATCH_LEVEL.
///
/// # Safety
/// The MDL stays as it is until the frame returns; `StreamHeader` is null or a header with its extension.
pub unsafe fn KsPinSubmitFrameMdl(
    Pin: PKSPIN,
    Mdl: PMDL,
    StreamHeader: PKSSTREAM_HEADER,
    Context: PVOID,
) -> NTSTATUS {
    let pin = PinObject::of(Pin);
    let (mut data, mut size) = (null_mut(), 0);
    if !Mdl.is_null() {
        // SAFETY: the caller's MDL.
        unsafe {
            data = MmGetSystemAddressForMdlSafe(Mdl);
            size = (*Mdl).ByteCount;
        }
        if data.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    let injected = Injected { pin, data, size, mdl: Mdl, context: Context };
    // SAFETY: the caller's promise.
    unsafe { submit(injected, StreamHeader) }
}

unsafe fn submit(injected: Injected, header: PKSSTREAM_HEADER) -> NTSTATUS {
    let pin = injected.pin;
    let connected = pin.peer().is_some() || pin.is_external();
    if mode(pin).is_none() || !connected {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    let Some(circuit) = pin.transport().circuit() else { return STATUS_DEVICE_NOT_READY };
    // SAFETY: the caller's promise.
    let request = match unsafe { make(injected, header, &circuit) } {
        Ok(request) => request,
        Err(status) => return status,
    };
    match circuit.inject(pin, request) {
        Ok(()) => STATUS_SUCCESS,
        Err(request) => {
            free(request);
            STATUS_DEVICE_NOT_READY
        }
    }
}

/// The request of a frame, with a copy of the header.
unsafe fn make(
    injected: Injected,
    header: PKSSTREAM_HEADER,
    circuit: &Circuit,
) -> Result<*mut Request, NTSTATUS> {
    let plain = size_of::<KSSTREAM_HEADER>();
    // SAFETY: the caller's header.
    let size = unsafe { header.as_ref() }.map_or(plain, |header| header.Size as usize);
    if size < plain || !size.is_multiple_of(8) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let stack = circuit.external().map_or(1, |external| external.stack_size());
    // SAFETY: any size.
    let irp = unsafe { IoAllocateIrp(stack, 0) };
    if irp.is_null() {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let (data, bytes) = (injected.data, injected.size);
    let mut mdl = injected.mdl;
    if mdl.is_null() && bytes > 0 {
        // SAFETY: the caller's buffer.
        mdl = unsafe { IoAllocateMdl(data, bytes, 0, 0, null_mut()) };
        if mdl.is_null() {
            // SAFETY: allocated above.
            unsafe { IoFreeIrp(irp) };
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        // SAFETY: the caller's buffer is nonpaged.
        unsafe { MmBuildMdlForNonPagedPool(mdl) };
    }
    let mut request = Request::new(Origin::Circuit(circuit));
    request.irp = irp;
    request.headers = vec![0; size / 8];
    (request.header_size, request.length) = (size as u32, size as u32);
    let first = request.headers.as_mut_ptr().cast::<KSSTREAM_HEADER>();
    // SAFETY: the copy has that many bytes, and so has the caller's header.
    unsafe {
        if header.is_null() {
            let produces = (*injected.pin.ks()).DataFlow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT;
            (*first).Size = size as u32;
            (*first).DataUsed = if produces { bytes } else { 0 };
            ((*first).PresentationTime.Numerator, (*first).PresentationTime.Denominator) = (1, 1);
        } else {
            std::ptr::copy_nonoverlapping(header.cast::<u8>(), first.cast(), size);
        }
        ((*first).Data, (*first).FrameExtent) = (data, bytes);
        if (*first).DataUsed > bytes {
            (*first).DataUsed = bytes;
        }
        (*irp).AssociatedIrp.SystemBuffer = first.cast();
    }
    request.push(first, data, data, mdl);
    request.injected = Some(injected);
    Ok(Box::into_raw(request))
}

/// Frees what was made for an injected frame.
fn free(request: *mut Request) -> Option<Injected> {
    // SAFETY: made by `make`, and nobody's but ours.
    let mut request = unsafe { Box::from_raw(request) };
    let injected = request.injected.take()?;
    let mdl = request.frames[0].mdl;
    // SAFETY: IRP and MDL were allocated by `make`, unless the MDL is the minidriver's.
    unsafe {
        (*request.irp).MdlAddress = null_mut();
        if !mdl.is_null() && injected.mdl.is_null() {
            IoFreeMdl(mdl);
        }
        IoFreeIrp(request.irp);
    }
    Some(injected)
}

/// A frame has gone round: it is the minidriver's again. IRQL <= DISPATCH_LEVEL, no lock held.
pub(super) fn give_back(request: *mut Request) {
    // SAFETY: the request is nobody's but ours.
    let status =
        unsafe { if (*request).cancel == Cancel::Done { STATUS_CANCELLED } else { (*request).status } };
    let Some(injected) = free(request) else { return };
    let Injected { pin, data, size, mdl, context } = injected;
    if let Some(routine) = mode(pin) {
        // SubmitFrameMdl names no address.
        let (data, size) = if mdl.is_null() { (data, size) } else { (null_mut(), 0) };
        // SAFETY: the minidriver's routine with what it submitted.
        driver_call(PIN_FRAME_RETURN, pin.name(), || unsafe {
            routine(pin.ks(), data, size, mdl, context, status)
        });
    }
}
