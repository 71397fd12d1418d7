//! Remove locks: a device goes when the last request has let it go. (`kernel/using-remove-locks.md`)

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    bugcheck,
    event::{KeInitializeEvent, KeSetEvent},
    exports::{Export, exports},
    thread::KERNEL_MODE,
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

/// Makes a lock that counts its owner, the device. (`nf-wdm-ioinitializeremovelock.md`)
pub unsafe fn IoInitializeRemoveLockEx(
    Lock: PIO_REMOVE_LOCK,
    _AllocateTag: ULONG,
    _MaxLockedMinutes: ULONG,
    _HighWatermark: ULONG,
    _RemlockSize: ULONG,
) {
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
    _Tag: PVOID,
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
    STATUS_SUCCESS
}

fn too_often() -> ! {
    bugcheck::stop(("RemoveLock", 0xC4, 0xD6), "a remove lock is released more often than it was acquired")
}

/// Gives one acquisition back. (`nf-wdm-ioreleaseremovelock.md`)
pub unsafe fn IoReleaseRemoveLockEx(RemoveLock: PIO_REMOVE_LOCK, _Tag: PVOID, _RemlockSize: ULONG) {
    // SAFETY: the caller's lock.
    unsafe {
        let common = &mut (*RemoveLock).Common;
        common.IoCount -= 1;
        // The owner's count is the removal's to give back.
        if common.IoCount < i32::from(common.Removed == 0) {
            too_often();
        }
        if common.IoCount == 0 {
            KeSetEvent(&raw mut common.RemoveEvent, 0, 0);
        }
    }
}

/// Gives one acquisition and the device's own back, and waits for the others.
/// (`nf-wdm-ioreleaseremovelockandwait.md`)
pub unsafe fn IoReleaseRemoveLockAndWaitEx(RemoveLock: PIO_REMOVE_LOCK, Tag: PVOID, RemlockSize: ULONG) {
    // SAFETY: the caller's lock.
    unsafe {
        (*RemoveLock).Common.Removed = 1;
        IoReleaseRemoveLockEx(RemoveLock, Tag, RemlockSize);
        let left = (*RemoveLock).Common.IoCount - 1;
        (*RemoveLock).Common.IoCount = left;
        if left < 0 {
            too_often();
        }
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
        Machine, MachineOptions,
        fault::child::{self, Case},
        flags::Flags,
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
        machine.shutdown();
    }

    /// Acquires a lock and releases it as often as given; then the device is removed, if it is to be.
    fn use_lock(acquired: u32, released: u32, removed: bool) {
        // SAFETY: plain data, for which zero is a value; the lock lives to the end.
        unsafe {
            let mut lock = std::mem::zeroed::<IO_REMOVE_LOCK>();
            IoInitializeRemoveLockEx(&raw mut lock, 0, 0, 0, 32);
            for _ in 0..acquired {
                assert_eq!(
                    IoAcquireRemoveLockEx(&raw mut lock, null_mut(), std::ptr::null(), 0, 32),
                    STATUS_SUCCESS
                );
            }
            for _ in 0..released {
                IoReleaseRemoveLockEx(&raw mut lock, null_mut(), 32);
            }
            if removed {
                IoReleaseRemoveLockAndWaitEx(&raw mut lock, null_mut(), 32);
            }
        }
    }

    const TOO_OFTEN: &str = "STOP: RemoveLock (bug check 0xC4, 0xD6)";
    const CASES: &[Case] = &[
        ("as often", Flags::ALL, || use_lock(3, 2, true), ""),
        ("once more", Flags::ALL, || use_lock(1, 2, false), TOO_OFTEN),
        ("at the removal", Flags::ALL, || use_lock(1, 1, true), TOO_OFTEN),
    ];

    #[test]
    #[ignore = "ends its process"]
    fn deed() {
        child::run(CASES);
    }

    /// The first release too many is seen, before the removal and by it: the owner's count is nobody else's.
    #[test]
    fn releases_are_counted() {
        child::check("nt::remove_lock::tests::deed", CASES);
    }
}
