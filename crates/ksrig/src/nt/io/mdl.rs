//! Memory descriptor lists.

use ks_sys::*;

/// An MDL for a buffer, added to the IRP if there is one; NULL when there is no memory.
pub unsafe fn IoAllocateMdl(VirtualAddress: PVOID, Length: ULONG, SecondaryBuffer: BOOLEAN, ChargeQuota: BOOLEAN, Irp: PIRP) -> PMDL {
    todo!()
}

/// Frees one MDL.
pub unsafe fn IoFreeMdl(Mdl: PMDL) {
    todo!()
}

/// Probes and locks the buffer. In C it raises an exception; here the status comes back.
pub unsafe fn MmProbeAndLockPages(MemoryDescriptorList: PMDL, AccessMode: KPROCESSOR_MODE, Operation: LOCK_OPERATION) -> Result<(), NTSTATUS> {
    todo!()
}

/// Unlocks the buffer.
pub unsafe fn MmUnlockPages(MemoryDescriptorList: PMDL) {
    todo!()
}

/// For a buffer in nonpaged pool.
pub unsafe fn MmBuildMdlForNonPagedPool(MemoryDescriptorList: PMDL) {
    todo!()
}

/// A system address of the buffer; NULL when there is none.
pub unsafe fn MmMapLockedPagesSpecifyCache(
    MemoryDescriptorList: PMDL,
    AccessMode: KPROCESSOR_MODE,
    CacheType: MEMORY_CACHING_TYPE,
    RequestedAddress: PVOID,
    BugCheckOnFailure: ULONG,
    Priority: ULONG,
) -> PVOID {
    todo!()
}

/// A system address of the buffer (macro in the headers); NULL when there is none.
pub unsafe fn MmGetSystemAddressForMdlSafe(Mdl: PMDL, Priority: ULONG) -> PVOID {
    todo!()
}

/// Undoes MmMapLockedPagesSpecifyCache.
pub unsafe fn MmUnmapLockedPages(BaseAddress: PVOID, MemoryDescriptorList: PMDL) {
    todo!()
}

/// The address the MDL was made for.
pub unsafe fn MmGetMdlVirtualAddress(Mdl: PMDL) -> PVOID {
    todo!()
}
