//! Lists of enabled events, with the lock that guards them (R7.24 to R7.26).

use std::{cell::UnsafeCell, ptr::null_mut};

use ks_sys::{
    _KWAIT_REASON::Executive,
    GUID, KMUTEX,
    KSEVENTS_LOCKTYPE::{
        self, KSEVENTS_FMUTEX, KSEVENTS_FMUTEXUNSAFE, KSEVENTS_MUTEX, KSEVENTS_NONE, KSEVENTS_SPINLOCK,
    },
    KSPIN_LOCK, LIST_ENTRY, NTSTATUS, PFILE_OBJECT, PKSEVENT_ENTRY, PKSEVENTDATA, PLIST_ENTRY, PVOID,
    STATUS_SUCCESS, STATUS_UNSUCCESSFUL, is_equal_guid,
};

use super::event_entry;
use crate::nt::{
    ExAcquireFastMutex, ExAcquireFastMutexUnsafe, ExReleaseFastMutex, ExReleaseFastMutexUnsafe,
    InitializeListHead, InsertTailList, KERNEL_MODE, KeAcquireSpinLockRaiseToDpc, KeInitializeSpinLock,
    KeReleaseMutex, KeReleaseSpinLock, KeWaitForSingleObject, bugcheck,
};

/// The list of one object of AVStream's own, under a spin lock.
pub struct List {
    memory: Box<UnsafeCell<(LIST_ENTRY, KSPIN_LOCK)>>,
}

// SAFETY: what is in it is only touched with the spin lock held.
unsafe impl Sync for List {}
// SAFETY: as above.
unsafe impl Send for List {}

impl Default for List {
    /// An empty one.
    fn default() -> Self {
        let memory = Box::new(UnsafeCell::new((LIST_ENTRY { Flink: null_mut(), Blink: null_mut() }, 0)));
        // SAFETY: the memory stays where it is.
        unsafe {
            InitializeListHead(&raw mut (*memory.get()).0);
            KeInitializeSpinLock(&raw mut (*memory.get()).1);
        }
        Self { memory }
    }
}

impl List {
    /// The list as a caller of the list functions names one.
    pub fn named(&self) -> Named {
        // SAFETY: only addresses are taken.
        let (head, lock) = unsafe { (&raw mut (*self.memory.get()).0, &raw mut (*self.memory.get()).1) };
        Named { head, kind: KSEVENTS_SPINLOCK, lock: lock.cast() }
    }

    /// Disables all events of one client. Passive level.
    pub fn free(&self, file: PFILE_OBJECT) {
        // SAFETY: the list is AVStream's own.
        unsafe { self.named().free(file) };
    }
}

/// A list and its lock, as KS 1.0's functions on lists take them.
#[derive(Clone, Copy)]
pub struct Named {
    /// The head.
    pub head: PLIST_ENTRY,
    /// What kind of lock guards it.
    pub kind: KSEVENTS_LOCKTYPE::Type,
    /// The lock.
    pub lock: PVOID,
}

impl Named {
    /// Runs `body` with the lock held.
    ///
    /// # Safety
    /// List and lock are what they say.
    pub unsafe fn locked<R>(&self, body: impl FnOnce() -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe {
            match self.kind {
                KSEVENTS_NONE => body(),
                KSEVENTS_SPINLOCK => {
                    let irql = KeAcquireSpinLockRaiseToDpc(self.lock.cast());
                    let result = body();
                    KeReleaseSpinLock(self.lock.cast(), irql);
                    result
                }
                KSEVENTS_MUTEX => {
                    KeWaitForSingleObject(self.lock, Executive, KERNEL_MODE, 0, null_mut());
                    let result = body();
                    KeReleaseMutex(self.lock.cast::<KMUTEX>(), 0);
                    result
                }
                KSEVENTS_FMUTEX => {
                    ExAcquireFastMutex(self.lock.cast());
                    let result = body();
                    ExReleaseFastMutex(self.lock.cast());
                    result
                }
                KSEVENTS_FMUTEXUNSAFE => {
                    ExAcquireFastMutexUnsafe(self.lock.cast());
                    let result = body();
                    ExReleaseFastMutexUnsafe(self.lock.cast());
                    result
                }
                other => bugcheck::not_emulated(&format!("an event list with a lock of type {other}")),
            }
        }
    }

    /// Adds an entry at the end.
    ///
    /// # Safety
    /// As for `locked`; the entry is in no list.
    pub unsafe fn add(&self, entry: PKSEVENT_ENTRY) {
        // SAFETY: the caller's promise.
        unsafe { self.locked(|| InsertTailList(self.head, &raw mut (*entry).ListEntry)) };
    }

    /// The entries, with the lock held.
    unsafe fn entries(&self) -> Vec<PKSEVENT_ENTRY> {
        let mut entries = Vec::new();
        // SAFETY: the list is well formed, its lock is held; ListEntry is the entry's first member.
        unsafe {
            let mut link = (*self.head).Flink;
            while link != self.head {
                entries.push(link.cast());
                link = (*link).Flink;
            }
        }
        entries
    }

    /// The entries that are not being removed, with the lock held.
    ///
    /// # Safety
    /// The lock is held.
    pub unsafe fn live(&self) -> Vec<PKSEVENT_ENTRY> {
        // SAFETY: the caller's promise.
        let mut entries = unsafe { self.entries() };
        // SAFETY: entries in a list are alive.
        entries.retain(|&entry| unsafe { (*entry).Flags } & ks_sys::KSEVENT_ENTRY_DELETED == 0);
        entries
    }

    /// Removes the entry, with the lock held: by its remove handler, which has to unlink it (R7.24).
    unsafe fn remove(&self, entry: PKSEVENT_ENTRY) {
        // SAFETY: the entry is in the list.
        unsafe {
            event_entry::unlink(entry);
            if self.entries().contains(&entry) {
                event_entry::not_unlinked(entry);
            }
        }
    }

    /// Disables what one client enabled: the event of this KSEVENTDATA, or all with null (R7.25).
    /// `STATUS_UNSUCCESSFUL` when there is none. Passive level.
    ///
    /// # Safety
    /// As for `locked`.
    pub unsafe fn disable(&self, file: PFILE_OBJECT, data: PKSEVENTDATA) -> NTSTATUS {
        if data.is_null() {
            // SAFETY: the caller's promise.
            unsafe { self.free(file) };
            return STATUS_SUCCESS;
        }
        // SAFETY: as above; entries in the list are alive.
        let found = unsafe {
            self.take(|entry| (*entry).FileObject == file && std::ptr::eq((*entry).EventData, data))
        };
        if found { STATUS_SUCCESS } else { STATUS_UNSUCCESSFUL }
    }

    /// Disables all events of one client.
    ///
    /// # Safety
    /// As for `locked`.
    pub unsafe fn free(&self, file: PFILE_OBJECT) {
        // SAFETY: the caller's promise; entries in the list are alive.
        unsafe { while self.take(|entry| (*entry).FileObject == file) {} }
    }

    /// Removes and discards the first entry that fits.
    unsafe fn take(&self, fits: impl Fn(PKSEVENT_ENTRY) -> bool) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let found = self.locked(|| {
                let entry = self.live().into_iter().find(|&entry| fits(entry))?;
                self.remove(entry);
                Some(entry)
            });
            let Some(entry) = found else { return false };
            event_entry::discard(entry);
            true
        }
    }

    /// Generates the event for every entry that fits (R7.26). At most dispatch level.
    ///
    /// # Safety
    /// As for `locked`; `data` is nonpageable.
    pub unsafe fn generate(
        &self,
        set: Option<&GUID>,
        id: u32,
        data: &[u8],
        mut wanted: impl FnMut(PKSEVENT_ENTRY) -> bool,
    ) {
        // SAFETY: the caller's promise; entries in the list are alive until they are generated.
        unsafe {
            self.locked(|| {
                for entry in self.live() {
                    let same_set = set.is_none_or(|set| is_equal_guid(&*(*(*entry).EventSet).Set, set));
                    if same_set && (*(*entry).EventItem).EventId == id && wanted(entry) {
                        self.fire(entry, data);
                    }
                }
            });
        }
    }

    /// Notifies an entry's client; a one-shot entry is removed. The lock is held.
    ///
    /// # Safety
    /// The entry is live in the list.
    pub unsafe fn fire(&self, entry: PKSEVENT_ENTRY, data: &[u8]) {
        // SAFETY: the caller's promise.
        unsafe {
            event_entry::notify(entry, data);
            if event_entry::is_oneshot(entry) {
                self.remove(entry);
                event_entry::discard(entry);
            }
        }
    }
}
