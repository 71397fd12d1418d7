//! Work items.

use ks_sys::*;

/// Queues a work item to the system worker threads. IRQL <= DISPATCH_LEVEL.
pub unsafe fn ExQueueWorkItem(WorkItem: PWORK_QUEUE_ITEM, QueueType: WORK_QUEUE_TYPE) {
    todo!()
}

/// Allocates a work item of a device.
pub unsafe fn IoAllocateWorkItem(DeviceObject: PDEVICE_OBJECT) -> PIO_WORKITEM {
    todo!()
}

/// Queues it; the device object is referenced until it has run.
pub unsafe fn IoQueueWorkItem(IoWorkItem: PIO_WORKITEM, WorkerRoutine: PIO_WORKITEM_ROUTINE, QueueType: WORK_QUEUE_TYPE, Context: PVOID) {
    todo!()
}

/// Frees it; queued it is fatal.
pub unsafe fn IoFreeWorkItem(IoWorkItem: PIO_WORKITEM) {
    todo!()
}

/// Runs a closure on a system worker thread (not an NT function).
pub fn queue(name: &'static str, body: impl FnOnce() + 'static) {
    todo!()
}
