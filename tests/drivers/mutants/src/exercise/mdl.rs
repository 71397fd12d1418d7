//! Memory descriptor lists.

use core::ptr::null_mut;

use ks_sys::PIRP;
use wdk_sys::{
    _LOCK_OPERATION::{IoReadAccess, IoWriteAccess},
    _MEMORY_CACHING_TYPE::MmCached,
    _MM_PAGE_PRIORITY::NormalPagePriority,
    _MODE::KernelMode,
    POOL_FLAG_PAGED,
    ntddk::{IoAllocateMdl, IoFreeMdl, MmMapLockedPagesSpecifyCache, MmProbeAndLockPages, MmUnlockPages},
};

use crate::{
    ddi::{KeLowerIrql, KeRaiseIrqlToDpcLevel, MdlMappingNoExecute, allocate, free},
    mutant,
};

const SIZE: usize = 512;

/// Locks pageable memory for a moment. PASSIVE_LEVEL.
#[inline(never)]
pub fn exercise() {
    let memory = allocate(POOL_FLAG_PAGED, SIZE);
    if memory.is_null() {
        return;
    }
    // SAFETY: memory of that size; locked, unlocked and freed once each, but for the mutants.
    unsafe {
        let mdl = IoAllocateMdl(memory, SIZE as u32, 0, 0, null_mut());
        if !mdl.is_null() {
            MmProbeAndLockPages(mdl, KernelMode as i8, IoWriteAccess);
            MmUnlockPages(mdl);
            if mutant::once("MdlTwice") {
                MmUnlockPages(mdl);
            }
            if !mutant::once("ObjectLeft") {
                IoFreeMdl(mdl);
            }
        }
        free(memory);
    }
}

/// Locks the memory that a request's answer goes to, and reads it at DISPATCH_LEVEL. PASSIVE_LEVEL.
///
/// # Safety
///
/// A request that the driver has, in its sender's process, whose UserBuffer has a byte at least.
#[inline(never)]
pub unsafe fn of_program(irp: PIRP) {
    // SAFETY: the caller's promise; locked, mapped, unlocked and freed once each, but for the mutants.
    unsafe {
        let (memory, mode) = ((*irp).UserBuffer, (*irp).RequestorMode);
        let mdl = IoAllocateMdl(memory, 1, 0, 0, null_mut());
        if mdl.is_null() {
            return;
        }
        MmProbeAndLockPages(mdl, mode, IoReadAccess);
        if mutant::once("LockedPages") {
            IoFreeMdl(mdl);
            return;
        }
        if mutant::once("LockedPagesLeft") {
            return;
        }
        let flag = if mutant::once("MdlExecutable") { 0 } else { MdlMappingNoExecute };
        let priority = NormalPagePriority | flag;
        let mapped = MmMapLockedPagesSpecifyCache(mdl, KernelMode as i8, MmCached, null_mut(), 0, priority);
        if !mapped.is_null() {
            read_raised(mapped.cast());
        }
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
        if mutant::once("UserMemoryRaised") {
            read_raised(memory.cast());
        }
    }
}

/// Reads a byte at DISPATCH_LEVEL.
unsafe fn read_raised(at: *const u8) {
    // SAFETY: the caller's byte; the IRQL is restored.
    unsafe {
        let old = KeRaiseIrqlToDpcLevel();
        at.read_volatile();
        KeLowerIrql(old);
    }
}
