//! The user process's memory: everything a client hands to the kernel lies in one reserved range.

use std::{collections::BTreeMap, ops::Range, ptr::null_mut, slice};

use core::ffi::c_void;
use ks_sys::*;

use super::{
    bugcheck,
    machine::{Machine, lock},
    residency,
    thread::USER_MODE,
};

/// The address space of the user process: below 4 GiB, where a program of 32 bits has its memory too.
const SPACE: usize = 3 << 30;
const BASE: usize = 0x2000_0000;
const PAGE: usize = PAGE_SIZE as usize;
/// What lies before the first block, as inaccessible as what lies between blocks: for rows that go upwards.
const GAP: usize = 64 << 20;

/// The memory of one machine's user process. Freed blocks are used again by size class.
#[derive(Default)]
pub(super) struct Arena {
    base: usize,
    /// The same memory at the kernel's addresses, where pages are while they are locked and mapped; 0 = it is at its
    /// own addresses only.
    system: usize,
    /// Whether it comes and goes (`residency`).
    watched: bool,
    /// By page: how often it is mapped there.
    mapped: BTreeMap<usize, u32>,
    next: usize,
    free: BTreeMap<usize, Vec<usize>>,
    /// Address to size class.
    live: BTreeMap<usize, usize>,
}

impl Arena {
    fn reserve(&mut self) {
        if self.base == 0 {
            let watch = &Machine::current().options().watch;
            let file = if watch.security { shared() } else { -1 };
            // Where there are no second addresses, the kernel's are the program's, which it reaches from everywhere.
            self.watched = if watch.security { file >= 0 } else { watch.force_irql };
            let sort = if file < 0 { libc::MAP_PRIVATE | libc::MAP_ANONYMOUS } else { libc::MAP_SHARED };
            let flags = sort | libc::MAP_NORESERVE;
            // SAFETY: a new mapping, at an address where nothing is.
            let mut base = unsafe {
                let flags = flags | libc::MAP_FIXED_NOREPLACE;
                libc::mmap(BASE as *mut c_void, SPACE, libc::PROT_NONE, flags, file, 0)
            };
            // Another machine of this process has it.
            if base == libc::MAP_FAILED {
                // SAFETY: a new mapping at an address of the system's choice.
                base = unsafe { libc::mmap(null_mut(), SPACE, libc::PROT_NONE, flags, file, 0) };
            }
            if base == libc::MAP_FAILED {
                bugcheck::stop("out of memory", "no address space for the user process");
            }
            if file >= 0 {
                // SAFETY: a new mapping at an address of the system's choice; the file is not needed any more.
                unsafe {
                    let system = libc::mmap(null_mut(), SPACE, libc::PROT_NONE, flags, file, 0);
                    libc::close(file);
                    if system == libc::MAP_FAILED {
                        bugcheck::stop("out of memory", "no address space for locked pages");
                    }
                    self.system = system as usize;
                }
            }
            self.base = base as usize;
            self.next = self.base + GAP;
        }
    }

    fn alloc(&mut self, length: usize) -> usize {
        self.reserve();
        let class =
            if length < PAGE { length.max(16).next_power_of_two() } else { length.next_multiple_of(PAGE) };
        if self.free.get(&class).is_none_or(Vec::is_empty) {
            self.grow(class);
        }
        let address = self.free.entry(class).or_default().pop().expect("there is one now");
        self.live.insert(address, class);
        address
    }

    /// New blocks of the class, and an inaccessible page behind them.
    fn grow(&mut self, class: usize) {
        let bytes = class.max(PAGE);
        let start = self.next;
        if start + bytes + PAGE > self.base + SPACE {
            bugcheck::stop("out of memory", "the user process has used up its address space");
        }
        // SAFETY: pages of the reservation that are not in use.
        let result =
            unsafe { libc::mprotect(start as *mut c_void, bytes, libc::PROT_READ | libc::PROT_WRITE) };
        if result != 0 {
            bugcheck::stop("out of memory", "no memory for the user process");
        }
        self.next += bytes + PAGE;
        if self.watched {
            residency::add(start, bytes, residency::Kind::User, libc::PROT_READ | libc::PROT_WRITE);
        }
        self.free
            .entry(class)
            .or_default()
            .extend((0..bytes / class).rev().map(|index| start + index * class));
    }

    fn free(&mut self, address: usize) {
        let Some(class) = self.live.remove(&address) else {
            bugcheck::stop("user memory", "an address that is not allocated is freed");
        };
        self.free.entry(class).or_default().push(address);
    }

    /// The pages of a range, if it is a program's memory with addresses of the kernel.
    fn pages(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let inside = self.system != 0 && range.start >= self.base && range.end <= self.base + SPACE;
        inside.then(|| range.start / PAGE..range.end.div_ceil(PAGE))
    }

    /// Changes the protection of pages at the kernel's addresses.
    fn protect(&self, pages: Range<usize>, protection: i32) {
        let start = pages.start * PAGE - self.base + self.system;
        // SAFETY: pages of the second mapping; who loses access to them gets a fault.
        let result = unsafe { libc::mprotect(start as *mut c_void, pages.len() * PAGE, protection) };
        assert_eq!(result, 0, "the system changes the protection of its own mapping");
    }

    fn map(&mut self, range: &Range<usize>) -> usize {
        let Some(pages) = self.pages(range) else { return range.start };
        pages.clone().for_each(|page| *self.mapped.entry(page).or_default() += 1);
        self.protect(pages, libc::PROT_READ | libc::PROT_WRITE);
        range.start - self.base + self.system
    }

    fn unmap(&mut self, range: &Range<usize>) {
        for page in self.pages(range).into_iter().flatten() {
            let Some(count) = self.mapped.get_mut(&page) else { continue };
            *count -= 1;
            if *count == 0 {
                self.mapped.remove(&page);
                self.protect(page..page + 1, libc::PROT_NONE);
            }
        }
    }

    /// Gives the address space back.
    pub fn release(&mut self) {
        if self.base != 0 && self.live.is_empty() {
            if self.watched {
                residency::remove(&(self.base..self.base + SPACE));
            }
            if self.system != 0 {
                // SAFETY: nothing in the range is in use.
                unsafe { libc::munmap(self.system as *mut c_void, SPACE) };
            }
            // SAFETY: as above.
            unsafe { libc::munmap(self.base as *mut c_void, SPACE) };
            *self = Self::default();
        }
    }
}

/// Memory that can be mapped twice; -1 when the system has none.
fn shared() -> i32 {
    // SAFETY: a name, and a file that was just made.
    unsafe {
        let file = libc::memfd_create(c"program".as_ptr(), libc::MFD_CLOEXEC);
        if file >= 0 && libc::ftruncate(file, SPACE as libc::off_t) != 0 {
            bugcheck::stop("out of memory", "no memory for the user process");
        }
        file
    }
}

/// An address of the kernel for a range of locked memory: another one where a program's memory is watched, else its own.
pub(super) fn map(range: &Range<usize>) -> usize {
    lock(&Machine::current().user).map(range)
}

/// Undoes that.
pub(super) fn unmap(range: &Range<usize>) {
    lock(&Machine::current().user).unmap(range);
}

/// Whether it is an address of the kernel for a program's memory.
pub(super) fn is_system_address(address: usize) -> bool {
    let Some(machine) = Machine::try_current() else { return false };
    let system = machine.user.try_lock().map_or(0, |arena| arena.system);
    system != 0 && (system..system + SPACE).contains(&address)
}

/// Zeroed memory of the user process, 16-byte aligned (4096 and more: on page boundaries).
pub fn alloc(length: usize) -> PVOID {
    let address = lock(&Machine::current().user).alloc(length);
    // SAFETY: the block has at least this length and is ours.
    unsafe { (address as *mut u8).write_bytes(0, length) };
    address as PVOID
}

/// Frees it.
pub fn free(address: PVOID) {
    lock(&Machine::current().user).free(address as usize);
}

/// Whether the range lies in one block that is allocated. What lies behind it or was freed is nobody's; the rest of
/// the block behind an odd length is the client's own, as the rest of a page is.
pub fn contains(address: *const c_void, length: usize) -> bool {
    let arena = lock(&Machine::current().user);
    let start = address as usize;
    let block = arena.live.range(..=start).next_back();
    block.is_some_and(|(base, size)| start.checked_add(length).is_some_and(|end| end <= base + size))
}

/// Whether the user process's memory lies below 4 GiB, where a program of 32 bits can have it.
pub fn is_narrow() -> bool {
    let mut arena = lock(&Machine::current().user);
    arena.reserve();
    arena.base + SPACE <= 4 << 30
}

/// Copies the bytes of a range that lies in one block; none if it does not.
pub fn read(address: usize, length: usize) -> Option<Vec<u8>> {
    let start = address as *const u8;
    // SAFETY: the block is allocated, and its bytes are initialised.
    contains(start.cast(), length).then(|| unsafe { slice::from_raw_parts(start, length) }.to_vec())
}

/// Copies bytes to a range that lies in one block; false if it does not.
pub fn write(address: usize, bytes: &[u8]) -> bool {
    let start = address as *mut u8;
    let found = contains(start.cast(), bytes.len());
    if found {
        // SAFETY: the block is allocated, and the bytes lie elsewhere.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
    found
}

/// What ProbeForRead/ProbeForWrite check: Err(STATUS_ACCESS_VIOLATION) or Err(STATUS_DATATYPE_MISALIGNMENT).
/// Always fine for length 0 and in KernelMode.
pub fn probe(
    mode: KPROCESSOR_MODE,
    address: *const c_void,
    length: usize,
    alignment: u32,
) -> Result<(), NTSTATUS> {
    if mode != USER_MODE || length == 0 {
        return Ok(());
    }
    if !(address as usize).is_multiple_of(alignment.max(1) as usize) {
        return Err(STATUS_DATATYPE_MISALIGNMENT);
    }
    if contains(address, length) { Ok(()) } else { Err(STATUS_ACCESS_VIOLATION) }
}

/// Whether an address belongs to the user process's part of the address space: its memory, and everything below
/// 4 GiB, where this process has nothing.
pub(super) fn is_user_address(address: usize) -> bool {
    let Some(machine) = Machine::try_current() else { return false };
    // A fault may come while the memory is being changed.
    let base = machine.user.try_lock().map_or(0, |arena| arena.base);
    address < 4 << 30 || base != 0 && (base..base + SPACE).contains(&address)
}

/// What ProbeForRead checks: alignment, and that the range lies in the user part of the address space.
pub(super) fn probe_for_read(address: *const c_void, length: usize, alignment: u32) -> Result<(), NTSTATUS> {
    let start = address as usize;
    if length == 0 {
        return Ok(());
    }
    if !start.is_multiple_of(alignment.max(1) as usize) {
        return Err(STATUS_DATATYPE_MISALIGNMENT);
    }
    let end = start.checked_add(length - 1);
    let inside = is_user_address(start) && end.is_some_and(is_user_address);
    if inside { Ok(()) } else { Err(STATUS_ACCESS_VIOLATION) }
}

/// Memory of the user process that is freed when dropped.
#[derive(Debug)]
pub struct Buffer {
    /// What is freed: the address, or what lies before it.
    block: PVOID,
    address: PVOID,
    length: usize,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for Buffer {}

impl Buffer {
    /// Zeroed.
    pub fn new(length: usize) -> Self {
        let block = alloc(length);
        Self { block, address: block, length }
    }

    /// Zeroed; an inaccessible page lies before its first byte.
    pub fn at_page_start(length: usize) -> Self {
        let block = alloc(length.max(1).next_multiple_of(PAGE));
        Self { block, address: block, length }
    }

    /// Zeroed, and aligned to nothing: an inaccessible page follows its last byte.
    pub fn at_page_end(length: usize) -> Self {
        let pages = length.max(1).next_multiple_of(PAGE);
        let block = alloc(pages);
        Self { block, address: block.wrapping_byte_add(pages - length), length }
    }

    /// With these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut buffer = Self::new(bytes.len());
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer
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
        // SAFETY: the block has this length and lives as long as the buffer.
        unsafe { slice::from_raw_parts(self.address.cast(), self.length) }
    }

    /// Its bytes, to change.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the block has this length and lives as long as the buffer.
        unsafe { slice::from_raw_parts_mut(self.address.cast(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if Machine::try_current().is_some() {
            free(self.block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{KERNEL_MODE, MachineOptions};

    /// User memory is zeroed (also when used again), aligned, inside the arena; a probe tells it from others.
    #[test]
    fn user_memory() {
        let machine = Machine::new(MachineOptions::default());
        for length in [1, 16, 100, 4096, 1 << 20] {
            let mut buffer = Buffer::new(length);
            assert!(buffer.bytes().iter().all(|byte| *byte == 0));
            assert!((buffer.address() as usize).is_multiple_of(if length < PAGE { 16 } else { PAGE }));
            buffer.bytes_mut().fill(7);
            assert_eq!(probe(USER_MODE, buffer.address(), length, 8), Ok(()));
            let bytes = Buffer::from_bytes(&[1; 64]);
            assert_ne!(bytes.address(), buffer.address());
        }
        let local = 0_u64;
        let address = (&raw const local).cast();
        assert_eq!(probe(USER_MODE, address, 8, 8), Err(STATUS_ACCESS_VIOLATION));
        assert_eq!(probe(USER_MODE, address, 0, 8), Ok(()));
        assert_eq!(probe(KERNEL_MODE, address, 8, 8), Ok(()));
        let buffer = Buffer::new(64);
        let odd = (buffer.address() as usize + 1) as *const c_void;
        assert_eq!(probe(USER_MODE, odd, 8, 8), Err(STATUS_DATATYPE_MISALIGNMENT));
        assert_eq!(probe(USER_MODE, buffer.address(), SPACE, 1), Err(STATUS_ACCESS_VIOLATION));
        drop(buffer);
        machine.shutdown();
    }

    /// What lies at the end of a page has its length, is zeroed when it is used again, and nothing can be read behind it.
    #[test]
    fn the_end_of_a_page() {
        let machine = Machine::new(MachineOptions::default());
        for length in [0, 1, 100, 4096, 5000] {
            for _ in 0..2 {
                let mut buffer = Buffer::at_page_end(length);
                assert!(buffer.bytes().iter().all(|byte| *byte == 0));
                assert_eq!(buffer.len(), length);
                buffer.bytes_mut().fill(7);
                let end = buffer.address().wrapping_byte_add(length);
                assert!((end as usize).is_multiple_of(PAGE));
                assert_eq!(probe(USER_MODE, buffer.address(), length, 1), Ok(()));
                assert_eq!(probe(USER_MODE, end, 1, 1), Err(STATUS_ACCESS_VIOLATION));
            }
        }
        machine.shutdown();
    }

    /// A probe looks at one block: not behind its end, though more blocks follow, and not at what was freed.
    #[test]
    fn probes_see_blocks() {
        let machine = Machine::new(MachineOptions::default());
        for length in [16, 128, 4096, 12_288] {
            let (first, second) = (Buffer::new(length), Buffer::new(length));
            let low = first.address().min(second.address());
            let distance = first.address().addr().abs_diff(second.address().addr());
            assert_eq!(probe(USER_MODE, low, length, 1), Ok(()));
            for (offset, bytes) in [(0, length + 1), (length - 1, 2), (1, length), (0, distance + length)] {
                let address = low.wrapping_byte_add(offset);
                assert_eq!(probe(USER_MODE, address, bytes, 1), Err(STATUS_ACCESS_VIOLATION));
            }
            assert_eq!(probe(USER_MODE, low.wrapping_byte_add(length - 1), 1, 1), Ok(()));
            let freed = second.address();
            drop(second);
            assert_eq!(probe(USER_MODE, freed, 1, 1), Err(STATUS_ACCESS_VIOLATION));
            assert_eq!(probe(USER_MODE, first.address(), length, 1), Ok(()));
        }
        machine.shutdown();
    }
}
