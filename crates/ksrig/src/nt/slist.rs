//! Interlocked singly linked lists, and the lookaside lists that are made of them.
//!
//! The head holds the depth and a sequence number in its first 8 bytes, the first entry in the others, as winnt.h's
//! `HeaderX64` has them; inlined code reads the depth.

use std::{cell::RefCell, collections::BTreeSet, ops::Range, ptr::null_mut};

use ks_sys::*;

use super::{
    exports::{Export, exports},
    lock_order,
    machine::Machine,
    ntoskrnl, violation,
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    ExDeleteNPagedLookasideList(Lookaside: PNPAGED_LOOKASIDE_LIST) -> (), 0..=2;
    ExDeletePagedLookasideList(Lookaside: PPAGED_LOOKASIDE_LIST) -> (), 0..=1;
    ExInitializeNPagedLookasideList(Lookaside: PNPAGED_LOOKASIDE_LIST, Allocate: PALLOCATE_FUNCTION, Free: PFREE_FUNCTION, Flags: ULONG, Size: SIZE_T, Tag: ULONG, Depth: USHORT) -> (), 0..=2;
    ExInitializePagedLookasideList(Lookaside: PPAGED_LOOKASIDE_LIST, Allocate: PALLOCATE_FUNCTION, Free: PFREE_FUNCTION, Flags: ULONG, Size: SIZE_T, Tag: ULONG, Depth: USHORT) -> (), 0..=1;
    ExpInterlockedFlushSList(ListHead: PSLIST_HEADER) -> PSLIST_ENTRY, 0..=15;
    ExpInterlockedPopEntrySList(ListHead: PSLIST_HEADER) -> PSLIST_ENTRY, 0..=15;
    ExpInterlockedPushEntrySList(ListHead: PSLIST_HEADER, ListEntry: PSLIST_ENTRY) -> PSLIST_ENTRY, 0..=15;
    ExQueryDepthSList(ListHead: PSLIST_HEADER) -> USHORT, 0..=15;
    InitializeSListHead(ListHead: PSLIST_HEADER) -> (), 0..=15;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// Depth, sequence number and first entry of a list.
unsafe fn parts(head: PSLIST_HEADER) -> (u64, u64, PSLIST_ENTRY) {
    // SAFETY: the caller's list head.
    let [low, high] = unsafe { *head.cast::<[u64; 2]>() };
    (low & 0xFFFF, low >> 16, (high & !0xF) as PSLIST_ENTRY)
}

unsafe fn set(head: PSLIST_HEADER, depth: u64, sequence: u64, first: PSLIST_ENTRY) {
    // SAFETY: the caller's list head.
    unsafe { head.cast::<[u64; 2]>().write([depth & 0xFFFF | sequence << 16, first as u64]) };
}

/// Makes an empty list.
pub unsafe fn InitializeSListHead(ListHead: PSLIST_HEADER) {
    // SAFETY: the caller's list head.
    unsafe { set(ListHead, 0, 0, null_mut()) };
}

/// The number of entries, modulo 65536.
pub unsafe fn ExQueryDepthSList(ListHead: PSLIST_HEADER) -> USHORT {
    // SAFETY: the caller's list head.
    unsafe { parts(ListHead).0 as USHORT }
}

/// Adds in front; the entry that was first, or NULL.
pub unsafe fn ExpInterlockedPushEntrySList(ListHead: PSLIST_HEADER, ListEntry: PSLIST_ENTRY) -> PSLIST_ENTRY {
    if is_lookaside(ListHead as usize) {
        // The driver gives memory back, with whatever locks are in it: for the next user it is new.
        // SAFETY: a lookaside list that is alive, which begins with its head.
        let bytes = unsafe { (&raw const (*ListHead.cast::<GENERAL_LOOKASIDE>()).Size).read() };
        let memory = ListEntry as usize..ListEntry as usize + bytes as usize;
        lock_order::gone(&memory);
    }
    // SAFETY: the caller's list and entry, which is aligned to 16 bytes.
    unsafe {
        let (depth, sequence, first) = parts(ListHead);
        (*ListEntry).Next = first;
        set(ListHead, depth + 1, sequence + 1, ListEntry);
        first
    }
}

/// Takes the first entry; NULL when there is none.
pub unsafe fn ExpInterlockedPopEntrySList(ListHead: PSLIST_HEADER) -> PSLIST_ENTRY {
    // SAFETY: the caller's list.
    unsafe {
        let (depth, sequence, first) = parts(ListHead);
        if !first.is_null() {
            set(ListHead, depth.wrapping_sub(1), sequence + 1, (*first).Next);
        }
        first
    }
}

/// Takes all entries; the first, or NULL.
pub unsafe fn ExpInterlockedFlushSList(ListHead: PSLIST_HEADER) -> PSLIST_ENTRY {
    // SAFETY: the caller's list.
    unsafe {
        let (_, sequence, first) = parts(ListHead);
        set(ListHead, 0, sequence + 1, null_mut());
        first
    }
}

/// The routine that a list uses when the driver gives none: the export as drivers import it.
fn default_routine(name: &str) -> usize {
    match ntoskrnl::lookup("ntoskrnl.exe", name) {
        Some(crate::pe::Import::Function { thunk, .. }) => thunk,
        _ => unreachable!("{name} is exported"),
    }
}

/// The lookaside lists that are alive.
#[derive(Default)]
struct Lookasides(RefCell<BTreeSet<usize>>);

/// Whether a lookaside list in this range of memory is alive.
pub(super) fn any_in(range: &Range<usize>) -> bool {
    Machine::current().extension::<Lookasides>().0.borrow().range(range.clone()).next().is_some()
}

fn is_lookaside(head: usize) -> bool {
    Machine::try_current().is_some_and(|machine| machine.extension::<Lookasides>().0.borrow().contains(&head))
}

/// Initialises the part that both kinds of list have. The headers align it to a cache line, which is about speed: in a
/// device extension or other pool memory it has 16 bytes. So it is reached by pointers, and never by a reference.
unsafe fn initialize(
    list: *mut GENERAL_LOOKASIDE,
    kind: POOL_TYPE,
    (allocate, free): (PALLOCATE_FUNCTION, PFREE_FUNCTION),
    size: SIZE_T,
    tag: ULONG,
) {
    let known = Machine::current().extension::<Lookasides>();
    if !known.0.borrow_mut().insert(list as usize) {
        violation::report("Lookaside", 0xCA, "lookaside list", "initialised again");
    }
    // SAFETY: plain data, for which zero is a value; the routines have the types of the fields.
    unsafe {
        list.cast::<u8>().write_bytes(0, size_of::<GENERAL_LOOKASIDE>());
        InitializeSListHead(&raw mut (*list).__bindgen_anon_1.ListHead);
        // The depth grows with use on Windows; it is what the list may hold at the start.
        const MINIMUM: USHORT = 4;
        const MAXIMUM: USHORT = 256;
        (&raw mut (*list).Depth).write(MINIMUM);
        (&raw mut (*list).MaximumDepth).write(MAXIMUM);
        (&raw mut (*list).Type).write(kind);
        (&raw mut (*list).Tag).write(tag);
        (&raw mut (*list).Size).write(size as ULONG);
        let allocate = allocate.or_else(|| std::mem::transmute(default_routine("ExAllocatePoolWithTag")));
        (&raw mut (*list).__bindgen_anon_4.Allocate).write(allocate);
        let free = free.or_else(|| std::mem::transmute(default_routine("ExFreePool")));
        (&raw mut (*list).__bindgen_anon_5.Free).write(free);
    }
}

/// Frees what the list holds.
unsafe fn delete(list: *mut GENERAL_LOOKASIDE) {
    let known = Machine::current().extension::<Lookasides>();
    if !known.0.borrow_mut().remove(&(list as usize)) {
        return violation::report("Lookaside", 0xCB, "lookaside list", "deleted without being initialised");
    }
    // SAFETY: the list was initialised: its entries are memory of its routine.
    unsafe {
        let free = (&raw const (*list).__bindgen_anon_5.Free).read();
        loop {
            let entry = ExpInterlockedPopEntrySList(&raw mut (*list).__bindgen_anon_1.ListHead);
            let (false, Some(free)) = (entry.is_null(), free) else { return };
            free(entry.cast());
        }
    }
}

/// (`nf-wdm-exinitializenpagedlookasidelist.md`)
pub unsafe fn ExInitializeNPagedLookasideList(
    Lookaside: PNPAGED_LOOKASIDE_LIST,
    Allocate: PALLOCATE_FUNCTION,
    Free: PFREE_FUNCTION,
    Flags: ULONG,
    Size: SIZE_T,
    Tag: ULONG,
    _Depth: USHORT,
) {
    const POOL_NX_ALLOCATION: ULONG = 512;
    // SAFETY: the caller's memory has the size of a list.
    unsafe {
        let kind = _POOL_TYPE::NonPagedPool | (Flags & POOL_NX_ALLOCATION) as POOL_TYPE;
        initialize(&raw mut (*Lookaside).L, kind, (Allocate, Free), Size, Tag);
    }
}

/// (`nf-wdm-exinitializepagedlookasidelist.md`)
pub unsafe fn ExInitializePagedLookasideList(
    Lookaside: PPAGED_LOOKASIDE_LIST,
    Allocate: PALLOCATE_FUNCTION,
    Free: PFREE_FUNCTION,
    _Flags: ULONG,
    Size: SIZE_T,
    Tag: ULONG,
    _Depth: USHORT,
) {
    // SAFETY: the caller's memory has the size of a list.
    unsafe { initialize(&raw mut (*Lookaside).L, _POOL_TYPE::PagedPool, (Allocate, Free), Size, Tag) };
}

/// (`nf-wdm-exdeletenpagedlookasidelist.md`)
pub unsafe fn ExDeleteNPagedLookasideList(Lookaside: PNPAGED_LOOKASIDE_LIST) {
    // SAFETY: the caller's list.
    unsafe { delete(&raw mut (*Lookaside).L) };
}

/// (`nf-wdm-exdeletepagedlookasidelist.md`)
pub unsafe fn ExDeletePagedLookasideList(Lookaside: PPAGED_LOOKASIDE_LIST) {
    // SAFETY: the caller's list.
    unsafe { delete(&raw mut (*Lookaside).L) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions, pool};

    /// Last in, first out; the depth counts; a flush empties the list.
    #[test]
    fn lists() {
        let mut head = [1_u128];
        let head: PSLIST_HEADER = head.as_mut_ptr().cast();
        let mut entries = [0_u128; 3];
        let entries = entries.each_mut().map(|entry| (&raw mut *entry).cast::<SLIST_ENTRY>());
        // SAFETY: local lists and entries.
        unsafe {
            InitializeSListHead(head);
            assert!(ExpInterlockedPopEntrySList(head).is_null());
            let before = entries.map(|entry| ExpInterlockedPushEntrySList(head, entry));
            assert_eq!(before, [null_mut(), entries[0], entries[1]]);
            assert_eq!(ExQueryDepthSList(head), 3);
            assert_eq!(ExpInterlockedPopEntrySList(head), entries[2]);
            assert_eq!(ExpInterlockedFlushSList(head), entries[1]);
            assert_eq!(ExQueryDepthSList(head), 0);
        }
    }

    /// A lookaside list allocates from the pool, keeps what is pushed, and frees it when it is deleted.
    #[test]
    fn lookaside() {
        let machine = Machine::new(MachineOptions::default());
        // SAFETY: plain data; the list is initialised before it is used; its memory is freed by its deletion.
        unsafe {
            let mut list: NPAGED_LOOKASIDE_LIST = std::mem::zeroed();
            let tag = u32::from_le_bytes(*b"Look");
            ExInitializeNPagedLookasideList(&raw mut list, None, None, 0, 64, tag, 0);
            let allocate = list.L.__bindgen_anon_4.Allocate.unwrap();
            let memory = allocate(list.L.Type, u64::from(list.L.Size), list.L.Tag);
            assert_eq!(pool::in_use(), (1, 64));
            ExpInterlockedPushEntrySList(&raw mut list.L.__bindgen_anon_1.ListHead, memory.cast());
            ExDeleteNPagedLookasideList(&raw mut list);
            assert_eq!(pool::in_use(), (0, 0));
        }
        machine.shutdown();
    }

    /// A list in a device extension: such memory is aligned to 16 bytes, less than the header asks for.
    #[test]
    fn lookaside_in_pool_memory() {
        let machine = Machine::new(MachineOptions::default());
        let mut memory = vec![0_u128; 64];
        let start = memory.as_mut_ptr();
        // The first place that 16 bytes divide, and 32 do not.
        let offset = usize::from((start as usize).is_multiple_of(32));
        // SAFETY: the vector has room for the list; its memory is freed by its deletion.
        unsafe {
            let paged: PPAGED_LOOKASIDE_LIST = start.add(offset).cast();
            let nonpaged: PNPAGED_LOOKASIDE_LIST = start.add(offset).cast();
            let tag = u32::from_le_bytes(*b"Look");
            ExInitializePagedLookasideList(paged, None, None, 0, 32, tag, 0);
            let general: *mut GENERAL_LOOKASIDE = paged.cast();
            assert_eq!((&raw const (*general).Type).read(), _POOL_TYPE::PagedPool);
            assert_eq!((&raw const (*general).MaximumDepth).read(), 256);
            ExDeletePagedLookasideList(paged);
            ExInitializeNPagedLookasideList(nonpaged, None, None, 0, 64, tag, 0);
            let allocate = (&raw const (*general).__bindgen_anon_4.Allocate).read().unwrap();
            let entry = allocate(_POOL_TYPE::NonPagedPool, 64, tag);
            ExpInterlockedPushEntrySList(&raw mut (*general).__bindgen_anon_1.ListHead, entry.cast());
            ExDeleteNPagedLookasideList(nonpaged);
            assert_eq!(pool::in_use(), (0, 0));
        }
        machine.shutdown();
    }
}
