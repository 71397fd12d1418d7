//! Sending IRPs to drivers.

use std::{cell::RefCell, ptr::null_mut};

use ks_sys::*;

use super::irp::{
    IoCopyCurrentIrpStackLocationToNext, IoGetCurrentIrpStackLocation, IoGetNextIrpStackLocation,
    IoSetCompletionRoutine, IoSetNextIrpStackLocation, irp_name, is_live, with_info,
};
use crate::nt::{
    bugcheck,
    callback::{self, CallbackKind, Group},
    event::{KeInitializeEvent, KeSetEvent},
    security,
    thread::KERNEL_MODE,
    violation,
    wait::KeWaitForSingleObject,
};

const fn dispatch_kind(major: u8) -> CallbackKind {
    let name = match major as u32 {
        IRP_MJ_CREATE => "DispatchCreate",
        IRP_MJ_CLOSE => "DispatchClose",
        IRP_MJ_CLEANUP => "DispatchCleanup",
        IRP_MJ_DEVICE_CONTROL => "DispatchDeviceControl",
        IRP_MJ_INTERNAL_DEVICE_CONTROL => "DispatchInternalDeviceControl",
        IRP_MJ_PNP => "DispatchPnp",
        IRP_MJ_POWER => "DispatchPower",
        IRP_MJ_SYSTEM_CONTROL => "DispatchSystemControl",
        IRP_MJ_READ => "DispatchRead",
        IRP_MJ_WRITE => "DispatchWrite",
        _ => "Dispatch",
    };
    CallbackKind::new(name, Group::Driver)
}

/// Sends an IRP to a driver: its dispatch routine's status. IRQL <= DISPATCH_LEVEL.
/// (`nf-wdm-iofcalldriver.md`)
pub unsafe fn IofCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS {
    let number = with_info(Irp, |info| info.number);
    // SAFETY: the caller's device object and IRP, which it hands over.
    unsafe {
        if (*Irp).CurrentLocation <= 1 {
            bugcheck::stop(
                ("IrpLocations", 0x35, 0),
                "IoCallDriver: the IRP has no stack location left (NO_MORE_IRP_STACK_LOCATIONS)",
            );
        }
        security::request(Irp, IoGetNextIrpStackLocation(Irp));
        IoSetNextIrpStackLocation(Irp);
        let location = IoGetCurrentIrpStackLocation(Irp);
        (*location).DeviceObject = DeviceObject;
        let major = (*location).MajorFunction;
        let routine =
            (*(*DeviceObject).DriverObject).MajorFunction.get(usize::from(major)).copied().flatten();
        let Some(routine) = routine else {
            bugcheck::stop("IoCallDriver", format_args!("the driver has no dispatch routine for {major:#x}"));
        };
        if (*Irp).CancelRoutine.is_some() {
            let message = "sent on with its cancel routine set";
            violation::report("IoCallDriver", 0x203, irp_name(Irp), message);
        }
        DISPATCHES.with_borrow_mut(|open| open.push(Dispatch { number, completed: None }));
        let status =
            callback::routine(routine as usize, dispatch_kind(major), &format_args!("irp {number}"), || {
                routine(DeviceObject, Irp)
            });
        let completed = DISPATCHES.with_borrow_mut(|open| open.pop().and_then(|dispatch| dispatch.completed));
        match completed {
            Some((reported, marked)) => check_completed(number, status, reported, marked),
            None => check_pending(Irp, number, location, status),
        }
        status
    }
}

/// A dispatch routine that has not returned.
struct Dispatch {
    number: u64,
    /// It has completed the IRP: with which status, and whether it had marked it pending.
    completed: Option<(NTSTATUS, bool)>,
}

thread_local! {
    static DISPATCHES: RefCell<Vec<Dispatch>> = const { RefCell::new(Vec::new()) };
}

/// The calling thread completes an IRP: its innermost dispatch routine for it has.
pub(super) fn completes(number: u64, status: NTSTATUS, marked: bool) {
    DISPATCHES.with_borrow_mut(|open| {
        if let Some(dispatch) = open.iter_mut().rev().find(|open| open.number == number) {
            dispatch.completed.get_or_insert((status, marked));
        }
    });
}

/// What a dispatch routine returns that has completed its IRP.
fn check_completed(number: u64, status: NTSTATUS, reported: NTSTATUS, marked: bool) {
    let (rule, code, message) = match (status, marked) {
        (STATUS_PENDING, false) => {
            ("IoMarkIrpPending", 0x23D, "STATUS_PENDING returned without IoMarkIrpPending".to_owned())
        }
        (STATUS_PENDING, true) => return,
        (_, true) => {
            ("IoMarkIrpPending", 0x23E, "marked pending, and STATUS_PENDING not returned".to_owned())
        }
        (-1, _) => ("Irp", 0x225, "the dispatch routine returned 0xffffffff".to_owned()),
        (status, _) if status != reported => {
            let (status, reported) = (status as u32, reported as u32);
            ("Irp", 0x224, format!("completed with {reported:#010x}, and {status:#010x} returned"))
        }
        _ => return,
    };
    violation::report(rule, code, format_args!("irp {number}"), message);
}

/// STATUS_PENDING and the pending mark go together, as far as the IRP is still there to look at.
unsafe fn check_pending(irp: PIRP, number: u64, location: PIO_STACK_LOCATION, status: NTSTATUS) {
    let there = is_live(irp, number);
    // SAFETY: the IRP is alive; whether the stack location is still the driver's is checked.
    unsafe {
        if there && IoGetCurrentIrpStackLocation(irp) == location {
            let marked = u32::from((*location).Control) & SL_PENDING_RETURNED != 0;
            let name = format!("irp {number}");
            if status == STATUS_PENDING && !marked {
                violation::report(
                    "IoMarkIrpPending",
                    0x23D,
                    name,
                    "STATUS_PENDING returned without IoMarkIrpPending",
                );
            } else if status != STATUS_PENDING && !marked {
                violation::report(
                    "Irp",
                    0x226,
                    name,
                    "the dispatch routine neither completed nor pended the IRP",
                );
            }
        }
    }
}

/// Sends an IRP to a driver (macro in the headers).
pub unsafe fn IoCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { IofCallDriver(DeviceObject, Irp) }
}

/// Sends a power IRP to a driver.
pub unsafe fn PoCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { IofCallDriver(DeviceObject, Irp) }
}

/// Nothing on Windows Vista and later.
pub unsafe fn PoStartNextPowerIrp(_Irp: PIRP) {}

/// Sends an IRP of the I/O manager itself and waits; gives the outcome.
pub(in crate::nt) unsafe fn send_and_wait(device: PDEVICE_OBJECT, irp: PIRP) -> IO_STATUS_BLOCK {
    let mut event = KEVENT::default();
    let mut iosb = IO_STATUS_BLOCK::default();
    // SAFETY: event and status block live until the IRP has completed into them.
    unsafe {
        KeInitializeEvent(&raw mut event, _EVENT_TYPE::NotificationEvent, 0);
        (*irp).UserEvent = &raw mut event;
        (*irp).UserIosb = &raw mut iosb;
        with_info(irp, |info| info.always = true);
        if IofCallDriver(device, irp) == STATUS_PENDING {
            wait(&raw mut event);
        }
    }
    iosb
}

/// Waits for an event without a time limit.
pub(in crate::nt) unsafe fn wait(event: PKEVENT) {
    // SAFETY: the caller's event.
    unsafe { KeWaitForSingleObject(event.cast(), _KWAIT_REASON::Executive, KERNEL_MODE, 0, null_mut()) };
}

unsafe extern "win64" fn signal(_: PDEVICE_OBJECT, _: PIRP, context: PVOID) -> NTSTATUS {
    // SAFETY: the context is the event of the thread that waits.
    unsafe { KeSetEvent(context.cast(), 0, 0) };
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Sends the IRP to the next driver and waits until it has completed there; FALSE when there is no
/// stack location left. IoStatus is in the IRP, which is not completed for this driver. PASSIVE_LEVEL.
pub unsafe fn IoForwardIrpSynchronously(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> BOOLEAN {
    let mut event = KEVENT::default();
    // SAFETY: the caller's device object and IRP; the event lives until it is signalled.
    unsafe {
        if (*Irp).CurrentLocation <= 1 {
            return 0;
        }
        KeInitializeEvent(&raw mut event, _EVENT_TYPE::SynchronizationEvent, 0);
        IoCopyCurrentIrpStackLocationToNext(Irp);
        IoSetCompletionRoutine(Irp, Some(signal), (&raw mut event).cast(), 1, 1, 1);
        IofCallDriver(DeviceObject, Irp);
        wait(&raw mut event);
    }
    1
}
