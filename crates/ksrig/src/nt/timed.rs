//! How long a driver takes: the KsTimed rules. (`devtest/ks-kstimeddevicecallbacks.md` and its kin)
//!
//! Time is what passes on the virtual clock, while the driver waits, and the processor time of driver code, which a busy
//! machine does not stretch. A system call tells the processor time of a thread, the rig's functions included; so it is asked
//! for only once for each callback, and a second time only where the time stamp counter says that driver code ran for long.

use std::fmt::Display;

use super::{
    callback::{CallbackKind, Group},
    measure, sched,
    thread::Thread,
    violation,
};

const MILLISECOND: u64 = 1_000_000;
/// Device, filter and pin callbacks.
const CALLBACK: u64 = 500 * MILLISECOND;
/// ASSUMED: SetDeviceState has as long as other callbacks; its page says "within the required time".
const STATE: u64 = CALLBACK;
/// The processing mutex.
const PROCESSING: u64 = 100 * MILLISECOND;

/// A moment on all clocks, in nanoseconds where nothing else is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    thread: u32,
    waited: u64,
    /// Processor time of the thread.
    processor: u64,
    /// The time stamp counter, and of it: in driver code so far, waiting so far.
    ticks: u64,
    driver: u64,
    idle: u64,
}

/// Now, if such rules are watched.
pub fn now() -> Option<Moment> {
    let thread = Thread::try_current()?;
    let watched = thread.machine().options().watch.timed;
    watched.then(|| Moment { processor: measure::processor_time(), ..glance(thread) })
}

/// The same without the processor time.
fn glance(thread: &Thread) -> Moment {
    let (driver, idle) = thread.meter.ticks();
    let (ticks, waited) = (measure::ticks(), sched::now() * 100);
    Moment { thread: thread.id(), waited, processor: 0, ticks, driver, idle }
}

/// Processor time in driver code since then, at least: what the thread had less what was left for the rig's functions.
fn worked(since: Moment, now: Moment) -> u64 {
    let elsewhere = (now.driver - since.driver) + (now.idle - since.idle);
    let rig = measure::nanoseconds((now.ticks - since.ticks).saturating_sub(elsewhere));
    (measure::processor_time() - since.processor).saturating_sub(rig)
}

/// Says what is wrong when more than the limit has passed since then.
fn late(since: Moment, limit: u64) -> Option<String> {
    let now = glance(Thread::try_current()?);
    let waited = now.waited - since.waited;
    // The clock of the work is a thread's own: where another one ends it, only the waiting counts.
    let may_have_worked = if now.thread == since.thread { now.driver - since.driver } else { 0 };
    if waited + may_have_worked <= limit {
        return None;
    }
    let worked = if may_have_worked > 0 { worked(since, now) } else { 0 };
    let text = |time: u64| format!("{} ms", time / MILLISECOND);
    (waited + worked > limit).then(|| {
        format!("{}, of them {} waiting; allowed are {}", text(waited + worked), text(waited), text(limit))
    })
}

/// A callback of the driver's has returned that began then.
pub(super) fn callback_ends(kind: &CallbackKind, object: &dyn Display, since: Option<Moment>) {
    let Some(since) = since else { return };
    let (rule, code, limit) = match kind.group {
        Group::Driver => return,
        Group::Device => ("KsTimedDeviceCallbacks", 0x82002, CALLBACK),
        Group::Filter => ("KsTimedFilterCallbacks", 0x82003, CALLBACK),
        Group::Pin if kind.name == "PinSetDeviceState" => ("KsTimedPinSetDeviceState", 0x82001, STATE),
        Group::Pin => ("KsTimedPinCallbacks", 0x82004, CALLBACK),
    };
    if let Some(late) = late(since, limit) {
        violation::report(rule, code, object, format_args!("{} took {late}", kind.name));
    }
}

/// A processing mutex is given back that was taken then.
pub fn processing_ends(object: &dyn Display, since: Option<Moment>) {
    if let Some(late) = since.and_then(|since| late(since, PROCESSING)) {
        violation::report("KsTimedProcessingMutex", 0x82005, object, format_args!("it was held for {late}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{exports, flags::Flags, measure::processor_time};

    /// The rules that a callback of this kind breaks which does that.
    fn broken(kind: CallbackKind, deed: impl FnOnce()) -> Vec<(&'static str, u32)> {
        let found = violation::broken_by(kind, Flags { timed: true, ..Flags::NONE }, deed);
        found.iter().map(|found| (found.rule, found.code)).collect()
    }

    fn wait(milliseconds: u64) {
        exports::quiet(|| sched::sleep(milliseconds * 10_000));
    }

    fn work(milliseconds: u64) {
        let end = processor_time() + milliseconds * MILLISECOND;
        while processor_time() < end {}
    }

    /// A callback has 500 ms, of waiting and of work together; each group has its rule; what is not AVStream's has none,
    /// and the rig's own work does not count.
    #[test]
    fn callbacks_have_half_a_second() {
        let kind = |name, group| CallbackKind::new(name, group);
        let pin = kind("PinProcess", Group::Pin);
        let state = kind("PinSetDeviceState", Group::Pin);
        let filter = kind("FilterCreate", Group::Filter);
        let device = kind("DeviceStart", Group::Device);
        assert_eq!(broken(pin, || wait(501)), [("KsTimedPinCallbacks", 0x82004)]);
        assert_eq!(broken(state, || wait(501)), [("KsTimedPinSetDeviceState", 0x82001)]);
        assert_eq!(broken(filter, || wait(501)), [("KsTimedFilterCallbacks", 0x82003)]);
        assert_eq!(broken(device, || wait(501)), [("KsTimedDeviceCallbacks", 0x82002)]);
        assert_eq!(broken(kind("WorkItem", Group::Driver), || wait(501)), []);
        for kind in [pin, state, filter, device] {
            assert_eq!(broken(kind, || wait(499)), []);
        }
        assert_eq!(broken(pin, || (wait(490), exports::quiet(|| work(60))).1), []);
        assert_eq!(broken(pin, || (wait(490), work(20)).1), [("KsTimedPinCallbacks", 0x82004)]);
    }
}
