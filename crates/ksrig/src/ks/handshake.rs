//! IOCTL_KS_HANDSHAKE: private protocols between pins in the kernel (R4.6 to R4.9).

use ks_sys::{
    _MODE::KernelMode, GUID, KSHANDSHAKE, NTSTATUS, PFNKSPINHANDSHAKE, PIRP, PKSPIN, PVOID,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, guid, is_equal_guid,
};

use super::{
    call::{PIN_HANDSHAKE, driver_status},
    irp,
    object::{self, Object},
};

/// The protocol by which a source finds the AVStream pin behind a file object. Microsoft's is private (R4.9).
pub const CONNECTION: GUID = guid(0x5A2C_F5C1_6E1F_4E0B_9B59_4C9A_2D10_77E3);

/// Answers the request; the caller completes it. The second value is the length of the answer.
pub fn ioctl(object: Object, irp: PIRP) -> (NTSTATUS, usize) {
    // R4.7: the kernel only.
    // SAFETY: the request is ours.
    if unsafe { (*irp).RequestorMode } != KernelMode as i8 {
        return (STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    let Object::Pin(pin) = object else { return (STATUS_INVALID_DEVICE_REQUEST, 0) };
    let length = size_of::<KSHANDSHAKE>();
    let control = irp::control(irp);
    if control.InputBufferLength as usize != length || control.OutputBufferLength as usize != length {
        return (STATUS_INVALID_BUFFER_SIZE, 0);
    }
    // SAFETY: a kernel caller's buffers are what it says; METHOD_NEITHER.
    let status = unsafe { answer(pin, control.Type3InputBuffer, (*irp).UserBuffer) };
    (status, if status < 0 { 0 } else { length })
}

unsafe fn answer(pin: &'static object::Pin, input: PVOID, output: PVOID) -> NTSTATUS {
    let (input, output) = (input.cast::<KSHANDSHAKE>(), output.cast::<KSHANDSHAKE>());
    // SAFETY: checked by the caller.
    if is_equal_guid(unsafe { &(*input).ProtocolId }, &CONNECTION) {
        // SAFETY: as above.
        unsafe {
            *output = *input;
            (*output).Argument1 = pin.ks().cast();
        }
        return STATUS_SUCCESS;
    }
    let callback = *pin.handshake.lock().expect("never poisoned");
    match callback {
        // R4.8: protocols that AVStream does not know.
        Some(handshake) => driver_status(PIN_HANDSHAKE, pin.name(), || {
            // SAFETY: the driver's callback with its own pin.
            unsafe { handshake(pin.ks(), input, output) }
        }),
        None => STATUS_INVALID_DEVICE_REQUEST,
    }
}

/// `KsPinRegisterHandshakeCallback`: who answers private protocols on this pin (R4.8). Passive level.
///
/// # Safety
/// `Callback` is good as long as the pin lives.
pub unsafe fn KsPinRegisterHandshakeCallback(Pin: PKSPIN, Callback: PFNKSPINHANDSHAKE) {
    *object::Pin::of(Pin).handshake.lock().expect("never poisoned") = Callback;
}
