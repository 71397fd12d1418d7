//! Dispatcher objects and waits. The state in the object's header is the truth; waiters are kept aside.

use ks_sys::*;

/// Initialises an event.
pub unsafe fn KeInitializeEvent(Event: PRKEVENT, Type: EVENT_TYPE, State: BOOLEAN) {
    todo!()
}

/// Signals an event and gives its old state. IRQL <= DISPATCH_LEVEL (with Wait TRUE <= APC_LEVEL).
pub unsafe fn KeSetEvent(Event: PRKEVENT, Increment: KPRIORITY, Wait: BOOLEAN) -> LONG {
    todo!()
}

/// Sets an event to not signalled.
pub unsafe fn KeClearEvent(Event: PRKEVENT) {
    todo!()
}

/// Sets an event to not signalled and gives its old state.
pub unsafe fn KeResetEvent(Event: PRKEVENT) -> LONG {
    todo!()
}

/// The state of an event.
pub unsafe fn KeReadStateEvent(Event: PRKEVENT) -> LONG {
    todo!()
}

/// Initialises a semaphore.
pub unsafe fn KeInitializeSemaphore(Semaphore: PRKSEMAPHORE, Count: LONG, Limit: LONG) {
    todo!()
}

/// Releases a semaphore and gives its old state; beyond the limit it is fatal (STATUS_SEMAPHORE_LIMIT_EXCEEDED).
pub unsafe fn KeReleaseSemaphore(Semaphore: PRKSEMAPHORE, Increment: KPRIORITY, Adjustment: LONG, Wait: BOOLEAN) -> LONG {
    todo!()
}

/// The state of a semaphore.
pub unsafe fn KeReadStateSemaphore(Semaphore: PRKSEMAPHORE) -> LONG {
    todo!()
}

/// Initialises a mutex, free.
pub unsafe fn KeInitializeMutex(Mutex: PRKMUTEX, Level: ULONG) {
    todo!()
}

/// Releases a mutex and gives its old state (0 = it is free now); by another than its owner it is fatal.
pub unsafe fn KeReleaseMutex(Mutex: PRKMUTEX, Wait: BOOLEAN) -> LONG {
    todo!()
}

/// The state of a mutex: 1 = free.
pub unsafe fn KeReadStateMutex(Mutex: PRKMUTEX) -> LONG {
    todo!()
}

/// Whether the calling thread owns the mutex (not an NT function).
pub unsafe fn mutex_is_mine(Mutex: PRKMUTEX) -> bool {
    todo!()
}

/// Waits for a dispatcher object. IRQL <= APC_LEVEL, or DISPATCH_LEVEL with a zero timeout.
pub unsafe fn KeWaitForSingleObject(
    Object: PVOID,
    WaitReason: KWAIT_REASON,
    WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Timeout: PLARGE_INTEGER,
) -> NTSTATUS {
    todo!()
}

/// Waits for any or all of up to 64 dispatcher objects (3 without a wait block array).
pub unsafe fn KeWaitForMultipleObjects(
    Count: ULONG,
    Object: *mut PVOID,
    WaitType: WAIT_TYPE,
    WaitReason: KWAIT_REASON,
    WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Timeout: PLARGE_INTEGER,
    WaitBlockArray: PVOID,
) -> NTSTATUS {
    todo!()
}

/// Lets the calling thread sleep.
pub unsafe fn KeDelayExecutionThread(WaitMode: KPROCESSOR_MODE, Alertable: BOOLEAN, Interval: PLARGE_INTEGER) -> NTSTATUS {
    todo!()
}
