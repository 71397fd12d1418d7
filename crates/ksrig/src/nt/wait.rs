//! Waits for dispatcher objects, with deadlines on virtual time.

use ks_sys::*;

use super::{
    bugcheck,
    dispatcher::{Waiter, consumes_ownership, describe, is_mutex, is_new_mutex, is_object, try_satisfy},
    exports, inject,
    lock_order::{self, Kind},
    machine::{Machine, lock},
    sched::{self, Wake},
    thread::{Thread, USER_MODE},
    violation,
};

/// The virtual time a timeout means: negative is relative, positive absolute.
pub(super) unsafe fn deadline(timeout: PLARGE_INTEGER) -> Option<u64> {
    // SAFETY: NULL or the caller's time.
    let units = unsafe { timeout.as_ref()?.QuadPart };
    Some(due(units))
}

/// The virtual time that a due time means.
pub(super) fn due(units: i64) -> u64 {
    if units <= 0 {
        sched::now().saturating_add(units.unsigned_abs())
    } else {
        units.unsigned_abs().saturating_sub(super::time::BOOT)
    }
}

/// Where and for how long a thread may wait: at DISPATCH_LEVEL for no time, above it not at all, and not for an object
/// on its stack while that may be paged out.
fn check(objects: &[usize], mode: KPROCESSOR_MODE, deadline: Option<u64>) {
    let thread = Thread::current();
    let irql = thread.irql();
    let broken = match deadline {
        _ if irql > DISPATCH_LEVEL as u8 => Some((0x120, "a wait")),
        None if irql == DISPATCH_LEVEL as u8 => Some((0x121, "a wait without a timeout")),
        Some(time) if irql == DISPATCH_LEVEL as u8 && time != sched::now() => {
            Some((0x122, "a wait with a timeout that is not zero"))
        }
        _ => None,
    };
    if let Some((code, what)) = broken {
        violation::report("IrqlKeWait", code, thread.name(), format_args!("{what} at IRQL {irql}"));
    }
    let (low, high) = thread.stack();
    if mode == USER_MODE && exports::called_by_driver() && objects.iter().any(|at| (low..high).contains(at)) {
        let message = "a wait in UserMode for an object on the kernel stack, which may be paged out";
        violation::report("KeWaitStack", 0x123, thread.name(), message);
    }
}

unsafe fn wait(objects: &[usize], all: bool, mode: KPROCESSOR_MODE, timeout: PLARGE_INTEGER) -> NTSTATUS {
    let thread = Thread::current();
    for object in objects {
        // SAFETY: the caller's objects are dispatcher objects; one that is none is found here.
        if unsafe { !is_object(*object) } {
            bugcheck::stop(("KeWait", 0xC4, 0), "a wait for an object that was not initialised");
        }
    }
    // SAFETY: NULL or the caller's time.
    let deadline = unsafe { deadline(timeout) };
    check(objects, mode, deadline);
    let finish = |index: usize| {
        let acquired = if all { objects } else { &objects[index..=index] };
        // SAFETY: the caller's objects; a mutex acquired for the first time disables APCs.
        let mutexes = acquired.iter().filter(|object| unsafe { consumes_ownership(**object) });
        thread.add_apc_disable(mutexes.count() as i32);
        // SAFETY: as above.
        for mutex in acquired.iter().filter(|object| unsafe { is_new_mutex(**object) }) {
            lock_order::acquired(*mutex, Kind::Mutex);
        }
        STATUS_WAIT_0 + index as NTSTATUS
    };
    if deadline.is_none_or(|deadline| deadline > sched::now()) {
        // SAFETY: as above.
        for mutex in objects.iter().filter(|object| unsafe { is_mutex(**object) }) {
            lock_order::waits(*mutex, Kind::Mutex);
        }
    }
    // SAFETY: the caller's objects.
    if let Some(index) = unsafe { try_satisfy(objects, all, thread.kthread()) } {
        return finish(index);
    }
    if deadline.is_some_and(|deadline| deadline <= sched::now()) {
        return STATUS_TIMEOUT;
    }
    let machine = Machine::current();
    {
        let mut waits = lock(&machine.waits);
        for object in objects {
            waits.objects.entry(*object).or_default().push_back(thread.id());
        }
        let waiter = Waiter { objects: objects.to_vec(), all, thread: thread.kthread(), satisfied: None };
        waits.waiters.insert(thread.id(), waiter);
    }
    loop {
        let wake = sched::block(&describe(objects[0]), deadline);
        let mut waits = lock(&machine.waits);
        if let Some(index) = waits.waiters.get(&thread.id()).and_then(|waiter| waiter.satisfied) {
            waits.remove(thread.id());
            drop(waits);
            return finish(index);
        }
        if wake == Wake::TimedOut {
            waits.remove(thread.id());
            return STATUS_TIMEOUT;
        }
        if machine.ending() {
            waits.remove(thread.id());
            return STATUS_ALERTED;
        }
    }
}

/// A wait of a driver's that is to end early on purpose: when its time has passed, or at once with an alert.
unsafe fn ends_early(call: &'static str, alertable: BOOLEAN, timeout: PLARGE_INTEGER) -> Option<NTSTATUS> {
    let status = inject::strike_wait(call, alertable != 0, !timeout.is_null())?;
    if status == STATUS_TIMEOUT {
        // SAFETY: the caller's time.
        let until = unsafe { deadline(timeout) }.unwrap_or_default();
        if let Some(rest) = until.checked_sub(sched::now()).filter(|rest| *rest > 0) {
            sched::sleep(rest);
        }
    }
    Some(status)
}

/// Waits for a dispatcher object: STATUS_SUCCESS or STATUS_TIMEOUT. IRQL <= APC_LEVEL, or DISPATCH_LEVEL
/// with a zero timeout. (`nf-wdm-kewaitforsingleobject.md`)
pub unsafe fn KeWaitForSingleObject(
    Object: PVOID,
    _WaitReason: KWAIT_REASON,
    WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Timeout: PLARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: the caller's time.
    if let Some(status) = unsafe { ends_early("KeWaitForSingleObject", Alertable, Timeout) } {
        return status;
    }
    // SAFETY: the caller's object.
    unsafe { wait(&[Object as usize], false, WaitMode, Timeout) }
}

/// Waits for any or all of up to 64 dispatcher objects (3 without a wait block array).
pub unsafe fn KeWaitForMultipleObjects(
    Count: ULONG,
    Object: *mut PVOID,
    WaitType: WAIT_TYPE,
    _WaitReason: KWAIT_REASON,
    WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Timeout: PLARGE_INTEGER,
    WaitBlockArray: PVOID,
) -> NTSTATUS {
    // SAFETY: the caller's time.
    if let Some(status) = unsafe { ends_early("KeWaitForMultipleObjects", Alertable, Timeout) } {
        return status;
    }
    if Count > if WaitBlockArray.is_null() { 3 } else { 64 } {
        bugcheck::stop(
            ("KeWait", 0xC, 0),
            "KeWaitForMultipleObjects: too many objects (MAXIMUM_WAIT_OBJECTS_EXCEEDED)",
        );
    }
    // SAFETY: the caller's array and objects.
    unsafe {
        let objects: Vec<usize> = (0..Count as usize).map(|index| *Object.add(index) as usize).collect();
        wait(&objects, WaitType == _WAIT_TYPE::WaitAll, WaitMode, Timeout)
    }
}

/// Lets the calling thread sleep. IRQL <= APC_LEVEL.
pub unsafe fn KeDelayExecutionThread(
    _WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Interval: PLARGE_INTEGER,
) -> NTSTATUS {
    if let Some(status) = inject::strike_wait("KeDelayExecutionThread", Alertable != 0, false) {
        return status;
    }
    // SAFETY: the caller's interval.
    let until = unsafe { deadline(Interval) }.unwrap_or_default();
    sched::sleep(until.saturating_sub(sched::now()));
    STATUS_SUCCESS
}

#[cfg(test)]
mod tests;
