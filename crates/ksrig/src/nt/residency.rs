//! Memory that is taken away and comes back at the next touch: pageable memory, a program's too, while its toucher's IRQL
//! is raised; a program's memory outside of its process.
//!
//! Whenever a thread gets to where areas must not be reached, all of them that somebody has touched are made
//! inaccessible, as Driver Verifier trims the working set. A touch from where it is allowed brings the area back; any
//! other is an error of the driver. So it costs two system calls for each area that is really used in between, and needs
//! no protection keys, which not every processor has.

use std::{cell::Cell, collections::BTreeMap, ops::Range};

use ks_sys::DISPATCH_LEVEL;

use super::{
    machine::{Machine, lock},
    thread::{Process, Thread},
    violation,
};

/// Why an area is not always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Paged pool and sections whose name begins with PAGE: not at DISPATCH_LEVEL and above.
    Pageable,
    /// Memory of a program: neither at DISPATCH_LEVEL and above nor outside of its process.
    User,
}

/// Why the calling thread does not reach an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its IRQL is raised, and the area is pageable.
    Irql(Kind),
    /// It runs in another process than the program whose memory it is.
    Process,
}

struct Area {
    bytes: usize,
    kind: Kind,
    /// What it has when it is there (`libc::PROT_*`).
    protection: i32,
    present: bool,
    /// Locked by so many MDLs: it stays.
    locks: u32,
}

/// The areas of one machine by their first page.
#[derive(Default)]
pub(super) struct Areas {
    areas: BTreeMap<usize, Area>,
    /// Those that a trim takes away.
    present: Vec<usize>,
}

impl Areas {
    fn at(&mut self, address: usize) -> Option<(usize, &mut Area)> {
        let (start, area) = self.areas.range_mut(..=address).next_back()?;
        (address < start + area.bytes).then_some((*start, area))
    }

    fn bring(&mut self, start: usize) {
        let Some(area) = self.areas.get_mut(&start).filter(|area| !area.present) else { return };
        area.present = true;
        protect(start, area.bytes, area.protection);
        self.present.push(start);
    }

    /// Takes away what a thread must not reach.
    fn trim(&mut self, thread: &Thread) {
        let areas = &mut self.areas;
        self.present.retain(|start| {
            let Some(area) = areas.get_mut(start) else { return false };
            let stays = area.refusal(thread).is_none();
            if !stays {
                area.present = false;
                protect(*start, area.bytes, libc::PROT_NONE);
            }
            stays
        });
    }
}

fn protect(start: usize, bytes: usize, protection: i32) {
    // SAFETY: the pages are the area's; who loses access to them gets a fault.
    let result = unsafe { libc::mprotect(start as *mut _, bytes, protection) };
    assert_eq!(result, 0, "the system changes the protection of its own mapping");
}

thread_local! {
    /// The rig itself has reached what the driver must not find there, or has unlocked it.
    static REACHED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the thread's IRQL keeps it from pageable memory.
fn is_raised(thread: &Thread) -> bool {
    thread.machine().options().watch.force_irql && thread.irql() >= DISPATCH_LEVEL as u8
}

/// Whether the thread's process keeps it from a program's memory.
fn is_outside(thread: &Thread) -> bool {
    thread.machine().options().watch.security && thread.process() == Process::System
}

impl Area {
    /// Why the thread must not reach it, if so. Pages that an MDL keeps locked are there at any IRQL.
    fn refusal(&self, thread: &Thread) -> Option<Refusal> {
        if self.kind == Kind::User && is_outside(thread) {
            return Some(Refusal::Process);
        }
        (is_raised(thread) && self.locks == 0).then_some(Refusal::Irql(self.kind))
    }
}

/// Watches pages that are accessible now.
pub(super) fn add(start: usize, bytes: usize, kind: Kind, protection: i32) {
    let mut areas = lock(&Machine::current().areas);
    areas.areas.insert(start, Area { bytes, kind, protection, present: true, locks: 0 });
    areas.present.push(start);
    REACHED.set(true);
}

/// Ends that for all areas that begin in the range; their pages are accessible, to be freed.
pub(super) fn remove(range: &Range<usize>) {
    let mut areas = lock(&Machine::current().areas);
    let starts: Vec<usize> = areas.areas.range(range.clone()).map(|(start, _)| *start).collect();
    for start in starts {
        areas.bring(start);
        areas.areas.remove(&start);
        areas.present.retain(|present| *present != start);
    }
}

/// The pages of a range are locked, and stay; or they are unlocked.
pub(super) fn lock_pages(range: &Range<usize>, locked: bool) {
    let mut areas = lock(&Machine::current().areas);
    let first = areas.areas.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
    let starts: Vec<usize> = areas.areas.range(first..range.end).map(|(start, _)| *start).collect();
    for start in starts {
        let Some(area) = areas.areas.get_mut(&start) else { continue };
        if start + area.bytes <= range.start {
            continue;
        }
        area.locks = if locked { area.locks + 1 } else { area.locks.saturating_sub(1) };
    }
    if !locked {
        REACHED.set(true);
    }
}

/// Takes away what the calling thread may not reach: after its IRQL was raised, its process has changed, or it has got
/// the baton.
pub(super) fn arrive(thread: &Thread) {
    if is_raised(thread) || is_outside(thread) {
        lock(&thread.machine().areas).trim(thread);
    }
}

/// The rig hands over to the driver: what it has reached for itself is gone.
pub(super) fn enter_driver(thread: &Thread) {
    if REACHED.get() {
        REACHED.set(false);
        arrive(thread);
    }
}

/// A touch of memory that is not there: true when it was taken away, and is back. `driver`: driver code touches it, or
/// a function that is as the driver's own.
pub(super) fn fault(address: usize, driver: bool) -> bool {
    let Some(thread) = Thread::try_current() else { return false };
    // A fault may come while the areas are being changed: then it is in none of them.
    let Ok(mut areas) = thread.machine().areas.try_lock() else { return false };
    let Some((start, area)) = areas.at(address).filter(|(_, area)| !area.present) else { return false };
    // What the rig does with a program's memory is the I/O manager's business; with a driver's pageable memory it
    // does nothing but what the driver has asked for.
    let own = !driver && area.kind == Kind::User;
    let allowed = area.refusal(thread).is_none();
    if allowed || own {
        if !allowed {
            REACHED.set(true);
        }
        areas.bring(start);
        return true;
    }
    false
}

/// Why an address is not there.
pub(super) fn refused(address: usize) -> Option<Refusal> {
    let thread = Thread::try_current()?;
    let mut areas = thread.machine().areas.try_lock().ok()?;
    areas.at(address).filter(|(_, area)| !area.present)?.1.refusal(thread)
}

/// A lock or an object to wait for is initialised: the kernel reaches it at DISPATCH_LEVEL.
pub(super) fn check_object(address: usize, code: u32, what: &str) {
    let Some(machine) = Machine::try_current().filter(|machine| machine.options().watch.force_irql) else {
        return;
    };
    let found = lock(&machine.areas).at(address).map(|(_, area)| (area.kind, area.locks));
    if found == Some((Kind::Pageable, 0)) {
        violation::report("PageableObject", code, what, format_args!("{what} lies in pageable memory"));
    }
}

#[cfg(test)]
mod tests;
