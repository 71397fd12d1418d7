//! I/O request packets.

use ks_sys::*;

/// An IRP with so many stack locations; NULL when there is no memory.
pub unsafe fn IoAllocateIrp(StackSize: CCHAR, ChargeQuota: BOOLEAN) -> PIRP {
    todo!()
}

/// Frees an IRP.
pub unsafe fn IoFreeIrp(Irp: PIRP) {
    todo!()
}

/// Clears an IRP for another use.
pub unsafe fn IoReuseIrp(Irp: PIRP, Status: NTSTATUS) {
    todo!()
}

/// Sends an IRP to a driver.
pub unsafe fn IofCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS {
    todo!()
}

/// Sends an IRP to a driver (macro in the headers).
pub unsafe fn IoCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS {
    todo!()
}

/// Sends a power IRP to a driver.
pub unsafe fn PoCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS {
    todo!()
}

/// Nothing on Windows Vista and later.
pub unsafe fn PoStartNextPowerIrp(Irp: PIRP) {}

/// Completes an IRP: completion routines from this location up, then what the requester waits for.
pub unsafe fn IofCompleteRequest(Irp: PIRP, PriorityBoost: CCHAR) {
    todo!()
}

/// Sets IoStatus and completes with no boost (not an NT function); gives the status.
pub unsafe fn complete(Irp: PIRP, Status: NTSTATUS, Information: usize) -> NTSTATUS {
    todo!()
}

/// The current stack location.
pub unsafe fn IoGetCurrentIrpStackLocation(Irp: PIRP) -> PIO_STACK_LOCATION {
    todo!()
}

/// The next-lower driver's stack location.
pub unsafe fn IoGetNextIrpStackLocation(Irp: PIRP) -> PIO_STACK_LOCATION {
    todo!()
}

/// Gives the next driver this driver's stack location as it is.
pub unsafe fn IoSkipCurrentIrpStackLocation(Irp: PIRP) {
    todo!()
}

/// Copies this driver's stack location to the next, without the completion routine.
pub unsafe fn IoCopyCurrentIrpStackLocationToNext(Irp: PIRP) {
    todo!()
}

/// Makes the next stack location the current one.
pub unsafe fn IoSetNextIrpStackLocation(Irp: PIRP) {
    todo!()
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
    todo!()
}

/// Marks an IRP as pending in the current stack location.
pub unsafe fn IoMarkIrpPending(Irp: PIRP) {
    todo!()
}

/// Sets the cancel routine and gives the old one, atomically.
pub unsafe fn IoSetCancelRoutine(Irp: PIRP, CancelRoutine: PDRIVER_CANCEL) -> PDRIVER_CANCEL {
    todo!()
}

/// Acquires the system cancel spin lock.
pub unsafe fn IoAcquireCancelSpinLock(Irql: PKIRQL) {
    todo!()
}

/// Releases the system cancel spin lock.
pub unsafe fn IoReleaseCancelSpinLock(Irql: KIRQL) {
    todo!()
}

/// Cancels an IRP; TRUE when its cancel routine was called.
pub unsafe fn IoCancelIrp(Irp: PIRP) -> BOOLEAN {
    todo!()
}

/// A device control request that completes into IoStatusBlock and signals Event; NULL when there is no memory.
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
    todo!()
}

/// A request that completes into IoStatusBlock and signals Event; NULL when there is no memory.
pub unsafe fn IoBuildSynchronousFsdRequest(
    MajorFunction: ULONG,
    DeviceObject: PDEVICE_OBJECT,
    Buffer: PVOID,
    Length: ULONG,
    StartingOffset: PLARGE_INTEGER,
    Event: PKEVENT,
    IoStatusBlock: PIO_STATUS_BLOCK,
) -> PIRP {
    todo!()
}

/// Sends the IRP to the next driver and waits until it has completed there; false when there is no
/// stack location left. IoStatus is in the IRP, which is not completed for this driver.
pub unsafe fn IoForwardIrpSynchronously(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> BOOLEAN {
    todo!()
}

/// The log name of an IRP ("irp 12"): the same from allocation to free.
pub unsafe fn irp_name(Irp: PIRP) -> String {
    todo!()
}
