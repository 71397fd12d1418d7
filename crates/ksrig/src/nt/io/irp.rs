//! I/O request packets.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    collections::BTreeMap,
    ptr::null_mut,
};

use ks_sys::*;

use crate::nt::{
    bugcheck,
    callback::{self, CallbackKind, Group},
    dispatcher::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject},
    io::mdl::{IoAllocateMdl, IoFreeMdl, MmUnlockPages},
    machine::{Machine, lock},
    object::{ObfDereferenceObject, object_name},
    spinlock::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock},
    thread::{KERNEL_MODE, Thread},
    trace, violation,
};

/// What the rig knows about an IRP beside the IRP.
pub(in crate::nt) struct Info {
    number: u64,
    layout: Layout,
    /// The thread that waits for it, for IRPs that the I/O manager finishes.
    pub thread: Option<u32>,
    /// The file object it holds a reference of.
    pub file: usize,
    /// Whether it holds a reference of its event.
    pub event: bool,
    /// The length of the caller's buffer behind a system buffer.
    pub output_length: u32,
    /// Created by the I/O manager itself: the outcome is always delivered.
    pub always: bool,
}

/// The IRPs of one machine, by address.
pub(in crate::nt) struct Irps {
    live: BTreeMap<usize, Info>,
    cancel_lock: usize,
}

impl Default for Irps {
    fn default() -> Self {
        let cancel_lock: &'static mut KSPIN_LOCK = Box::leak(Box::new(0));
        Self { live: BTreeMap::new(), cancel_lock: cancel_lock as PKSPIN_LOCK as usize }
    }
}

/// Changes what the rig knows about an IRP.
pub(in crate::nt) fn with_info<R>(irp: PIRP, change: impl FnOnce(&mut Info) -> R) -> R {
    let result = lock(&Machine::current().irps).live.get_mut(&(irp as usize)).map(change);
    result.unwrap_or_else(|| {
        bugcheck::stop("0xC9/01 IRP", "the pointer is no live IRP (never allocated, freed, or completed already)")
    })
}

/// Whether this is the IRP of that number, alive.
pub(in crate::nt) fn is_live(irp: PIRP, number: u64) -> bool {
    lock(&Machine::current().irps).live.get(&(irp as usize)).is_some_and(|info| info.number == number)
}

/// The number of an IRP.
pub(in crate::nt) fn number_of(irp: PIRP) -> u64 {
    with_info(irp, |info| info.number)
}

/// The live IRPs that hold a reference of the file, in the order of their making.
pub(in crate::nt) fn of_file(file: PFILE_OBJECT, thread: Option<u32>) -> Vec<PIRP> {
    let irps = lock(&Machine::current().irps);
    let mine = |info: &Info| info.file == file as usize && (thread.is_none() || info.thread == thread);
    let mut found: Vec<_> = irps.live.iter().filter(|(_, info)| mine(info)).collect();
    found.sort_by_key(|(_, info)| info.number);
    found.into_iter().map(|(irp, _)| *irp as PIRP).collect()
}

/// The log name of an IRP ("irp 12"): the same from allocation to free.
pub unsafe fn irp_name(Irp: PIRP) -> String {
    let irps = lock(&Machine::current().irps);
    irps.live.get(&(Irp as usize)).map_or_else(|| "irp (freed)".to_owned(), |info| format!("irp {}", info.number))
}

/// An IRP with so many stack locations; NULL when there is no memory. IRQL <= DISPATCH_LEVEL.
pub unsafe fn IoAllocateIrp(StackSize: CCHAR, _ChargeQuota: BOOLEAN) -> PIRP {
    let machine = Machine::current();
    let locations = StackSize.max(1) as usize;
    let bytes = size_of::<IRP>() + locations * size_of::<IO_STACK_LOCATION>();
    let Ok(layout) = Layout::from_size_align(bytes, 16) else { return null_mut() };
    // SAFETY: the layout has a size.
    let irp: PIRP = unsafe { alloc_zeroed(layout) }.cast();
    if irp.is_null() {
        return irp;
    }
    let number = machine.ordinal("irp");
    let info = Info { number, layout, thread: None, file: 0, event: false, output_length: 0, always: false };
    lock(&machine.irps).live.insert(irp as usize, info);
    // SAFETY: the block has room for the IRP and its stack locations.
    unsafe { initialize(irp, bytes as USHORT, StackSize) };
    irp
}

unsafe fn initialize(irp: PIRP, bytes: USHORT, locations: CCHAR) {
    // SAFETY: the caller's memory is zeroed and has this size.
    unsafe {
        (*irp).Type = IO_TYPE_IRP as CSHORT;
        (*irp).Size = bytes;
        (*irp).StackCount = locations;
        (*irp).CurrentLocation = locations + 1;
        set_location(irp, irp.add(1).cast::<IO_STACK_LOCATION>().add(locations as usize));
        let list = &raw mut (*irp).ThreadListEntry;
        list.write(LIST_ENTRY { Flink: list, Blink: list });
    }
}

/// Frees an IRP. IRQL <= DISPATCH_LEVEL.
pub unsafe fn IoFreeIrp(Irp: PIRP) {
    let Some(info) = lock(&Machine::current().irps).live.remove(&(Irp as usize)) else {
        bugcheck::stop("0xC9/01 IRP", "IoFreeIrp: the pointer is no live IRP");
    };
    // SAFETY: allocated with this layout; it was in the map, so not freed yet.
    unsafe {
        Irp.cast::<u8>().write_bytes(0xDD, info.layout.size());
        dealloc(Irp.cast(), info.layout);
    }
}

/// Clears an IRP for another use.
pub unsafe fn IoReuseIrp(Irp: PIRP, Status: NTSTATUS) {
    let bytes = with_info(Irp, |info| info.layout.size());
    // SAFETY: the IRP has this size.
    unsafe {
        let locations = (*Irp).StackCount;
        Irp.cast::<u8>().write_bytes(0, bytes);
        initialize(Irp, bytes as USHORT, locations);
        (*Irp).IoStatus.__bindgen_anon_1.Status = Status;
    }
}

unsafe fn set_location(irp: PIRP, location: PIO_STACK_LOCATION) {
    // SAFETY: the caller's IRP.
    unsafe { (*irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation = location };
}

/// The current stack location.
pub unsafe fn IoGetCurrentIrpStackLocation(Irp: PIRP) -> PIO_STACK_LOCATION {
    // SAFETY: the caller's IRP.
    unsafe { (*Irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation }
}

/// The next-lower driver's stack location.
pub unsafe fn IoGetNextIrpStackLocation(Irp: PIRP) -> PIO_STACK_LOCATION {
    // SAFETY: the caller's IRP.
    unsafe { IoGetCurrentIrpStackLocation(Irp).sub(1) }
}

/// Gives the next driver this driver's stack location as it is.
pub unsafe fn IoSkipCurrentIrpStackLocation(Irp: PIRP) {
    // SAFETY: the caller's IRP.
    unsafe {
        (*Irp).CurrentLocation += 1;
        set_location(Irp, IoGetCurrentIrpStackLocation(Irp).add(1));
    }
}

/// Copies this driver's stack location to the next, without the completion routine.
pub unsafe fn IoCopyCurrentIrpStackLocationToNext(Irp: PIRP) {
    // SAFETY: the caller's IRP has a next stack location.
    unsafe {
        let next = IoGetNextIrpStackLocation(Irp);
        *next = *IoGetCurrentIrpStackLocation(Irp);
        (*next).CompletionRoutine = None;
        (*next).Context = null_mut();
        (*next).Control = 0;
    }
}

/// Makes the next stack location the current one.
pub unsafe fn IoSetNextIrpStackLocation(Irp: PIRP) {
    // SAFETY: the caller's IRP.
    unsafe {
        (*Irp).CurrentLocation -= 1;
        set_location(Irp, IoGetNextIrpStackLocation(Irp));
    }
}

/// Sets the completion routine in the next stack location.
pub unsafe fn IoSetCompletionRoutine(
    Irp: PIRP,
    CompletionRoutine: PIO_COMPLETION_ROUTINE,
    Context: PVOID,
    InvokeOnSuccess: BOOLEAN,
    InvokeOnError: BOOLEAN,
    InvokeOnCancel: BOOLEAN,
) {
    let control = [
        (InvokeOnSuccess, SL_INVOKE_ON_SUCCESS),
        (InvokeOnError, SL_INVOKE_ON_ERROR),
        (InvokeOnCancel, SL_INVOKE_ON_CANCEL),
    ];
    let control = control.iter().filter(|(wanted, _)| *wanted != 0).fold(0, |all, (_, bit)| all | bit);
    // SAFETY: the caller's IRP has a next stack location.
    unsafe {
        let next = IoGetNextIrpStackLocation(Irp);
        (*next).CompletionRoutine = CompletionRoutine;
        (*next).Context = Context;
        (*next).Control = control as UCHAR;
    }
}

/// Marks an IRP as pending in the current stack location.
pub unsafe fn IoMarkIrpPending(Irp: PIRP) {
    // SAFETY: the caller's IRP.
    unsafe { (*IoGetCurrentIrpStackLocation(Irp)).Control |= SL_PENDING_RETURNED as UCHAR };
}

const COMPLETION: CallbackKind = CallbackKind::new("CompletionRoutine", Group::Driver);
const CANCEL: CallbackKind = CallbackKind::new("CancelRoutine", Group::Driver);

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
            bugcheck::stop("bug check 0x35", "IoCallDriver: the IRP has no stack location left (NO_MORE_IRP_STACK_LOCATIONS)");
        }
        IoSetNextIrpStackLocation(Irp);
        let location = IoGetCurrentIrpStackLocation(Irp);
        (*location).DeviceObject = DeviceObject;
        let major = (*location).MajorFunction;
        let routine = (*(*DeviceObject).DriverObject).MajorFunction.get(usize::from(major)).copied().flatten();
        let Some(routine) = routine else {
            bugcheck::stop("IoCallDriver", format_args!("the driver has no dispatch routine for {major:#x}"));
        };
        let status = callback::routine(
            routine as usize,
            dispatch_kind(major),
            &format_args!("irp {number}"),
            || routine(DeviceObject, Irp),
        );
        check_pending(Irp, number, location, status);
        status
    }
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
                violation::report("IoMarkIrpPending", 0x23D, name, "STATUS_PENDING returned without IoMarkIrpPending");
            } else if status != STATUS_PENDING && !marked {
                violation::report("Irp", 0x226, name, "the dispatch routine neither completed nor pended the IRP");
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

unsafe fn check_completion(irp: PIRP) {
    // SAFETY: the caller's IRP is alive.
    unsafe {
        let name = irp_name(irp);
        let status = (*irp).IoStatus.__bindgen_anon_1.Status;
        if status == STATUS_PENDING || status == -1 {
            violation::report("IoCompleteRequest", 0x06, &name, format_args!("completed with {:#010x}", status as u32));
        }
        if (*irp).CancelRoutine.is_some() {
            violation::report("IoCompleteRequest", 0x07, &name, "completed with its cancel routine set");
        }
        if trace::enabled() {
            let (code, information) = (format!("{:#010x}", status as u32), (*irp).IoStatus.Information);
            trace::event_with("complete", &name, "", &[("status", &code), ("information", &information)]);
        }
    }
}

/// Completes an IRP: completion routines from this location up, then what the requester waits for.
/// IRQL <= DISPATCH_LEVEL. (`nf-wdm-iofcompleterequest.md`)
pub unsafe fn IofCompleteRequest(Irp: PIRP, _PriorityBoost: CCHAR) {
    let number = with_info(Irp, |info| info.number);
    // SAFETY: the caller's IRP, which it gives up. A completion routine that keeps it is the last to touch it.
    unsafe {
        if (*Irp).CurrentLocation > (*Irp).StackCount + 1 {
            bugcheck::stop("bug check 0x44", format_args!("irp {number} is completed twice (MULTIPLE_IRP_COMPLETE_REQUESTS)"));
        }
        check_completion(Irp);
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
                let status = callback::routine(
                    routine as usize,
                    COMPLETION,
                    &format_args!("irp {number}"),
                    || routine(device, Irp, Context),
                );
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
                std::ptr::copy((*irp).AssociatedIrp.SystemBuffer.cast::<u8>(), (*irp).UserBuffer.cast(), bytes);
            }
            if (*irp).Flags & IRP_DEALLOCATE_BUFFER != 0 {
                crate::nt::ExFreePool((*irp).AssociatedIrp.SystemBuffer);
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
            ObfDereferenceObject(file.cast());
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
    let number = with_info(Irp, |info| info.number);
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
        if crate::nt::pnp::is_driver_code(routine as usize) {
            // It is called at DISPATCH_LEVEL and returns at CancelIrql: the check wants them equal.
            callback::call(
                callback::Callback { kind: CANCEL, object: &format_args!("irp {number}") },
                || {
                    routine(device, Irp);
                    let now = Thread::current().set_irql(DISPATCH_LEVEL as KIRQL);
                    if now != irql {
                        let message = format!("the cancel routine left IRQL {now}, it had to restore {irql}");
                        violation::report("CancelRoutine", 0x2001D, "cancel", message);
                    }
                },
            );
        } else {
            routine(device, Irp);
        }
        if *cancel_lock() == KSPIN_LOCK::from(Thread::current().id()) + 1 {
            violation::report("CancelRoutine", 0, "cancel", "the cancel routine did not release the cancel spin lock");
            IoReleaseCancelSpinLock(irql);
        }
        Thread::current().set_irql(irql);
    }
    1
}

/// An IRP that the I/O manager finishes for the calling thread.
pub(in crate::nt) unsafe fn allocate_for_thread(device: PDEVICE_OBJECT, mode: KPROCESSOR_MODE) -> PIRP {
    // SAFETY: the caller's device object.
    unsafe {
        let irp = IoAllocateIrp((*device).StackSize, 0);
        if !irp.is_null() {
            let thread = Thread::current();
            with_info(irp, |info| info.thread = Some(thread.id()));
            (*irp).RequestorMode = mode;
            (*irp).Tail.Overlay.Thread = thread.kthread().cast();
        }
        irp
    }
}

/// Puts the buffers of a device control request where its method says.
pub(in crate::nt) unsafe fn set_buffers(
    irp: PIRP,
    code: ULONG,
    input: PVOID,
    input_length: ULONG,
    output: PVOID,
    output_length: ULONG,
) -> Result<(), NTSTATUS> {
    // SAFETY: the caller's IRP and buffers.
    unsafe {
        let location = IoGetNextIrpStackLocation(irp);
        let parameters = &mut (*location).Parameters.DeviceIoControl;
        (parameters.OutputBufferLength, parameters.InputBufferLength) = (output_length, input_length);
        parameters.IoControlCode = code;
        parameters.Type3InputBuffer = null_mut();
        let method = code & 3;
        let system_length = match method {
            METHOD_NEITHER => {
                parameters.Type3InputBuffer = input;
                (*irp).UserBuffer = output;
                return Ok(());
            }
            METHOD_BUFFERED => input_length.max(output_length),
            _ => input_length,
        };
        if system_length != 0 {
            let bytes = SIZE_T::from(system_length);
            let buffer = crate::nt::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPool, bytes, u32::from_le_bytes(*b"IoSb"));
            if buffer.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            buffer.cast::<u8>().write_bytes(0, system_length as usize);
            std::ptr::copy_nonoverlapping(input.cast::<u8>(), buffer.cast(), input_length as usize);
            (*irp).AssociatedIrp.SystemBuffer = buffer;
            (*irp).Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
        }
        if method == METHOD_BUFFERED {
            if output_length != 0 {
                (*irp).UserBuffer = output;
                (*irp).Flags |= IRP_INPUT_OPERATION;
                with_info(irp, |info| info.output_length = output_length);
            }
        } else if output_length != 0 {
            let mdl = IoAllocateMdl(output, output_length, 0, 0, irp);
            let access = if method == METHOD_IN_DIRECT { _LOCK_OPERATION::IoReadAccess } else { _LOCK_OPERATION::IoWriteAccess };
            crate::nt::MmProbeAndLockPages(mdl, (*irp).RequestorMode, access)?;
        }
    }
    Ok(())
}

/// A device control request that completes into IoStatusBlock and signals Event; NULL when there is no
/// memory. PASSIVE_LEVEL. (`nf-wdm-iobuilddeviceiocontrolrequest.md`)
pub unsafe fn IoBuildDeviceIoControlRequest(
    IoControlCode: ULONG,
    DeviceObject: PDEVICE_OBJECT,
    InputBuffer: PVOID,
    InputBufferLength: ULONG,
    OutputBuffer: PVOID,
    OutputBufferLength: ULONG,
    InternalDeviceIoControl: BOOLEAN,
    Event: PKEVENT,
    IoStatusBlock: PIO_STATUS_BLOCK,
) -> PIRP {
    let internal = InternalDeviceIoControl != 0;
    let major = if internal { IRP_MJ_INTERNAL_DEVICE_CONTROL } else { IRP_MJ_DEVICE_CONTROL };
    // SAFETY: the caller's device object and buffers.
    unsafe {
        let irp = allocate_for_thread(DeviceObject, KERNEL_MODE);
        if irp.is_null() {
            return irp;
        }
        (*irp).UserEvent = Event;
        (*irp).UserIosb = IoStatusBlock;
        (*IoGetNextIrpStackLocation(irp)).MajorFunction = major as UCHAR;
        let set = set_buffers(irp, IoControlCode, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength);
        if set.is_err() {
            IoFreeIrp(irp);
            return null_mut();
        }
        irp
    }
}

/// A request that completes into IoStatusBlock and signals Event; NULL when there is no memory.
/// PASSIVE_LEVEL. (`nf-wdm-iobuildsynchronousfsdrequest.md`)
pub unsafe fn IoBuildSynchronousFsdRequest(
    MajorFunction: ULONG,
    DeviceObject: PDEVICE_OBJECT,
    Buffer: PVOID,
    Length: ULONG,
    StartingOffset: PLARGE_INTEGER,
    Event: PKEVENT,
    IoStatusBlock: PIO_STATUS_BLOCK,
) -> PIRP {
    // SAFETY: the caller's device object and buffers.
    unsafe {
        let irp = allocate_for_thread(DeviceObject, KERNEL_MODE);
        if irp.is_null() {
            return irp;
        }
        (*irp).UserEvent = Event;
        (*irp).UserIosb = IoStatusBlock;
        (*irp).UserBuffer = Buffer;
        let location = IoGetNextIrpStackLocation(irp);
        (*location).MajorFunction = MajorFunction as UCHAR;
        if matches!(MajorFunction, IRP_MJ_READ | IRP_MJ_WRITE) {
            (*location).Parameters.Read.Length = Length;
            if let Some(offset) = StartingOffset.as_ref() {
                (*location).Parameters.Read.ByteOffset = *offset;
            }
        }
        irp
    }
}

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

unsafe fn wait(event: PKEVENT) {
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

/// Logs the start of a request.
pub(in crate::nt) unsafe fn trace_request(irp: PIRP, what: &str, file: PFILE_OBJECT, detail: &str) {
    if trace::enabled() {
        // SAFETY: the caller's IRP and file object.
        let (name, file) = unsafe { (irp_name(irp), object_name(file.cast())) };
        trace::event_with("irp", name, detail, &[("function", &what), ("file", &file)]);
    }
}
