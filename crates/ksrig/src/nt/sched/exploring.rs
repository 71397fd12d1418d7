//! A scheduler whose choices a plan makes.

use std::sync::atomic::Ordering;

use super::{
    Scheduler, State,
    explore::{Choice, Exploration, Explored, Plan},
    step::Stall,
};
use crate::nt::{
    machine::{Machine, lock},
    thread::Thread,
};

impl Scheduler {
    /// Another thread goes on if one is chosen: its place among those that are ready.
    fn switch(&self, me: &'static Thread, choose: impl FnOnce(&mut Exploration, &[u32]) -> Option<usize>) {
        let next = {
            let mut state = lock(&self.state);
            let State { exploration: Some(exploration), ready, .. } = &mut *state else { return };
            let Some(index) = choose(exploration, ready) else { return };
            let next = state.take(index);
            state.line_up(me);
            next
        };
        self.hand_over(next);
        self.wait_for_baton(me);
    }

    /// A switch point while schedules are explored.
    pub(super) fn step(&self, me: &'static Thread) {
        self.switch(me, |exploration, ready| {
            exploration.pass(me.id());
            if ready.is_empty() { None } else { exploration.choose(Some(me.id()), ready).checked_sub(1) }
        });
    }

    /// Where the thread that enters driver code stops there, if the plan says so.
    pub(super) fn explored_stop(&self) -> Option<Stall> {
        let mut state = lock(&self.state);
        let is_soon = self.timer_is_soon(&state);
        let State { exploration: Some(exploration), ready, .. } = &mut *state else { return None };
        if ready.is_empty() && !is_soon { None } else { Stall::at(exploration.stop()) }
    }

    /// The thread stops in the middle of driver code: another one that can run goes on.
    pub(super) fn stop(&self, me: &'static Thread, until_timer: bool) {
        if until_timer {
            self.let_timer_come();
        }
        lock(&self.state).stalled += 1;
        self.switch(me, |exploration, ready| {
            if ready.is_empty() {
                return None;
            }
            exploration.fall(me.id());
            Some(exploration.choose(None, ready))
        });
        lock(&self.state).stalled -= 1;
    }
}

/// A switch point of explored schedules only: where nothing of the driver's is at work, which is where ordinary runs need none.
pub fn explored_point() {
    let Some(machine) = Machine::try_current() else { return };
    let scheduler = &machine.scheduler;
    if scheduler.explores.load(Ordering::Relaxed) {
        scheduler.step(Thread::current());
    }
}

/// From now on the plan decides who runs, and what it decides is noted.
pub fn explore(plan: Plan) {
    let scheduler = &Machine::current().scheduler;
    lock(&scheduler.state).exploration = Some(Exploration::new(plan));
    scheduler.explores.store(true, Ordering::Relaxed);
    scheduler.departs.store(true, Ordering::Relaxed);
}

/// Ends that; what was decided since. It stays readable ([`explored_so_far`]): it may be the cause of what is yet to come.
pub fn explored() -> Explored {
    let machine = Machine::current();
    let scheduler = &machine.scheduler;
    scheduler.explores.store(false, Ordering::Relaxed);
    scheduler.departs.store(machine.options().free, Ordering::Relaxed);
    let mut state = lock(&scheduler.state);
    let explored = state.exploration.take().map_or_else(Explored::default, Exploration::end);
    state.explored.clone_from(&explored.choices);
    explored
}

/// How many threads of a machine stand still in the middle of driver code. Any OS thread may ask.
pub fn stalled(machine: &Machine) -> usize {
    machine.scheduler.state.try_lock().map_or(0, |state| state.stalled)
}

/// What was decided on a machine since [`explore`]: for the report of its stop. Any OS thread may ask.
pub fn explored_so_far(machine: &Machine) -> Vec<Choice> {
    // A fault may come while a choice is made.
    let Ok(state) = machine.scheduler.state.try_lock() else { return Vec::new() };
    state.exploration.as_ref().map_or(&state.explored[..], Exploration::choices).to_vec()
}
