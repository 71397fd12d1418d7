//! What drivers import of exception handling.

use std::ptr::null_mut;

use ks_sys::*;

use super::{boundary::Cursor, c_handler, context, raise, raise_record, unwind};
use crate::{
    nt::{
        exports::{Export, exports},
        pnp,
        thread::USER_MODE,
        user,
    },
    pe::{stub::PerThread, unwind::Context},
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    ExRaiseAccessViolation() -> (), 0..=1, raise_access_violation;
    ExRaiseDatatypeMisalignment() -> (), 0..=1, raise_misalignment;
    ExRaiseStatus(Status: NTSTATUS) -> (), 0..=1, raise_status;
    ProbeForRead(Address: PVOID, Length: SIZE_T, Alignment: ULONG) -> (), 0..=1, probe_for_read;
    ProbeForWrite(Address: PVOID, Length: SIZE_T, Alignment: ULONG) -> (), 0..=1, probe_for_write;
    RtlCaptureStackBackTrace(FramesToSkip: ULONG, FramesToCapture: ULONG, BackTrace: *mut PVOID, BackTraceHash: PULONG) -> USHORT, 0..=15;
    RtlLookupFunctionEntry(ControlPc: ULONG64, ImageBase: *mut ULONG64, HistoryTable: PVOID) -> PVOID, 0..=15;
    RtlPcToFileHeader(PcValue: PVOID, BaseOfImage: *mut PVOID) -> PVOID, 0..=15;
    RtlRaiseException(ExceptionRecord: PEXCEPTION_RECORD) -> (), 0..=15, raise_exception;
    RtlVirtualUnwind(HandlerType: ULONG, ImageBase: ULONG64, ControlPc: ULONG64, FunctionEntry: PVOID, ContextRecord: *mut _CONTEXT, HandlerData: *mut PVOID, EstablisherFrame: *mut ULONG64, ContextPointers: PVOID) -> PVOID, 0..=15;
}

/// The functions with a thunk.
pub static EXPORTS: &[&Export] = TABLE;

/// The functions without: they belong to the driver's own flow of control.
pub fn function(name: &str) -> Option<*const ()> {
    Some(match name {
        "__C_specific_handler" => c_handler::specific_handler as *const (),
        "__chkstk" => check_stack as *const (),
        "_local_unwind" => unwind::local_unwind as *const (),
        "RtlCaptureContext" => context::capture as *const (),
        "RtlUnwind" => unwind::RtlUnwind as *const (),
        "RtlUnwindEx" => unwind::RtlUnwindEx as *const (),
        _ => return None,
    })
}

/// Raises a status that cannot be continued. (`nf-ntddk-exraisestatus.md`)
fn raise_status(status: NTSTATUS) {
    raise(status)
}

/// (`nf-wdm-exraiseaccessviolation` in ntddk.h)
fn raise_access_violation() {
    raise(STATUS_ACCESS_VIOLATION)
}

fn raise_misalignment() {
    raise(STATUS_DATATYPE_MISALIGNMENT)
}

/// Raises what the record says; it may be continued if the record does not forbid it.
unsafe fn raise_exception(record: PEXCEPTION_RECORD) {
    // SAFETY: the driver's record.
    raise_record(unsafe { *record })
}

/// Checks that a range lies in the user part of the address space and is aligned; what lies there is for the access
/// itself to find out. Raises STATUS_ACCESS_VIOLATION or STATUS_DATATYPE_MISALIGNMENT. (`nf-wdm-probeforread.md`)
fn probe_for_read(address: PVOID, length: SIZE_T, alignment: ULONG) {
    if let Err(status) = user::probe_for_read(address, length as usize, alignment) {
        raise(status)
    }
}

/// The same, and that each page of the range can be written. (`nf-wdm-probeforwrite.md`)
fn probe_for_write(address: PVOID, length: SIZE_T, alignment: ULONG) {
    let checked = user::probe_for_read(address, length as usize, alignment);
    let checked = checked.and_then(|()| user::probe(USER_MODE, address, length as usize, alignment));
    if let Err(status) = checked {
        raise(status)
    }
}

/// The return addresses of the driver's frames, from the caller of this function on.
/// (`nf-ntifs-rtlcapturestackbacktrace` of winnt.h)
unsafe fn RtlCaptureStackBackTrace(skip: ULONG, capture: ULONG, trace: *mut PVOID, hash: PULONG) -> USHORT {
    let (mut count, mut sum) = (0_usize, 0_u32);
    if let Some(here) = Context::at_import(&PerThread::noted()) {
        let mut walk = Cursor::new(here);
        for _ in 0..skip {
            walk.next();
        }
        while count < capture as usize
            && let Some(frame) = walk.next()
        {
            // SAFETY: the driver's array has room for as many.
            unsafe { trace.add(count).write(frame.context.rip as PVOID) };
            sum = sum.wrapping_add(frame.context.rip as u32);
            count += 1;
        }
    }
    if !hash.is_null() {
        // SAFETY: the driver's variable.
        unsafe { hash.write(sum) };
    }
    count as USHORT
}

/// The entry of the image's function table for an address; NULL for a leaf function.
unsafe fn RtlLookupFunctionEntry(ControlPc: ULONG64, ImageBase: *mut ULONG64, _history: PVOID) -> PVOID {
    let Some(image) = pnp::image_at(ControlPc as usize) else { return null_mut() };
    // SAFETY: the driver's variable.
    unsafe { ImageBase.write(image.base() as u64) };
    image.function_entry(ControlPc as usize).map_or(null_mut(), |address| address as PVOID)
}

/// The base of the image that an address lies in; NULL when there is none.
unsafe fn RtlPcToFileHeader(PcValue: PVOID, BaseOfImage: *mut PVOID) -> PVOID {
    let base = pnp::image_at(PcValue as usize).map_or(null_mut(), |image| image.base() as PVOID);
    // SAFETY: the driver's variable.
    unsafe { BaseOfImage.write(base) };
    base
}

/// Undoes one frame in a context; gives its handler of the wanted kind, with its data.
unsafe fn RtlVirtualUnwind(
    HandlerType: ULONG,
    ImageBase: ULONG64,
    ControlPc: ULONG64,
    _FunctionEntry: PVOID,
    ContextRecord: *mut _CONTEXT,
    HandlerData: *mut PVOID,
    EstablisherFrame: *mut ULONG64,
    _ContextPointers: PVOID,
) -> PVOID {
    let Some(image) = pnp::image_at(ControlPc as usize) else { return null_mut() };
    // SAFETY: the driver's context and variables.
    unsafe {
        let mut state = context::from_windows(&*ContextRecord);
        state.rip = ControlPc;
        let Some(undone) = state.unwind(image) else { return null_mut() };
        context::update(&mut *ContextRecord, &state);
        EstablisherFrame.write(undone.establisher);
        let wanted = undone.handler.filter(|handler| {
            HandlerType & 1 != 0 && handler.exception || HandlerType & 2 != 0 && handler.termination
        });
        let Some(handler) = wanted else { return null_mut() };
        HandlerData.write((ImageBase + u64::from(handler.data)) as PVOID);
        (ImageBase + u64::from(handler.rva)) as PVOID
    }
}

/// `__chkstk`: touches the pages of a frame of `rax` bytes, from the top; changes r10 and r11 only.
#[unsafe(naked)]
unsafe extern "win64" fn check_stack() {
    core::arch::naked_asm!(
        "lea r10, [rsp + 8]",
        "sub r10, rax",
        "mov r11, rsp",
        "2:",
        "sub r11, 0x1000",
        "cmp r11, r10",
        "jb 3f",
        "test byte ptr [r11], 0",
        "jmp 2b",
        "3:",
        "ret",
    )
}
