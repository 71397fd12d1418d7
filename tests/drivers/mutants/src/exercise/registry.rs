//! The registry.

use core::ptr::null_mut;

use ks_sys::{HANDLE, UNICODE_STRING};
use wdk_sys::{
    _MODE::KernelMode,
    KEY_READ, OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, PVOID,
    ntddk::{ObReferenceObjectByHandle, ObfDereferenceObject, ZwClose, ZwOpenKey},
};

use crate::mutant;

const PATH: &[u8] = b"\\Registry\\Machine\\System\\CurrentControlSet\\Services";
static UNITS: [u16; PATH.len()] = {
    let mut units = [0; PATH.len()];
    let mut at = 0;
    while at < units.len() {
        units[at] = PATH[at] as u16;
        at += 1;
    }
    units
};

/// Opens a key, into the caller's place for a handle or one of its own, and closes it. PASSIVE_LEVEL.
///
/// # Safety
///
/// The place, if it is not null, can be written.
#[inline(never)]
pub unsafe fn read(place: PVOID) {
    let bytes = size_of_val(&UNITS) as u16;
    let room = if mutant::once("ZwOddString") { bytes + 1 } else { bytes };
    let mut path = UNICODE_STRING { Length: bytes, MaximumLength: room, Buffer: UNITS.as_ptr().cast_mut() };
    let mut attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        RootDirectory: null_mut(),
        ObjectName: &raw mut path,
        Attributes: OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
        SecurityDescriptor: null_mut(),
        SecurityQualityOfService: null_mut(),
    };
    let mut own: HANDLE = null_mut();
    let handle = if place.is_null() { &raw mut own } else { place.cast() };
    // SAFETY: local structures; the handle is closed once, and its object given back.
    unsafe {
        if ZwOpenKey(handle, KEY_READ, &raw mut attributes) >= 0 {
            let key = handle.read_unaligned();
            let mut object: PVOID = null_mut();
            let named = if mutant::once("HandleReference") { null_mut() } else { key };
            if ObReferenceObjectByHandle(
                named,
                KEY_READ,
                null_mut(),
                KernelMode as i8,
                &raw mut object,
                null_mut(),
            ) >= 0
            {
                ObfDereferenceObject(object);
            }
            let _ = ZwClose(key);
        }
    }
}
