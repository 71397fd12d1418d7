//! Spin locks, a fast mutex, a resource, critical regions.

use ks_sys::PKSDEVICE;
use wdk_sys::ntddk::{
    ExAcquireFastMutex, ExAcquireResourceExclusiveLite, ExReleaseFastMutex, ExReleaseResourceLite,
    KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeEnterCriticalRegion, KeLeaveCriticalRegion,
    KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel,
};

use crate::{
    ddi::{KeLowerIrql, KeRaiseIrqlToDpcLevel},
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
