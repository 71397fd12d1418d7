//! ERESOURCE: a lock for many readers or one writer. (`kernel/introduction-to-eresource-routines.md`)

use std::{cell::RefCell, collections::BTreeMap};

use ks_sys::*;

use super::{
    bugcheck,
    exports::{Export, exports},
    machine::Machine,
    spinlock,
    thread::Thread,
    violation,
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    ExAcquireResourceExclusiveLite(Resource: PERESOURCE, Wait: BOOLEAN) -> BOOLEAN, 0..=1;
    ExAcquireResourceSharedLite(Resource: PERESOURCE, Wait: BOOLEAN) -> BOOLEAN, 0..=1;
    ExDeleteResourceLite(Resource: PERESOURCE) -> NTSTATUS, 0..=1;
    ExInitializeResourceLite(Resource: PERESOURCE) -> NTSTATUS, 0..=1;
    ExIsResourceAcquiredExclusiveLite(Resource: PERESOURCE) -> BOOLEAN, 0..=2;
    ExIsResourceAcquiredSharedLite(Resource: PERESOURCE) -> ULONG, 0..=2;
    ExReleaseResourceLite(Resource: PERESOURCE) -> (), 0..=2;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// Who holds a resource.
#[derive(Default)]
struct Holders {
    /// The writer's thread.
    writer: Option<u32>,
    /// How often each thread holds it; a writer's own shared acquisitions count with its exclusive ones.
    counts: BTreeMap<u32, u32>,
}

#[derive(Default)]
struct Resources(RefCell<BTreeMap<usize, Holders>>);

/// Whether a resource in this range of memory is alive.
pub(super) fn any_in(range: &std::ops::Range<usize>) -> bool {
    Machine::current().extension::<Resources>().0.borrow().range(range.clone()).next().is_some()
}

fn with<R>(resource: PERESOURCE, body: impl FnOnce(&mut Holders) -> R) -> R {
    let mut resources = Machine::current().extension::<Resources>().0.borrow_mut();
    let Some(holders) = resources.get_mut(&(resource as usize)) else {
        drop(resources);
        bugcheck::stop(("Resource", 0xC4, 0xD1), "the pointer is no initialised ERESOURCE")
    };
    body(holders)
}

/// Makes a resource that nobody holds. (`nf-wdm-exinitializeresourcelite.md`)
pub unsafe fn ExInitializeResourceLite(Resource: PERESOURCE) -> NTSTATUS {
    // SAFETY: the caller's memory has the size of a resource.
    unsafe { Resource.cast::<u8>().write_bytes(0, size_of::<ERESOURCE>()) };
    let resources = Machine::current().extension::<Resources>();
    let before = resources.0.borrow_mut().insert(Resource as usize, Holders::default());
    if before.is_some() {
        violation::report("Resource", 0xD0, "ERESOURCE", "initialised twice");
    }
    STATUS_SUCCESS
}

/// Ends a resource. (`nf-wdm-exdeleteresourcelite.md`)
pub unsafe fn ExDeleteResourceLite(Resource: PERESOURCE) -> NTSTATUS {
    if with(Resource, |holders| !holders.counts.is_empty()) {
        violation::report("Resource", 0x37, "ERESOURCE", "deleted while a thread holds it");
    }
    Machine::current().extension::<Resources>().0.borrow_mut().remove(&(Resource as usize));
    STATUS_SUCCESS
}

/// Normal kernel APCs are off while a resource is acquired: the pages of the acquiring functions ask for it.
fn check_apcs() {
    let thread = Thread::current();
    if thread.apc_disable() == 0 && thread.irql() == PASSIVE_LEVEL as u8 {
        violation::report("Resource", 0x37, "ERESOURCE", "acquired while normal kernel APCs are enabled");
    }
}

fn acquire(
    resource: PERESOURCE,
    wait: BOOLEAN,
    free: impl Fn(&Holders, u32) -> bool,
    write: bool,
) -> BOOLEAN {
    check_apcs();
    let me = Thread::current().id();
    let free = || with(resource, |holders| free(holders, me));
    if wait == 0 && !free() {
        return 0;
    }
    spinlock::wait_until(resource as usize, "a resource", free);
    with(resource, |holders| {
        if write {
            holders.writer = Some(me);
        }
        *holders.counts.entry(me).or_default() += 1;
    });
    1
}

/// Acquires for writing; FALSE when it is not free and the caller does not wait.
/// (`nf-wdm-exacquireresourceexclusivelite.md`)
pub unsafe fn ExAcquireResourceExclusiveLite(Resource: PERESOURCE, Wait: BOOLEAN) -> BOOLEAN {
    let free = |holders: &Holders, me| match holders.writer {
        Some(writer) => writer == me,
        None => holders.counts.is_empty(),
    };
    acquire(Resource, Wait, free, true)
}

/// Acquires for reading. (`nf-wdm-exacquireresourcesharedlite.md`)
pub unsafe fn ExAcquireResourceSharedLite(Resource: PERESOURCE, Wait: BOOLEAN) -> BOOLEAN {
    acquire(Resource, Wait, |holders, me| holders.writer.is_none_or(|writer| writer == me), false)
}

/// Gives one acquisition back. (`nf-wdm-exreleaseresourcelite.md`)
pub unsafe fn ExReleaseResourceLite(Resource: PERESOURCE) {
    let me = Thread::current().id();
    let held = with(Resource, |holders| {
        let Some(count) = holders.counts.get_mut(&me) else { return false };
        *count -= 1;
        if *count == 0 {
            holders.counts.remove(&me);
            holders.writer = holders.writer.filter(|writer| *writer != me);
        }
        true
    });
    if !held {
        bugcheck::stop(
            ("Resource", 0xE3, 0),
            "ExReleaseResourceLite by a thread that does not hold it (RESOURCE_NOT_OWNED)",
        );
    }
    spinlock::wake(Resource as usize);
}

/// Whether the caller holds it for writing.
pub unsafe fn ExIsResourceAcquiredExclusiveLite(Resource: PERESOURCE) -> BOOLEAN {
    u8::from(with(Resource, |holders| holders.writer == Some(Thread::current().id())))
}

/// How often the caller holds it.
pub unsafe fn ExIsResourceAcquiredSharedLite(Resource: PERESOURCE) -> ULONG {
    with(Resource, |holders| holders.counts.get(&Thread::current().id()).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{KeEnterCriticalRegion, KeLeaveCriticalRegion, MachineOptions};

    /// Readers share, a writer is alone and may come again, who does not wait is told; a writer that waits gets it.
    #[test]
    fn readers_and_writers() {
        let machine = Machine::new(MachineOptions::default());
        let mut resource = ERESOURCE::default();
        let at = &raw mut resource as usize;
        let attempt = move |write: bool, wait: u8| {
            let at = at as PERESOURCE;
            // SAFETY: the resource lives until the end of the test.
            unsafe {
                if write {
                    ExAcquireResourceExclusiveLite(at, wait)
                } else {
                    ExAcquireResourceSharedLite(at, wait)
                }
            }
        };
        // SAFETY: as above.
        let release = move || unsafe { ExReleaseResourceLite(at as PERESOURCE) };
        KeEnterCriticalRegion();
        // SAFETY: as above.
        unsafe {
            assert_eq!(ExInitializeResourceLite(at as PERESOURCE), STATUS_SUCCESS);
            assert_eq!((attempt(false, 0), attempt(false, 0)), (1, 1));
            assert_eq!(ExIsResourceAcquiredSharedLite(at as PERESOURCE), 2);
            release();
        }
        let other = machine.spawn_kernel("other", move || {
            KeEnterCriticalRegion();
            let first = (attempt(false, 0), attempt(true, 0));
            release();
            let waited = attempt(true, 1);
            let again = attempt(false, 0);
            release();
            release();
            KeLeaveCriticalRegion();
            (first, waited, again)
        });
        crate::nt::sched::settle();
        release();
        assert_eq!(other.join(), ((1, 0), 1, 1));
        // SAFETY: as above.
        unsafe {
            assert_eq!(ExIsResourceAcquiredExclusiveLite(at as PERESOURCE), 0);
            assert_eq!(ExDeleteResourceLite(at as PERESOURCE), STATUS_SUCCESS);
        }
        KeLeaveCriticalRegion();
        assert_eq!(violation::take(), []);
        machine.shutdown();
    }
}
