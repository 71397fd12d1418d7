//! Pool memory.

use ks_sys::*;

/// Pool memory: zeroed unless POOL_FLAG_UNINITIALIZED; NULL when there is none.
/// (`nf-wdm-exallocatepool2.md`)
pub unsafe fn ExAllocatePool2(Flags: POOL_FLAGS, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    todo!()
}

/// Pool memory, not initialised. (`nf-wdm-exallocatepoolwithtag.md`)
pub unsafe fn ExAllocatePoolWithTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    todo!()
}

/// Frees pool memory.
pub unsafe fn ExFreePool(P: PVOID) {
    todo!()
}

/// Frees pool memory; a tag other than the allocation's is a violation (0xC2/0A).
pub unsafe fn ExFreePoolWithTag(P: PVOID, Tag: ULONG) {
    todo!()
}

/// Lets the n-th allocation (0 = the next) that a driver makes from now on fail, once.
pub fn fail_after(n: u64) {
    todo!()
}

/// Lets every allocation fail for which the predicate (bytes, tag) is true; None ends it.
pub fn fail_when(predicate: Option<Box<dyn FnMut(usize, u32) -> bool>>) {
    todo!()
}

/// Asked by functions that allocate on the driver's behalf (KsAddItemToObjectBag): whether to fail now.
pub fn fails_now(bytes: usize, tag: u32) -> bool {
    todo!()
}

/// Driver allocations that are alive: (count, bytes).
pub fn in_use() -> (usize, usize) {
    todo!()
}
