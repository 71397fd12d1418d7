//! Spin locks, a fast mutex, a resource, critical regions, a remove lock.

use core::ptr::{null, null_mut};

use ks_sys::{KSPIN_LOCK, NTSTATUS, PIRP, PKSDEVICE};
use wdk_sys::{
    IO_REMOVE_LOCK, KLOCK_QUEUE_HANDLE, PIO_REMOVE_LOCK, POOL_FLAG_NON_PAGED, POOL_FLAG_UNINITIALIZED,
    ntddk::{
        ExAcquireFastMutex, ExAcquireResourceExclusiveLite, ExReleaseFastMutex, ExReleaseResourceLite,
        IoAcquireRemoveLockEx, IoInitializeRemoveLockEx, IoReleaseRemoveLockAndWaitEx, IoReleaseRemoveLockEx,
        KeAcquireInStackQueuedSpinLock, KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc,
        KeEnterCriticalRegion, KeLeaveCriticalRegion, KeReleaseInStackQueuedSpinLock, KeReleaseSpinLock,
        KeReleaseSpinLockFromDpcLevel,
    },
};

use crate::{
    ddi::{KeLowerIrql, KeRaiseIrqlToDpcLevel, TAG, allocate, free},
    device::Device,
    mutant,
};

/// Takes each lock and gives it back. PASSIVE_LEVEL.
///
/// # Safety
///
/// A live, started device.
#[inline(never)]
pub unsafe fn exercise(device: PKSDEVICE) {
    // SAFETY: the caller's promise; the locks live as long as the device.
    unsafe {
        let locks = Device::of(device);
        spin(locks);
        in_pool();
        fast_mutex(locks);
        in_order(device);
    }
}

/// The same with what an owned mutex changes: as it is owned, normal kernel APCs are disabled. PASSIVE_LEVEL.
///
/// # Safety
///
/// A live, started device.
#[inline(never)]
pub unsafe fn without_mutexes(device: PKSDEVICE) {
    // SAFETY: the caller's promise; the regions are left as often as they are entered, but for the mutants.
    unsafe {
        resource(Device::of(device));
        remove_lock(Device::of(device));
        if mutant::once("CriticalRegion") {
            KeEnterCriticalRegion();
        }
        if mutant::once("CriticalRegionLeave") {
            KeLeaveCriticalRegion();
        }
    }
}

#[inline(never)]
unsafe fn spin(locks: *mut Device) {
    // SAFETY: the locks live; taken once and given back once, but for the mutants.
    unsafe {
        let lock = &raw mut (*locks).first;
        let irql = KeAcquireSpinLockRaiseToDpc(lock);
        if mutant::once("SpinLockRecursion") {
            KeAcquireSpinLockAtDpcLevel(lock);
        }
        if mutant::once("SpinLockIrql") {
            KeLowerIrql(irql);
        }
        if mutant::once("SpinLockTwice") {
            KeReleaseSpinLockFromDpcLevel(lock);
        }
        KeReleaseSpinLock(lock, irql);
    }
}

/// A lock in memory that comes as it was, which is always an in-stack queued one.
#[inline(never)]
fn in_pool() {
    let lock = allocate(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, 16).cast::<KSPIN_LOCK>();
    if lock.is_null() {
        return;
    }
    // SAFETY: the memory is large enough; the lock is zero when nobody holds it, and the memory freed when nobody does.
    unsafe {
        if !mutant::once("LockUninitialized") {
            lock.write(0);
        }
        queued(lock);
        free(lock.cast());
    }
}

#[inline(never)]
unsafe fn queued(lock: *mut KSPIN_LOCK) {
    let mut handle = KLOCK_QUEUE_HANDLE::default();
    // SAFETY: the caller's lock; the handle is this function's.
    unsafe {
        KeAcquireInStackQueuedSpinLock(lock, &raw mut handle);
        if mutant::once("LockReleaseMixed") {
            KeReleaseSpinLock(lock, handle.OldIrql);
            return;
        }
        KeReleaseInStackQueuedSpinLock(&raw mut handle);
        if mutant::once("LockMixed") {
            let irql = KeAcquireSpinLockRaiseToDpc(lock);
            KeReleaseSpinLock(lock, irql);
        }
    }
}

/// A lock that lies on the stack, or in the memory of the program that sends the request. PASSIVE_LEVEL.
///
/// # Safety
///
/// A request that the driver has, in its sender's process, whose UserBuffer has room for a lock.
#[inline(never)]
pub unsafe fn of_program(irp: PIRP) {
    let mut own: KSPIN_LOCK = 0;
    // SAFETY: the caller's promise.
    let user = if mutant::once("UserLock") { unsafe { (*irp).UserBuffer } } else { null_mut() };
    let lock = if user.is_null() { &raw mut own } else { user.cast() };
    // SAFETY: the lock lives until the end of this function.
    unsafe {
        lock.write_unaligned(0);
        let irql = KeAcquireSpinLockRaiseToDpc(lock);
        KeReleaseSpinLock(lock, irql);
    }
}

#[inline(never)]
unsafe fn fast_mutex(locks: *mut Device) {
    // SAFETY: as above.
    unsafe {
        let mutex = &raw mut (*locks).mutex;
        if mutant::once("FastMutexIrql") {
            let old = KeRaiseIrqlToDpcLevel();
            ExAcquireFastMutex(mutex);
            KeLowerIrql(1);
            ExReleaseFastMutex(mutex);
            KeLowerIrql(old);
            return;
        }
        ExAcquireFastMutex(mutex);
        ExReleaseFastMutex(mutex);
    }
}

#[inline(never)]
unsafe fn resource(locks: *mut Device) {
    let without = mutant::once("ResourceApcs");
    // SAFETY: as above.
    unsafe {
        let resource = &raw mut (*locks).resource;
        if !without {
            KeEnterCriticalRegion();
        }
        ExAcquireResourceExclusiveLite(resource, 1);
        ExReleaseResourceLite(resource);
        if !without {
            KeLeaveCriticalRegion();
        }
    }
}

/// Holds the device for a moment, which does not go meanwhile.
#[inline(never)]
unsafe fn remove_lock(locks: *mut Device) {
    // SAFETY: as above.
    unsafe {
        let lock = &raw mut (*locks).removal;
        if acquire_remove_lock(lock) >= 0 {
            release_remove_lock(lock);
            if mutant::once("RemoveLock") {
                release_remove_lock(lock);
            }
        }
    }
}

/// Takes both spin locks: the first, then the second. IRQL <= DISPATCH_LEVEL.
///
/// # Safety
///
/// A live, started device.
#[inline(never)]
pub unsafe fn in_order(device: PKSDEVICE) {
    // SAFETY: the caller's promise; given back in the opposite order.
    unsafe {
        let locks = Device::of(device);
        let both = [&raw mut (*locks).first, &raw mut (*locks).second];
        let [outer, inner] = if mutant::is("LockOrder") && turned() { [both[1], both[0]] } else { both };
        let irql = KeAcquireSpinLockRaiseToDpc(outer);
        KeAcquireSpinLockAtDpcLevel(inner);
        KeReleaseSpinLockFromDpcLevel(inner);
        KeReleaseSpinLock(outer, irql);
    }
}

/// Every second time.
fn turned() -> bool {
    use core::sync::atomic::{AtomicU32, Ordering};
    static TIMES: AtomicU32 = AtomicU32::new(0);
    TIMES.fetch_add(1, Ordering::Relaxed) % 2 == 1
}

const REMOVE_LOCK: u32 = size_of::<IO_REMOVE_LOCK>() as u32;

/// Makes a remove lock. PASSIVE_LEVEL.
///
/// # Safety
///
/// The place is the caller's.
pub unsafe fn initialize_remove_lock(lock: PIO_REMOVE_LOCK) {
    // SAFETY: the caller's promise.
    unsafe { IoInitializeRemoveLockEx(lock, TAG, 0, 0, REMOVE_LOCK) };
}

unsafe fn acquire_remove_lock(lock: PIO_REMOVE_LOCK) -> NTSTATUS {
    // SAFETY: the caller's lock, which lives.
    unsafe { IoAcquireRemoveLockEx(lock, null_mut(), null(), 0, REMOVE_LOCK) }
}

unsafe fn release_remove_lock(lock: PIO_REMOVE_LOCK) {
    // SAFETY: as above.
    unsafe { IoReleaseRemoveLockEx(lock, null_mut(), REMOVE_LOCK) };
}

/// The device goes: waits for whoever holds it. PASSIVE_LEVEL.
///
/// # Safety
///
/// A live device, for the last time.
pub unsafe fn wait_for_removal(device: PKSDEVICE) {
    // SAFETY: the caller's promise; the lock lives as long as the device.
    unsafe {
        let lock = &raw mut (*Device::of(device)).removal;
        if acquire_remove_lock(lock) >= 0 {
            IoReleaseRemoveLockAndWaitEx(lock, null_mut(), REMOVE_LOCK);
        }
    }
}
