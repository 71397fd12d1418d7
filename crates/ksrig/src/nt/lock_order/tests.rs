//! Orders of locks, with a wrong one and a right one for each rule.

use std::ptr::null_mut;

use ks_sys::*;

use crate::nt::{
    ExAcquireFastMutex, ExInitializeFastMutex, ExReleaseFastMutex, ExTryToAcquireFastMutex,
    KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeInitializeMutex, KeInitializeSpinLock,
    KeReleaseMutex, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, KeWaitForSingleObject, Machine,
    MachineOptions,
    callback::{CallbackKind, Group},
    flags::Flags,
    pool::{ExFreePool, driver_pool_with_tag},
    slist::{
        ExDeleteNPagedLookasideList, ExInitializeNPagedLookasideList, ExpInterlockedPopEntrySList,
        ExpInterlockedPushEntrySList,
    },
    violation,
};

const NOTHING: [u32; 0] = [];

/// The codes that a driver earns which does this.
fn codes(deed: impl FnOnce()) -> Vec<u32> {
    let watch = Flags { deadlock: true, ..Flags::NONE };
    let found = violation::broken_by(CallbackKind::new("Deed", Group::Driver), watch, deed);
    assert!(found.iter().all(|found| found.rule == "DeadlockDetection"), "{found:?}");
    found.iter().map(|found| found.code).collect()
}

/// Takes two spin locks, the second one inside.
fn nest(outer: PKSPIN_LOCK, inner: PKSPIN_LOCK) {
    // SAFETY: the tests' locks.
    unsafe {
        let old = KeAcquireSpinLockRaiseToDpc(outer);
        KeAcquireSpinLockAtDpcLevel(inner);
        KeReleaseSpinLockFromDpcLevel(inner);
        KeReleaseSpinLock(outer, old);
    }
}

/// A cycle is found although nobody ever waits, also one of three locks; once; the same order again is none, nor is
/// the order of locks that are no more.
#[test]
fn cycles() {
    let locks = || -> [PKSPIN_LOCK; 3] { std::array::from_fn(|_| Box::into_raw(Box::new(0))) };
    assert_eq!(codes(|| (0..2).for_each(|_| nest(locks()[0], locks()[1]))), NOTHING);
    let [a, b, c] = locks();
    assert_eq!(codes(|| [(a, b), (a, b), (b, c), (a, c)].into_iter().for_each(|(x, y)| nest(x, y))), NOTHING);
    assert_eq!(codes(|| [(a, b), (b, a), (b, a)].into_iter().for_each(|(x, y)| nest(x, y))), [0x1001]);
    assert_eq!(codes(|| [(a, b), (b, c), (c, a)].into_iter().for_each(|(x, y)| nest(x, y))), [0x1001]);
    let renewed = || {
        nest(a, b);
        // SAFETY: the test's lock.
        unsafe { KeInitializeSpinLock(a) };
        nest(b, a);
    };
    assert_eq!(codes(renewed), NOTHING);
}

/// Fast mutexes and kernel mutexes are in the same graph; who only tries cannot be stuck; a mutex that is taken again
/// by its owner is no edge.
#[test]
fn all_sorts() {
    let mutex: PRKMUTEX = Box::into_raw(Box::default());
    let fast: PFAST_MUTEX = Box::into_raw(Box::default());
    let now = || LARGE_INTEGER { QuadPart: 0 };
    // SAFETY: the tests' mutexes.
    let wait = |mutex: PRKMUTEX, timeout: PLARGE_INTEGER| unsafe {
        assert_eq!(KeWaitForSingleObject(mutex.cast(), 0, 0, 0, timeout), STATUS_SUCCESS);
    };
    for (tries, expected) in [(false, vec![0x1001]), (true, vec![])] {
        let found = codes(|| {
            // SAFETY: as above.
            unsafe {
                KeInitializeMutex(mutex, 0);
                ExInitializeFastMutex(fast);
                wait(mutex, null_mut());
                wait(mutex, null_mut());
                ExAcquireFastMutex(fast);
                ExReleaseFastMutex(fast);
                KeReleaseMutex(mutex, 0);
                KeReleaseMutex(mutex, 0);
                assert_eq!(ExTryToAcquireFastMutex(fast), 1);
                wait(mutex, if tries { &raw mut *Box::leak(Box::new(now())) } else { null_mut() });
                KeReleaseMutex(mutex, 0);
                ExReleaseFastMutex(fast);
            }
        });
        assert_eq!(found, expected);
    }
}

/// A lock is not initialised or freed while it is held; the outer of two spin locks is not given back to a low IRQL
/// first; both are right when nobody holds them, or in the right order.
#[test]
fn lives() {
    // SAFETY: the tests' locks; the pool is freed once.
    unsafe {
        let lock: PKSPIN_LOCK = Box::into_raw(Box::new(0));
        let held = |held: bool| {
            let old = KeAcquireSpinLockRaiseToDpc(lock);
            if held {
                let word = *lock;
                KeInitializeSpinLock(lock);
                *lock = word;
            }
            KeReleaseSpinLock(lock, old);
            KeInitializeSpinLock(lock);
        };
        assert_eq!(codes(|| held(false)), NOTHING);
        assert_eq!(codes(|| held(true)), [0x1005]);
        let freed = |held: bool| {
            let lock: PKSPIN_LOCK = driver_pool_with_tag(0, 16, u32::from_le_bytes(*b"Test")).cast();
            KeInitializeSpinLock(lock);
            let old = KeAcquireSpinLockRaiseToDpc(lock);
            if !held {
                KeReleaseSpinLock(lock, old);
            }
            ExFreePool(lock.cast());
            crate::nt::thread::Thread::current().set_irql(old);
        };
        assert_eq!(codes(|| freed(false)), NOTHING);
        assert_eq!(codes(|| freed(true)), [0x100B]);
        let (a, b): (PKSPIN_LOCK, PKSPIN_LOCK) = (Box::into_raw(Box::new(0)), Box::into_raw(Box::new(0)));
        let crossed = |low: bool| {
            let old = KeAcquireSpinLockRaiseToDpc(a);
            KeAcquireSpinLockAtDpcLevel(b);
            KeReleaseSpinLock(a, if low { old } else { 2 });
            KeReleaseSpinLockFromDpcLevel(b);
            crate::nt::thread::Thread::current().set_irql(old);
        };
        assert_eq!(codes(|| crossed(false)), NOTHING);
        // The IRQL is low now, which the release of the other one finds.
        let watch = Flags { deadlock: true, ..Flags::default() };
        let machine = Machine::new(MachineOptions { watch, ..MachineOptions::default() });
        crossed(true);
        let found: Vec<_> = violation::take().iter().map(|found| found.code).collect();
        assert_eq!(found, [0x1003, 0x41]);
        machine.shutdown();
    }
}

/// A thread that ends holds nothing.
#[test]
fn threads_end() {
    for release in [true, false] {
        let lock = Box::into_raw(Box::new(0_u64)) as usize;
        let found = codes(|| {
            let thread = Machine::current().spawn_kernel("short", move || {
                // SAFETY: the test's lock.
                unsafe {
                    let old = KeAcquireSpinLockRaiseToDpc(lock as PKSPIN_LOCK);
                    if release {
                        KeReleaseSpinLock(lock as PKSPIN_LOCK, old);
                    }
                }
            });
            thread.join();
        });
        assert_eq!(found, if release { vec![] } else { vec![0x100A] });
    }
}

/// What a lookaside list has got back is new memory for whoever gets it next.
#[test]
fn lookaside_lists_take_back() {
    let found = codes(|| {
        let mut other: KSPIN_LOCK = 0;
        let other = &raw mut other;
        // SAFETY: plain data; the list and the locks live until the end.
        unsafe {
            let mut list: NPAGED_LOOKASIDE_LIST = std::mem::zeroed();
            ExInitializeNPagedLookasideList(&raw mut list, None, None, 0, 64, 0x6B6F_6F4C, 0);
            let head = &raw mut list.L.__bindgen_anon_1.ListHead;
            let entry: PSLIST_ENTRY = driver_pool_with_tag(0, 64, 0x6B6F_6F4C).cast();
            let lock: PKSPIN_LOCK = entry.add(1).cast();
            KeInitializeSpinLock(lock);
            nest(lock, other);
            ExpInterlockedPushEntrySList(head, entry);
            assert_eq!(ExpInterlockedPopEntrySList(head), entry);
            KeInitializeSpinLock(lock);
            nest(other, lock);
            ExFreePool(entry.cast());
            ExDeleteNPagedLookasideList(&raw mut list);
        }
    });
    assert_eq!(found, NOTHING);
}
