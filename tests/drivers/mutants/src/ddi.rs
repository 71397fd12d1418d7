//! What wdk-sys lacks: exports of ntoskrnl.exe that its headers have as inline functions, and inline functions.

use core::ptr::null_mut;

use ks_sys::{
    FAST_MUTEX, KIRQL, LARGE_INTEGER, LIST_ENTRY, NTSTATUS, PDRIVER_CANCEL, PFAST_MUTEX,
    PIO_COMPLETION_ROUTINE, PIO_STACK_LOCATION, PIRP, PVOID, SL_PENDING_RETURNED,
};
use wdk_sys::{
    _EVENT_TYPE::SynchronizationEvent,
    _MODE::KernelMode,
    SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS,
    ntddk::{
        ExAllocatePool2, ExFreePoolWithTag, IofCompleteRequest, KeDelayExecutionThread, KeInitializeEvent,
    },
};

unsafe extern "C" {
    /// Raises to DISPATCH_LEVEL; gives the old IRQL.
    pub fn KeRaiseIrqlToDpcLevel() -> KIRQL;
    /// Raises the IRQL; gives the old one.
    pub fn KfRaiseIrql(irql: KIRQL) -> KIRQL;
    /// Lowers the IRQL.
    pub fn KeLowerIrql(irql: KIRQL);
    /// Unwinds to a frame of the caller's stack.
    pub fn RtlUnwind(frame: PVOID, ip: PVOID, record: PVOID, result: PVOID);
}

/// With a page priority: the mapping holds data (wdm.h).
pub const MdlMappingNoExecute: i32 = 0x4000_0000;

/// The tag of this driver's pool.
pub const TAG: u32 = u32::from_le_bytes(*b"Muta");

/// Pool of this kind (`POOL_FLAG_…`), zeroed; null when there is none.
#[inline(always)]
pub fn allocate(kind: u64, bytes: usize) -> PVOID {
    // SAFETY: the caller is at an IRQL that the kind allows, or breaks a rule.
    unsafe { ExAllocatePool2(kind, bytes as u64, TAG) }
}

/// Gives it back.
///
/// # Safety
///
/// Made by [`allocate`], and used no more.
#[inline(always)]
pub unsafe fn free(memory: PVOID) {
    // SAFETY: the caller's promise.
    unsafe { ExFreePoolWithTag(memory, TAG) };
}

/// Waits for so many milliseconds. IRQL <= APC_LEVEL.
#[inline(always)]
pub fn sleep(milliseconds: i64) {
    let mut interval = LARGE_INTEGER { QuadPart: -10_000 * milliseconds };
    // SAFETY: a local interval.
    let _ = unsafe { KeDelayExecutionThread(KernelMode as i8, 0, &raw mut interval) };
}

/// Makes a fast mutex that nobody holds.
///
/// # Safety
///
/// The place is the caller's.
pub unsafe fn ExInitializeFastMutex(mutex: PFAST_MUTEX) {
    // SAFETY: the caller's promise.
    unsafe {
        mutex.write(FAST_MUTEX { Count: 1, Owner: null_mut(), ..FAST_MUTEX::default() });
        KeInitializeEvent(&raw mut (*mutex).Event, SynchronizationEvent, 0);
    }
}

/// Takes an entry out of its list.
///
/// # Safety
///
/// It is in a list, whose lock is held.
pub unsafe fn RemoveEntryList(entry: *mut LIST_ENTRY) {
    // SAFETY: the caller's promise: the neighbours are alive.
    unsafe {
        let LIST_ENTRY { Flink, Blink } = *entry;
        (*Blink).Flink = Flink;
        (*Flink).Blink = Blink;
    }
}

/// The driver's place in a request.
unsafe fn IoGetCurrentIrpStackLocation(irp: PIRP) -> PIO_STACK_LOCATION {
    // SAFETY: every view of the unions is of a request that a driver owns.
    unsafe { (*irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation }
}

/// The place in a request of the driver that it is sent to.
///
/// # Safety
///
/// The request is the caller's, and has one for it.
pub unsafe fn IoGetNextIrpStackLocation(irp: PIRP) -> PIO_STACK_LOCATION {
    // SAFETY: the caller's promise.
    unsafe { IoGetCurrentIrpStackLocation(irp).sub(1) }
}

/// Has a routine called when the request has been completed, however.
///
/// # Safety
///
/// As above.
pub unsafe fn IoSetCompletionRoutine(irp: PIRP, routine: PIO_COMPLETION_ROUTINE, context: PVOID) {
    // SAFETY: the caller's promise.
    unsafe {
        let next = IoGetNextIrpStackLocation(irp);
        (*next).CompletionRoutine = routine;
        (*next).Context = context;
        (*next).Control = (SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL) as u8;
    }
}

/// Says that the request is completed later.
///
/// # Safety
///
/// The request is the caller's.
pub unsafe fn IoMarkIrpPending(irp: PIRP) {
    // SAFETY: the caller's promise.
    unsafe { (*IoGetCurrentIrpStackLocation(irp)).Control |= SL_PENDING_RETURNED as u8 };
}

/// Gives a request a cancel routine.
///
/// # Safety
///
/// The request is the caller's.
pub unsafe fn IoSetCancelRoutine(irp: PIRP, routine: PDRIVER_CANCEL) {
    // SAFETY: the caller's promise.
    unsafe { (&raw mut (*irp).CancelRoutine).write_volatile(routine) };
}

/// Completes a request.
///
/// # Safety
///
/// The request is the caller's, who gives it up.
#[inline(always)]
pub unsafe fn complete(irp: PIRP, status: NTSTATUS, information: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        (*irp).IoStatus.__bindgen_anon_1.Status = status;
        (*irp).IoStatus.Information = information;
        IofCompleteRequest(irp, 0);
    }
}
