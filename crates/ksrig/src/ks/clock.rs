//! The clock of a pin (R7.1, R7.5, R7.6): its time, its state, and the marks at which clients want to be told.

use std::{
    cell::UnsafeCell,
    ptr::null_mut,
    sync::{
        Mutex, MutexGuard, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use ks_sys::{
    _KDPC, KDPC, KSCLOCK_DISPATCH,
    KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_INTERVAL_MARK,
    KSEVENT_TIME_INTERVAL, KSEVENT_TIME_MARK, KSPIN, KSPIN_FLAG_IMPLEMENT_CLOCK, KSRESOLUTION,
    KSSTATE::{self, KSSTATE_RUN, KSSTATE_STOP},
    KTIMER, LARGE_INTEGER, NTSTATUS, PKSEVENT_ENTRY, PKSEVENTDATA, PKSPIN, PVOID, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

use super::{
    call::{CLOCK_CANCEL_TIMER, CLOCK_CORRELATED_TIME, CLOCK_RESOLUTION, CLOCK_SET_TIMER, driver_call},
    event_entry,
    event_list::List,
    object,
};
use crate::nt::{
    KeCancelTimer, KeFlushQueuedDpcs, KeInitializeDpc, KeInitializeTimer, KeQueryPerformanceCounter,
    KeQueryTimeIncrement, KeSetTimer, time::FREQUENCY, trace,
};

/// The clock of one pin; the pin offers it if it has KSPIN_FLAG_IMPLEMENT_CLOCK.
pub struct Clock {
    /// The pin's public structure.
    pin: AtomicUsize,
    time: Mutex<Time>,
    events: List,
    /// Made with the first mark: most clocks never have one.
    kernel: OnceLock<Box<UnsafeCell<(KTIMER, KDPC)>>>,
}

// SAFETY: timer and DPC are the kernel's to guard; the rest is locked or atomic.
unsafe impl Sync for Clock {}
// SAFETY: as above.
unsafe impl Send for Clock {}

/// The default time base: the system's time, while the pin runs.
struct Time {
    state: KSSTATE::Type,
    /// The clock's time when it last stood, or was set.
    base: i64,
    /// The system's time of that moment.
    since: i64,
    /// Physical time, which nothing sets back, less the system's time of `since`.
    physical: i64,
}

/// What AVStream keeps behind the entry of a mark.
#[derive(Clone, Copy)]
pub struct Mark {
    /// The clock time at which it is due; past its end: `i64::MAX`.
    next: i64,
    /// From one due time to the next; 0 for a position mark.
    interval: i64,
    /// The first due time.
    first: i64,
}

impl Mark {
    /// The next due time, should the clock stand before the one that was meant.
    fn look_again(&mut self, time: i64) {
        if self.first > time {
            self.next = self.first;
        } else if self.interval > 0 && self.next > time.saturating_add(self.interval) {
            self.next = self.after(time);
        }
    }

    /// The first due time after this one.
    fn after(&self, time: i64) -> i64 {
        if self.interval == 0 {
            return i64::MAX;
        }
        let passed = time.saturating_sub(self.first) / self.interval + 1;
        self.first.saturating_add(self.interval.saturating_mul(passed))
    }
}

/// What a clock calls the system's time: the performance counter, in units of 100 ns (`ns-ks-kscorrelated_time.md`,
/// `nc-ks-pfnksclock_correlatedtime.md`).
fn system_time() -> i64 {
    const { assert!(FREQUENCY == 10_000_000, "the counter counts 100 ns") };
    // SAFETY: nobody asks for the frequency.
    let counter = unsafe { KeQueryPerformanceCounter(null_mut()) };
    // SAFETY: every view of the union is numbers of the same 64 bits.
    unsafe { counter.QuadPart }
}

impl Time {
    fn running(&self) -> bool {
        self.state == KSSTATE_RUN
    }

    fn presentation(&self, now: i64) -> i64 {
        if self.running() { self.base + (now - self.since) } else { self.base }
    }

    fn physical(&self, now: i64) -> i64 {
        if self.running() { self.physical + (now - self.since) } else { self.physical }
    }

    /// From now on the times are counted from these.
    fn rebase(&mut self, base: i64, now: i64) {
        self.physical = self.physical(now);
        self.base = base;
        self.since = now;
    }
}

impl Default for Clock {
    /// A clock in STOP at 0.
    fn default() -> Self {
        let now = system_time();
        Self {
            pin: AtomicUsize::new(0),
            time: Mutex::new(Time { state: KSSTATE_STOP, base: 0, since: now, physical: now }),
            events: List::default(),
            kernel: OnceLock::new(),
        }
    }
}

impl Clock {
    /// It is that of the pin with this public structure.
    pub fn belongs_to(&self, pin: *mut KSPIN) {
        self.pin.store(pin as usize, Ordering::Relaxed);
    }

    fn pin(&self) -> &'static object::Pin {
        object::Pin::of(self.pin.load(Ordering::Relaxed) as PKSPIN)
    }

    /// Whether the pin offers a clock (R7.1).
    pub fn offered(&self) -> bool {
        self.pin().flags() & KSPIN_FLAG_IMPLEMENT_CLOCK != 0
    }

    /// The marks that are enabled.
    pub fn events(&self) -> &List {
        &self.events
    }

    fn dispatch(&self) -> Option<&'static KSCLOCK_DISPATCH> {
        // SAFETY: the driver's table lives as long as the pin.
        self.pin().dispatch().and_then(|dispatch| unsafe { dispatch.Clock.as_ref() })
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.time.lock().expect("never poisoned")
    }

    /// Time and system time of one moment. The driver's clock is asked in every state: what it says counts, nothing is
    /// frozen for it. At most dispatch level.
    pub fn correlated(&self) -> (i64, i64) {
        match self.dispatch().and_then(|dispatch| dispatch.CorrelatedTime) {
            Some(correlated) => {
                let pin = self.pin();
                let mut system = 0;
                // SAFETY: the driver's callback with its own pin.
                let time = driver_call(CLOCK_CORRELATED_TIME, pin.name(), || unsafe {
                    correlated(pin.ks(), &raw mut system)
                });
                (time, system)
            }
            None => {
                let now = system_time();
                (self.lock().presentation(now), now)
            }
        }
    }

    /// Physical time and system time of one moment: the system time less what the clock stood still. ASSUMED: a
    /// driver's clock has no other physical time than its time. At most dispatch level.
    pub fn correlated_physical(&self) -> (i64, i64) {
        if self.dispatch().is_some_and(|dispatch| dispatch.CorrelatedTime.is_some()) {
            return self.correlated();
        }
        let now = system_time();
        (self.lock().physical(now), now)
    }

    /// Granularity and notification error. ASSUMED: a default clock counts 100 ns units and is late by no more than a
    /// clock tick.
    pub fn resolution(&self) -> KSRESOLUTION {
        let mut resolution = KSRESOLUTION { Granularity: 1, Error: i64::from(KeQueryTimeIncrement()) };
        if let Some(resolve) = self.dispatch().and_then(|dispatch| dispatch.Resolution) {
            let pin = self.pin();
            // SAFETY: the driver's callback with its own pin.
            driver_call(CLOCK_RESOLUTION, pin.name(), || unsafe {
                resolve(pin.ks(), &raw mut resolution);
            });
        }
        resolution
    }

    /// The state that it follows the pin in.
    pub fn state(&self) -> KSSTATE::Type {
        self.lock().state
    }

    /// The pin's minidriver has gone to a state: RUN starts the time, everything else stops it, STOP sets it back to 0
    /// (R7.6).
    pub fn follow(&self, state: KSSTATE::Type) {
        {
            let now = system_time();
            let mut time = self.lock();
            let base = if state == KSSTATE_STOP { 0 } else { time.presentation(now) };
            time.rebase(base, now);
            time.state = state;
        }
        if self.offered() {
            self.arm();
        }
    }

    /// Sets the time (R7.5); a driver's own clock takes no time, only the marks are looked at again.
    pub fn set(&self, to: i64) {
        if self.dispatch().is_none_or(|dispatch| dispatch.CorrelatedTime.is_none()) {
            let now = system_time();
            self.lock().rebase(to, now);
        }
        trace::event("clock", self.pin().name(), format_args!("is set to {to}"));
        self.arm();
    }

    /// Enables a mark. The interval of KSEVENT_CLOCK_INTERVAL_MARK must be positive: ASSUMED.
    ///
    /// # Safety
    /// An add handler's arguments for one of the two marks.
    pub unsafe fn add_mark(&self, data: PKSEVENTDATA, entry: PKSEVENT_ENTRY) -> NTSTATUS {
        // SAFETY: DataInput of the item vouches for the structure, ExtraEntryData for the mark.
        unsafe {
            let mark = if (*(*entry).EventItem).EventId == KSEVENT_CLOCK_INTERVAL_MARK as u32 {
                let wish = *data.cast::<KSEVENT_TIME_INTERVAL>();
                if wish.Interval <= 0 {
                    return STATUS_INVALID_PARAMETER;
                }
                Mark { next: wish.TimeBase, interval: wish.Interval, first: wish.TimeBase }
            } else {
                let wish = *data.cast::<KSEVENT_TIME_MARK>();
                Mark { next: wish.MarkTime, interval: 0, first: wish.MarkTime }
            };
            *event_entry::extra::<Mark>(entry) = mark;
            self.events.named().add(entry);
        }
        self.arm();
        STATUS_SUCCESS
    }

    fn kernel(&self) -> (*mut KTIMER, *mut KDPC) {
        let memory = self.kernel.get_or_init(|| {
            // SAFETY: all zero is a valid value of both, to be initialised.
            let memory: Box<UnsafeCell<(KTIMER, KDPC)>> = Box::new(unsafe { std::mem::zeroed() });
            // SAFETY: the box does not move; the clock stops the timer before it goes.
            unsafe {
                let kernel = memory.get();
                KeInitializeTimer(&raw mut (*kernel).0);
                let clock = std::ptr::from_ref(self).cast_mut();
                KeInitializeDpc(&raw mut (*kernel).1, Some(expired), clock.cast());
            }
            memory
        });
        // SAFETY: only addresses are taken.
        unsafe { (&raw mut (*memory.get()).0, &raw mut (*memory.get()).1) }
    }

    /// The time of the earliest mark. What lies ahead of a clock that was set back is due again.
    fn earliest(&self, time: i64) -> Option<i64> {
        let list = self.events.named();
        // SAFETY: the list is our own; all its entries are marks.
        unsafe {
            list.locked(|| {
                let entries = list.live();
                let due = |entry| {
                    let mark = event_entry::extra::<Mark>(entry);
                    mark.look_again(time);
                    mark.next
                };
                entries.into_iter().map(due).filter(|&next| next != i64::MAX).min()
            })
        }
    }

    /// Whether there are marks at all.
    fn is_marked(&self) -> bool {
        let list = self.events.named();
        // SAFETY: the list is our own.
        unsafe { list.locked(|| !list.live().is_empty()) }
    }

    /// Sets the timer for the earliest mark, or stops it. At most dispatch level.
    fn arm(&self) {
        if self.state() != KSSTATE_RUN || !self.is_marked() {
            self.cancel();
            return;
        }
        let time = self.correlated().0;
        let Some(next) = self.earliest(time) else { return self.cancel() };
        let (timer, dpc) = self.kernel();
        // 0 would be an absolute time.
        let due = LARGE_INTEGER { QuadPart: -(next.saturating_sub(time).max(1)) };
        match self.dispatch().and_then(|dispatch| dispatch.SetTimer) {
            Some(set) => {
                let pin = self.pin();
                // SAFETY: the driver's callback with its own pin; it behaves as KeSetTimerEx.
                driver_call(CLOCK_SET_TIMER, pin.name(), || unsafe { set(pin.ks(), timer, due, dpc) });
            }
            // SAFETY: timer and DPC are initialised.
            None => unsafe {
                KeSetTimer(timer, due, dpc);
            },
        }
    }

    fn cancel(&self) {
        if self.kernel.get().is_none() {
            return;
        }
        let (timer, _) = self.kernel();
        match self.dispatch().and_then(|dispatch| dispatch.CancelTimer) {
            Some(cancel) => {
                let pin = self.pin();
                // SAFETY: the driver's callback with its own pin; it behaves as KeCancelTimer.
                driver_call(CLOCK_CANCEL_TIMER, pin.name(), || unsafe { cancel(pin.ks(), timer) });
            }
            // SAFETY: the timer is initialised.
            None => unsafe {
                KeCancelTimer(timer);
            },
        }
    }

    /// Notifies the clients of the marks that are due, each once however often it was missed.
    fn expire(&self) {
        let time = self.correlated().0;
        let list = self.events.named();
        // SAFETY: the list is our own; all its entries are marks.
        unsafe {
            list.locked(|| {
                for entry in list.live() {
                    let mark = event_entry::extra::<Mark>(entry);
                    if mark.next > time {
                        continue;
                    }
                    mark.next = mark.after(time);
                    list.fire(entry, &[]);
                }
            });
        }
        self.arm();
    }

    /// The pin goes: no timer runs any more. Passive level.
    pub fn end(&self) {
        if self.kernel.get().is_some() {
            self.cancel();
            KeFlushQueuedDpcs();
        }
    }
}

/// The timer's DPC. DISPATCH_LEVEL.
unsafe extern "win64" fn expired(_: *mut _KDPC, clock: PVOID, _: PVOID, _: PVOID) {
    // SAFETY: the clock stops its timer, and waits for this, before it goes.
    unsafe { &*clock.cast::<Clock>() }.expire();
}

/// `KsPinSetPinClockTime`: sets the time of the pin's clock (R7.5). At most dispatch level.
///
/// # Safety
/// None beyond the pin, which is checked.
pub unsafe fn KsPinSetPinClockTime(Pin: PKSPIN, Time: i64) {
    object::Pin::of(Pin).clock().set(Time);
}
