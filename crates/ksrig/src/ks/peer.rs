//! Questions about the pin at the other end (section 4.5 of the contract).

use std::sync::atomic::Ordering;

use ks_sys::{
    GUID, NTSTATUS, PDEVICE_OBJECT, PFILE_OBJECT, PKSPIN, PVOID, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use super::{object, options::Options, thunk, unknown::Unknown};
use crate::nt::{IoGetRelatedDeviceObject, Machine};

/// The peer of a pin, as far as the driver may see it (10.33).
fn visible_peer(pin: &object::Pin) -> Option<&'static object::Pin> {
    let peer = pin.peer()?;
    let complete = if pin.is_source() { &pin.link_complete } else { &peer.link_complete };
    let visible = Machine::current().extension::<Options>().peer_visible_in_connect;
    (visible || complete.load(Ordering::Relaxed)).then_some(peer)
}

/// ASSUMED: pin and filter of another driver are asked by the same file object, the pin's.
unsafe fn query(
    pin: &object::Pin,
    unknown: Option<&'static Unknown>,
    interface: *const GUID,
    place: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: the caller's GUID.
    let interface = unsafe { &*interface };
    let answer = match unknown {
        Some(unknown) => unknown.query(interface),
        None if pin.is_external() => thunk::query(pin.connected_file(), interface),
        // R4.20: neither intra-AVStream nor a source.
        None => Err(STATUS_UNSUCCESSFUL),
    };
    let (status, found) = match answer {
        Ok(found) => (STATUS_SUCCESS, found),
        Err(status) => (status, std::ptr::null_mut()),
    };
    // SAFETY: the caller's place.
    unsafe { *place = found };
    status
}

/// `KsPinGetConnectedPinInterface`: an interface of the pin at the other end, with a reference (R4.20). Passive level.
///
/// # Safety
/// `InterfaceId` and `Interface` are good pointers.
pub unsafe fn KsPinGetConnectedPinInterface(
    Pin: PKSPIN,
    InterfaceId: *const GUID,
    Interface: *mut PVOID,
) -> NTSTATUS {
    let pin = object::Pin::of(Pin);
    let peer = visible_peer(pin);
    // SAFETY: the caller's pointers.
    unsafe { query(pin, peer.map(|peer| peer.unknown()), InterfaceId, Interface) }
}

/// `KsPinGetConnectedFilterInterface`: an interface of the filter at the other end (R4.20). Passive level.
///
/// # Safety
/// `InterfaceId` and `Interface` are good pointers.
pub unsafe fn KsPinGetConnectedFilterInterface(
    Pin: PKSPIN,
    InterfaceId: *const GUID,
    Interface: *mut PVOID,
) -> NTSTATUS {
    let pin = object::Pin::of(Pin);
    let peer = visible_peer(pin);
    // SAFETY: the caller's pointers.
    unsafe { query(pin, peer.map(|peer| peer.filter().unknown()), InterfaceId, Interface) }
}

/// `KsPinGetConnectedPinFileObject`: the sink's file object; null on a pin that is no source. No reference is
/// added (R4.23). Passive level.
///
/// # Safety
/// None beyond the pin, which is checked.
pub unsafe fn KsPinGetConnectedPinFileObject(Pin: PKSPIN) -> PFILE_OBJECT {
    object::Pin::of(Pin).connected_file()
}

/// `KsPinGetConnectedPinDeviceObject`: the top of the sink's device stack, where requests to it go (R4.24);
/// null on a pin that is no source.
///
/// # Safety
/// None beyond the pin, which is checked.
pub unsafe fn KsPinGetConnectedPinDeviceObject(Pin: PKSPIN) -> PDEVICE_OBJECT {
    let file = object::Pin::of(Pin).connected_file();
    if file.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: the source holds a reference to the file object.
    unsafe { IoGetRelatedDeviceObject(file) }
}
