//! Doubly linked lists (inline in the headers) and their interlocked forms.

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    bugcheck,
    lock_order::Kind,
    spinlock::{KeReleaseSpinLock, raise_and_acquire},
};

/// Makes an empty list.
pub unsafe fn InitializeListHead(ListHead: PLIST_ENTRY) {
    // SAFETY: the caller's list head.
    unsafe { ListHead.write(LIST_ENTRY { Flink: ListHead, Blink: ListHead }) };
}

/// Whether a list is empty.
pub unsafe fn IsListEmpty(ListHead: *const LIST_ENTRY) -> bool {
    // SAFETY: the caller's list head.
    unsafe { (*ListHead).Flink.cast_const() == ListHead }
}

/// KERNEL_SECURITY_CHECK_FAILURE
const CORRUPT: (&str, u32, u32) = ("ListEntry", 0x139, 3);

unsafe fn insert(previous: PLIST_ENTRY, next: PLIST_ENTRY, Entry: PLIST_ENTRY) {
    // SAFETY: the caller's list; a list whose links do not agree is not followed.
    unsafe {
        if (*previous).Flink != next || (*next).Blink != previous {
            bugcheck::stop(CORRUPT, "a LIST_ENTRY is corrupted (FAST_FAIL_CORRUPT_LIST_ENTRY)");
        }
        Entry.write(LIST_ENTRY { Flink: next, Blink: previous });
        (*previous).Flink = Entry;
        (*next).Blink = Entry;
    }
}

/// Adds at the end.
pub unsafe fn InsertTailList(ListHead: PLIST_ENTRY, Entry: PLIST_ENTRY) {
    // SAFETY: the caller's list.
    unsafe { insert((*ListHead).Blink, ListHead, Entry) };
}

/// Adds at the start.
pub unsafe fn InsertHeadList(ListHead: PLIST_ENTRY, Entry: PLIST_ENTRY) {
    // SAFETY: the caller's list.
    unsafe { insert(ListHead, (*ListHead).Flink, Entry) };
}

/// Takes an entry out; true when the list is empty now. A corrupted list is fatal (0x139).
pub unsafe fn RemoveEntryList(Entry: PLIST_ENTRY) -> bool {
    // SAFETY: the caller's entry is in a list; a list whose links do not agree is not followed.
    unsafe {
        let LIST_ENTRY { Flink, Blink } = *Entry;
        if (*Flink).Blink != Entry || (*Blink).Flink != Entry {
            bugcheck::stop(CORRUPT, "a LIST_ENTRY is corrupted (FAST_FAIL_CORRUPT_LIST_ENTRY)");
        }
        (*Blink).Flink = Flink;
        (*Flink).Blink = Blink;
        Flink == Blink
    }
}

/// Takes the first entry; NULL when the list is empty.
pub unsafe fn RemoveHeadList(ListHead: PLIST_ENTRY) -> PLIST_ENTRY {
    // SAFETY: the caller's list.
    unsafe {
        if IsListEmpty(ListHead) {
            return null_mut();
        }
        let first = (*ListHead).Flink;
        RemoveEntryList(first);
        first
    }
}

/// Adds at the end under a spin lock; gives the former last entry, or NULL. Any IRQL.
pub unsafe fn ExInterlockedInsertTailList(
    ListHead: PLIST_ENTRY,
    ListEntry: PLIST_ENTRY,
    Lock: PKSPIN_LOCK,
) -> PLIST_ENTRY {
    // SAFETY: the caller's list and lock.
    unsafe {
        let irql = raise_and_acquire(Lock, Kind::Spin);
        let last = if IsListEmpty(ListHead) { null_mut() } else { (*ListHead).Blink };
        InsertTailList(ListHead, ListEntry);
        KeReleaseSpinLock(Lock, irql);
        last
    }
}

/// Adds at the start under a spin lock; gives the former first entry, or NULL. Any IRQL.
pub unsafe fn ExInterlockedInsertHeadList(
    ListHead: PLIST_ENTRY,
    ListEntry: PLIST_ENTRY,
    Lock: PKSPIN_LOCK,
) -> PLIST_ENTRY {
    // SAFETY: the caller's list and lock.
    unsafe {
        let irql = raise_and_acquire(Lock, Kind::Spin);
        let first = if IsListEmpty(ListHead) { null_mut() } else { (*ListHead).Flink };
        InsertHeadList(ListHead, ListEntry);
        KeReleaseSpinLock(Lock, irql);
        first
    }
}

/// Takes the first entry under a spin lock, or NULL. Any IRQL.
pub unsafe fn ExInterlockedRemoveHeadList(ListHead: PLIST_ENTRY, Lock: PKSPIN_LOCK) -> PLIST_ENTRY {
    // SAFETY: the caller's list and lock.
    unsafe {
        let irql = raise_and_acquire(Lock, Kind::Spin);
        let first = RemoveHeadList(ListHead);
        KeReleaseSpinLock(Lock, irql);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{
        fault::child::{self, Case},
        flags::Flags,
    };

    /// A list of two entries, one link of which leads elsewhere, if that is said.
    fn list(spoil: Option<fn(&mut [LIST_ENTRY; 3])>, deed: unsafe fn(PLIST_ENTRY, PLIST_ENTRY)) {
        let mut entries = [LIST_ENTRY::default(); 3];
        let first = entries.as_mut_ptr();
        let mut new = LIST_ENTRY::default();
        // SAFETY: local memory.
        unsafe {
            InitializeListHead(first);
            InsertTailList(first, first.add(1));
            InsertHeadList(first, first.add(2));
            if let Some(spoil) = spoil {
                spoil(&mut *first.cast());
            }
            deed(first, &raw mut new);
        }
    }

    fn last_is_astray(entries: &mut [LIST_ENTRY; 3]) {
        let at = &raw mut entries[1];
        entries[1].Flink = at;
    }

    fn first_is_astray(entries: &mut [LIST_ENTRY; 3]) {
        let at = &raw mut entries[2];
        entries[2].Blink = at;
    }

    unsafe fn remove_head(head: PLIST_ENTRY, _: PLIST_ENTRY) {
        // SAFETY: the caller's list.
        unsafe { RemoveHeadList(head) };
    }

    const CORRUPTED: &str = "STOP: ListEntry (bug check 0x139, 0x3)";
    const CASES: &[Case] = &[
        ("sound", Flags::ALL, || list(None, InsertTailList), ""),
        ("tail", Flags::ALL, || list(Some(last_is_astray), InsertTailList), CORRUPTED),
        ("head", Flags::ALL, || list(Some(first_is_astray), InsertHeadList), CORRUPTED),
        ("removal", Flags::ALL, || list(Some(first_is_astray), remove_head), CORRUPTED),
    ];

    #[test]
    #[ignore = "ends its process"]
    fn deed() {
        child::run(CASES);
    }

    /// The neighbours of a place in a list agree about it before anything is put there or taken from there: the checks of
    /// the headers' own list functions.
    #[test]
    fn links_agree() {
        child::check("nt::list::tests::deed", CASES);
    }
}
