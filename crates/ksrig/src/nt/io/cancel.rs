//! Cancelling IRPs.

use ks_sys::*;

use super::irp::{IoGetCurrentIrpStackLocation, number_of};
use crate::nt::{
    callback::{self, CallbackKind, Group},
    machine::{Machine, lock},
    pnp,
    spinlock::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock},
    thread::Thread,
    trace, violation,
};

const CANCEL: CallbackKind = CallbackKind::new("CancelRoutine", Group::Driver);

/// Sets the cancel routine and gives the old one, atomically.
pub unsafe fn IoSetCancelRoutine(Irp: PIRP, CancelRoutine: PDRIVER_CANCEL) -> PDRIVER_CANCEL {
    // SAFETY: the caller's IRP; only the thread with the baton touches it.
    unsafe { std::mem::replace(&mut (*Irp).CancelRoutine, CancelRoutine) }
}

fn cancel_lock() -> PKSPIN_LOCK {
    lock(&Machine::current().irps).cancel_lock as PKSPIN_LOCK
}

/// Acquires the system cancel spin lock. IRQL <= DISPATCH_LEVEL.
pub unsafe fn IoAcquireCancelSpinLock(Irql: PKIRQL) {
    // SAFETY: the machine's lock and the caller's variable.
    unsafe { Irql.write(KeAcquireSpinLockRaiseToDpc(cancel_lock())) };
}

/// Releases the system cancel spin lock.
pub unsafe fn IoReleaseCancelSpinLock(Irql: KIRQL) {
    // SAFETY: the machine's lock.
    unsafe { KeReleaseSpinLock(cancel_lock(), Irql) };
}

/// Cancels an IRP; TRUE when its cancel routine was called. IRQL <= DISPATCH_LEVEL.
/// (`nf-wdm-iocancelirp.md`)
pub unsafe fn IoCancelIrp(Irp: PIRP) -> BOOLEAN {
    let number = number_of(Irp);
    // SAFETY: the caller's IRP. The cancel routine releases the lock, and may complete the IRP.
    unsafe {
        let mut irql = 0;
        IoAcquireCancelSpinLock(&raw mut irql);
        (*Irp).Cancel = 1;
        trace::event("cancel", format_args!("irp {number}"), "");
        let Some(routine) = IoSetCancelRoutine(Irp, None) else {
            IoReleaseCancelSpinLock(irql);
            return 0;
        };
        (*Irp).CancelIrql = irql;
        let device = (*IoGetCurrentIrpStackLocation(Irp)).DeviceObject;
        if pnp::is_driver_code(routine as usize) {
            // It is called at DISPATCH_LEVEL and returns at CancelIrql: the check wants them equal.
            let mut now = irql;
            callback::call(
                callback::Callback { kind: CANCEL, object: &format_args!("irp {number}") },
                || {
                    routine(device, Irp);
                    now = Thread::current().set_irql(DISPATCH_LEVEL as KIRQL);
                },
            );
            if now != irql {
                let message = format!("the cancel routine left IRQL {now}, it had to restore {irql}");
                violation::report("CancelRoutine", 0x2001D, "cancel", message);
            }
        } else {
            routine(device, Irp);
        }
        if *cancel_lock() == KSPIN_LOCK::from(Thread::current().id()) + 1 {
            violation::report(
                "CancelRoutine",
                0,
                "cancel",
                "the cancel routine did not release the cancel spin lock",
            );
            IoReleaseCancelSpinLock(irql);
        }
        Thread::current().set_irql(irql);
    }
    1
}
