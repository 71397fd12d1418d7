//! Timers.

use std::{collections::BTreeMap, ops::Range, ptr::null_mut};

use ks_sys::*;

use super::{
    dispatcher,
    dpc::KeInsertQueueDpc,
    machine::{Machine, lock},
    sched::{self, Alarm},
    wait::due,
};

/// The timers that are set, by their addresses.
#[derive(Default)]
pub(super) struct Timers {
    set: BTreeMap<usize, Armed>,
}

struct Armed {
    alarm: (u64, u64),
    /// Its DPC's address, and that of the DPC's routine; 0 without a DPC.
    dpc: (usize, usize),
}

/// Whether a timer in this range of memory is set.
pub(super) fn any_in(range: &Range<usize>) -> bool {
    lock(&Machine::current().timers).set.range(range.clone()).next().is_some()
}

/// Whether a timer is set whose DPC lies in this range of memory.
pub(super) fn any_dpc_in(range: &Range<usize>) -> bool {
    lock(&Machine::current().timers).set.values().any(|timer| range.contains(&timer.dpc.0))
}

/// Whether a timer is set whose DPC has a routine in this range of memory.
pub(super) fn any_routine_in(range: &Range<usize>) -> bool {
    lock(&Machine::current().timers).set.values().any(|timer| range.contains(&timer.dpc.1))
}

/// The timer's time has come.
pub(super) unsafe fn expire(address: usize) {
    let machine = Machine::current();
    lock(&machine.timers).set.remove(&address);
    let timer = address as PKTIMER;
    // SAFETY: a timer that is set is alive, as its owner vouches by setting it.
    unsafe {
        let period = u64::from((*timer).Period) * 10_000;
        if period != 0 {
            // From the due time, so that a periodic timer does not drift.
            arm(address, (*timer).DueTime.QuadPart + period);
        }
        (*timer).Header.SignalState = 1;
        dispatcher::signaled(address);
        if !(*timer).Dpc.is_null() {
            KeInsertQueueDpc((*timer).Dpc, null_mut(), null_mut());
        }
    }
}

unsafe fn arm(address: usize, time: u64) {
    let machine = Machine::current();
    // SAFETY: the caller's timer, and its DPC, which lives as long as the timer is set.
    let dpc = unsafe {
        (*(address as PKTIMER)).DueTime.QuadPart = time;
        let dpc = (*(address as PKTIMER)).Dpc;
        let routine = dpc.as_ref().and_then(|dpc| dpc.DeferredRoutine);
        (dpc as usize, routine.map_or(0, |routine| routine as usize))
    };
    let alarm = machine.scheduler.set_alarm(time, Alarm::Timer(address));
    lock(&machine.timers).set.insert(address, Armed { alarm, dpc });
}

/// Initialises a notification timer.
pub unsafe fn KeInitializeTimer(Timer: PKTIMER) {
    // SAFETY: the caller's memory.
    unsafe { KeInitializeTimerEx(Timer, _TIMER_TYPE::NotificationTimer) };
}

/// Initialises a timer.
pub unsafe fn KeInitializeTimerEx(Timer: PKTIMER, Type: TIMER_TYPE) {
    // SAFETY: the caller's memory has the size of a timer.
    unsafe {
        Timer.write(KTIMER::default());
        dispatcher::initialize_timer_header(Timer as usize, Type == _TIMER_TYPE::SynchronizationTimer);
    }
}

/// Starts a one-shot timer; TRUE when it was running.
pub unsafe fn KeSetTimer(Timer: PKTIMER, DueTime: LARGE_INTEGER, Dpc: PKDPC) -> BOOLEAN {
    // SAFETY: the caller's timer.
    unsafe { KeSetTimerEx(Timer, DueTime, 0, Dpc) }
}

/// Starts a timer that is periodic if Period (ms) is not 0; TRUE when it was running. A due time that has
/// passed expires at once. IRQL <= DISPATCH_LEVEL. (`nf-wdm-kesettimerex.md`)
pub unsafe fn KeSetTimerEx(Timer: PKTIMER, DueTime: LARGE_INTEGER, Period: LONG, Dpc: PKDPC) -> BOOLEAN {
    // SAFETY: the caller's timer.
    unsafe {
        let was_set = KeCancelTimer(Timer);
        (*Timer).Header.SignalState = 0;
        (*Timer).Dpc = Dpc;
        (*Timer).Period = Period.max(0) as ULONG;
        let time = due(DueTime.QuadPart);
        arm(Timer as usize, time);
        if time <= sched::now() {
            KeCancelTimer(Timer);
            expire(Timer as usize);
        }
        was_set
    }
}

/// Stops a timer; TRUE when it was running.
pub unsafe fn KeCancelTimer(Timer: PKTIMER) -> BOOLEAN {
    let machine = Machine::current();
    let Some(timer) = lock(&machine.timers).set.remove(&(Timer as usize)) else { return 0 };
    machine.scheduler.cancel_alarm(timer.alarm);
    1
}

/// The state of a timer.
pub unsafe fn KeReadStateTimer(Timer: PKTIMER) -> BOOLEAN {
    // SAFETY: the caller's timer.
    u8::from(unsafe { (*Timer).Header.SignalState } != 0)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::nt::{KeInitializeDpc, MachineOptions, thread::Thread};

    #[derive(Default)]
    struct Log(RefCell<Vec<(u64, u8)>>);

    unsafe extern "win64" fn routine(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
        let entry = (sched::now(), Thread::current().irql());
        Machine::current().extension::<Log>().0.borrow_mut().push(entry);
    }

    /// A one-shot and a periodic timer: their DPCs run at DISPATCH_LEVEL exactly at their times; a cancelled
    /// timer runs no more.
    #[test]
    fn timers_run_dpcs() {
        let machine = Machine::new(MachineOptions::default());
        let mut timer = Box::new(KTIMER::default());
        let mut dpc = Box::new(KDPC::default());
        let (timer, dpc) = (&raw mut *timer, &raw mut *dpc);
        // SAFETY: timer and DPC are alive.
        unsafe {
            KeInitializeTimerEx(timer, _TIMER_TYPE::SynchronizationTimer);
            KeInitializeDpc(dpc, Some(routine), null_mut());
            assert_eq!(KeSetTimer(timer, LARGE_INTEGER { QuadPart: -1000 }, dpc), 0);
            assert_eq!(KeSetTimer(timer, LARGE_INTEGER { QuadPart: -2000 }, dpc), 1);
            sched::sleep(5000);
            assert_eq!(KeReadStateTimer(timer), 1);
            KeSetTimerEx(timer, LARGE_INTEGER { QuadPart: -10_000 }, 2, dpc);
            sched::sleep(60_000);
            assert_eq!(KeCancelTimer(timer), 1);
            assert_eq!(KeCancelTimer(timer), 0);
            sched::sleep(60_000);
        }
        let expected = [2000, 15_000, 35_000, 55_000].map(|time| (time, 2));
        assert_eq!(*machine.extension::<Log>().0.borrow(), expected);
        machine.shutdown();
    }
}
