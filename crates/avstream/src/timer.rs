//! A timer that makes a pin process.

use core::{
    cell::UnsafeCell,
    mem::zeroed,
    ptr::NonNull,
    sync::atomic::{AtomicI64, Ordering},
};

use crate::{
    bag::Ends,
    callback::callbacks,
    context::Control,
    error::{Error, Result},
    ffi::{
        KDPC, KSPIN, KTIMER, KeCancelTimer, KeFlushQueuedDpcs, KeInitializeDpc, KeInitializeTimer,
        KeSetTimer, KsPinAttemptProcessing, PKDPC, PVOID,
    },
    pin::Pin,
    raw::large,
    shared::Shared,
    spin_lock::SpinLock,
    time,
};

/// Attempts to process a pin at equal intervals, and counts them. It does not drift: a tick that comes late
/// does not delay those after it, and one that is missed is counted with the next.
pub struct PinTimer {
    inner: Shared<Inner>,
}

struct Inner {
    pin: NonNull<KSPIN>,
    timer: UnsafeCell<KTIMER>,
    dpc: UnsafeCell<KDPC>,
    schedule: SpinLock<Schedule>,
    /// Between ticks, in 100 ns; 0 while it does not tick. Changes with the lock only.
    interval: AtomicI64,
}

struct Schedule {
    /// May be armed.
    enabled: bool,
    /// The pin has gone: never armed again.
    ended: bool,
    /// The next tick.
    due: i64,
    /// The last one.
    last: i64,
    /// Those that nobody has taken.
    ticks: u32,
}

/// Ticks of a [`PinTimer`].
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    /// How many there are: at least one.
    pub count: u32,
    /// When the last of them was due, on the scale of [`time::now`].
    pub last: i64,
}

// SAFETY: timer and DPC are set and cancelled with the lock held; the kernel synchronizes the rest.
unsafe impl Sync for Inner {}
// SAFETY: they belong to no thread. The pin is used while armed, which ends before the pin does.
unsafe impl Send for Inner {}

impl PinTimer {
    /// A timer for a pin, not enabled.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new(pin: &Pin<'_, Control>) -> Result<Self> {
        let raw = NonNull::new(pin.as_ptr()).ok_or(Error::INVALID_PARAMETER)?;
        let schedule = Schedule { enabled: false, ended: false, due: 0, last: 0, ticks: 0 };
        let inner = Shared::new(Inner {
            pin: raw,
            // SAFETY: numbers and null pointers; the kernel fills it in below.
            timer: UnsafeCell::new(unsafe { zeroed() }),
            // SAFETY: as above.
            dpc: UnsafeCell::new(unsafe { zeroed() }),
            schedule: SpinLock::new(schedule),
            interval: AtomicI64::new(0),
        })?;
        let context: *const Inner = &raw const *inner;
        // SAFETY: non-paged memory that stays where it is (`nf-wdm-keinitializetimer.md`).
        unsafe { KeInitializeTimer(inner.timer.get()) };
        // SAFETY: as above; no DPC is running or queued when the memory goes (`Ends`).
        unsafe { KeInitializeDpc(inner.dpc.get(), Some(tick), context.cast_mut().cast()) };
        pin.ends(inner.clone())?;
        Ok(Self { inner })
    }

    /// Lets [`arm`](Self::arm) work. IRQL ≤ DISPATCH_LEVEL.
    pub fn enable(&self) {
        let mut schedule = self.inner.schedule.lock();
        schedule.enabled = !schedule.ended;
    }

    /// Starts ticking, the first time at once, unless it is not enabled. If it ticks already the next tick comes
    /// `interval` after the last. `interval` is in 100 ns. IRQL ≤ DISPATCH_LEVEL.
    pub fn arm(&self, interval: i64) {
        let interval = interval.max(1);
        // Mostly so, and then without the lock.
        if self.inner.interval() == interval {
            return;
        }
        let mut schedule = self.inner.schedule.lock();
        if !schedule.enabled {
            return;
        }
        let (now, before) = (time::now(), self.inner.interval());
        schedule.due = if before > 0 {
            // Not in the past: what was no tick by then was not missed.
            schedule.due.wrapping_sub(before).wrapping_add(interval).max(now)
        } else {
            now
        };
        self.inner.interval.store(interval, Ordering::Release);
        self.inner.set(schedule.due.wrapping_sub(now));
    }

    /// Stops ticking, and forgets the ticks that were counted. IRQL ≤ DISPATCH_LEVEL.
    pub fn disarm(&self) {
        let mut schedule = self.inner.schedule.lock();
        schedule.ticks = 0;
        self.inner.stop();
    }

    /// Stops ticking for good, until it is enabled again, and waits for a tick that is going on. The ticks that were
    /// counted are still there. PASSIVE_LEVEL.
    pub fn disable(&self) {
        self.inner.disable(false);
    }

    /// How many ticks there were since [`take_ticks`](Self::take_ticks) was called last. IRQL ≤ DISPATCH_LEVEL.
    #[must_use]
    pub fn ticks(&self) -> u32 {
        self.inner.schedule.lock().ticks
    }

    /// The ticks since the last call, if there are any. IRQL ≤ DISPATCH_LEVEL.
    #[must_use]
    pub fn take_ticks(&self) -> Option<Ticks> {
        let mut schedule = self.inner.schedule.lock();
        let count = core::mem::take(&mut schedule.ticks);
        (count > 0).then_some(Ticks { count, last: schedule.last })
    }
}

impl Inner {
    /// Sets the timer to go off after a time. The lock is held.
    fn set(&self, after: i64) {
        // Negative: from now on.
        let due = large(after.max(1).wrapping_neg());
        // SAFETY: both are initialized and stay where they are (`nf-wdm-kesettimer.md`).
        unsafe { KeSetTimer(self.timer.get(), due, self.dpc.get()) };
    }

    fn interval(&self) -> i64 {
        self.interval.load(Ordering::Acquire)
    }

    /// The lock is held.
    fn stop(&self) {
        self.interval.store(0, Ordering::Release);
        // SAFETY: an initialized timer (`nf-wdm-kecanceltimer.md`).
        unsafe { KeCancelTimer(self.timer.get()) };
    }

    fn disable(&self, forever: bool) {
        {
            let mut schedule = self.schedule.lock();
            schedule.enabled = false;
            schedule.ended |= forever;
            self.stop();
        }
        // SAFETY: PASSIVE_LEVEL (`nf-wdm-keflushqueueddpcs.md`).
        unsafe { KeFlushQueuedDpcs() };
    }

    /// Counts the ticks that have come, and sets the timer for the next; `false` if it has been stopped.
    fn advance(&self) -> bool {
        let mut schedule = self.schedule.lock();
        let (now, interval) = (time::now(), self.interval());
        if interval == 0 {
            return false;
        }
        let late = now.wrapping_sub(schedule.due).max(0);
        let missed = late.checked_div(interval).unwrap_or(0);
        let ticks = u32::try_from(missed.saturating_add(1)).unwrap_or(u32::MAX);
        schedule.ticks = schedule.ticks.saturating_add(ticks);
        schedule.last = schedule.due.wrapping_add(missed.wrapping_mul(interval));
        schedule.due = schedule.last.wrapping_add(interval);
        self.set(schedule.due.wrapping_sub(now));
        true
    }
}

impl Ends for Inner {
    fn end(&self) {
        self.disable(true);
    }
}

callbacks! {
    /// The timer has gone off: DISPATCH_LEVEL (`nc-wdm-kdeferred_routine.md`).
    fn tick(_dpc: PKDPC, context: PVOID, _argument1: PVOID, _argument2: PVOID) {
        // SAFETY: `PinTimer::new` has put it there; it waits for this before it goes.
        let Some(inner) = (unsafe { context.cast::<Inner>().as_ref() }) else { return };
        if inner.advance() {
            // SAFETY: whoever ends the pin waits for this (`Ends`).
            unsafe { KsPinAttemptProcessing(inner.pin.as_ptr(), 1) };
        }
    }
}
