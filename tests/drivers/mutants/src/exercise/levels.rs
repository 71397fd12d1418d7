//! IRQLs: what is done at which, and how they change.

use core::{
    ffi::c_void,
    ptr::{null_mut, without_provenance_mut},
    sync::atomic::{AtomicPtr, Ordering},
};

use ks_sys::{KEVENT, KsPinGetParentFilter, PKSPIN, UNICODE_STRING};
use wdk_sys::{
    _EVENT_TYPE::NotificationEvent,
    _KWAIT_REASON::Executive,
    _MODE::KernelMode,
    LARGE_INTEGER, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED,
    ntddk::{KeInitializeEvent, KeWaitForSingleObject, RtlFreeUnicodeString},
};

use crate::{
    ddi::{KeLowerIrql, KeRaiseIrqlToDpcLevel, KfRaiseIrql, allocate, free},
    mutant,
};

/// Pageable memory, kept from one call at PASSIVE_LEVEL to the next.
static PAGED: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
const SIZE: usize = 64;

/// Raises and lowers the IRQL; fills pageable memory. PASSIVE_LEVEL.
#[inline(never)]
pub fn exercise() {
    // SAFETY: up and down again, but for the mutants.
    unsafe {
        let old = KeRaiseIrqlToDpcLevel();
        if mutant::once("KeRaiseIrql") {
            KfRaiseIrql(1);
        }
        KeLowerIrql(old);
        if mutant::once("KeLowerIrql") {
            KeLowerIrql(1);
            KeLowerIrql(old);
        }
    }
    let memory = allocate(POOL_FLAG_PAGED, SIZE);
    if memory.is_null() {
        return;
    }
    // SAFETY: of that size; freed once, by who takes it out.
    unsafe {
        memory.cast::<u8>().write_bytes(1, SIZE);
        if mutant::once("PageableObject") {
            KeInitializeEvent(memory.cast(), NotificationEvent, 0);
        }
        if mutant::once("ForceIrql") {
            let old = KeRaiseIrqlToDpcLevel();
            without_provenance_mut::<u8>(memory as usize).write_volatile(2);
            KeLowerIrql(old);
        }
        free(memory);
    }
    free_left();
}

/// Frees what a DPC has allocated. PASSIVE_LEVEL.
#[inline(never)]
pub fn free_left() {
    let left = PAGED.swap(null_mut(), Ordering::Relaxed);
    if !left.is_null() {
        // SAFETY: allocated in the DPC, and taken out by nobody else.
        unsafe { free(left) };
    }
}

/// Waits without waiting, and allocates, as a DPC may. DISPATCH_LEVEL.
///
/// # Safety
///
/// A live pin.
#[inline(never)]
pub unsafe fn in_dpc(pin: PKSPIN) {
    let mut event = KEVENT::default();
    let milliseconds = if mutant::once("IrqlKeWait") { 1 } else { 0 };
    let mut timeout = LARGE_INTEGER { QuadPart: -10_000 * milliseconds };
    // SAFETY: a local event, which is set, so that nobody waits in fact.
    unsafe {
        if mutant::once("KeWait") {
            (&raw mut event).write_bytes(0xEE, 1);
        } else {
            KeInitializeEvent(&raw mut event, NotificationEvent, 1);
        }
        let object = (&raw mut event).cast();
        let _ = KeWaitForSingleObject(object, Executive, KernelMode as i8, 0, &raw mut timeout);
    }
    let memory = allocate(POOL_FLAG_NON_PAGED, SIZE);
    if !memory.is_null() {
        // SAFETY: allocated above.
        unsafe { free(memory) };
    }
    if mutant::once("PoolPagedAtDispatch") {
        PAGED.store(allocate(POOL_FLAG_PAGED, SIZE), Ordering::Relaxed);
    }
    if mutant::once("IrqlDdi") {
        let mut nothing = UNICODE_STRING::default();
        // SAFETY: a local string.
        unsafe { RtlFreeUnicodeString(&raw mut nothing) };
    }
    if mutant::once("KsIrqlDDIs") {
        // SAFETY: a live pin.
        unsafe { KsPinGetParentFilter(pin) };
    }
}
