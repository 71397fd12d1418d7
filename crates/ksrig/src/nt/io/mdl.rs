//! Memory descriptor lists. All memory of the rig is resident. The system address of a locked page is its own address,
//! unless a program's memory is watched, which then is mapped twice.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    collections::{BTreeMap, BTreeSet},
    ptr::null_mut,
};

use ks_sys::*;

use crate::nt::{
    bugcheck, exports,
    machine::{Machine, lock},
    pnp, residency,
    thread::KERNEL_MODE,
    user, violation,
};

/// The MDLs of one machine.
#[derive(Default)]
pub(in crate::nt) struct Mdls {
    live: BTreeMap<usize, Layout>,
    /// Those through which a driver keeps a program's pages locked, and where it has locked them.
    locked: BTreeMap<usize, Vec<String>>,
}

const MAPPED: CSHORT = MDL_MAPPED_TO_SYSTEM_VA as CSHORT;
const LOCKED: CSHORT = MDL_PAGES_LOCKED as CSHORT;
const NONPAGED: CSHORT = MDL_SOURCE_IS_NONPAGED_POOL as CSHORT;
const WRITE: CSHORT = MDL_WRITE_OPERATION as CSHORT;

/// The rule about pages that stay locked.
const LEFT_LOCKED: &str = "LockedPages";

fn violated(code: u32, message: &str) {
    violation::report("Mdl", code, "mdl", message);
}

/// An MDL for a buffer, added to the IRP if there is one; NULL when there is no memory.
/// IRQL <= DISPATCH_LEVEL. (`nf-wdm-ioallocatemdl.md`)
pub unsafe fn IoAllocateMdl(
    VirtualAddress: PVOID,
    Length: ULONG,
    SecondaryBuffer: BOOLEAN,
    _ChargeQuota: BOOLEAN,
    Irp: PIRP,
) -> PMDL {
    let page = PAGE_SIZE as usize;
    let offset = VirtualAddress as usize % page;
    let pages = (offset + Length as usize).div_ceil(page);
    let bytes = size_of::<MDL>() + 8 * pages;
    let Ok(layout) = Layout::from_size_align(bytes, 16) else { return null_mut() };
    // SAFETY: the layout has a size; the block has room for the MDL; the caller's IRP has a chain of MDLs.
    unsafe {
        let mdl: PMDL = alloc_zeroed(layout).cast();
        if mdl.is_null() {
            return mdl;
        }
        lock(&Machine::current().mdls).live.insert(mdl as usize, layout);
        (*mdl).Size = bytes.min(0x7FFF) as CSHORT;
        (*mdl).StartVa = VirtualAddress.byte_sub(offset);
        (*mdl).ByteCount = Length;
        (*mdl).ByteOffset = offset as ULONG;
        if !Irp.is_null() {
            let mut link = &raw mut (*Irp).MdlAddress;
            while SecondaryBuffer != 0 && !(*link).is_null() {
                link = &raw mut (**link).Next;
            }
            *link = mdl;
        }
        mdl
    }
}

/// Frees one MDL. IRQL <= DISPATCH_LEVEL.
pub unsafe fn IoFreeMdl(Mdl: PMDL) {
    let Some(layout) = lock(&Machine::current().mdls).live.remove(&(Mdl as usize)) else {
        bugcheck::stop("Mdl", "IoFreeMdl: the pointer is no live MDL");
    };
    // SAFETY: it was in the map, so it is alive, with this layout.
    unsafe {
        if (*Mdl).MdlFlags & LOCKED != 0 {
            // 0xB8 is for pages that are mapped.
            if (*Mdl).MdlFlags & MAPPED != 0 {
                violated(0xB8, "IoFreeMdl while the pages are mapped");
            } else if user::is_user_address((*Mdl).StartVa as usize) {
                let message = "IoFreeMdl while the pages are locked, which nobody can unlock any more";
                violation::report(LEFT_LOCKED, 0, "mdl", message);
            } else {
                violated(0, "IoFreeMdl while the pages are locked");
            }
            lock(&Machine::current().mdls).locked.remove(&(Mdl as usize));
            residency::lock_pages(&pages(Mdl), false);
            unmap(Mdl);
        }
        Mdl.cast::<u8>().write_bytes(0xDD, layout.size());
        dealloc(Mdl.cast(), layout);
    }
}

/// Probes and locks the buffer. In C it raises an exception; here the status comes back:
/// STATUS_ACCESS_VIOLATION. IRQL <= APC_LEVEL for user memory. (`nf-wdm-mmprobeandlockpages.md`)
pub unsafe fn MmProbeAndLockPages(
    MemoryDescriptorList: PMDL,
    AccessMode: KPROCESSOR_MODE,
    Operation: LOCK_OPERATION,
) -> Result<(), NTSTATUS> {
    // SAFETY: the caller's MDL.
    unsafe {
        if (*MemoryDescriptorList).MdlFlags & (LOCKED | NONPAGED) != 0 {
            violated(0xB0, "MmProbeAndLockPages of an MDL whose pages are locked, or are nonpaged pool");
        }
        let (address, length) =
            (MmGetMdlVirtualAddress(MemoryDescriptorList), (*MemoryDescriptorList).ByteCount);
        if length == 0 {
            return Err(STATUS_ACCESS_VIOLATION);
        }
        user::probe(AccessMode, address, length as usize, 1)?;
        if AccessMode == KERNEL_MODE && (address as usize) < 0x10000 {
            return Err(STATUS_ACCESS_VIOLATION);
        }
        (*MemoryDescriptorList).MdlFlags |=
            LOCKED | if Operation == _LOCK_OPERATION::IoReadAccess { 0 } else { WRITE };
        residency::lock_pages(&pages(MemoryDescriptorList), true);
        if exports::called_by_driver() && user::is_user_address(address as usize) {
            let stack = pnp::driver_stack();
            lock(&Machine::current().mdls).locked.insert(MemoryDescriptorList as usize, stack);
        }
    }
    Ok(())
}

/// The range that the MDL describes.
unsafe fn pages(mdl: PMDL) -> std::ops::Range<usize> {
    // SAFETY: the caller's MDL.
    unsafe {
        let start = MmGetMdlVirtualAddress(mdl) as usize;
        start..start + (*mdl).ByteCount as usize
    }
}

/// Takes the system address of a program's pages away.
unsafe fn unmap(mdl: PMDL) {
    // SAFETY: the caller's MDL.
    unsafe {
        if (*mdl).MdlFlags & MAPPED != 0 && (*mdl).MdlFlags & NONPAGED == 0 {
            user::unmap(&pages(mdl));
        }
    }
}

/// Unlocks the buffer; a system address of it is gone.
pub unsafe fn MmUnlockPages(MemoryDescriptorList: PMDL) {
    // SAFETY: the caller's MDL.
    unsafe {
        let flags = (*MemoryDescriptorList).MdlFlags;
        if flags & NONPAGED != 0 {
            violated(0x7D, "MmUnlockPages of nonpaged pool");
        } else if flags & LOCKED == 0 {
            violated(0x7C, "MmUnlockPages of an MDL whose pages are not locked");
        }
        if flags & LOCKED != 0 {
            lock(&Machine::current().mdls).locked.remove(&(MemoryDescriptorList as usize));
            residency::lock_pages(&pages(MemoryDescriptorList), false);
            unmap(MemoryDescriptorList);
        }
        (*MemoryDescriptorList).MdlFlags = flags & !(LOCKED | MAPPED | WRITE);
        (*MemoryDescriptorList).MappedSystemVa = null_mut();
    }
}

/// For a buffer in nonpaged pool: it is locked and mapped by nature.
pub unsafe fn MmBuildMdlForNonPagedPool(MemoryDescriptorList: PMDL) {
    // SAFETY: the caller's MDL.
    unsafe {
        (*MemoryDescriptorList).MdlFlags |= NONPAGED;
        (*MemoryDescriptorList).MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
    }
}

/// A system address of the buffer; NULL when there is none. IRQL <= DISPATCH_LEVEL.
pub unsafe fn MmMapLockedPagesSpecifyCache(
    MemoryDescriptorList: PMDL,
    AccessMode: KPROCESSOR_MODE,
    _CacheType: MEMORY_CACHING_TYPE,
    _RequestedAddress: PVOID,
    BugCheckOnFailure: ULONG,
    Priority: ULONG,
) -> PVOID {
    if AccessMode != KERNEL_MODE {
        bugcheck::not_emulated("MmMapLockedPagesSpecifyCache for user mode");
    }
    if BugCheckOnFailure != 0 {
        violated(0x82, "MmMapLockedPagesSpecifyCache with BugCheckOnFailure TRUE");
    }
    check_executable(Priority);
    // SAFETY: the caller's MDL.
    unsafe { map(MemoryDescriptorList) }
}

unsafe fn map(MemoryDescriptorList: PMDL) -> PVOID {
    // SAFETY: the caller's MDL.
    unsafe {
        let flags = (*MemoryDescriptorList).MdlFlags;
        if flags & (LOCKED | NONPAGED) == 0 {
            violated(0xB2, "MmMapLockedPagesSpecifyCache of an MDL whose pages are not locked");
            return null_mut();
        }
        if flags & MAPPED != 0 {
            violated(0xB3, "MmMapLockedPagesSpecifyCache of an MDL that is mapped");
        }
        let system = if flags & NONPAGED != 0 {
            MmGetMdlVirtualAddress(MemoryDescriptorList)
        } else {
            user::map(&pages(MemoryDescriptorList)) as PVOID
        };
        (*MemoryDescriptorList).MdlFlags |= MAPPED;
        (*MemoryDescriptorList).MappedSystemVa = system;
        (*MemoryDescriptorList).MappedSystemVa
    }
}

/// The same with a cached mapping; the page calls it obsolete. (`nf-wdm-mmmaplockedpages.md`)
pub unsafe fn MmMapLockedPages(MemoryDescriptorList: PMDL, AccessMode: KPROCESSOR_MODE) -> PVOID {
    violated(0x81, "MmMapLockedPages, which MmMapLockedPagesSpecifyCache has taken the place of");
    let (cached, priority) = (_MEMORY_CACHING_TYPE::MmCached, NO_EXECUTE);
    // SAFETY: the caller's MDL.
    unsafe { MmMapLockedPagesSpecifyCache(MemoryDescriptorList, AccessMode, cached, null_mut(), 0, priority) }
}

/// MdlMappingNoExecute (wdm.h).
const NO_EXECUTE: ULONG = 0x4000_0000;

/// A driver asks for a mapping that can be executed. The flag is there from Windows 8 on: an image that loads on an older one
/// cannot give it. (`devtest/code-integrity-checking.md`)
fn check_executable(priority: ULONG) {
    const WINDOWS_8: (u16, u16) = (6, 2);
    let newer = || pnp::calling_image().is_some_and(|image| image.headers().subsystem >= WINDOWS_8);
    if priority & NO_EXECUTE == 0 && exports::called_by_driver() && newer() {
        let message = "the pages of an MDL are mapped without MdlMappingNoExecute";
        violation::report("CodeIntegrity", 0x2002, "mdl", message);
    }
}

/// A system address of the buffer for the rig's own functions (a macro in the headers); NULL when there is none.
pub unsafe fn MmGetSystemAddressForMdlSafe(Mdl: PMDL) -> PVOID {
    // SAFETY: the caller's MDL.
    unsafe { if (*Mdl).MdlFlags & (MAPPED | NONPAGED) != 0 { (*Mdl).MappedSystemVa } else { map(Mdl) } }
}

/// Undoes MmMapLockedPagesSpecifyCache.
pub unsafe fn MmUnmapLockedPages(_BaseAddress: PVOID, MemoryDescriptorList: PMDL) {
    // SAFETY: the caller's MDL.
    unsafe {
        if (*MemoryDescriptorList).MdlFlags & MAPPED == 0 {
            violated(0xB6, "MmUnmapLockedPages of an MDL that is not mapped");
        }
        unmap(MemoryDescriptorList);
        (*MemoryDescriptorList).MdlFlags &= !MAPPED;
        (*MemoryDescriptorList).MappedSystemVa = null_mut();
    }
}

/// The address the MDL was made for.
pub unsafe fn MmGetMdlVirtualAddress(Mdl: PMDL) -> PVOID {
    // SAFETY: the caller's MDL.
    unsafe { (*Mdl).StartVa.byte_add((*Mdl).ByteOffset as usize) }
}

/// The last driver is gone, and its programs are through: pages that it keeps locked stay so for ever.
pub(in crate::nt) fn report_locked(driver: &str) {
    let left = std::mem::take(&mut lock(&Machine::current().mdls).locked);
    // Each place once.
    for stack in left.into_values().collect::<BTreeSet<_>>() {
        let place = stack.join(" < ");
        let message = format!("a program's pages are locked when the driver is unloaded; by {place}");
        // The one that is unloaded last need not be it.
        let image = stack.first().and_then(|frame| frame.split('+').next()).unwrap_or(driver);
        violation::report(LEFT_LOCKED, 0, image, message);
    }
}

/// MDLs that are alive, for leak checks.
pub fn mdls_in_use() -> usize {
    lock(&Machine::current().mdls).live.len()
}

#[cfg(test)]
mod tests;
