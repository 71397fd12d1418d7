//! Functions on memory.

use core::ffi::c_void;

use ks_sys::SIZE_T;

use crate::nt::{string::RtlCompareMemory, violation};

functions! {
    "memcpy" memcpy(to: *mut c_void, from: *const c_void, bytes: usize) -> *mut c_void {
        let (start, source) = (to as usize, from as usize);
        if bytes != 0 && start != source && start < source + bytes && source < start + bytes {
            violation::report("MemcpyOverlap", 0xF0, "memcpy", "the buffers overlap");
        }
        // memmove, for those that overlap.
        libc::memmove(to, from, bytes)
    }

    "memmove" memmove(to: *mut c_void, from: *const c_void, bytes: usize) -> *mut c_void {
        libc::memmove(to, from, bytes)
    }

    "RtlMoveMemory" move_memory(to: *mut c_void, from: *const c_void, bytes: usize) -> () {
        libc::memmove(to, from, bytes);
    }

    "RtlCopyMemory" copy_memory(to: *mut c_void, from: *const c_void, bytes: usize) -> () {
        memcpy(to, from, bytes);
    }

    "memset" memset(to: *mut c_void, value: i32, bytes: usize) -> *mut c_void {
        libc::memset(to, value, bytes)
    }

    "RtlFillMemory" fill_memory(to: *mut c_void, bytes: usize, value: i32) -> () {
        libc::memset(to, value, bytes);
    }

    "RtlZeroMemory" zero_memory(to: *mut c_void, bytes: usize) -> () {
        libc::memset(to, 0, bytes);
    }

    "memcmp" memcmp(first: *const c_void, second: *const c_void, bytes: usize) -> i32 {
        libc::memcmp(first, second, bytes)
    }

    "memchr" memchr(of: *const c_void, value: i32, bytes: usize) -> *mut c_void {
        libc::memchr(of, value, bytes)
    }

    "RtlCompareMemory" compare(first: *const c_void, second: *const c_void, bytes: SIZE_T) -> SIZE_T {
        RtlCompareMemory(first, second, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions};

    /// memcpy of buffers that overlap is a violation.
    #[test]
    fn memcpy_overlap() {
        let machine = Machine::new(MachineOptions::default());
        let mut bytes = [1_u8, 2, 3, 4];
        let start = bytes.as_mut_ptr();
        // SAFETY: both ranges lie in the array.
        unsafe { memcpy(start.add(1).cast(), start.cast(), 3) };
        assert_eq!(bytes, [1, 1, 2, 3]);
        assert_eq!(violation::take()[0].code, 0xF0);
        machine.shutdown();
    }

    /// The functions do what their names say.
    #[test]
    fn memory() {
        let mut bytes = [0_u8; 6];
        let start: *mut c_void = bytes.as_mut_ptr().cast();
        // SAFETY: all ranges lie in the array.
        unsafe {
            memset(start, 7, 6);
            zero_memory(start, 2);
            fill_memory(start.byte_add(5), 1, 9);
            memmove(start, start.byte_add(4), 2);
            assert_eq!(memchr(start, 9, 6), start.byte_add(1));
            assert_eq!(memcmp(start, start.byte_add(4), 2), 0);
            assert_eq!(compare(start, start.byte_add(2), 2), 1);
        }
        assert_eq!(bytes, [7, 9, 7, 7, 7, 9]);
    }
}
