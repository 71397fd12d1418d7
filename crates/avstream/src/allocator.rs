//! Where memory comes from.

use core::{alloc::Layout, ptr::NonNull};

/// A source of non-paged memory that can run dry.
///
/// # Safety
///
/// [`allocate`](Self::allocate) returns memory that fits the layout, belongs to nobody else and stays
/// valid until it is given to [`free`](Self::free).
pub unsafe trait Allocator {
    /// Gets memory; `None` if there is none. IRQL ≤ DISPATCH_LEVEL.
    fn allocate(layout: Layout) -> Option<NonNull<u8>>;

    /// Gives memory back. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Safety
    ///
    /// `memory` came from [`allocate`](Self::allocate) of the same allocator and layout, and nobody uses
    /// it any more.
    unsafe fn free(memory: NonNull<u8>, layout: Layout);
}

/// The non-paged pool.
///
/// The default flavour uses `wdk-alloc` (`ExAllocatePool2`, Windows 10 2004 and later), the flavour
/// `downlevel` `ExAllocatePoolWithTag`, which every Windows exports.
pub struct Pool;

/// What the pool aligns an allocation to, on x64.
pub const POOL_ALIGNMENT: usize = 16;

#[cfg(all(windows, not(feature = "downlevel")))]
mod imp {
    use core::{
        alloc::{GlobalAlloc as _, Layout},
        ptr::NonNull,
    };

    use wdk_alloc::WdkAllocator;

    pub fn allocate(layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: `Allocator for Pool` has checked that the size is not zero and the alignment is the pool's.
        NonNull::new(unsafe { WdkAllocator.alloc(layout) })
    }

    pub unsafe fn free(memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise: from `allocate`, and unused.
        unsafe { WdkAllocator.dealloc(memory.as_ptr(), layout) };
    }
}

#[cfg(any(not(windows), feature = "downlevel"))]
mod imp {
    use core::{alloc::Layout, ptr::NonNull};

    use crate::ffi::{_POOL_TYPE::NonPagedPool, ExAllocatePoolWithTag, ExFreePoolWithTag, SIZE_T};

    /// As WinDbg shows it: `avst`.
    const TAG: u32 = u32::from_le_bytes(*b"avst");

    pub fn allocate(layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: callable at IRQL ≤ DISPATCH_LEVEL for non-paged pool; NULL says that there is none.
        NonNull::new(unsafe { ExAllocatePoolWithTag(NonPagedPool, layout.size() as SIZE_T, TAG) }.cast())
    }

    pub unsafe fn free(memory: NonNull<u8>, _: Layout) {
        // SAFETY: the caller's promise: from `allocate`, and unused.
        unsafe { ExFreePoolWithTag(memory.as_ptr().cast(), TAG) };
    }
}

// SAFETY: pool memory is exclusive until freed, at least as large as asked for, and aligned to
// POOL_ALIGNMENT, beyond which nothing is handed out (`nf-wdm-exallocatepoolwithtag.md`).
unsafe impl Allocator for Pool {
    fn allocate(layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 || layout.align() > POOL_ALIGNMENT { None } else { imp::allocate(layout) }
    }

    unsafe fn free(memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { imp::free(memory, layout) };
    }
}
