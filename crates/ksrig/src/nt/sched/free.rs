//! Threads that run free: each is in driver code at the same time as the others, on a processor of its own if there is one.
//! Whatever the rig plays still takes the baton, and the driver waits for it as it would for a lock of the kernel's.

use std::sync::atomic::Ordering;

use super::{
    NOBODY, Scheduler, Status,
    step::{self, Way},
};
use crate::nt::{machine::lock, thread::Thread};

impl Scheduler {
    /// The thread goes on without the baton, which goes to another one that waits for it, or lies there.
    fn release(&self, me: &'static Thread) {
        debug_assert_eq!(self.baton.load(Ordering::Acquire), me.id(), "the baton is another thread's");
        let next = {
            let mut state = lock(&self.state);
            state.free += 1;
            state.slots[me.id() as usize].status = Status::Free;
            let next = self.pick(&mut state);
            if next.is_none() {
                self.baton.store(NOBODY, Ordering::Release);
            }
            next
        };
        if let Some(next) = next {
            self.hand_over(next);
        }
    }

    /// The thread takes the baton if it lies there, or waits for it as one of those that could run.
    fn acquire(&self, me: &'static Thread) {
        {
            let mut state = lock(&self.state);
            state.free -= 1;
            if self.baton.load(Ordering::Acquire) == NOBODY {
                state.slots[me.id() as usize].status = Status::Running;
                self.baton.store(me.id(), Ordering::Release);
            } else {
                state.line_up(me);
            }
        }
        self.wait_for_baton(me);
    }

    /// Gives threads that are in driver code the opportunity to come out of it.
    pub(super) fn let_others_in(&self, me: &'static Thread) {
        self.release(me);
        std::thread::yield_now();
        self.acquire(me);
    }

    /// Whether other threads run, or could, beside the one that has the baton, or soon will.
    fn has_others(&self) -> bool {
        let state = lock(&self.state);
        state.free > 0 || !state.ready.is_empty() || self.timer_is_soon(&state)
    }

    /// Whether anything happens while those that are stalled do nothing.
    fn goes_on(&self) -> bool {
        let state = lock(&self.state);
        state.free > state.stalled || self.baton.load(Ordering::Acquire) != NOBODY
    }
}

/// From the rig into driver code, the last that is done before it. Chance may stop the thread there, if it knows the way.
#[inline]
pub fn into_driver(thread: &'static Thread, way: Option<Way>) {
    if thread.machine().scheduler.departs.load(Ordering::Relaxed) {
        depart(thread, way);
    }
}

fn depart(thread: &'static Thread, way: Option<Way>) {
    let scheduler = &thread.machine().scheduler;
    if scheduler.explores.load(Ordering::Relaxed) {
        if let Some((way, stall)) = way.and_then(|way| Some((way, scheduler.explored_stop()?))) {
            step::begin(thread, stall, way);
        }
        return;
    }
    let way = way.filter(|_| scheduler.has_others());
    let stall = way.and_then(|way| Some((way, step::draw(|| scheduler.random())?)));
    scheduler.entered.fetch_add(1, Ordering::Relaxed);
    scheduler.release(thread);
    thread.free.set(true);
    if let Some((way, stall)) = stall {
        step::begin(thread, stall, way);
    }
}

/// From driver code into the rig, the first that is done: true when the thread was free.
#[inline]
pub fn out_of_driver(thread: &'static Thread) -> bool {
    thread.machine().scheduler.departs.load(Ordering::Relaxed) && arrive(thread)
}

fn arrive(thread: &'static Thread) -> bool {
    step::end(thread);
    if !thread.free.get() {
        return false;
    }
    thread.free.set(false);
    thread.machine().scheduler.acquire(thread);
    true
}

/// Stops where it is: while others enter driver code so many times, for a while at most, and not when nobody does; or, where
/// threads take turns, until it is its turn again.
pub(super) fn stall(thread: &'static Thread, entries: u64, until_timer: bool) {
    const WHILE: u32 = 100;
    let scheduler = &thread.machine().scheduler;
    if !thread.free.get() {
        return scheduler.stop(thread, until_timer);
    }
    if until_timer {
        thread.free.set(false);
        scheduler.acquire(thread);
        scheduler.let_timer_come();
        scheduler.release(thread);
        thread.free.set(true);
    }
    let entered = || scheduler.entered.load(Ordering::Relaxed);
    let until = entered() + entries;
    lock(&scheduler.state).stalled += 1;
    for _ in 0..WHILE {
        if entered() >= until || !scheduler.goes_on() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_micros(10));
    }
    lock(&scheduler.state).stalled -= 1;
}

#[cfg(test)]
mod tests;
