//! Pool memory.

use core::{
    hint::black_box,
    ptr::{null_mut, without_provenance_mut},
};

use ks_sys::{PVOID, ULONG};
use wdk_sys::{
    LARGE_INTEGER, NPAGED_LOOKASIDE_LIST, POOL_FLAG_NON_PAGED, POOL_FLAG_NON_PAGED_EXECUTE,
    ntddk::{
        ExAllocatePool2, ExDeleteNPagedLookasideList, ExFreePoolWithTag, ExInitializeNPagedLookasideList,
        KeCancelTimer, KeInitializeTimer, KeSetTimer,
    },
};

use crate::{
    ddi::{TAG, allocate, free},
    mutant,
};

unsafe extern "C" {
    /// Not the compiler's, which may put a few moves in its place.
    #[link_name = "memcpy"]
    fn copy(to: PVOID, from: *const core::ffi::c_void, bytes: usize) -> PVOID;
}

/// A multiple of the pool's alignment, so that nothing lies between the memory and its end.
const SIZE: usize = 256;

/// Allocates, fills, moves and frees nonpaged memory. IRQL <= DISPATCH_LEVEL.
#[inline(never)]
pub fn exercise() {
    let executable = mutant::once("CodeIntegrity");
    let kind = if executable { POOL_FLAG_NON_PAGED_EXECUTE } else { POOL_FLAG_NON_PAGED };
    let size = if mutant::once("PoolZeroSize") { 0 } else { SIZE };
    let tag = if mutant::once("PoolBadTag") { u32::from_le_bytes(*b"BIG ") } else { TAG };
    // SAFETY: the IRQL allows it.
    let memory = unsafe { ExAllocatePool2(kind, size as u64, tag) };
    if memory.is_null() {
        return;
    }
    // SAFETY: within the memory's size, but for the mutants.
    unsafe {
        memory.cast::<u8>().write_bytes(0x55, SIZE);
        let start = memory.cast::<u8>();
        if mutant::once("PoolOverrun") {
            start.add(SIZE).write_volatile(1);
        }
        if mutant::once("PoolUnderrun") {
            start.wrapping_sub(1).write_volatile(1);
        }
        let half = black_box(SIZE / 2);
        let to = start.add(if mutant::once("MemcpyOverlap") { half / 2 } else { half });
        copy(to.cast(), memory, half);
        set_timer(memory);
        release(memory, tag);
    }
}

/// Makes a lookaside list and ends it. IRQL <= DISPATCH_LEVEL.
#[inline(never)]
pub fn lookaside() {
    let list = allocate(POOL_FLAG_NON_PAGED, size_of::<NPAGED_LOOKASIDE_LIST>());
    if list.is_null() {
        return;
    }
    let initialize = || {
        // SAFETY: memory of that size; entries come from the kernel's own routines.
        unsafe { ExInitializeNPagedLookasideList(list.cast(), None, None, 0, SIZE as u64, TAG, 0) }
    };
    initialize();
    if mutant::once("Lookaside") {
        initialize();
    }
    // SAFETY: initialised above, and nobody's any more.
    unsafe {
        ExDeleteNPagedLookasideList(list.cast());
        free(list);
    }
}

/// A timer in the memory runs for a moment.
#[inline(never)]
unsafe fn set_timer(memory: PVOID) {
    const SECOND: i64 = 10_000_000;
    // SAFETY: the memory has the size of a timer.
    unsafe {
        KeInitializeTimer(memory.cast());
        KeSetTimer(memory.cast(), LARGE_INTEGER { QuadPart: -SECOND }, null_mut());
        if !mutant::once("PoolFreeTimer") {
            KeCancelTimer(memory.cast());
        }
    }
}

#[inline(never)]
unsafe fn release(memory: PVOID, tag: ULONG) {
    let wrong = mutant::once("PoolWrongTag");
    // SAFETY: allocated with this tag and nobody's any more, but for the mutants.
    unsafe {
        ExFreePoolWithTag(memory, if wrong { tag ^ 0x20 } else { tag });
        if mutant::once("PoolDoubleFree") {
            ExFreePoolWithTag(memory, tag);
        }
        if mutant::once("PoolUseAfterFree") {
            without_provenance_mut::<u8>(black_box(memory as usize)).read_volatile();
        }
    }
}
