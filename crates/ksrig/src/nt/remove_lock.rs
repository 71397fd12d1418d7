//! Remove locks: a device goes when the last request has let it go. (`kernel/using-remove-locks.md`)
//!
//! The tags that a lock was acquired with are kept beside it, as Driver Verifier keeps a shadow of it: each release names one
//! of them.

use std::{collections::BTreeMap, ops::Range, ptr::null_mut};

use ks_sys::*;

use super::{
    bugcheck,
    event::{KeInitializeEvent, KeSetEvent},
    exports::{Export, exports},
    machine::{Machine, lock},
    thread::KERNEL_MODE,
    violation,
    wait::KeWaitForSingleObject,
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    IoAcquireRemoveLockEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, File: *const u8, Line: ULONG, RemlockSize: ULONG) -> NTSTATUS, 0..=2;
    IoInitializeRemoveLockEx(Lock: PIO_REMOVE_LOCK, AllocateTag: ULONG, MaxLockedMinutes: ULONG, HighWatermark: ULONG, RemlockSize: ULONG) -> (), 0..=0;
    IoReleaseRemoveLockAndWaitEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, RemlockSize: ULONG) -> (), 0..=0;
    IoReleaseRemoveLockEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, RemlockSize: ULONG) -> (), 0..=2;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// The tags of the acquisitions that are left, by lock.
pub(super) type Tags = BTreeMap<usize, Vec<usize>>;

/// What is done to the locks that are known.
fn with_tags<R>(body: impl FnOnce(&mut Tags) -> R) -> R {
    body(&mut lock(&Machine::current().remove_locks))
}

/// The memory is used for something else.
pub(super) fn gone(range: &Range<usize>) {
    with_tags(|locks| {
        let dead: Vec<_> = locks.range(range.clone()).map(|(lock, _)| *lock).collect();
        dead.iter().for_each(|lock| drop(locks.remove(lock)));
    });
}

fn violated(code: u32, message: &str) {
    violation::report("RemoveLock", code, "remove lock", message);
}

/// Takes the tag of a release away, or another one if there is none like it. `code`: of the function that releases.
fn take_tag(lock: PIO_REMOVE_LOCK, tag: PVOID, code: u32) {
    let found = with_tags(|locks| {
        let tags = locks.get_mut(&(lock as usize))?;
        let place = tags.iter().position(|known| *known == tag as usize);
        let last = tags.len().checked_sub(1);
        if let Some(last) = last {
            tags.swap_remove(place.unwrap_or(last));
        }
        Some((place.is_some(), last.is_none()))
    });
    match found {
        Some((_, true)) => violated(code, "a remove lock is released that nobody has acquired"),
        Some((false, false)) => {
            violated(code, "a remove lock is released with a tag that it was not acquired with");
        }
        Some((true, false)) | None => {}
    }
}

/// Makes a lock that counts its owner, the device. (`nf-wdm-ioinitializeremovelock.md`)
pub unsafe fn IoInitializeRemoveLockEx(
    Lock: PIO_REMOVE_LOCK,
    _AllocateTag: ULONG,
    _MaxLockedMinutes: ULONG,
    _HighWatermark: ULONG,
    _RemlockSize: ULONG,
) {
    if with_tags(|locks| locks.insert(Lock as usize, Vec::new())).is_some() {
        violated(0xD7, "a remove lock is initialised again, which others may be using still");
    }
    // SAFETY: the caller's memory has the size of a lock, for which zero is a value.
    unsafe {
        let common = &mut (*Lock).Common;
        (common.Removed, common.IoCount) = (0, 1);
        KeInitializeEvent(&raw mut common.RemoveEvent, _EVENT_TYPE::SynchronizationEvent, 0);
    }
}

/// STATUS_DELETE_PENDING when the device is being removed: nothing is acquired then.
/// (`nf-wdm-ioacquireremovelock.md`)
pub unsafe fn IoAcquireRemoveLockEx(
    RemoveLock: PIO_REMOVE_LOCK,
    Tag: PVOID,
    _File: *const u8,
    _Line: ULONG,
    _RemlockSize: ULONG,
) -> NTSTATUS {
    // SAFETY: the caller's lock.
    let common = unsafe { &mut (*RemoveLock).Common };
    if common.Removed != 0 {
        return STATUS_DELETE_PENDING;
    }
    common.IoCount += 1;
    with_tags(|locks| {
        if let Some(tags) = locks.get_mut(&(RemoveLock as usize)) {
            tags.push(Tag as usize);
        }
    });
    STATUS_SUCCESS
}

/// Gives one acquisition back. (`nf-wdm-ioreleaseremovelock.md`)
pub unsafe fn IoReleaseRemoveLockEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, _RemlockSize: ULONG) {
    // SAFETY: the caller's lock.
    unsafe { release(RemoveLock, Tag, 0xD5) };
}

unsafe fn release(RemoveLock: PIO_REMOVE_LOCK, tag: PVOID, code: u32) {
    take_tag(RemoveLock, tag, code);
    // SAFETY: the caller's lock.
    unsafe {
        let common = &mut (*RemoveLock).Common;
        common.IoCount -= 1;
        if common.IoCount < 0 {
            bugcheck::stop(
                ("RemoveLock", 0xC4, code),
                "a remove lock is released more often than it was acquired",
            );
        }
        if common.IoCount == 0 {
            KeSetEvent(&raw mut common.RemoveEvent, 0, 0);
        }
    }
}

/// Gives one acquisition and the device's own back, and waits for the others.
/// (`nf-wdm-ioreleaseremovelockandwait.md`)
pub unsafe fn IoReleaseRemoveLockAndWaitEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, _RemlockSize: ULONG) {
    // SAFETY: the caller's lock.
    unsafe {
        (*RemoveLock).Common.Removed = 1;
        release(RemoveLock, Tag, 0xD6);
        let left = (*RemoveLock).Common.IoCount - 1;
        (*RemoveLock).Common.IoCount = left;
        if left > 0 {
            let event = &raw mut (*RemoveLock).Common.RemoveEvent;
            let reason = _KWAIT_REASON::Executive;
            let _ = KeWaitForSingleObject(event.cast(), reason, KERNEL_MODE, 0, null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{
        MachineOptions,
        pool::{ExFreePool, driver_pool_with_tag},
        sched,
    };

    /// The removal waits for the last holder; whoever comes later is told that the device goes.
    #[test]
    fn removal_waits() {
        let machine = Machine::new(MachineOptions::default());
        // SAFETY: plain data, for which zero is a value.
        let mut lock: IO_REMOVE_LOCK = unsafe { std::mem::zeroed() };
        let at = &raw mut lock as usize;
        // SAFETY: the lock lives until the end of the test.
        let acquire = move || unsafe {
            IoAcquireRemoveLockEx(at as PIO_REMOVE_LOCK, null_mut(), std::ptr::null(), 0, 32)
        };
        // SAFETY: as above.
        unsafe {
            IoInitializeRemoveLockEx(at as PIO_REMOVE_LOCK, 0, 0, 0, 32);
            assert_eq!((acquire(), acquire()), (STATUS_SUCCESS, STATUS_SUCCESS));
            let removal = machine.spawn_kernel("removal", move || {
                IoReleaseRemoveLockAndWaitEx(at as PIO_REMOVE_LOCK, null_mut(), 32);
            });
            sched::settle();
            assert!(!removal.is_done());
            assert_eq!(acquire(), STATUS_DELETE_PENDING);
            IoReleaseRemoveLockEx(at as PIO_REMOVE_LOCK, null_mut(), 32);
            removal.join();
        }
        assert_eq!(violation::take(), []);
        machine.shutdown();
    }

    const NOTHING: [u32; 0] = [];

    /// What is done to a lock in pool memory, and the codes that it earns.
    fn codes(deed: impl FnOnce(PIO_REMOVE_LOCK)) -> Vec<u32> {
        let machine = Machine::new(MachineOptions::default());
        // SAFETY: the memory has room for the lock, and is freed once.
        unsafe {
            let lock: PIO_REMOVE_LOCK = driver_pool_with_tag(0, 64, u32::from_le_bytes(*b"Test")).cast();
            IoInitializeRemoveLockEx(lock, 0, 0, 0, 32);
            deed(lock);
            ExFreePool(lock.cast());
        }
        let found = violation::take();
        assert!(found.iter().all(|found| found.rule == "RemoveLock"), "{found:?}");
        machine.shutdown();
        found.iter().map(|found| found.code).collect()
    }

    fn acquire(lock: PIO_REMOVE_LOCK, tag: usize) {
        // SAFETY: the test's lock.
        let status = unsafe { IoAcquireRemoveLockEx(lock, tag as PVOID, std::ptr::null(), 0, 32) };
        assert_eq!(status, STATUS_SUCCESS);
    }

    fn release(lock: PIO_REMOVE_LOCK, tag: usize) {
        // SAFETY: as above.
        unsafe { IoReleaseRemoveLockEx(lock, tag as PVOID, 32) };
    }

    fn release_and_wait(lock: PIO_REMOVE_LOCK, tag: usize) {
        // SAFETY: as above.
        unsafe { IoReleaseRemoveLockAndWaitEx(lock, tag as PVOID, 32) };
    }

    /// A release names the tag of an acquisition, in any order; there is one acquisition for each.
    #[test]
    fn tags_match() {
        let in_turn = |lock| {
            [1, 2, 2, 0].into_iter().for_each(|tag| acquire(lock, tag));
            [2, 0, 2].into_iter().for_each(|tag| release(lock, tag));
            release_and_wait(lock, 1);
        };
        assert_eq!(codes(in_turn), NOTHING);
        let another = |lock| {
            acquire(lock, 1);
            release(lock, 2);
        };
        assert_eq!(codes(another), [0xD5]);
        let another_at_removal = |lock| {
            acquire(lock, 1);
            release_and_wait(lock, 2);
        };
        assert_eq!(codes(another_at_removal), [0xD6]);
        let twice = |lock| {
            acquire(lock, 1);
            release(lock, 1);
            release(lock, 1);
        };
        assert_eq!(codes(twice), [0xD5]);
    }

    /// A lock is initialised once in its life; the next one in the same memory is another.
    #[test]
    fn initialised_once() {
        let again = |lock| {
            acquire(lock, 1);
            release_and_wait(lock, 1);
            // SAFETY: the test's lock.
            unsafe { IoInitializeRemoveLockEx(lock, 0, 0, 0, 32) };
        };
        assert_eq!(codes(again), [0xD7]);
        let reused = |lock: PIO_REMOVE_LOCK| {
            gone(&(lock as usize..lock as usize + 1));
            // SAFETY: the test's lock.
            unsafe { IoInitializeRemoveLockEx(lock, 0, 0, 0, 32) };
        };
        assert_eq!(codes(reused), NOTHING);
    }
}
