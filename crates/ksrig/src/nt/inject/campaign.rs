//! Failures all over a run: every call that can fail counts, wherever the driver makes it.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, atomic::Ordering},
};

use ks_sys::NTSTATUS;

use super::failures::{Failures, failures};
use crate::nt::{
    machine::{Machine, lock},
    pnp, trace,
};

/// Which calls fail.
#[derive(Clone, Debug)]
pub enum Plan {
    /// None: they are counted.
    Count,
    /// The first call of this place with this status.
    Site(u64),
    /// The first call of a place, with the first status, that is not among these.
    New(BTreeSet<u64>),
    /// The call of this number, from 1.
    Nth(u64),
    /// The call of this number and all that follow.
    From(u64),
}

/// A call that failed on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Its number.
    pub number: u64,
    /// The export or method.
    pub call: &'static str,
    /// What it returned.
    pub status: NTSTATUS,
    /// The place and the status as one number; 0 where the plan does not ask for it.
    pub site: u64,
    /// The driver's calls, innermost first.
    pub stack: Vec<String>,
}

impl fmt::Display for Struck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, call, status, stack, .. } = self;
        write!(f, "{call}, call {number}, with {:#010x}", *status as u32)?;
        stack.first().map_or(Ok(()), |frame| write!(f, ", at {frame}"))
    }
}

/// What came of a plan.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Calls that can fail.
    pub calls: u64,
    /// How many failed.
    pub failed: u64,
    /// The first that failed.
    pub struck: Option<Struck>,
}

#[derive(Default)]
struct State {
    /// None before the beginning and after the end.
    plan: Option<Plan>,
    tally: Tally,
}

/// Locked: a watchdog reads it that has no baton.
type Extension = Mutex<State>;

/// Begins to count, and to let calls fail.
pub fn begin(plan: Plan) {
    let machine = Machine::current();
    *lock(machine.extension::<Extension>()) = State { plan: Some(plan), tally: Tally::default() };
    machine.injects.store(true, Ordering::Relaxed);
}

/// Ends it: nothing fails any more. What has failed stays readable ([`struck`]): it may be the cause of what is yet to come.
pub fn end() -> Tally {
    let machine = Machine::current();
    machine.injects.store(false, Ordering::Relaxed);
    let mut state = lock(machine.extension::<Extension>());
    state.plan = None;
    state.tally.clone()
}

/// What has failed so far on a machine: for the report of its stop. Any OS thread may ask.
pub fn struck(machine: &Machine) -> Option<Struck> {
    // A fault may come while a call is being counted.
    machine.extension::<Extension>().try_lock().ok()?.tally.struck.clone()
}

/// The place of a call and what it returns, as a number that no load address and no seed changes.
fn site(call: &str, place: &[(&str, u32)], status: NTSTATUS) -> u64 {
    // FNV-1a.
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    let mut hash = call.as_bytes().iter().fold(0xCBF2_9CE4_8422_2325, step);
    for (image, offset) in place {
        hash = image.as_bytes().iter().fold(hash, step);
        hash = offset.to_le_bytes().iter().fold(hash, step);
    }
    status.to_le_bytes().iter().fold(hash, step)
}

/// The status with which the call fails, if it does.
pub(super) fn decide(call: &'static str) -> Option<NTSTATUS> {
    let Failures::With(statuses) = failures(call) else { return None };
    decide_with(call, statuses)
}

/// The same for a call whose failures depend on how it is made.
pub(super) fn decide_with(call: &'static str, statuses: &[NTSTATUS]) -> Option<NTSTATUS> {
    let first = *statuses.first()?;
    let mut state = lock(Machine::current().extension::<Extension>());
    let State { plan: Some(plan), tally } = &mut *state else { return None };
    tally.calls += 1;
    let number = tally.calls;
    let sites = || {
        let place = pnp::driver_place();
        statuses.iter().map(move |status| (*status, site(call, &place, *status)))
    };
    let (status, site) = match plan {
        Plan::Count => return None,
        _ if tally.struck.is_some() && !matches!(plan, Plan::From(_)) => return None,
        Plan::Site(wanted) => sites().find(|(_, site)| site == wanted)?,
        Plan::New(known) => sites().find(|(_, site)| !known.contains(site))?,
        Plan::Nth(wanted) => (number == *wanted).then_some((first, 0))?,
        Plan::From(wanted) => (number >= *wanted).then_some((first, 0))?,
    };
    tally.failed += 1;
    if tally.struck.is_none() {
        tally.struck = Some(Struck { number, call, status, site, stack: pnp::driver_stack() });
    }
    drop(state);
    trace::event("injected", call, format_args!("{:#010x}", status as u32));
    Some(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::MachineOptions;

    /// When it is over nothing fails any more, also if single calls are noted again; what failed can be read, by a thread
    /// too that is none of the machine's.
    #[test]
    fn what_failed_stays_readable() {
        let machine = Machine::new(MachineOptions::default());
        begin(Plan::From(2));
        let fails = || decide_with("pool", &[ks_sys::STATUS_INSUFFICIENT_RESOURCES]).is_some();
        assert_eq!([fails(), fails(), fails()], [false, true, true]);
        let tally = end();
        assert_eq!((tally.calls, tally.failed), (3, 2));
        super::super::arm("PinConnect", None);
        assert!(!fails());
        let read = std::thread::spawn(|| struck(machine)).join().expect("no panic");
        assert_eq!(read, tally.struck);
        assert_eq!(read.map(|struck| struck.number), Some(2));
        machine.shutdown();
    }
}
