//! Calls with what they do not take: only mutants make them.

use core::{
    hint::black_box,
    ptr::{null, null_mut, without_provenance_mut},
};

use ks_sys::{
    KSPIN_LOCK, KsDiscardEvent, KsGetDevice, KsHandleSizedListQuery, KsQueueWorkItem, LIST_ENTRY, PIRP,
    PKSDEVICE,
};
use wdk_sys::{
    FILE_DEVICE_UNKNOWN, WORK_QUEUE_ITEM,
    ntddk::{
        ExInterlockedInsertTailList, IoCreateDevice, IoDeleteDevice, KeBugCheckEx, ObfDereferenceObject,
        ObfReferenceObject, ProbeForRead,
    },
};

use crate::{ddi::RtlUnwind, mutant};

/// As its name says. PASSIVE_LEVEL, in the handler of a property.
///
/// # Safety
///
/// A live device, and the handler's request.
#[inline(never)]
pub unsafe fn exercise(device: PKSDEVICE, irp: PIRP) {
    // Memory that is no object.
    let mut nothing = [0_u64; 32];
    let nothing = nothing.as_mut_ptr();
    // SAFETY: none; that is the fault.
    unsafe {
        if mutant::once("KsInvalidObject") {
            KsGetDevice(nothing.cast());
        }
        if mutant::once("KsInvalidEventEntry") {
            KsDiscardEvent(nothing.cast());
        }
        if mutant::once("KsInvalidWorker") {
            let mut item = WORK_QUEUE_ITEM::default();
            let _ = KsQueueWorkItem(nothing.cast(), &raw mut item);
        }
        if mutant::once("KsHandleSizedListQuery") {
            let _ = KsHandleSizedListQuery(irp, u32::MAX, 16, null());
        }
        if mutant::once("ObjectReference") {
            ObfDereferenceObject(nothing.cast());
        }
        if mutant::once("KeBugCheckEx") {
            KeBugCheckEx(0xDEAD, 1, 2, 3, 4);
        }
        if mutant::once("MisalignedData") {
            ProbeForRead(without_provenance_mut(0x1001), 4, 4);
        }
        if mutant::once("StackOverflow") {
            deep(1);
        }
        if mutant::once("InvalidUnwind") {
            RtlUnwind(nothing.cast(), null_mut(), null_mut(), null_mut());
        }
        if mutant::once("ListEntry") {
            list();
        }
        if mutant::once("IoDeleteDevice") {
            delete_twice(device);
        }
    }
}

/// Adds to a list whose links do not agree.
unsafe fn list() {
    let (mut head, mut first, mut entry) =
        (LIST_ENTRY::default(), LIST_ENTRY::default(), LIST_ENTRY::default());
    let mut lock: KSPIN_LOCK = 0;
    let (head, first) = (&raw mut head, &raw mut first);
    // SAFETY: local memory; the first entry does not lead back to the head.
    unsafe {
        *first = LIST_ENTRY { Flink: first, Blink: first };
        *head = LIST_ENTRY { Flink: first, Blink: first };
        ExInterlockedInsertTailList(head, &raw mut entry, &raw mut lock);
    }
}

/// Calls itself without end; what is added keeps it from being a loop.
#[inline(never)]
fn deep(level: u64) -> u64 {
    if black_box(level) == 0 { 0 } else { deep(level + 1) + level }
}

/// Makes a device object and deletes it twice.
unsafe fn delete_twice(device: PKSDEVICE) {
    let mut own = null_mut();
    // SAFETY: the driver object of a live device; the reference keeps the new device object in memory.
    unsafe {
        let driver = (*(*device).FunctionalDeviceObject).DriverObject;
        if IoCreateDevice(driver, 0, null_mut(), FILE_DEVICE_UNKNOWN, 0, 0, &raw mut own) >= 0 {
            ObfReferenceObject(own.cast());
            IoDeleteDevice(own);
            IoDeleteDevice(own);
        }
    }
}
