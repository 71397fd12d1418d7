//! The order in which locks are taken: whoever holds one and takes another makes an edge between them, and a cycle of
//! edges is a deadlock that waits for its moment. (`devtest/deadlock-detection.md`)
//!
//! Spin locks, fast mutexes and kernel mutexes count, AVStream's among them; resources and events do not. What only
//! the rig's own code does is no driver's error: one edge of a cycle at least is a driver's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Range,
};

use super::{
    exports,
    machine::{Machine, lock},
    pnp, pool, remove_lock,
    thread::Thread,
    violation,
};

/// A thread that waits for itself. (bug check 0xC4, 0x1000)
pub(super) const SELF: (&str, u32, u32) = ("DeadlockDetection", 0xC4, 0x1000);
/// A lock that is released by another thread than its holder.
pub(super) const OTHER: (&str, u32, u32) = ("DeadlockDetection", 0xC4, 0x1004);
/// A lock that is released and was not taken.
pub(super) const NOT_HELD: (&str, u32, u32) = ("DeadlockDetection", 0xC4, 0x1007);

/// A lock that is acquired and was not initialised.
pub(super) const UNINITIALIZED: (&str, u32, u32) = ("DeadlockDetection", 0xC4, 0x1002);

/// A sort of lock, and the functions that it is taken and given back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A spin lock.
    Spin,
    /// The same, as an in-stack queued one.
    Queued,
    /// A fast mutex.
    Fast,
    /// The same, by the functions that leave the IRQL alone.
    Unsafe,
    /// A kernel mutex.
    Mutex,
}

impl Kind {
    fn is_spin(self) -> bool {
        matches!(self, Self::Spin | Self::Queued)
    }

    /// What its functions make of a lock.
    fn manner(self) -> &'static str {
        match self {
            Self::Spin => "an ordinary spin lock",
            Self::Queued => "an in-stack queued spin lock",
            Self::Fast => "a fast mutex that raises the IRQL",
            Self::Unsafe => "a fast mutex that leaves the IRQL alone",
            Self::Mutex => "a mutex",
        }
    }
}

/// The first time that a lock was taken under another.
struct Edge {
    thread: String,
    stack: Vec<String>,
    driver: bool,
}

/// What is known of the locks of one machine.
#[derive(Default)]
pub(super) struct State {
    /// By thread, in the order in which they were taken.
    held: BTreeMap<u32, Vec<(usize, Kind)>>,
    /// From the lock that is held to the one that is taken.
    edges: BTreeMap<usize, BTreeMap<usize, Edge>>,
    names: BTreeMap<usize, String>,
    /// How spin locks were acquired the first time.
    manners: BTreeMap<usize, Kind>,
    ignored: BTreeSet<usize>,
}

impl State {
    fn holder(&self, range: &Range<usize>) -> Option<(u32, usize)> {
        let found =
            |held: &Vec<(usize, Kind)>| held.iter().find(|(at, _)| range.contains(at)).map(|(at, _)| *at);
        self.held.iter().find_map(|(thread, held)| Some((*thread, found(held)?)))
    }

    /// Locks along edges from one to another.
    fn path(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut came: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open = vec![from];
        while let Some(lock) = open.pop() {
            if lock == to {
                let mut path = vec![to];
                while let Some(before) = path.last().and_then(|last| came.get(last)) {
                    path.push(*before);
                }
                path.reverse();
                return Some(path);
            }
            for next in self.edges.get(&lock).into_iter().flat_map(BTreeMap::keys) {
                if *next != from && !came.contains_key(next) {
                    came.insert(*next, lock);
                    open.push(*next);
                }
            }
        }
        None
    }

    fn forget(&mut self, range: &Range<usize>) {
        self.edges.retain(|from, _| !range.contains(from));
        for to in self.edges.values_mut() {
            to.retain(|to, _| !range.contains(to));
        }
        self.names.retain(|lock, _| !range.contains(lock));
        self.manners.retain(|lock, _| !range.contains(lock));
        self.ignored.retain(|lock| !range.contains(lock));
    }

    /// What a lock is called in reports; never its address.
    fn name(&mut self, lock: usize, kind: Kind) -> String {
        let name = self.names.entry(lock).or_insert_with(|| {
            let what = match kind {
                Kind::Spin | Kind::Queued => "spin lock",
                Kind::Fast | Kind::Unsafe => "fast mutex",
                Kind::Mutex => "mutex",
            };
            let number = Machine::current().ordinal(what);
            let place = pnp::image_at(lock).and_then(|image| Some((image.name(), image.offset(lock)?)));
            match place {
                Some((image, offset)) => format!("{what} {number} ({image}+{offset:#x})"),
                None => match pool::block_of(lock) {
                    Some(block) => format!("{what} {number} ({block})"),
                    None => format!("{what} {number}"),
                },
            }
        });
        name.clone()
    }
}

/// The locks of this machine, if they are watched.
#[inline]
fn watched() -> Option<&'static Machine> {
    Machine::try_current().filter(|machine| machine.options().watch.deadlock)
}

fn report(code: u32, object: &str, message: String) {
    violation::report("DeadlockDetection", code, object, message);
}

/// Gives a lock of an upper layer its name.
pub fn name(lock_address: usize, name: &str) {
    if let Some(machine) = watched() {
        lock(&machine.lock_order).names.insert(lock_address, name.to_owned());
    }
}

/// A lock of an upper layer of which drivers know nothing, and whose order is its own business.
pub fn ignore(lock_address: usize) {
    if let Some(machine) = watched() {
        lock(&machine.lock_order).ignored.insert(lock_address);
    }
}

/// Whether a lock that is not free is one that was never made: nobody holds it.
pub(super) fn is_uninitialized(taken: usize) -> bool {
    watched().is_some_and(|machine| {
        let state = lock(&machine.lock_order);
        state.holder(&(taken..taken + 1)).is_none() && !state.ignored.contains(&taken)
    })
}

/// A spin lock is acquired so: always in the same manner. Locks on a stack are left out, as what lies there a moment later
/// may be another one. (`kernel/queued-spin-locks.md`)
#[inline]
pub(super) fn used(taken: usize, kind: Kind) {
    if let Some(machine) = watched() {
        check_manner(machine, taken, kind);
    }
}

fn check_manner(machine: &Machine, taken: usize, kind: Kind) {
    let (low, high) = Thread::current().stack();
    if (low..high).contains(&taken) {
        return;
    }
    let mut state = lock(&machine.lock_order);
    let first = *state.manners.entry(taken).or_insert(kind);
    if first != kind {
        let name = state.name(taken, kind);
        drop(state);
        let (now, before) = (kind.manner(), first.manner());
        report(0x1008, &name, format!("{name} is acquired as {now}, and was acquired as {before}"));
    }
}

/// The calling thread is going to wait for a lock: an edge from each that it holds. Before it waits, so that a
/// deadlock is named although it happens.
pub(super) fn waits(taken: usize, kind: Kind) {
    let Some(machine) = watched() else { return };
    let thread = Thread::current();
    let mut found = Vec::new();
    let mut state = lock(&machine.lock_order);
    let held = state.held.get(&thread.id()).cloned().unwrap_or_default();
    if held.is_empty() || state.ignored.contains(&taken) || held.iter().any(|(lock, _)| *lock == taken) {
        return;
    }
    for (holds, held_kind) in held {
        if state.edges.get(&holds).is_some_and(|to| to.contains_key(&taken)) {
            continue;
        }
        let edge = Edge {
            thread: thread.name().to_owned(),
            stack: pnp::driver_stack(),
            driver: exports::called_by_driver(),
        };
        if let Some(path) = state.path(taken, holds) {
            let (first, second) = (state.name(holds, held_kind), state.name(taken, kind));
            let mut driver = edge.driver;
            let mut message =
                format!("{second} is taken while {first} is held\n      by {}", edge.stack.join(" < "));
            for pair in path.windows(2) {
                let (from, to) = (state.name(pair[0], kind), state.name(pair[1], kind));
                let edge = &state.edges[&pair[0]][&pair[1]];
                driver |= edge.driver;
                let _ = write!(
                    message,
                    "\n    {to} was taken while {from} was held, in thread {}\n      by {}",
                    edge.thread,
                    edge.stack.join(" < ")
                );
            }
            if driver {
                found.push((second, message));
            }
        }
        state.edges.entry(holds).or_default().insert(taken, edge);
    }
    drop(state);
    for (object, message) in found {
        report(0x1001, &object, message);
    }
}

/// The calling thread has got a lock.
pub(super) fn acquired(taken: usize, kind: Kind) {
    let Some(machine) = watched() else { return };
    let mut state = lock(&machine.lock_order);
    if !state.ignored.contains(&taken) {
        // Named by where it lies now.
        state.name(taken, kind);
        state.held.entry(Thread::current().id()).or_default().push((taken, kind));
    }
}

/// The calling thread gives a lock up. `below`: its IRQL falls below DISPATCH_LEVEL with it.
pub(super) fn released(given: usize, kind: Kind, below: bool) {
    let Some(machine) = watched() else { return };
    let mut state = lock(&machine.lock_order);
    let held = state.held.entry(Thread::current().id()).or_default();
    let place = held.iter().rposition(|(lock, _)| *lock == given);
    let taken = place.map_or(kind, |place| held.remove(place).1);
    // ASSUMED: releasing in another order is an error where the IRQL falls under a spin lock that is still held.
    let left = held.iter().find(|(_, kind)| below && kind.is_spin()).copied();
    if left.is_none() && taken == kind {
        return;
    }
    let name = state.name(given, kind);
    let left = left.map(|(left, kind)| state.name(left, kind));
    drop(state);
    if let Some(left) = left {
        report(0x1003, &name, format!("{name} is released to a low IRQL while {left} is held"));
    }
    if taken != kind {
        let (now, before) = (kind.manner(), taken.manner());
        report(0x1009, &name, format!("{name} is released as {now}, and was acquired as {before}"));
    }
}

/// A lock is made in this memory: what was there before is another one.
pub(super) fn initialized(address: usize, kind: Kind) {
    let Some(machine) = watched() else { return };
    let range = address..address + 1;
    let mut state = lock(&machine.lock_order);
    if state.holder(&range).is_some() {
        let name = state.name(address, kind);
        drop(state);
        return report(0x1005, &name, format!("{name} is initialised while a thread holds it"));
    }
    state.forget(&range);
}

/// The memory is used for something else: no lock is in it any more, a remove lock neither.
pub fn gone(range: &Range<usize>) {
    remove_lock::gone(range);
    let Some(machine) = watched() else { return };
    let mut state = lock(&machine.lock_order);
    if let Some((thread, address)) = state.holder(range) {
        let name = state.name(address, Kind::Spin);
        if let Some(held) = state.held.get_mut(&thread) {
            held.retain(|(lock, _)| !range.contains(lock));
        }
        drop(state);
        report(0x100B, &name, format!("{name} is freed while a thread holds it"));
        state = lock(&machine.lock_order);
    }
    state.forget(range);
}

/// The thread ends.
pub(super) fn thread_ends(thread: &Thread) {
    let Some(machine) = watched() else { return };
    let mut state = lock(&machine.lock_order);
    let left = state.held.remove(&thread.id()).unwrap_or_default();
    let names: Vec<_> = left.iter().map(|(lock, kind)| state.name(*lock, *kind)).collect();
    // Nobody will release them, and they are no locks that were never made.
    state.ignored.extend(left.into_iter().map(|(lock, _)| lock));
    drop(state);
    for name in names {
        report(0x100A, &name, format!("the thread {} ends while it holds {name}", thread.name()));
    }
}

#[cfg(test)]
mod tests;
