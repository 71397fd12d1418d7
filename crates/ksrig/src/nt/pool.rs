//! Pool memory.

use std::{
    alloc::{Layout, alloc, alloc_zeroed, dealloc},
    collections::BTreeMap,
    ptr::null_mut,
};

use ks_sys::*;

use super::{
    bugcheck::{self, Cause},
    dpc, inject, io, lock_order,
    machine::{Machine, lock},
    pnp, residency, resource, slist,
    special_pool::{Arena, Span},
    thread::Thread,
    timer, trace, violation, work,
};

/// `POOL_FLAG_UNINITIALIZED` of wdm.h.
pub const POOL_FLAG_UNINITIALIZED: u64 = 0x2;
/// `POOL_FLAG_RAISE_ON_FAILURE` of wdm.h.
pub const POOL_FLAG_RAISE_ON_FAILURE: u64 = 0x20;
/// `POOL_FLAG_NON_PAGED` of wdm.h.
pub const POOL_FLAG_NON_PAGED: u64 = 0x40;
/// `POOL_FLAG_NON_PAGED_EXECUTE` of wdm.h.
pub const POOL_FLAG_NON_PAGED_EXECUTE: u64 = 0x80;
/// `POOL_FLAG_PAGED` of wdm.h.
pub const POOL_FLAG_PAGED: u64 = 0x100;

enum Memory {
    Heap(Layout),
    Special(Span),
}

struct Block {
    memory: Memory,
    bytes: usize,
    tag: u32,
    paged: bool,
    /// Made by a driver, or lent to it: its frames, innermost first. None: made by the rig for itself.
    owner: Option<Vec<String>>,
    /// Not the driver's to free: what the class driver has given it to look at.
    lent: bool,
}

impl Block {
    /// Whether a driver has to free it.
    fn is_of_driver(&self) -> bool {
        self.owner.is_some() && !self.lent
    }
}

type Predicate = Box<dyn FnMut(usize, u32) -> bool>;

/// The pool of one machine.
#[derive(Default)]
pub(super) struct Pool {
    blocks: BTreeMap<usize, Block>,
    special: Arena,
    /// By drivers, so far.
    allocations: u64,
    fail_after: Option<u64>,
    fail_when: Option<Predicate>,
}

/// A tag as text.
fn tag_text(tag: u32) -> String {
    tag.to_le_bytes()
        .map(|byte| if byte.is_ascii_graphic() { char::from(byte) } else { '.' })
        .iter()
        .collect()
}

/// Allocates; `driver` says that a driver asks, so that its rules and injected failures apply.
fn allocate(bytes: usize, tag: u32, paged: bool, zero: bool, driver: bool) -> PVOID {
    if driver {
        check_allocation(bytes, tag, paged);
        if fails_now(bytes, tag) {
            return null_mut();
        }
    }
    let machine = Machine::current();
    let watch = machine.options().watch;
    // Pageable memory that comes and goes has to have pages of its own too.
    let special = driver && (watch.special_pool || watch.force_irql && paged);
    let span = if special { lock(&machine.pool).special.take(bytes, watch.pool_start) } else { None };
    let (address, memory) = match span {
        Some(span) => (span.address as *mut u8, Memory::Special(span)),
        None => {
            if special {
                let message = format_args!("no room for {bytes} bytes: accesses around them are not watched");
                trace::event("special-pool", tag_text(tag), message);
            }
            let Some(found) = heap(bytes, zero) else { return null_mut() };
            found
        }
    };
    if !zero {
        // Uninitialised memory is the same in every run, and wrong for whoever relies on zeros.
        // SAFETY: just allocated with this size.
        unsafe { address.write_bytes(0xA5, bytes) };
    } else if matches!(memory, Memory::Special(_)) {
        // SAFETY: as above.
        unsafe { address.write_bytes(0, bytes) };
    }
    if let (Memory::Special(span), true) = (&memory, watch.force_irql && paged) {
        let pages = span.range();
        residency::add(
            pages.start,
            pages.len(),
            residency::Kind::Pageable,
            libc::PROT_READ | libc::PROT_WRITE,
        );
        residency::arrive(Thread::current());
    }
    let owner = driver.then(pnp::driver_stack);
    let mut pool = lock(&machine.pool);
    pool.allocations += u64::from(driver);
    pool.blocks.insert(address as usize, Block { memory, bytes, tag, paged, owner, lent: false });
    drop(pool);
    address.cast()
}

fn heap(bytes: usize, zero: bool) -> Option<(*mut u8, Memory)> {
    // From one page on an allocation begins on a page boundary.
    let align = if bytes >= PAGE_SIZE as usize { PAGE_SIZE as usize } else { 16 };
    let layout = Layout::from_size_align(bytes.max(1), align).ok()?;
    // SAFETY: the layout's size is not zero.
    let address = unsafe { if zero { alloc_zeroed(layout) } else { alloc(layout) } };
    (!address.is_null()).then_some((address, Memory::Heap(layout)))
}

fn check_allocation(bytes: usize, tag: u32, paged: bool) {
    let irql = Thread::current().irql();
    if bytes == 0 {
        violation::report("PoolAllocation", 0x00, tag_text(tag), "an allocation of zero bytes");
    }
    if paged && irql > APC_LEVEL as u8 {
        violation::report("PoolAllocation", 0x01, tag_text(tag), format_args!("paged pool at IRQL {irql}"));
    }
    if irql > DISPATCH_LEVEL as u8 {
        violation::report(
            "PoolAllocation",
            0x02,
            tag_text(tag),
            format_args!("nonpaged pool at IRQL {irql}"),
        );
    }
    let (code, message) = match tag.to_le_bytes() {
        [0, 0, 0, 0] => (0x9B, "the tag is 0"),
        [b'B', b'I', b'G', b' ' | 0] => (0x9C, "the tag is \"BIG\""),
        tag if !tag.iter().any(u8::is_ascii_alphanumeric) => {
            (0x9D, "the tag has neither a letter nor a digit")
        }
        _ => return,
    };
    violation::report("PoolTag", code, tag_text(tag), message);
}

fn free(address: PVOID, tag: Option<u32>) {
    let machine = Machine::current();
    let irql = Thread::current().irql();
    let found = lock(&machine.pool).take_out(address as usize, false);
    let Some(block) = found else {
        if lock(&machine.pool).blocks.contains_key(&(address as usize)) {
            bugcheck::stop(("PoolFree", 0xC4, 0x10), "ExFreePool of memory that AVStream has lent");
        }
        // Driver Verifier knows of what lies in its special pool that it was there.
        if let Some((_, what)) = lock(&machine.pool).special.freed(address as usize) {
            bugcheck::stop(("PoolFree", 0xC4, 0x13), format_args!("ExFreePool of {what}"));
        }
        if io::irp::is_irp(address.cast()) {
            bugcheck::stop(("PoolFree", 0xC4, 0x105), "ExFreePool of an IRP, which IoFreeIrp frees");
        }
        let what = if address.is_null() { "NULL" } else { "an address that is no live allocation" };
        bugcheck::stop(
            ("PoolFree", 0xC4, 0x10),
            format_args!("ExFreePool of {what} (never allocated, or freed already)"),
        );
    };
    let name = tag_text(block.tag);
    let driver = block.is_of_driver();
    // A tag with the protection bit is the same tag.
    if let Some(tag) = tag.filter(|tag| driver && *tag != 0 && (*tag ^ block.tag) & 0x7FFF_FFFF != 0) {
        violation::report("PoolTag", 0x0A, &name, format_args!("freed with the tag {}", tag_text(tag)));
    }
    if driver && (irql > DISPATCH_LEVEL as u8 || block.paged && irql > APC_LEVEL as u8) {
        let code = if block.paged { 0x11 } else { 0x12 };
        violation::report("PoolFree", code, &name, format_args!("freed at IRQL {irql}"));
    }
    give(block, address, name);
}

/// Memory goes, with all that must not be in it any more.
fn give(block: Block, address: PVOID, name: String) {
    let range = address as usize..address as usize + block.bytes;
    if timer::any_in(&range) {
        violation::report("PoolFree", 0x15, &name, "the memory holds an active timer");
    }
    let left = [
        (resource::any_in(&range), 0xD2, "a resource that was not deleted"),
        (slist::any_in(&range), 0xCC, "a lookaside list that was not deleted"),
    ];
    if dpc::any_in(&range) || timer::any_dpc_in(&range) {
        violation::report("UnloadPending", 0x01, &name, "the memory holds a queued DPC, or a set timer's");
    }
    if work::any_in(&range) {
        violation::report("PoolFree", 0, &name, "the memory holds a queued work item");
    }
    for (_, code, what) in left.into_iter().filter(|(found, ..)| *found) {
        violation::report("PoolFree", code, &name, format_args!("the memory holds {what}"));
    }
    lock_order::gone(&range);
    match block.memory {
        // SAFETY: allocated with this layout and freed once: it was in the map.
        Memory::Heap(layout) => unsafe {
            address.cast::<u8>().write_bytes(0xDD, block.bytes);
            dealloc(address.cast(), layout);
        },
        Memory::Special(span) => {
            residency::remove(&span.range());
            if let Some((kind, message)) = span.corruption() {
                violation::report("SpecialPoolCorruption", kind, &name, message);
            }
            let owner = block.owner.unwrap_or_default();
            let freed = if block.lent { lender_stack() } else { pnp::driver_stack() };
            lock(&Machine::current().pool).special.give(span, name, owner, freed);
        }
    }
}

impl Pool {
    fn take_out(&mut self, address: usize, lent: bool) -> Option<Block> {
        self.blocks.get(&address).filter(|block| block.lent == lent)?;
        self.blocks.remove(&address)
    }
}

/// Memory that the class driver lends to a driver, not initialised: in special pool, if that is watched and has room.
pub fn lend(bytes: usize, tag: u32) -> Option<PVOID> {
    let machine = Machine::current();
    let watch = machine.options().watch;
    if !watch.special_pool {
        return None;
    }
    let owner = Some(lender_stack());
    let mut pool = lock(&machine.pool);
    let span = pool.special.take(bytes, watch.pool_start)?;
    let address = span.address;
    let block = Block { memory: Memory::Special(span), bytes, tag, paged: false, owner, lent: true };
    pool.blocks.insert(address, block);
    Some(address as PVOID)
}

/// The driver's frames, or who does it without the driver.
fn lender_stack() -> Vec<String> {
    let stack = pnp::driver_stack();
    if stack.is_empty() { vec!["AVStream".to_owned()] } else { stack }
}

/// Takes what was lent back; it cannot be reached any more.
pub fn take_back(address: PVOID) {
    let Some(machine) = Machine::try_current() else { return };
    let Some(block) = lock(&machine.pool).take_out(address as usize, true) else { return };
    let name = tag_text(block.tag);
    give(block, address, name);
}

/// The live allocation that an address lies in, for reports.
pub(super) fn block_of(address: usize) -> Option<String> {
    let pool = Machine::try_current()?.pool.try_lock().ok()?;
    let (start, block) = pool.blocks.range(..=address).next_back()?;
    let owner = block.owner.as_deref().unwrap_or_default().join(" < ");
    (address < start + block.bytes).then(|| {
        let offset = address - start;
        format!("byte {offset} of {} bytes, tag {}, allocated by {owner}", block.bytes, tag_text(block.tag))
    })
}

/// What an access to an address that is not there has to do with the special pool.
pub(super) fn explain(address: usize) -> Option<(Cause, String)> {
    // A fault may come while the pool is being changed.
    let pool = Machine::try_current()?.pool.try_lock().ok()?;
    let beside = |(_, block): (&usize, &'_ Block)| match block.memory {
        Memory::Special(span) if span.is_beside(address) => Some(span),
        _ => None,
    };
    let beyond = || {
        let neighbours = [pool.blocks.range(..=address).next_back(), pool.blocks.range(address..).next()];
        let live = neighbours.into_iter().flatten().filter_map(|entry| Some((beside(entry)?, entry.1)));
        let (span, block) = live.min_by_key(|(span, _)| span.distance(address))?;
        let owner = block.owner.as_deref().unwrap_or_default();
        Some(span.beyond(address, &tag_text(block.tag), owner))
    };
    // The page between two blocks is a live one's rather than a freed one's.
    pool.special.freed(address).or_else(beyond).or_else(|| pool.special.beside_freed(address))
}

/// The machine ends: its address space goes back. How many of the drivers' allocations were not watched.
pub(super) fn release(pool: &mut Pool) {
    pool.special.release();
    let missed = pool.special.missed;
    if missed > 0 {
        eprintln!(
            "ksrig: special pool had no room for {missed} allocations: accesses around them were not watched"
        );
    }
}

/// Pool memory: zeroed unless POOL_FLAG_UNINITIALIZED; NULL when there is none.
/// (`nf-wdm-exallocatepool2.md`)
pub unsafe fn ExAllocatePool2(Flags: POOL_FLAGS, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    pool2(Flags, NumberOfBytes, Tag, false)
}

/// The same, asked by a driver.
pub(super) unsafe fn driver_pool2(Flags: POOL_FLAGS, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    pool2(Flags, NumberOfBytes, Tag, true)
}

fn pool2(flags: u64, bytes: SIZE_T, tag: u32, driver: bool) -> PVOID {
    let kinds = flags & (POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED);
    // The page: exactly one kind, a size and a tag, or the request fails.
    if kinds.count_ones() != 1 || bytes == 0 || tag == 0 {
        if driver {
            violation::report(
                "PoolAllocation",
                0x00,
                tag_text(tag),
                "flags without one pool type, no size or no tag",
            );
        }
        return null_mut();
    }
    if driver && flags & POOL_FLAG_NON_PAGED_EXECUTE != 0 {
        violation::report("CodeIntegrity", 0x2000, tag_text(tag), "executable pool memory");
    }
    let zero = flags & POOL_FLAG_UNINITIALIZED == 0;
    let memory = allocate(bytes as usize, tag, kinds == POOL_FLAG_PAGED, zero, driver);
    if memory.is_null() && flags & POOL_FLAG_RAISE_ON_FAILURE != 0 {
        super::seh::raise(STATUS_INSUFFICIENT_RESOURCES);
    }
    memory
}

/// Pool memory of a type: zeroed if the type says so, as Windows 10 2004 and later understand it, else not initialised.
fn pool_with_tag(kind: POOL_TYPE, bytes: SIZE_T, tag: ULONG, driver: bool) -> PVOID {
    /// `POOL_ZERO_ALLOCATION` of wdm.h.
    const ZERO: POOL_TYPE = 1024;
    allocate(bytes as usize, tag, kind & 1 != 0, kind & ZERO != 0, driver)
}

/// Pool memory. (`nf-wdm-exallocatepoolwithtag.md`)
pub unsafe fn ExAllocatePoolWithTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    pool_with_tag(PoolType, NumberOfBytes, Tag, false)
}

/// The same, asked by a driver.
pub(super) unsafe fn driver_pool_with_tag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    pool_with_tag(PoolType, NumberOfBytes, Tag, true)
}

/// The same without a tag, which is then `None`. (`nf-wdm-exallocatepool.md`)
pub(super) unsafe fn driver_pool(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T) -> PVOID {
    pool_with_tag(PoolType, NumberOfBytes, u32::from_le_bytes(*b"None"), true)
}

/// The same, which raises STATUS_INSUFFICIENT_RESOURCES when there is none, unless it is told not to.
/// (`nf-wdm-exallocatepoolwithquotatag.md`)
pub(super) unsafe fn driver_pool_with_quota_tag(
    PoolType: POOL_TYPE,
    NumberOfBytes: SIZE_T,
    Tag: ULONG,
) -> PVOID {
    const POOL_QUOTA_FAIL_INSTEAD_OF_RAISE: POOL_TYPE = 8;
    let memory = pool_with_tag(PoolType, NumberOfBytes, Tag, true);
    if memory.is_null() && PoolType & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE == 0 {
        super::seh::raise(STATUS_INSUFFICIENT_RESOURCES);
    }
    memory
}

/// Frees pool memory.
pub unsafe fn ExFreePool(P: PVOID) {
    free(P, None);
}

/// Frees pool memory; a tag other than the allocation's is a violation (0xC2/0A).
pub unsafe fn ExFreePoolWithTag(P: PVOID, Tag: ULONG) {
    free(P, Some(Tag));
}

/// Lets the n-th allocation (0 = the next) that a driver makes from now on fail, once.
pub fn fail_after(n: u64) {
    lock(&Machine::current().pool).fail_after = Some(n);
}

/// Lets every allocation of a driver fail for which the predicate (bytes, tag) is true; None ends it,
/// and [`fail_after`] too.
pub fn fail_when(predicate: Option<Predicate>) {
    let mut pool = lock(&Machine::current().pool);
    if predicate.is_none() {
        pool.fail_after = None;
    }
    pool.fail_when = predicate;
}

/// Asked by functions that allocate on the driver's behalf (KsAddItemToObjectBag): whether to fail now.
pub fn fails_now(bytes: usize, tag: u32) -> bool {
    let mut pool = lock(&Machine::current().pool);
    let by_count = match pool.fail_after {
        Some(0) => {
            pool.fail_after = None;
            true
        }
        Some(n) => {
            pool.fail_after = Some(n - 1);
            false
        }
        None => false,
    };
    let wanted = by_count || pool.fail_when.as_mut().is_some_and(|predicate| predicate(bytes, tag));
    drop(pool);
    wanted || inject::strike_allocation()
}

/// How often drivers have allocated, in all.
pub fn allocations() -> u64 {
    lock(&Machine::current().pool).allocations
}

/// Driver allocations that are alive: (count, bytes).
pub fn in_use() -> (usize, usize) {
    let pool = lock(&Machine::current().pool);
    let blocks = pool.blocks.values().filter(|block| block.is_of_driver());
    blocks.fold((0, 0), |(count, bytes), block| (count + 1, bytes + block.bytes))
}

/// Memory of the driver that leaves: reports and forgets it. `image` is the file name in the frames.
pub(super) fn report_leaks(image: &str) {
    let prefix = format!("{image}+");
    let leaks: Vec<Block> = {
        let mut pool = lock(&Machine::current().pool);
        let first = |block: &Block| block.owner.as_ref()?.first().map(|frame| frame.starts_with(&prefix));
        let mine = |block: &Block| block.is_of_driver() && first(block) == Some(true);
        let addresses: Vec<_> =
            pool.blocks.iter().filter(|(_, block)| mine(block)).map(|(at, _)| *at).collect();
        addresses.iter().filter_map(|at| pool.blocks.remove(at)).collect()
    };
    let mut groups: BTreeMap<(String, Vec<String>), (usize, usize)> = BTreeMap::new();
    for block in leaks {
        let group = groups.entry((tag_text(block.tag), block.owner.unwrap_or_default())).or_default();
        group.0 += 1;
        group.1 += block.bytes;
    }
    for ((tag, stack), (count, bytes)) in groups {
        let message =
            format!("{count} allocations, {bytes} bytes not freed at unload; by {}", stack.join(" < "));
        violation::report("PoolLeak", 0x62, format_args!("{image} {tag}"), message);
    }
}

#[cfg(test)]
mod tests;
