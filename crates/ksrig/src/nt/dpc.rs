//! Deferred procedure calls. They run one after the other on a thread of their own, at DISPATCH_LEVEL.

use std::{collections::VecDeque, ops::Range};

use ks_sys::*;

use super::{
    callback::{self, CallbackKind, Group},
    machine::{Machine, lock, service},
    sched,
    thread::Thread,
};

const DPC: CallbackKind = CallbackKind::new("Dpc", Group::Driver);

/// The DPC queue of one machine.
#[derive(Default)]
pub(super) struct Queue {
    queued: VecDeque<usize>,
    running: bool,
    thread: Option<u32>,
    flushers: Vec<u32>,
}

/// Whether a DPC in this range of memory is queued.
pub(super) fn any_in(range: &Range<usize>) -> bool {
    lock(&Machine::current().dpcs).queued.iter().any(|dpc| range.contains(dpc))
}

fn run() {
    let machine = Machine::current();
    while !machine.ending() {
        let next = {
            let mut queue = lock(&machine.dpcs);
            let next = queue.queued.pop_front();
            queue.running = next.is_some();
            if next.is_none() {
                std::mem::take(&mut queue.flushers).into_iter().for_each(sched::unpark);
            }
            next
        };
        match next {
            // SAFETY: a queued DPC is alive, as its owner vouches by queueing it.
            Some(dpc) => unsafe { call(dpc as PRKDPC) },
            None => {
                sched::block(&"a DPC", None);
            }
        }
    }
}

unsafe fn call(dpc: PRKDPC) {
    // SAFETY: the caller's DPC. It may be queued again, or be freed, by its own routine.
    unsafe {
        let KDPC { DeferredRoutine, DeferredContext, SystemArgument1, SystemArgument2, .. } = *dpc;
        (*dpc).DpcData = std::ptr::null_mut();
        let Some(routine) = DeferredRoutine else { return };
        let thread = Thread::current();
        let old = thread.set_irql(DISPATCH_LEVEL as KIRQL);
        callback::routine(routine as usize, DPC, &"dpc", || {
            routine(dpc, DeferredContext, SystemArgument1, SystemArgument2);
        });
        thread.set_irql(old);
    }
}

/// Initialises a DPC.
pub unsafe fn KeInitializeDpc(Dpc: PRKDPC, DeferredRoutine: PKDEFERRED_ROUTINE, DeferredContext: PVOID) {
    // KOBJECTS: DpcObject
    const DPC_OBJECT: u8 = 19;
    let dpc = KDPC { Type: DPC_OBJECT, Importance: 1, DeferredRoutine, DeferredContext, ..KDPC::default() };
    // SAFETY: the caller's memory has the size of a DPC.
    unsafe { Dpc.write(dpc) };
}

/// Queues a DPC; FALSE when it was queued already. Any IRQL.
pub unsafe fn KeInsertQueueDpc(Dpc: PRKDPC, SystemArgument1: PVOID, SystemArgument2: PVOID) -> BOOLEAN {
    let machine = Machine::current();
    let thread = {
        let mut queue = lock(&machine.dpcs);
        if queue.queued.contains(&(Dpc as usize)) {
            return 0;
        }
        // SAFETY: the caller's DPC.
        unsafe {
            (*Dpc).SystemArgument1 = SystemArgument1;
            (*Dpc).SystemArgument2 = SystemArgument2;
        }
        queue.queued.push_back(Dpc as usize);
        queue.thread
    };
    match thread {
        Some(thread) => sched::unpark(thread),
        None => {
            let thread = service(machine, "dpc", run).id();
            lock(&machine.dpcs).thread = Some(thread);
        }
    }
    1
}

/// Takes a DPC from the queue; FALSE when it was not there.
pub unsafe fn KeRemoveQueueDpc(Dpc: PRKDPC) -> BOOLEAN {
    let mut queue = lock(&Machine::current().dpcs);
    let before = queue.queued.len();
    queue.queued.retain(|dpc| *dpc != Dpc as usize);
    u8::from(queue.queued.len() != before)
}

/// Waits until all queued DPCs have run. PASSIVE_LEVEL.
pub fn KeFlushQueuedDpcs() {
    let machine = Machine::current();
    loop {
        {
            let mut queue = lock(&machine.dpcs);
            if queue.queued.is_empty() && !queue.running {
                return;
            }
            queue.flushers.push(Thread::current().id());
        }
        sched::block(&"queued DPCs", None);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, ptr::null_mut};

    use super::*;
    use crate::nt::MachineOptions;

    #[derive(Default)]
    struct Count(Cell<u32>);

    unsafe extern "win64" fn routine(_: *mut KDPC, context: PVOID, first: PVOID, second: PVOID) {
        assert_eq!((context as usize, first as usize, second as usize), (1, 2, 3));
        let count = &Machine::current().extension::<Count>().0;
        count.set(count.get() + 1);
    }

    /// A queued DPC runs once with its arguments; queued twice it is refused; taken out it does not run;
    /// KeFlushQueuedDpcs waits for it.
    #[test]
    fn dpc_runs_once() {
        let machine = Machine::new(MachineOptions { preemption: 0, ..MachineOptions::default() });
        let mut dpc = Box::new(KDPC::default());
        let dpc = &raw mut *dpc;
        // SAFETY: the DPC is alive.
        unsafe {
            KeInitializeDpc(dpc, Some(routine), 1 as PVOID);
            assert_eq!(KeInsertQueueDpc(dpc, 2 as PVOID, 3 as PVOID), 1);
            assert_eq!(KeInsertQueueDpc(dpc, null_mut(), null_mut()), 0);
            KeFlushQueuedDpcs();
            assert_eq!(machine.extension::<Count>().0.get(), 1);
            KeInsertQueueDpc(dpc, 2 as PVOID, 3 as PVOID);
            assert_eq!(KeRemoveQueueDpc(dpc), 1);
            assert_eq!(KeRemoveQueueDpc(dpc), 0);
            KeFlushQueuedDpcs();
        }
        assert_eq!(machine.extension::<Count>().0.get(), 1);
        machine.shutdown();
    }
}
