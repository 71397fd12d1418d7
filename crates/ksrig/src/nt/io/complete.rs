//! The end of an IRP.

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    call,
    irp::{
        IoFreeIrp, IoGetCurrentIrpStackLocation, IoMarkIrpPending, IoSkipCurrentIrpStackLocation, irp_name,
        is_irp, with_info,
    },
    mdl::{IoFreeMdl, MmUnlockPages},
};
use crate::nt::{
    bugcheck,
    callback::{self, CallbackKind, Group},
    event::KeSetEvent,
    object::{self, ObfDereferenceObject},
    pnp,
    pool::ExFreePool,
    trace, violation,
};

const COMPLETION: CallbackKind = CallbackKind::new("CompletionRoutine", Group::Driver);

unsafe fn check_completion(irp: PIRP) {
    // SAFETY: the caller's IRP is alive.
    unsafe {
        let name = irp_name(irp);
        let status = (*irp).IoStatus.__bindgen_anon_1.Status;
        if status == STATUS_PENDING || status == -1 {
            violation::report(
                "IoCompleteRequest",
                0x06,
                &name,
                format_args!("completed with {:#010x}", status as u32),
            );
        }
        if (*irp).CancelRoutine.is_some() {
            violation::report("IoCompleteRequest", 0x07, &name, "completed with its cancel routine set");
        }
        check_removal(irp, status, &name);
        if trace::enabled() {
            let (code, information) = (format!("{:#010x}", status as u32), (*irp).IoStatus.Information);
            trace::event_with("complete", &name, "", &[("status", &code), ("information", &information)]);
        }
    }
}

/// Requests that a driver must not fail. (`devtest/wdm-pnpremove.md`)
unsafe fn check_removal(irp: PIRP, status: NTSTATUS, name: &str) {
    // SAFETY: the caller's IRP is alive.
    unsafe {
        if status >= 0 || (*irp).CurrentLocation > (*irp).StackCount {
            return;
        }
        let IO_STACK_LOCATION { MajorFunction, MinorFunction, DeviceObject, .. } =
            *IoGetCurrentIrpStackLocation(irp);
        // The lowest device is the bus's.
        if pnp::device_of(DeviceObject).is_some() {
            return;
        }
        let (rule, code, request) = match (u32::from(MajorFunction), u32::from(MinorFunction)) {
            (IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE) => ("RemoveDevice", 0x306, "REMOVE_DEVICE"),
            (IRP_MJ_PNP, IRP_MN_SURPRISE_REMOVAL) => ("PnpRemove", 0x0004_3006, "SURPRISE_REMOVAL"),
            (IRP_MJ_PNP, IRP_MN_CANCEL_REMOVE_DEVICE) => ("PnpRemove", 0x0004_3006, "CANCEL_REMOVE_DEVICE"),
            (IRP_MJ_PNP, IRP_MN_CANCEL_STOP_DEVICE) => ("PnpRemove", 0x0004_3006, "CANCEL_STOP_DEVICE"),
            _ => return,
        };
        let message = format!("{request} is completed with {:#010x}", status as u32);
        violation::report(rule, code, name, message);
    }
}

/// Completes an IRP: completion routines from this location up, then what the requester waits for.
/// IRQL <= DISPATCH_LEVEL. (`nf-wdm-iofcompleterequest.md`)
pub unsafe fn IofCompleteRequest(Irp: PIRP, _PriorityBoost: CCHAR) {
    if !is_irp(Irp) {
        bugcheck::stop(
            ("IoCompleteRequest", 0x44),
            "the pointer is no live IRP: it was completed already (MULTIPLE_IRP_COMPLETE_REQUESTS)",
        );
    }
    let number = with_info(Irp, |info| info.number);
    // SAFETY: the caller's IRP, which it gives up. A completion routine that keeps it is the last to touch it.
    unsafe {
        if (*Irp).CurrentLocation > (*Irp).StackCount + 1 {
            bugcheck::stop(
                ("IoCompleteRequest", 0x44),
                format_args!("irp {number} is completed twice (MULTIPLE_IRP_COMPLETE_REQUESTS)"),
            );
        }
        check_completion(Irp);
        if (*Irp).CurrentLocation <= (*Irp).StackCount {
            let control = u32::from((*IoGetCurrentIrpStackLocation(Irp)).Control);
            let status = (*Irp).IoStatus.__bindgen_anon_1.Status;
            call::completes(number, status, control & SL_PENDING_RETURNED != 0);
        }
        while (*Irp).CurrentLocation <= (*Irp).StackCount {
            let location = IoGetCurrentIrpStackLocation(Irp);
            IoSkipCurrentIrpStackLocation(Irp);
            let IO_STACK_LOCATION { Control, CompletionRoutine, Context, .. } = *location;
            let control = u32::from(Control);
            (*Irp).PendingReturned = BOOLEAN::from(control & SL_PENDING_RETURNED != 0);
            let top = (*Irp).CurrentLocation == (*Irp).StackCount + 1;
            let success = (*Irp).IoStatus.__bindgen_anon_1.Status >= 0;
            let wanted = success && control & SL_INVOKE_ON_SUCCESS != 0
                || !success && control & SL_INVOKE_ON_ERROR != 0
                || (*Irp).Cancel != 0 && control & SL_INVOKE_ON_CANCEL != 0;
            if let Some(routine) = CompletionRoutine.filter(|_| wanted) {
                (*location).CompletionRoutine = None;
                (*location).Control = 0;
                let device = if top { null_mut() } else { (*IoGetCurrentIrpStackLocation(Irp)).DeviceObject };
                let status =
                    callback::routine(routine as usize, COMPLETION, &format_args!("irp {number}"), || {
                        routine(device, Irp, Context)
                    });
                if status == STATUS_MORE_PROCESSING_REQUIRED {
                    return;
                }
            } else if (*Irp).PendingReturned != 0 && !top {
                IoMarkIrpPending(Irp);
            }
        }
        // A second completion finds the IRP here, if it is still there.
        (*Irp).CurrentLocation = (*Irp).StackCount + 2;
        if with_info(Irp, |info| info.thread.is_some()) {
            finish(Irp);
        }
    }
}

/// What the I/O manager does at the end of a request it made.
unsafe fn finish(irp: PIRP) {
    let (file, owns_event, output_length, always) =
        with_info(irp, |info| (info.file as PFILE_OBJECT, info.event, info.output_length, info.always));
    // SAFETY: the IRP is complete, nobody else uses it; the requester's buffers live until it is told.
    unsafe {
        let status = (*irp).IoStatus.__bindgen_anon_1.Status;
        let error = status as u32 >> 30 == 3;
        if (*irp).Flags & IRP_BUFFERED_IO != 0 && !(*irp).AssociatedIrp.SystemBuffer.is_null() {
            if (*irp).Flags & IRP_INPUT_OPERATION != 0 && !error {
                if (*irp).IoStatus.Information > u64::from(output_length) {
                    let message = "Information is larger than the output buffer";
                    violation::report("IoCompleteRequest", 0x312, irp_name(irp), message);
                }
                let bytes = (*irp).IoStatus.Information.min(u64::from(output_length)) as usize;
                std::ptr::copy(
                    (*irp).AssociatedIrp.SystemBuffer.cast::<u8>(),
                    (*irp).UserBuffer.cast(),
                    bytes,
                );
            }
            if (*irp).Flags & IRP_DEALLOCATE_BUFFER != 0 {
                ExFreePool((*irp).AssociatedIrp.SystemBuffer);
            }
        }
        let mut mdl = std::mem::replace(&mut (*irp).MdlAddress, null_mut());
        while !mdl.is_null() {
            let next = (*mdl).Next;
            if u32::from((*mdl).MdlFlags as u16) & MDL_PAGES_LOCKED != 0 {
                MmUnlockPages(mdl);
            }
            IoFreeMdl(mdl);
            mdl = next;
        }
        let pending = (*irp).PendingReturned != 0;
        let (iosb, event, outcome) = ((*irp).UserIosb, (*irp).UserEvent, (*irp).IoStatus);
        IoFreeIrp(irp);
        // An error that the dispatch routine returned itself is the service's own result.
        if !error || pending || always {
            if !iosb.is_null() {
                iosb.write(outcome);
            }
            if !file.is_null() {
                (*file).FinalStatus = status;
            }
            if !event.is_null() {
                KeSetEvent(event, 0, 0);
            }
            // Without an event of its own the request signals the file; a synchronous file always.
            if !file.is_null() && (event.is_null() || (*file).Flags & FO_SYNCHRONOUS_IO != 0) {
                KeSetEvent(&raw mut (*file).Event, 0, 0);
            }
        }
        if owns_event {
            ObfDereferenceObject(event.cast());
        }
        if !file.is_null() {
            object::dereference_later(file.cast());
        }
    }
}

/// Sets IoStatus and completes with no boost (not an NT function); gives the status.
pub unsafe fn complete(Irp: PIRP, Status: NTSTATUS, Information: usize) -> NTSTATUS {
    // SAFETY: the caller's IRP, which it gives up.
    unsafe {
        (*Irp).IoStatus.__bindgen_anon_1.Status = Status;
        (*Irp).IoStatus.Information = Information as ULONG_PTR;
        IofCompleteRequest(Irp, 0);
    }
    Status
}
