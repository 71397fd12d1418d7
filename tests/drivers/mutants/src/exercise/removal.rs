//! A remove lock.

use core::{
    ffi::c_void,
    ptr::{null, without_provenance_mut},
};

use wdk_sys::{
    IO_REMOVE_LOCK, POOL_FLAG_NON_PAGED,
    ntddk::{
        IoAcquireRemoveLockEx, IoInitializeRemoveLockEx, IoReleaseRemoveLockAndWaitEx, IoReleaseRemoveLockEx,
    },
};

use crate::{
    ddi::{TAG, allocate, free},
    mutant,
};

const SIZE: u32 = size_of::<IO_REMOVE_LOCK>() as u32;

/// Makes a lock, takes it with one tag and another, gives it back and waits for the last of its users, itself.
/// PASSIVE_LEVEL.
#[inline(never)]
pub fn exercise() {
    let lock = allocate(POOL_FLAG_NON_PAGED, SIZE as usize).cast::<IO_REMOVE_LOCK>();
    if lock.is_null() {
        return;
    }
    let tag = |number| without_provenance_mut::<c_void>(number);
    // SAFETY: the memory is large enough; released as often as acquired, but for the mutants, and freed when nobody waits.
    unsafe {
        IoInitializeRemoveLockEx(lock, TAG, 0, 0, SIZE);
        if IoAcquireRemoveLockEx(lock, tag(1), null(), 0, SIZE) >= 0 {
            if IoAcquireRemoveLockEx(lock, tag(2), null(), 0, SIZE) >= 0 {
                let inner = if mutant::once("RemoveLockTag") { 3 } else { 2 };
                IoReleaseRemoveLockEx(lock, tag(inner), SIZE);
            }
            let last = if mutant::once("RemoveLockTagAndWait") { 3 } else { 1 };
            IoReleaseRemoveLockAndWaitEx(lock, tag(last), SIZE);
        }
        if mutant::once("RemoveLockAgain") {
            IoInitializeRemoveLockEx(lock, TAG, 0, 0, SIZE);
        }
        free(lock.cast());
    }
}
