//! Memory descriptor lists.

use core::ptr::null_mut;

use wdk_sys::{
    _LOCK_OPERATION::IoWriteAccess,
    _MODE::KernelMode,
    POOL_FLAG_PAGED,
    ntddk::{IoAllocateMdl, IoFreeMdl, MmProbeAndLockPages, MmUnlockPages},
};

use crate::{
    ddi::{allocate, free},
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
