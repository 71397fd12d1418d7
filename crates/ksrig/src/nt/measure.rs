//! Real time spent in driver code: inside callbacks, without the rig functions they call.

use std::{arch::x86_64::_rdtsc, cell::Cell, collections::BTreeMap, time::Instant};

use super::{
    callback::{self, Callback, CallbackKind, Group},
    exports,
    machine::{Machine, lock},
    thread::Thread,
};
use crate::pe::stub::Caller;

/// The sums of one machine.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// All of it.
    pub nanoseconds: f64,
    /// Calls into the driver.
    pub calls: u64,
    /// Calls of exports from driver code.
    pub exports: u64,
    /// By kind of callback: (nanoseconds, calls).
    pub kinds: BTreeMap<&'static str, (f64, u64)>,
}

/// The sums in ticks of the time stamp counter.
pub(super) struct State {
    kinds: BTreeMap<&'static str, (u64, u64)>,
    exports: u64,
    /// When measuring began, on both clocks.
    start: (u64, Instant),
}

impl State {
    /// Nanoseconds of a tick.
    fn per_tick(&self) -> f64 {
        self.start.1.elapsed().as_nanos() as f64 / (ticks() - self.start.0).max(1) as f64
    }
}

impl Default for State {
    fn default() -> Self {
        Self { kinds: BTreeMap::new(), exports: 0, start: (ticks(), Instant::now()) }
    }
}

/// The time stamp counter: at least one tick in a nanosecond.
pub(super) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { _rdtsc() }
}

/// The clock of one thread: it runs while the thread is in driver code.
#[derive(Default)]
pub(super) struct Meter {
    /// Whether the clock runs.
    running: Cell<bool>,
    since: Cell<u64>,
    /// Ticks of the innermost callback so far.
    sum: Cell<u64>,
    /// How often the clock stopped.
    stops: Cell<u64>,
    /// Ticks in driver code, all together.
    total: Cell<u64>,
    /// Ticks in which the thread has waited for the baton.
    idle: Cell<u64>,
}

/// The processor time of the calling thread, in nanoseconds.
pub(super) fn processor_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the variable is local.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What [`Meter::enter`] found, for [`Meter::leave`].
pub(super) struct Outer {
    on: bool,
    name: &'static str,
    running: bool,
    sum: u64,
}

impl Meter {
    /// Into driver code by a callback.
    pub fn enter(&self, thread: &Thread, name: &'static str) -> Outer {
        let options = thread.machine().options();
        let on = options.measure || options.watch.timed;
        if !on {
            return Outer { on, name, running: false, sum: 0 };
        }
        let running = self.pause();
        let outer = Outer { on, name, running, sum: self.sum.replace(0) };
        self.resume(true);
        outer
    }

    /// The callback has returned.
    pub fn leave(&self, thread: &Thread, outer: Outer) {
        if !outer.on {
            return;
        }
        self.pause();
        let own = self.sum.replace(outer.sum);
        if thread.machine().options().measure {
            let mut state = lock(&thread.machine().measure);
            let kind = state.kinds.entry(outer.name).or_default();
            kind.0 += own;
            kind.1 += 1;
            // It stops for each export, and for the end of the callback.
            state.exports += self.stops.replace(0).saturating_sub(1);
        }
        self.resume(outer.running);
    }

    /// Into the rig: the clock stops. Gives whether it ran.
    pub fn pause(&self) -> bool {
        let running = self.running.replace(false);
        if running {
            let ticks = ticks() - self.since.get();
            self.sum.set(self.sum.get() + ticks);
            self.total.set(self.total.get() + ticks);
            self.stops.set(self.stops.get() + 1);
        }
        running
    }

    /// Into driver code by an exception that is handled there.
    pub fn restart(&self, thread: &Thread) {
        let options = thread.machine().options();
        if (options.measure || options.watch.timed) && !self.running.get() {
            self.resume(true);
        }
    }

    /// Back into driver code, if the thread was in it.
    pub fn resume(&self, running: bool) {
        if running {
            self.running.set(true);
            self.since.set(ticks());
        }
    }

    /// The thread has the baton, for which it has waited since then.
    pub fn waited_since(&self, then: u64) {
        self.idle.set(self.idle.get() + (ticks() - then));
    }

    /// Ticks in driver code and ticks of waiting so far. For a thread that is in the rig.
    pub fn ticks(&self) -> (u64, u64) {
        (self.total.get(), self.idle.get())
    }
}

/// So many ticks in nanoseconds.
pub(super) fn nanoseconds(ticks: u64) -> u64 {
    (ticks as f64 * lock(&Machine::current().measure).per_tick()) as u64
}

/// The sums so far; empty when measuring is off.
pub fn totals() -> Totals {
    let state = lock(&Machine::current().measure);
    let per_tick = state.per_tick();
    let kinds = state.kinds.iter().map(|(name, (ticks, calls))| (*name, (*ticks as f64 * per_tick, *calls)));
    let kinds: BTreeMap<_, _> = kinds.collect();
    Totals {
        nanoseconds: kinds.values().map(|kind| kind.0).sum(),
        calls: kinds.values().map(|kind| kind.1).sum(),
        exports: state.exports,
        kinds,
    }
}

/// Sets the sums to zero.
pub fn reset() {
    let mut state = lock(&Machine::current().measure);
    state.kinds.clear();
    state.exports = 0;
}

/// Nanoseconds that a call of an export adds to the time in driver code by what the rig does in between, its stub and its
/// clock: the mean of many calls of one that does nothing. Sets the sums to zero. The machine must measure.
///
/// # Errors
/// When there is no memory for the code that calls.
pub fn cost_of_an_export() -> std::io::Result<f64> {
    const TIMES: u32 = 100_000;
    unsafe extern "win64" fn nothing() {
        let _call = exports::enter(&NOTHING);
    }
    static NOTHING: exports::Export =
        exports::Export { name: "nothing", thunk: nothing as *const (), irql: 0..=2, rule: ("IrqlDdi", 0) };
    let caller = Caller::new(NOTHING.thunk as usize)?;
    let kind = CallbackKind::new("calibration", Group::Driver);
    reset();
    // SAFETY: this thread belongs to a machine, so it has its block; the thunk takes nothing.
    callback::call(Callback { kind, object: &"the rig" }, || unsafe { caller.call(TIMES) });
    let totals = totals();
    reset();
    Ok(totals.nanoseconds / f64::from(TIMES))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::nt::{
        MachineOptions,
        callback::{Callback, CallbackKind, Group, call},
        exports,
    };

    /// Time in driver code counts, time in rig functions called from it does not.
    #[test]
    fn rig_functions_do_not_count() {
        let machine = Machine::new(MachineOptions { measure: true, ..MachineOptions::default() });
        let kind = CallbackKind::new("Process", Group::Pin);
        call(Callback { kind, object: &"pin" }, || {
            std::thread::sleep(Duration::from_millis(5));
            exports::quiet(|| std::thread::sleep(Duration::from_millis(50)));
        });
        let totals = totals();
        assert_eq!(totals.calls, 1);
        assert!((4e6..45e6).contains(&totals.nanoseconds), "{totals:?}");
        assert_eq!(totals.exports, 1);
        machine.shutdown();
    }

    /// A call of an export costs something, and all of those that were made no more than the time that has passed.
    #[test]
    fn a_call_costs_something() {
        let machine = Machine::new(MachineOptions { measure: true, ..MachineOptions::default() });
        let start = Instant::now();
        let cost = cost_of_an_export().expect("memory");
        let most = start.elapsed().as_nanos() as f64 / 100_000.0;
        assert!(cost > 0.0 && cost <= most, "{cost} of {most}");
        machine.shutdown();
    }
}
