//! Something that a system worker thread does.

use core::ptr::null_mut;

use ks_sys::{KEVENT, PDEVICE_OBJECT, PIRP, PVOID};
use wdk_sys::{
    _EVENT_TYPE::NotificationEvent,
    _KWAIT_REASON::Executive,
    _MODE::{KernelMode, UserMode},
    _WORK_QUEUE_TYPE::DelayedWorkQueue,
    PIO_WORKITEM, POOL_FLAG_NON_PAGED,
    ntddk::{
        IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, KeInitializeEvent, KeSetEvent,
        KeWaitForSingleObject,
    },
};

use crate::{
    ddi::{KeRaiseIrqlToDpcLevel, allocate, free, sleep},
    mutant,
};

/// What is done while the caller waits.
struct Task {
    done: KEVENT,
    /// Memory of a program, or null.
    look_at: *const u8,
}

/// Has a worker thread do something and waits for it. PASSIVE_LEVEL.
#[inline(never)]
pub fn run(device: PDEVICE_OBJECT, look_at: *const u8) {
    let mut task = Task { done: KEVENT::default(), look_at };
    // SAFETY: a live device object; the task is alive until the event is set.
    unsafe {
        KeInitializeEvent(&raw mut task.done, NotificationEvent, 0);
        let item = IoAllocateWorkItem(device);
        if item.is_null() {
            return;
        }
        IoQueueWorkItem(item, Some(worker), DelayedWorkQueue, (&raw mut task).cast());
        if mutant::once("WorkItem") {
            IoQueueWorkItem(item, Some(worker), DelayedWorkQueue, (&raw mut task).cast());
        }
        let done = (&raw mut task.done).cast();
        // In UserMode the stack, and the event on it, could be paged out.
        let mode = if mutant::once("KeWaitStack") { UserMode } else { KernelMode };
        let _ = KeWaitForSingleObject(done, Executive, mode as i8, 0, null_mut());
        IoFreeWorkItem(item);
    }
}

unsafe extern "C" fn worker(_device: PDEVICE_OBJECT, task: PVOID) {
    let task = task.cast::<Task>();
    // SAFETY: the task lives until its event is set.
    unsafe {
        if !(*task).look_at.is_null() {
            (*task).look_at.read_volatile();
        }
        KeSetEvent(&raw mut (*task).done, 0, 0);
    }
    if mutant::once("IrqlReturn") {
        // SAFETY: always allowed; never to be left like this.
        let _ = unsafe { KeRaiseIrqlToDpcLevel() };
    }
}

/// What is done when nobody waits.
struct Later {
    item: PIO_WORKITEM,
    irp: PIRP,
    finish: unsafe fn(PIRP),
}

/// Finishes a request a millisecond from now, on a worker thread; at once when there is no memory. PASSIVE_LEVEL.
///
/// # Safety
///
/// The request stays the driver's until then.
#[inline(never)]
pub unsafe fn later(device: PDEVICE_OBJECT, irp: PIRP, finish: unsafe fn(PIRP)) {
    let later = allocate(POOL_FLAG_NON_PAGED, size_of::<Later>()).cast::<Later>();
    // SAFETY: a live device object; the memory is large enough, and the worker's from then on.
    unsafe {
        let item = IoAllocateWorkItem(device);
        if later.is_null() || item.is_null() {
            return finish(irp);
        }
        later.write(Later { item, irp, finish });
        IoQueueWorkItem(item, Some(late_worker), DelayedWorkQueue, later.cast());
    }
}

unsafe extern "C" fn late_worker(_device: PDEVICE_OBJECT, later: PVOID) {
    // SAFETY: written by `later`, for this routine.
    let Later { item, irp, finish } = unsafe { later.cast::<Later>().read() };
    sleep(1);
    // SAFETY: as above; a work item may be freed by its own routine.
    unsafe {
        free(later);
        finish(irp);
        IoFreeWorkItem(item);
    }
}
