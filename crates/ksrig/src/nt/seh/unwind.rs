//! Unwinding: the termination handlers of the frames that are left, and the landing.

use ks_sys::{_CONTEXT, EXCEPTION_RECORD, NTSTATUS, PVOID, STATUS_UNWIND};

use super::{
    EXIT_UNWIND, TARGET_UNWIND, UNWINDING,
    boundary::Cursor,
    context,
    dispatch::{call, go_on},
    dispatcher::DispatcherContext,
    disposition, record,
};
use crate::{
    nt::{bugcheck, pnp, sched, thread::Thread},
    pe::{stub::PerThread, unwind::Context},
};

/// STATUS_UNWIND_CONSOLIDATE: C++'s way to run a catch block, which kernel code does not have.
const CONSOLIDATE: NTSTATUS = 0x8000_0029_u32 as NTSTATUS;

/// Unwinds to a frame and goes on there at `ip` with `value` in rax.
///
/// # Safety
/// As for [`super::dispatch::dispatch`]; the target is a frame of the walk.
pub unsafe fn unwind_to(
    mut cursor: Cursor,
    target: u64,
    ip: u64,
    record: *mut EXCEPTION_RECORD,
    value: u64,
) -> ! {
    let thread = Thread::current();
    sched::out_of_driver(thread);
    thread.exports.set(0);
    // SAFETY: the caller's promise.
    unsafe {
        let start = cursor.context;
        (*record).ExceptionFlags |= UNWINDING | if target == 0 { EXIT_UNWIND } else { 0 };
        if (*record).ExceptionCode == CONSOLIDATE {
            bugcheck::not_emulated("RtlUnwindEx with STATUS_UNWIND_CONSOLIDATE (C++ exceptions)");
        }
        while let Some(frame) = cursor.next() {
            let at_target = frame.establisher == target;
            if at_target {
                (*record).ExceptionFlags |= TARGET_UNWIND;
            }
            if let Some(handler) = frame.handler.filter(|handler| handler.termination) {
                let mut state = context::to_windows(&frame.context, None);
                let mut dispatcher = DispatcherContext::new(&frame, handler, &raw mut state, ip);
                let boundary = cursor.unwinding(&frame, &raw const dispatcher);
                let answer = call(&frame, record, &raw mut state, &raw mut dispatcher, &boundary);
                if answer != disposition::CONTINUE_SEARCH {
                    stop(start, "a termination handler gave an invalid disposition");
                }
            }
            if at_target {
                let mut landing = frame.context;
                landing.rip = ip;
                landing.registers[0] = value;
                let landing = context::to_windows(&landing, None);
                cursor.abandon_inner();
                thread.exceptions.set(0);
                go_on(thread, &raw const landing)
            }
        }
        stop(start, "the frame to unwind to is none of the driver's (STATUS_INVALID_UNWIND_TARGET)")
    }
}

fn stop(context: Context, why: &str) -> ! {
    bugcheck::stop_with("invalid unwind", why, pnp::stack_from(context))
}

/// Unwinds to a frame. (`RtlUnwindEx` of winnt.h; winbase's RtlUnwindEx page)
pub unsafe extern "win64" fn RtlUnwindEx(
    TargetFrame: PVOID,
    TargetIp: PVOID,
    ExceptionRecord: *mut EXCEPTION_RECORD,
    ReturnValue: PVOID,
    _ContextRecord: *mut _CONTEXT,
    _HistoryTable: PVOID,
) {
    let Some(here) = Context::at_import(&PerThread::noted()) else {
        bugcheck::stop("invalid unwind", "the caller's stack cannot be read")
    };
    let mut own = record(STATUS_UNWIND, 0, here.rip);
    let given = if ExceptionRecord.is_null() { &raw mut own } else { ExceptionRecord };
    // SAFETY: the driver's promise.
    unsafe { unwind_to(Cursor::new(here), TargetFrame as u64, TargetIp as u64, given, ReturnValue as u64) }
}

/// The same without a context.
pub unsafe extern "win64" fn RtlUnwind(
    TargetFrame: PVOID,
    TargetIp: PVOID,
    ExceptionRecord: *mut EXCEPTION_RECORD,
    ReturnValue: PVOID,
) {
    let none = std::ptr::null_mut();
    // SAFETY: the driver's promise.
    unsafe { RtlUnwindEx(TargetFrame, TargetIp, ExceptionRecord, ReturnValue, none, none.cast()) }
}

/// Leaves `__try` blocks of the caller's own function by `goto` or `return`: their `__finally` blocks run.
pub unsafe extern "win64" fn local_unwind(frame: PVOID, target: PVOID) {
    let none = std::ptr::null_mut();
    // SAFETY: the driver's promise.
    unsafe { RtlUnwindEx(frame, target, none, none.cast(), std::ptr::null_mut(), none.cast()) }
}
