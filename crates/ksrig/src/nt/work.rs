//! Work items: they run one after the other on a system worker thread, at PASSIVE_LEVEL.

use std::{collections::VecDeque, ops::Range};

use ks_sys::*;

use super::{
    bugcheck,
    callback::{self, CallbackKind, Group},
    machine::{Machine, lock, service},
    object::{ObfDereferenceObject, ObfReferenceObject},
    residency, sched,
    thread::Thread,
    trace,
};

/// INVALID_WORK_QUEUE_ITEM
const QUEUED_TWICE: (&str, u32, u32) = ("WorkItem", 0x96, 0);
const WORK: CallbackKind = CallbackKind::new("WorkItem", Group::Driver);

enum Item {
    /// A WORK_QUEUE_ITEM, by address.
    Executive(usize),
    /// An IO_WORKITEM, by address.
    Io(usize),
    /// A closure of the rig.
    Rig(&'static str, Box<dyn FnOnce()>),
}

/// The work queue of one machine.
#[derive(Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    /// The worker threads that wait for an item.
    idle: Vec<u32>,
    workers: u32,
}

/// What an IO_WORKITEM is here.
struct Device {
    device: PDEVICE_OBJECT,
    routine: PIO_WORKITEM_ROUTINE,
    context: PVOID,
    queued: bool,
}

/// Whether a work item in this range of memory is queued, or one of a routine in it.
pub(super) fn any_in(range: &Range<usize>) -> bool {
    lock(&Machine::current().work).items.iter().any(|item| match item {
        // SAFETY: queued items are alive.
        Item::Executive(address) => unsafe {
            let routine = (*(*address as PWORK_QUEUE_ITEM)).WorkerRoutine;
            range.contains(address) || routine.is_some_and(|routine| range.contains(&(routine as usize)))
        },
        // SAFETY: as above.
        Item::Io(address) => unsafe {
            let routine = (*(*address as *const Device)).routine;
            routine.is_some_and(|routine| range.contains(&(routine as usize)))
        },
        Item::Rig(..) => false,
    })
}

fn run() {
    let machine = Machine::current();
    while !machine.ending() {
        let item = {
            let mut queue = lock(&machine.work);
            let item = queue.items.pop_front();
            if item.is_none() {
                queue.idle.push(Thread::current().id());
            }
            item
        };
        match item {
            // SAFETY: queued items are alive, as their owners vouch by queueing them.
            Some(item) => unsafe { call(item) },
            None => {
                sched::block(&"a work item", None);
                lock(&machine.work).idle.retain(|id| *id != Thread::current().id());
            }
        }
    }
}

unsafe fn call(item: Item) {
    match item {
        // SAFETY: the item is alive until its routine runs, which may free it.
        Item::Executive(address) => unsafe {
            let WORK_QUEUE_ITEM { WorkerRoutine, Parameter, .. } = *(address as PWORK_QUEUE_ITEM);
            (*(address as PWORK_QUEUE_ITEM)).List.Flink = std::ptr::null_mut();
            if let Some(routine) = WorkerRoutine {
                callback::routine(routine as usize, WORK, &"work item", || routine(Parameter));
            }
        },
        // SAFETY: as above; the device is referenced until the routine has returned.
        Item::Io(address) => unsafe {
            let item = &mut *(address as *mut Device);
            item.queued = false;
            let (device, routine, context) = (item.device, item.routine, item.context);
            if let Some(routine) = routine {
                callback::routine(routine as usize, WORK, &"work item", || routine(device, context));
            }
            ObfDereferenceObject(device.cast());
        },
        Item::Rig(name, body) => {
            trace::event("work", name, "");
            body();
        }
    }
}

fn push(item: Item) {
    /// More than one, so that an item that waits does not stop the others.
    const WORKERS: u32 = 4;
    let machine = Machine::current();
    let (idle, number) = {
        let mut queue = lock(&machine.work);
        queue.items.push_back(item);
        let idle = queue.idle.pop();
        let more = idle.is_none() && queue.workers < WORKERS;
        queue.workers += u32::from(more);
        (idle, more.then_some(queue.workers))
    };
    if let Some(thread) = idle {
        sched::unpark(thread);
    }
    match number {
        Some(1) => drop(service(machine, "worker 1", run)),
        Some(2) => drop(service(machine, "worker 2", run)),
        Some(3) => drop(service(machine, "worker 3", run)),
        Some(_) => drop(service(machine, "worker 4", run)),
        None => {}
    }
}

/// Queues a work item to the system worker threads. IRQL <= DISPATCH_LEVEL.
pub unsafe fn ExQueueWorkItem(WorkItem: PWORK_QUEUE_ITEM, _QueueType: WORK_QUEUE_TYPE) {
    residency::check_object(WorkItem as usize, 0x131, "a work item");
    // SAFETY: the caller's work item.
    unsafe {
        if !(*WorkItem).List.Flink.is_null() {
            bugcheck::stop(QUEUED_TWICE, "ExQueueWorkItem: the work item is queued already");
        }
        (*WorkItem).List.Flink = &raw mut (*WorkItem).List;
    }
    push(Item::Executive(WorkItem as usize));
}

/// Allocates a work item of a device.
pub unsafe fn IoAllocateWorkItem(DeviceObject: PDEVICE_OBJECT) -> PIO_WORKITEM {
    let item = Device { device: DeviceObject, routine: None, context: std::ptr::null_mut(), queued: false };
    Box::into_raw(Box::new(item)).cast()
}

/// Queues it; the device object is referenced until it has run. IRQL <= DISPATCH_LEVEL.
pub unsafe fn IoQueueWorkItem(
    IoWorkItem: PIO_WORKITEM,
    WorkerRoutine: PIO_WORKITEM_ROUTINE,
    _QueueType: WORK_QUEUE_TYPE,
    Context: PVOID,
) {
    // SAFETY: the caller's work item.
    unsafe {
        let item = &mut *IoWorkItem.cast::<Device>();
        if item.queued {
            bugcheck::stop(QUEUED_TWICE, "IoQueueWorkItem: the work item is queued already");
        }
        (item.routine, item.context, item.queued) = (WorkerRoutine, Context, true);
        ObfReferenceObject(item.device.cast());
    }
    push(Item::Io(IoWorkItem as usize));
}

/// Frees it; queued it is fatal.
pub unsafe fn IoFreeWorkItem(IoWorkItem: PIO_WORKITEM) {
    // SAFETY: the caller's work item, made by IoAllocateWorkItem.
    let item = unsafe { Box::from_raw(IoWorkItem.cast::<Device>()) };
    if item.queued {
        bugcheck::stop(("WorkItem", 0xC4, 0), "IoFreeWorkItem: the work item is queued");
    }
}

/// Runs a closure on a system worker thread (not an NT function).
pub fn queue(name: &'static str, body: impl FnOnce() + 'static) {
    push(Item::Rig(name, Box::new(body)));
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;
    use crate::nt::{MachineOptions, thread::Process};

    /// Work runs in order on a system thread at PASSIVE_LEVEL, and an item that sleeps does not stop others.
    #[test]
    fn work_runs() {
        let machine = Machine::new(MachineOptions { preemption: 0, ..MachineOptions::default() });
        let log = Rc::new(RefCell::new(Vec::new()));
        for number in 0..3 {
            let log = Rc::clone(&log);
            queue("test", move || {
                assert_eq!(Thread::current().irql(), 0);
                assert_eq!(Thread::current().process(), Process::System);
                if number == 0 {
                    sched::sleep(100);
                }
                log.borrow_mut().push(number);
            });
        }
        sched::sleep(1000);
        assert_eq!(log.borrow().last(), Some(&0));
        assert_eq!(log.borrow().len(), 3);
        machine.shutdown();
    }
}
