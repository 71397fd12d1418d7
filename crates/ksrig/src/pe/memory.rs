//! Memory from the system: a page-aligned mapping that is returned on drop.

use std::cell::Cell;
use std::io;
use std::ptr::{self, NonNull};

use super::layout::PAGE;

/// A private anonymous mapping, readable and writable until protected.
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is plain memory owned by this value; nothing in it is bound to a thread.
unsafe impl Send for Mapping {}
// SAFETY: shared access hands out addresses only; who writes through them answers for it.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes, rounded up to pages, filled with zeros.
    pub fn new(len: usize) -> io::Result<Self> {
        let len = len.next_multiple_of(PAGE);
        // SAFETY: a new anonymous mapping at an address the system chooses touches no existing memory.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        match NonNull::new(base.cast::<u8>()) {
            Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => Ok(Self { base, len }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Its address.
    pub fn base(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Copies `bytes` to `offset`.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.len);
        // SAFETY: the range lies inside this mapping, which is writable until protected and not shared yet.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.as_ptr().add(offset), bytes.len()) }
    }

    /// Gives pages of the mapping a protection (`libc::PROT_*`).
    pub fn protect(&self, offset: usize, len: usize, protection: i32) -> io::Result<()> {
        assert!(offset.is_multiple_of(PAGE) && offset + len <= self.len.next_multiple_of(PAGE));
        // SAFETY: the range lies inside this mapping. Who loses access to it gets a fault, not undefined data.
        let result = unsafe { libc::mprotect(self.base.as_ptr().add(offset).cast(), len, protection) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping made in `new`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

thread_local! {
    /// The stack of the calling thread, if it has said where that is.
    static STACK: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// The calling thread says where its stack begins and ends: what it has there is read without the system's help.
pub fn set_stack(stack: (usize, usize)) {
    STACK.set(stack);
}

/// Reads memory of this process that may not be there: a driver's stack after a fault.
pub fn try_read<const N: usize>(address: usize) -> Option<[u8; N]> {
    let mut bytes = [0u8; N];
    let (here, (low, high)) = ((&raw const bytes).addr(), STACK.get());
    // Not on the stack of a signal handler, which may lie anywhere.
    if (low..address).contains(&here) && address.checked_add(N).is_some_and(|end| end <= high) {
        // SAFETY: between this function's frame and the end of its thread's stack all is mapped.
        return Some(unsafe { (address as *const [u8; N]).read_volatile() });
    }
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: N };
    let remote = libc::iovec { iov_base: address as *mut _, iov_len: N };
    // SAFETY: the system checks the remote range and writes only to `bytes`.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    (read == N as isize).then_some(bytes)
}
