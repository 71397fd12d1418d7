//! KsEdit: from a shared static descriptor to a private copy in the bag (R7.30).

use ks_sys::{_POOL_TYPE::NonPagedPool, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use super::bag::{KsAddItemToObjectBag, KsRemoveItemFromObjectBag, holds};
use crate::nt::{ExAllocatePoolWithTag, ExFreePool};

/// `_KsEdit`: makes `*Item` private, dynamic, at least `NewSize` long, and an item of the bag.
/// Passive level, the owner's mutex held.
///
/// # Safety
/// `*Item` is null or has `OldSize` bytes.
pub unsafe fn _KsEdit(ObjectBag: PVOID, Item: *mut PVOID, NewSize: u32, OldSize: u32, Tag: u32) -> NTSTATUS {
    // SAFETY: the caller's place.
    let old = unsafe { *Item };
    let in_bag = holds(ObjectBag, old);
    if in_bag && NewSize <= OldSize {
        return STATUS_SUCCESS;
    }
    // SAFETY: any size.
    let new = unsafe { ExAllocatePoolWithTag(NonPagedPool, u64::from(NewSize), Tag) };
    if new.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the new item has NewSize bytes, the old one OldSize.
    unsafe {
        std::ptr::write_bytes(new.cast::<u8>(), 0, NewSize as usize);
        if !old.is_null() {
            std::ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast(), NewSize.min(OldSize) as usize);
        }
    }
    // SAFETY: a null routine stands for ExFreePool, which fits the allocation.
    let status = unsafe { KsAddItemToObjectBag(ObjectBag, new, None) };
    if status != STATUS_SUCCESS {
        // SAFETY: allocated above, in no bag.
        unsafe { ExFreePool(new) };
        return status;
    }
    if in_bag {
        // SAFETY: the old item is in the bag and was only reachable through `*Item`.
        unsafe { KsRemoveItemFromObjectBag(ObjectBag, old, 1) };
    }
    // SAFETY: the caller's place.
    unsafe { *Item = new };
    STATUS_SUCCESS
}
