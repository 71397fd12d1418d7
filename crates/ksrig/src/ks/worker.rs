//! Workers: work items that run one after the other on a queue of their own (`KsRegisterWorker` and its kin).

use std::{
    collections::VecDeque,
    ptr::null_mut,
    sync::{Mutex, MutexGuard},
};

use ks_sys::{
    _EVENT_TYPE::SynchronizationEvent, _KWAIT_REASON::Executive, KEVENT, NTSTATUS, PKSWORKER,
    PWORK_QUEUE_ITEM, STATUS_SUCCESS, WORK_QUEUE_TYPE,
};

use super::call::{WORK_ITEM, driver_call, driver_error};
use crate::nt::{KERNEL_MODE, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject, Machine, work};

/// One worker.
struct Worker {
    state: Mutex<State>,
    /// Signalled whenever the worker has nothing left to do.
    idle: Box<std::cell::UnsafeCell<KEVENT>>,
}

#[derive(Default)]
struct State {
    /// Work items, by address.
    queued: VecDeque<usize>,
    running: bool,
    /// A counted worker's work item, and how often work was announced for it.
    counted: Option<(usize, u32)>,
}

#[derive(Default)]
struct Workers(Mutex<Vec<usize>>);

fn workers() -> MutexGuard<'static, Vec<usize>> {
    Machine::current().extension::<Workers>().0.lock().expect("never poisoned")
}

/// The worker behind the driver's pointer; anything else ends the run.
fn worker_of(worker: PKSWORKER) -> &'static Worker {
    if !workers().contains(&(worker as usize)) {
        driver_error("KsInvalidWorker", "the pointer is no registered worker");
    }
    // SAFETY: registered workers live.
    unsafe { &*worker.cast::<Worker>() }
}

impl Worker {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("never poisoned")
    }

    fn register(counted: Option<usize>) -> PKSWORKER {
        // SAFETY: all zero is a valid KEVENT to initialize.
        let idle = Box::new(std::cell::UnsafeCell::new(unsafe { std::mem::zeroed::<KEVENT>() }));
        // SAFETY: the memory stays where it is.
        unsafe { KeInitializeEvent(idle.get(), SynchronizationEvent, 0) };
        let state = State { counted: counted.map(|item| (item, 0)), ..State::default() };
        let worker: PKSWORKER = Box::into_raw(Box::new(Self { state: Mutex::new(state), idle })).cast();
        workers().push(worker as usize);
        worker
    }

    fn queue(&'static self, item: PWORK_QUEUE_ITEM) {
        let mut state = self.lock();
        if state.queued.contains(&(item as usize)) {
            return;
        }
        state.queued.push_back(item as usize);
        let start = !std::mem::replace(&mut state.running, true);
        drop(state);
        if start {
            work::queue("KsQueueWorkItem", move || self.run());
        }
    }

    fn run(&'static self) {
        loop {
            let mut state = self.lock();
            let Some(item) = state.queued.pop_front() else {
                state.running = false;
                // SAFETY: the event is initialised; KsUnregisterWorker frees the worker after this only.
                unsafe { KeSetEvent(self.idle.get(), 0, 0) };
                return;
            };
            drop(state);
            // SAFETY: queued items are alive until their routine runs, which may free them.
            unsafe {
                let item = *(item as PWORK_QUEUE_ITEM);
                if let Some(routine) = item.WorkerRoutine {
                    driver_call(WORK_ITEM, "worker", || routine(item.Parameter));
                }
            }
        }
    }
}

/// `KsRegisterWorker`: a worker for work items of one priority. Passive level.
///
/// # Safety
/// `Worker` is a good pointer.
pub unsafe fn KsRegisterWorker(_WorkQueueType: WORK_QUEUE_TYPE, Worker: *mut PKSWORKER) -> NTSTATUS {
    // SAFETY: the caller's place.
    unsafe { *Worker = Worker::register(None) };
    STATUS_SUCCESS
}

/// `KsRegisterCountedWorker`: a worker with one work item, which is queued when its count goes from 0 to 1. Passive
/// level.
///
/// # Safety
/// `Worker` is a good pointer, the work item stays.
pub unsafe fn KsRegisterCountedWorker(
    _WorkQueueType: WORK_QUEUE_TYPE,
    CountedWorkItem: PWORK_QUEUE_ITEM,
    Worker: *mut PKSWORKER,
) -> NTSTATUS {
    // SAFETY: the caller's place.
    unsafe { *Worker = Worker::register(Some(CountedWorkItem as usize)) };
    STATUS_SUCCESS
}

/// `KsIncrementCountedWorker`: there is work; returns the new count. At most dispatch level.
///
/// # Safety
/// None beyond the worker, which is checked.
pub unsafe fn KsIncrementCountedWorker(Worker: PKSWORKER) -> u32 {
    let worker = worker_of(Worker);
    let mut state = worker.lock();
    let Some((item, count)) = &mut state.counted else {
        driver_error("KsInvalidWorker", "KsIncrementCountedWorker: the worker is not counted")
    };
    *count += 1;
    let (item, count) = (*item, *count);
    drop(state);
    if count == 1 {
        worker.queue(item as PWORK_QUEUE_ITEM);
    }
    count
}

/// `KsDecrementCountedWorker`: a piece of work is done; returns the new count. At most dispatch level.
///
/// # Safety
/// None beyond the worker, which is checked.
pub unsafe fn KsDecrementCountedWorker(Worker: PKSWORKER) -> u32 {
    let mut state = worker_of(Worker).lock();
    match &mut state.counted {
        Some((_, count)) if *count > 0 => {
            *count -= 1;
            *count
        }
        _ => {
            driver_error("KsInvalidWorker", "KsDecrementCountedWorker: the worker has no count to take from")
        }
    }
}

/// `KsQueueWorkItem`: queues a work item with a worker; one that is still queued stays. At most dispatch level.
///
/// # Safety
/// The work item is initialised and stays until it runs.
pub unsafe fn KsQueueWorkItem(Worker: PKSWORKER, WorkItem: PWORK_QUEUE_ITEM) -> NTSTATUS {
    worker_of(Worker).queue(WorkItem);
    STATUS_SUCCESS
}

/// `KsUnregisterWorker`: waits for what is queued, then frees the worker. Passive level.
///
/// # Safety
/// Nobody queues with it any more.
pub unsafe fn KsUnregisterWorker(Worker: PKSWORKER) {
    let worker = worker_of(Worker);
    while worker.lock().running {
        // SAFETY: the event is initialised.
        unsafe { KeWaitForSingleObject(worker.idle.get().cast(), Executive, KERNEL_MODE, 0, null_mut()) };
    }
    workers().retain(|&other| other != Worker as usize);
    // SAFETY: made by `register`, and not registered any more.
    drop(unsafe { Box::from_raw(Worker.cast::<Worker>()) });
}
