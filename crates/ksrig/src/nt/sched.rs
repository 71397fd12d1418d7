//! The baton: only the thread that holds it runs. Time is virtual and passes only when no thread can run.
//!
//! On a machine whose threads run free ([`MachineOptions::free`](super::MachineOptions)) that is so for what the rig plays;
//! driver code runs without it.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt::{Display, Write as _},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use self::explore::Exploration;
pub use self::{
    explore::{Choice, Explored, Plan, mix},
    exploring::{explore, explored, explored_point, explored_so_far, stalled},
    free::{into_driver, out_of_driver},
};
use super::{
    bugcheck, exports,
    machine::{Machine, lock},
    measure,
    thread::{Process, Thread},
    timer,
};

/// Why a blocked thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// [`unpark`] was called.
    Signaled,
    /// The deadline has come.
    TimedOut,
}

/// What happens at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The deadline of a blocked thread.
    Thread(u32),
    /// A kernel timer, by address.
    Timer(usize),
}

mod explore;
mod exploring;
mod free;
pub mod step;

enum Status {
    Ready,
    Running,
    /// In driver code, without the baton.
    Free,
    Blocked {
        reason: String,
        alarm: Option<(u64, u64)>,
    },
    Done,
}

struct Slot {
    thread: &'static Thread,
    status: Status,
    wake: Wake,
    service: bool,
    joiners: Vec<u32>,
}

#[derive(Default)]
struct State {
    slots: Vec<Slot>,
    /// Threads that could run, in the order in which they became ready.
    ready: Vec<u32>,
    /// How many run without the baton.
    free: usize,
    /// How many stand still in the middle of driver code.
    stalled: usize,
    /// How often a timer has been due although a thread was in driver code.
    early: u32,
    alarms: BTreeMap<(u64, u64), Alarm>,
    sequence: u64,
    ending: bool,
    exploration: Option<Exploration>,
    /// The choices of the last one, when it is over.
    explored: Vec<Choice>,
}

impl State {
    /// A thread that could run.
    fn line_up(&mut self, thread: &Thread) {
        self.slots[thread.id() as usize].status = Status::Ready;
        self.ready.push(thread.id());
    }

    /// The thread at this place among those that could run is the one that does.
    fn take(&mut self, index: usize) -> &'static Thread {
        let slot = &mut self.slots[self.ready.remove(index) as usize];
        slot.status = Status::Running;
        slot.thread
    }
}

/// The scheduler of one machine.
pub(super) struct Scheduler {
    /// The thread that runs.
    baton: AtomicU32,
    now: AtomicU64,
    random: Cell<u64>,
    preemption: u32,
    /// The time by which all has to be over.
    limit: AtomicU64,
    /// Whether there is an [`Exploration`].
    explores: AtomicBool,
    /// Whether something is done where threads enter driver code and where they leave it: where schedules are explored, and
    /// on a machine whose threads run free.
    departs: AtomicBool,
    /// How often threads that run free have entered driver code.
    entered: AtomicU64,
    state: Mutex<State>,
}

const NOBODY: u32 = u32::MAX;

/// Who goes on when the thread that has the baton does not.
enum Next {
    Thread(&'static Thread),
    /// Whoever comes first out of driver code: the baton lies there for it.
    Comer,
    /// Nothing will ever happen again.
    Nobody,
}

impl Scheduler {
    pub fn new(seed: u64, preemption: u32, free: bool) -> Self {
        Self {
            baton: AtomicU32::new(NOBODY),
            now: AtomicU64::new(0),
            random: Cell::new(seed),
            preemption,
            limit: AtomicU64::new(u64::MAX),
            explores: AtomicBool::new(false),
            departs: AtomicBool::new(free),
            entered: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// The next pseudo-random number. Only the thread with the baton asks.
    fn random(&self) -> u64 {
        let mut state = self.random.get();
        let number = mix(&mut state);
        self.random.set(state);
        number
    }

    pub fn add(&self, machine: &'static Machine, name: &str, process: Process) -> &'static Thread {
        let mut state = lock(&self.state);
        let id = u32::try_from(state.slots.len()).expect("fewer threads than that");
        let thread = Thread::new(machine, id, name, process);
        let slot =
            Slot { thread, status: Status::Ready, wake: Wake::Signaled, service: false, joiners: Vec::new() };
        state.slots.push(slot);
        state.ready.push(id);
        thread
    }

    /// Gives the baton to the first thread, which is the caller.
    pub fn start(&self) {
        let mut state = lock(&self.state);
        state.ready.clear();
        state.slots[0].status = Status::Running;
        self.baton.store(0, Ordering::Release);
    }

    pub fn set_service(&self, thread: &Thread) {
        lock(&self.state).slots[thread.id() as usize].service = true;
    }

    /// Parks the OS thread until it has the baton.
    pub fn wait_for_baton(&self, thread: &Thread) {
        if self.baton.load(Ordering::Acquire) != thread.id() {
            let since = measure::ticks();
            while self.baton.load(Ordering::Acquire) != thread.id() {
                std::thread::park();
            }
            thread.meter.waited_since(since);
        }
        Machine::current().check_stopped();
    }

    /// Takes the next thread to run from those that can, by the seed.
    fn pick(&self, state: &mut State) -> Option<&'static Thread> {
        let count = state.ready.len();
        if count == 0 {
            return None;
        }
        let index = match &mut state.exploration {
            _ if count == 1 => 0,
            Some(exploration) => exploration.choose(None, &state.ready),
            None => (self.random() % count as u64) as usize,
        };
        Some(state.take(index))
    }

    fn hand_over(&self, next: &'static Thread) {
        self.baton.store(next.id(), Ordering::Release);
        next.unpark();
    }

    fn make_ready(state: &mut State, id: u32, wake: Wake) {
        let slot = &mut state.slots[id as usize];
        if let Status::Blocked { alarm, .. } = &slot.status {
            if let Some(key) = alarm {
                state.alarms.remove(key);
            }
            slot.status = Status::Ready;
            slot.wake = wake;
            state.ready.push(id);
        }
    }

    /// The next thread to run; lets time pass while there is none.
    fn next(&self) -> Next {
        loop {
            let mut state = lock(&self.state);
            if let Some(thread) = self.pick(&mut state) {
                return Next::Thread(thread);
            }
            if state.free > 0 {
                self.baton.store(NOBODY, Ordering::Release);
                return Next::Comer;
            }
            if !self.let_time_pass(state) {
                return Next::Nobody;
            }
        }
    }

    /// Time passes to the next alarm, and whatever is due then happens; false when there is none.
    fn let_time_pass<'a>(&'a self, mut state: MutexGuard<'a, State>) -> bool {
        let Some((&(time, _), _)) = state.alarms.first_key_value() else { return false };
        self.now.fetch_max(time, Ordering::Relaxed);
        if time > self.limit.load(Ordering::Relaxed) {
            drop(state);
            self.endless();
        }
        while let Some(entry) = state.alarms.first_entry()
            && entry.key().0 <= time
        {
            match entry.remove() {
                Alarm::Thread(id) => Self::make_ready(&mut state, id, Wake::TimedOut),
                Alarm::Timer(address) => {
                    drop(state);
                    // SAFETY: the timer was set and neither cancelled nor freed: its owner vouches for it.
                    unsafe { timer::expire(address) };
                    state = lock(&self.state);
                }
            }
        }
        true
    }

    fn block(&self, me: &'static Thread, reason: &dyn Display, deadline: Option<u64>) -> Wake {
        {
            let mut state = lock(&self.state);
            let alarm = deadline.map(|time| Self::arm(&mut state, time, Alarm::Thread(me.id())));
            state.slots[me.id() as usize].status = Status::Blocked { reason: reason.to_string(), alarm };
        }
        match self.next() {
            Next::Thread(next) if next.id() == me.id() => {}
            Next::Thread(next) => {
                self.hand_over(next);
                self.wait_for_baton(me);
            }
            Next::Comer => self.wait_for_baton(me),
            Next::Nobody => self.deadlock(),
        }
        lock(&self.state).slots[me.id() as usize].wake
    }

    fn arm(state: &mut State, time: u64, alarm: Alarm) -> (u64, u64) {
        state.sequence += 1;
        let key = (time, state.sequence);
        state.alarms.insert(key, alarm);
        key
    }

    /// Sets an alarm; the key cancels it.
    pub fn set_alarm(&self, time: u64, alarm: Alarm) -> (u64, u64) {
        Self::arm(&mut lock(&self.state), time, alarm)
    }

    pub fn cancel_alarm(&self, key: (u64, u64)) {
        lock(&self.state).alarms.remove(&key);
    }

    fn deadlock(&self) -> ! {
        let waits = self.waits();
        bugcheck::stop("deadlock", format_args!("every thread waits and no time-out is set:{waits}"))
    }

    /// Time passes, and somebody waits nevertheless.
    fn endless(&self) -> ! {
        self.limit.store(u64::MAX, Ordering::Relaxed);
        let waits = self.waits();
        bugcheck::stop("no end", format_args!("time is up, and there are still waits:{waits}"))
    }

    /// Who waits for what.
    fn waits(&self) -> String {
        let mut waits = String::new();
        for slot in &lock(&self.state).slots {
            if let Status::Blocked { reason, .. } = &slot.status
                && !slot.service
            {
                let _ = write!(waits, "\n  {} waits for {reason}", slot.thread.name());
            }
        }
        waits
    }

    /// The thread gives the baton to another one that can run, or keeps it. With priorities it falls below all others.
    fn yield_now(&self, me: &'static Thread) {
        if let Some(exploration) = &mut lock(&self.state).exploration {
            exploration.fall(me.id());
        }
        self.give_way(me);
    }

    fn give_way(&self, me: &'static Thread) {
        let next = {
            let mut state = lock(&self.state);
            if state.ready.is_empty() {
                let free = state.free > 0;
                drop(state);
                if free {
                    self.let_others_in(me);
                }
                return;
            }
            state.line_up(me);
            self.pick(&mut state)
        };
        if let Some(next) = next
            && next.id() != me.id()
        {
            self.hand_over(next);
            self.wait_for_baton(me);
        }
    }

    pub fn join(&self, thread: &Thread) {
        let me = Thread::current();
        lock(&self.state).slots[thread.id() as usize].joiners.push(me.id());
        self.block(me, &format_args!("the end of {}", thread.name()), None);
    }

    /// The thread has ended: the baton goes on.
    pub fn finish(&self, thread: &'static Thread) {
        let machine = Machine::current();
        let ending = {
            let mut state = lock(&self.state);
            state.slots[thread.id() as usize].status = Status::Done;
            for joiner in std::mem::take(&mut state.slots[thread.id() as usize].joiners) {
                Self::make_ready(&mut state, joiner, Wake::Signaled);
            }
            state.ending
        };
        if lock(&machine.stopped).is_some() {
            // The first thread tells the world.
            let first = lock(&self.state).slots[0].thread;
            return self.hand_over(first);
        }
        match self.next() {
            Next::Thread(next) => self.hand_over(next),
            Next::Comer => {}
            Next::Nobody if ending => {}
            Next::Nobody => self.deadlock(),
        }
    }

    /// Wakes the service threads so that they end, and waits for them.
    pub fn end_services(&self) {
        let services: Vec<u32> = {
            let mut state = lock(&self.state);
            state.ending = true;
            let services = state.slots.iter().filter(|slot| slot.service);
            services.map(|slot| slot.thread.id()).collect()
        };
        let done = |id: u32| matches!(lock(&self.state).slots[id as usize].status, Status::Done);
        // A service that hangs in a driver's routine is left behind.
        for _ in 0..10_000 {
            let Some(&id) = services.iter().find(|id| !done(**id)) else { return };
            unpark(id);
            self.yield_now(Thread::current());
        }
    }

    pub fn ending(&self) -> bool {
        lock(&self.state).ending
    }
}

/// A place where another thread may get the baton.
pub fn switch_point() {
    let Some(machine) = Machine::try_current() else { return };
    let scheduler = &machine.scheduler;
    if scheduler.explores.load(Ordering::Relaxed) {
        scheduler.step(Thread::current());
    } else if scheduler.preemption != 0 && scheduler.random().is_multiple_of(u64::from(scheduler.preemption))
    {
        scheduler.yield_now(Thread::current());
    }
}

/// All has to be over before so much more virtual time has passed (100 ns units), or the machine stops.
pub fn limit(units: u64) {
    Machine::current().scheduler.limit.store(now() + units, Ordering::Relaxed);
}

/// Hands the baton to another thread that can run (or to the same one, as the seed says).
pub fn yield_now() {
    Machine::current().scheduler.yield_now(Thread::current());
}

/// Virtual time since boot, in 100 ns units.
pub fn now() -> u64 {
    Machine::try_current().map_or(0, |machine| machine.scheduler.now.load(Ordering::Relaxed))
}

/// Blocks the calling thread until [`unpark`] or the deadline (virtual time). `reason` is for reports.
/// The caller looks again at what it waits for: a thread may be woken for another reason.
pub fn block(reason: &dyn Display, deadline: Option<u64>) -> Wake {
    exports::quiet(|| Machine::current().scheduler.block(Thread::current(), reason, deadline))
}

/// Makes a blocked thread ready; nothing when it is not blocked.
pub fn unpark(thread: u32) {
    Scheduler::make_ready(&mut lock(&Machine::current().scheduler.state), thread, Wake::Signaled);
}

/// Lets virtual time pass while other threads run; 0 = a yield.
pub fn sleep(units: u64) {
    if units == 0 {
        return yield_now();
    }
    let deadline = now() + units;
    while now() < deadline {
        block(&"time to pass", Some(deadline));
    }
}

/// Gives way until no other thread can run without time passing.
pub fn settle() {
    let scheduler = &Machine::current().scheduler;
    let others = || {
        let state = lock(&scheduler.state);
        !state.ready.is_empty() || state.free > 0
    };
    while others() {
        scheduler.yield_now(Thread::current());
    }
}

#[cfg(test)]
mod tests;
