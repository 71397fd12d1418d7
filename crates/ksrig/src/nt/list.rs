//! Doubly linked lists (inline in the headers) and their interlocked forms.

use ks_sys::*;

/// Makes an empty list.
pub unsafe fn InitializeListHead(ListHead: PLIST_ENTRY) {
    todo!()
}

/// Whether a list is empty.
pub unsafe fn IsListEmpty(ListHead: *const LIST_ENTRY) -> bool {
    todo!()
}

/// Adds at the end.
pub unsafe fn InsertTailList(ListHead: PLIST_ENTRY, Entry: PLIST_ENTRY) {
    todo!()
}

/// Adds at the start.
pub unsafe fn InsertHeadList(ListHead: PLIST_ENTRY, Entry: PLIST_ENTRY) {
    todo!()
}

/// Takes an entry out; true when the list is empty now. A corrupted list is fatal (0x139).
pub unsafe fn RemoveEntryList(Entry: PLIST_ENTRY) -> bool {
    todo!()
}

/// Takes the first entry; NULL when the list is empty.
pub unsafe fn RemoveHeadList(ListHead: PLIST_ENTRY) -> PLIST_ENTRY {
    todo!()
}

/// Adds at the end under a spin lock; gives the former last entry, or NULL.
pub unsafe fn ExInterlockedInsertTailList(ListHead: PLIST_ENTRY, ListEntry: PLIST_ENTRY, Lock: PKSPIN_LOCK) -> PLIST_ENTRY {
    todo!()
}

/// Adds at the start under a spin lock; gives the former first entry, or NULL.
pub unsafe fn ExInterlockedInsertHeadList(ListHead: PLIST_ENTRY, ListEntry: PLIST_ENTRY, Lock: PKSPIN_LOCK) -> PLIST_ENTRY {
    todo!()
}

/// Takes the first entry under a spin lock, or NULL.
pub unsafe fn ExInterlockedRemoveHeadList(ListHead: PLIST_ENTRY, Lock: PKSPIN_LOCK) -> PLIST_ENTRY {
    todo!()
}
