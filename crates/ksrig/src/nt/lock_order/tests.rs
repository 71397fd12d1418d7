//! Orders of locks, with a wrong one and a right one for each rule.

use std::ptr::null_mut;

use ks_sys::*;

use crate::nt::{
    ExAcquireFastMutex, ExAcquireFastMutexUnsafe, ExInitializeFastMutex, ExInterlockedRemoveHeadList,
    ExReleaseFastMutex, ExReleaseFastMutexUnsafe, ExTryToAcquireFastMutex, InitializeListHead,
    KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeInitializeMutex, KeInitializeSpinLock,
    KeLowerIrql, KeReleaseMutex, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, KeWaitForSingleObject,
    KfRaiseIrql, Machine, MachineOptions,
    callback::{CallbackKind, Group},
    fault::child::{self, Case},
    flags::Flags,
    pool::{ExFreePool, driver_pool_with_tag},
    queued_lock::{KeAcquireInStackQueuedSpinLock, KeReleaseInStackQueuedSpinLock},
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

/// The codes of what is done to a spin lock in pool memory.
fn on_pool(deed: impl FnOnce(PKSPIN_LOCK)) -> Vec<u32> {
    codes(|| {
        // SAFETY: the memory is freed once.
        unsafe {
            let lock: PKSPIN_LOCK = driver_pool_with_tag(0, 16, u32::from_le_bytes(*b"Test")).cast();
            KeInitializeSpinLock(lock);
            deed(lock);
            ExFreePool(lock.cast());
        }
    })
}

fn ordinary(lock: PKSPIN_LOCK) {
    // SAFETY: the tests' lock.
    unsafe { KeReleaseSpinLock(lock, KeAcquireSpinLockRaiseToDpc(lock)) };
}

fn queued(lock: PKSPIN_LOCK) {
    let mut handle = KLOCK_QUEUE_HANDLE::default();
    // SAFETY: the tests' lock, and a local handle.
    unsafe {
        KeAcquireInStackQueuedSpinLock(lock, &raw mut handle);
        KeReleaseInStackQueuedSpinLock(&raw mut handle);
    }
}

/// A spin lock is an ordinary or a queued one for as long as it lives, whatever its memory was before; the kernel's lists
/// take it as it is. What lies on a stack may be another lock each time.
#[test]
fn manners() {
    let twice = |first: fn(PKSPIN_LOCK), second: fn(PKSPIN_LOCK)| {
        on_pool(|lock| {
            first(lock);
            second(lock);
        })
    };
    assert_eq!(twice(ordinary, ordinary), NOTHING);
    assert_eq!(twice(queued, queued), NOTHING);
    assert_eq!(twice(ordinary, queued), [0x1008]);
    assert_eq!(twice(queued, ordinary), [0x1008]);
    let again = |lock| {
        // SAFETY: the test's lock, which nobody holds.
        unsafe { KeInitializeSpinLock(lock) };
        ordinary(lock);
    };
    assert_eq!(twice(queued, again), NOTHING);
    let list = |lock| {
        let mut head = LIST_ENTRY::default();
        let head = &raw mut head;
        // SAFETY: a local list.
        unsafe {
            InitializeListHead(head);
            assert!(ExInterlockedRemoveHeadList(head, lock).is_null());
        }
    };
    assert_eq!(twice(queued, list), NOTHING);
    let on_stack = || {
        let mut lock = 0;
        ordinary(&raw mut lock);
        queued(&raw mut lock);
    };
    assert_eq!(codes(on_stack), NOTHING);
}

/// A lock is given back by the function that belongs to the one that took it.
#[test]
fn releases_match() {
    let crossed = |lock: PKSPIN_LOCK| {
        let mut handle = KLOCK_QUEUE_HANDLE::default();
        // SAFETY: the test's lock, and a local handle.
        unsafe {
            KeAcquireInStackQueuedSpinLock(lock, &raw mut handle);
            KeReleaseSpinLock(lock, handle.OldIrql);
        }
    };
    assert_eq!(on_pool(crossed), [0x1009]);
    let fast = |deed: unsafe fn(PFAST_MUTEX)| {
        codes(|| {
            let mut mutex = FAST_MUTEX::default();
            // SAFETY: a local mutex.
            unsafe {
                ExInitializeFastMutex(&raw mut mutex);
                deed(&raw mut mutex);
            }
        })
    };
    // SAFETY: the mutex is the caller's.
    let right: unsafe fn(PFAST_MUTEX) = |mutex| unsafe {
        ExAcquireFastMutex(mutex);
        ExReleaseFastMutex(mutex);
        let old = KfRaiseIrql(1);
        ExAcquireFastMutexUnsafe(mutex);
        ExReleaseFastMutexUnsafe(mutex);
        KeLowerIrql(old);
    };
    assert_eq!(fast(right), NOTHING);
    // SAFETY: as above.
    let wrong: unsafe fn(PFAST_MUTEX) = |mutex| unsafe {
        ExAcquireFastMutex(mutex);
        ExReleaseFastMutexUnsafe(mutex);
        KeLowerIrql(0);
    };
    assert_eq!(fast(wrong), [0x1009]);
}

const WATCH: Flags = Flags { deadlock: true, ..Flags::NONE };
const STOP: &str = "STOP: DeadlockDetection (bug check 0xC4, 0x1002)|not initialised";

/// Takes and gives back a spin lock with this in its word.
fn made_of(word: KSPIN_LOCK) {
    let mut lock = word;
    ordinary(&raw mut lock);
}

/// What a fast mutex is made of, and who takes it.
fn fast_made_of(count: LONG, acquire: unsafe fn(PFAST_MUTEX)) {
    let mut mutex = FAST_MUTEX { Count: count, ..FAST_MUTEX::default() };
    // SAFETY: plain data.
    unsafe { acquire(&raw mut mutex) };
}

unsafe fn try_to_acquire(mutex: PFAST_MUTEX) {
    // SAFETY: the caller's mutex.
    unsafe { ExTryToAcquireFastMutex(mutex) };
}

/// Another thread holds it: this one waits, or goes without.
fn held_elsewhere() {
    let lock = Box::into_raw(Box::new(0_u64)) as usize;
    let machine = Machine::current();
    let other = machine.spawn_kernel("other", move || {
        // SAFETY: the test's lock.
        unsafe {
            let old = KeAcquireSpinLockRaiseToDpc(lock as PKSPIN_LOCK);
            crate::nt::sched::switch_point();
            KeReleaseSpinLock(lock as PKSPIN_LOCK, old);
        }
    });
    (0..10).for_each(|_| {
        ordinary(lock as PKSPIN_LOCK);
        crate::nt::sched::switch_point();
    });
    other.join();
}

const CASES: &[Case] = &[
    ("zero", WATCH, || made_of(0), ""),
    ("held elsewhere", WATCH, held_elsewhere, ""),
    ("pool as it comes", WATCH, || made_of(0xA5A5_A5A5_A5A5_A5A5), STOP),
    ("a number like a thread's", WATCH, || made_of(1), STOP),
    ("a fast mutex", WATCH, || fast_made_of(1, ExAcquireFastMutex), ""),
    ("a fast mutex of zeros", WATCH, || fast_made_of(0, ExAcquireFastMutex), STOP),
    ("tried", WATCH, || fast_made_of(-5, try_to_acquire), STOP),
];

#[test]
#[ignore = "ends its process"]
fn deed() {
    child::run(CASES);
}

/// A lock that is acquired has been initialised: what is not free is held by somebody.
#[test]
fn uninitialized() {
    child::check("nt::lock_order::tests::deed", CASES);
}
