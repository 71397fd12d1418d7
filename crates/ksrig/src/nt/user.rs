//! The user process's memory: everything a client hands to the kernel lies in it.

use ks_sys::*;

/// Zeroed memory of the user process, 16-byte aligned (4096 and more: on page boundaries).
pub fn alloc(length: usize) -> PVOID {
    todo!()
}

/// Frees it.
pub fn free(address: PVOID) {
    todo!()
}

/// Whether the range lies in the user process's memory.
pub fn contains(address: *const VOID, length: usize) -> bool {
    todo!()
}

/// What ProbeForRead/ProbeForWrite check: Err(STATUS_ACCESS_VIOLATION) or Err(STATUS_DATATYPE_MISALIGNMENT).
/// Always fine for length 0 and in KernelMode.
pub fn probe(mode: KPROCESSOR_MODE, address: *const VOID, length: usize, alignment: u32) -> Result<(), NTSTATUS> {
    todo!()
}

/// Memory of the user process that is freed when dropped.
pub struct Buffer {
    address: PVOID,
    length: usize,
}

impl Buffer {
    /// Zeroed.
    pub fn new(length: usize) -> Self {
        Self { address: alloc(length), length }
    }

    /// With these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        todo!()
    }

    /// Its address.
    pub fn address(&self) -> PVOID {
        self.address
    }

    /// Its length.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        todo!()
    }

    /// Its bytes, to change.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        todo!()
    }
}
