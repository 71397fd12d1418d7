//! The timer of a source's pin, whose DPC has the pin processed.

use core::ptr::null_mut;

use ks_sys::{KDPC, KSPIN_LOCK, KTIMER, KsGenerateEvents, KsPinAttemptProcessing, PKSPIN, PVOID, ULONG};
use wdk_sys::{
    LARGE_INTEGER, PKDPC,
    ntddk::{
        KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeCancelTimer, KeEnterCriticalRegion,
        KeFlushQueuedDpcs, KeInitializeDpc, KeInitializeTimer, KeReleaseSpinLock,
        KeReleaseSpinLockFromDpcLevel, KeSetTimerEx,
    },
};

use crate::{controls, exercise, format, mutant};

/// In nonpaged memory, where it stays.
pub struct Timer {
    timer: KTIMER,
    dpc: KDPC,
    pin: PKSPIN,
    lock: KSPIN_LOCK,
    /// Frames that are to be made. Under the lock.
    due: u32,
}

impl Timer {
    /// Makes a timer that is not set.
    ///
    /// # Safety
    ///
    /// The place is the caller's; the pin lives as long.
    pub unsafe fn initialize(place: *mut Self, pin: PKSPIN) {
        // SAFETY: the caller's promise; a spin lock that nobody holds is zero.
        unsafe {
            place.write(Self { timer: KTIMER::default(), dpc: KDPC::default(), pin, lock: 0, due: 0 });
            KeInitializeTimer(&raw mut (*place).timer);
            KeInitializeDpc(&raw mut (*place).dpc, Some(tick), place.cast());
        }
    }

    /// Sets it. IRQL <= DISPATCH_LEVEL.
    ///
    /// # Safety
    ///
    /// An initialised timer.
    #[inline(never)]
    pub unsafe fn start(this: *mut Self) {
        let due = LARGE_INTEGER { QuadPart: -format::INTERVAL };
        // SAFETY: the caller's promise.
        unsafe {
            KeSetTimerEx(
                &raw mut (*this).timer,
                due,
                (format::INTERVAL / 10_000) as i32,
                &raw mut (*this).dpc,
            );
        }
    }

    /// Stops it; its DPC does not run any more. PASSIVE_LEVEL.
    ///
    /// # Safety
    ///
    /// An initialised timer.
    #[inline(never)]
    pub unsafe fn stop(this: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe {
            KeCancelTimer(&raw mut (*this).timer);
            KeFlushQueuedDpcs();
        }
    }

    /// Whether a frame is due, which is then no more. IRQL <= DISPATCH_LEVEL.
    ///
    /// # Safety
    ///
    /// An initialised timer.
    #[inline(never)]
    pub unsafe fn take_due(this: *mut Self) -> bool {
        // SAFETY: the caller's promise; the count is under the lock.
        unsafe {
            let irql = KeAcquireSpinLockRaiseToDpc(&raw mut (*this).lock);
            let due = (*this).due;
            (*this).due = due.saturating_sub(1);
            KeReleaseSpinLock(&raw mut (*this).lock, irql);
            due > 0
        }
    }
}

unsafe extern "C" fn tick(_dpc: PKDPC, this: PVOID, _: PVOID, _: PVOID) {
    let this = this.cast::<Timer>();
    const AT_MOST: u32 = 4;
    // SAFETY: the timer outlives its DPC (`stop`), and so does the pin.
    unsafe {
        KeAcquireSpinLockAtDpcLevel(&raw mut (*this).lock);
        (*this).due = ((*this).due + 1).min(AT_MOST);
        KeReleaseSpinLockFromDpcLevel(&raw mut (*this).lock);
        let pin = (*this).pin;
        exercise::at_dispatch(pin);
        if mutant::once("DpcApcCount") {
            KeEnterCriticalRegion();
        }
        KsPinAttemptProcessing(if mutant::once("KsPinAttemptProcessing") { null_mut() } else { pin }, 0);
        KsGenerateEvents(
            pin.cast(),
            &raw const controls::EVENTS,
            controls::TICK as ULONG,
            0,
            null_mut(),
            None,
            null_mut(),
        );
    }
}
