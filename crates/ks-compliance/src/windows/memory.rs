//! Pages of the process for buffers: what is freed is no memory any more, as the checks of hostile addresses want.

use std::{ptr::null_mut, slice};

use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE, VirtualAlloc, VirtualFree,
};

use crate::system::Memory;

struct Pages {
    address: *mut u8,
    length: usize,
}

/// Zeroed memory.
///
/// # Panics
/// When there is none.
pub fn allocate(length: usize) -> Box<dyn Memory> {
    let length = length.max(1);
    // SAFETY: a new allocation at an address of the system's choice.
    let address = unsafe { VirtualAlloc(null_mut(), length, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE) };
    assert!(!address.is_null(), "no memory for {length} bytes");
    Box::new(Pages { address: address.cast(), length })
}

impl Memory for Pages {
    fn address(&self) -> usize {
        self.address as usize
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the allocation has this length and lives as long as `self`.
        unsafe { slice::from_raw_parts(self.address, self.length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the allocation has this length and lives as long as `self`.
        unsafe { slice::from_raw_parts_mut(self.address, self.length) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated in `allocate`, freed once.
        unsafe { VirtualFree(self.address.cast(), 0, MEM_RELEASE) };
    }
}
