//! The search for a handler.

use ks_sys::{_CONTEXT, EXCEPTION_RECORD};

use super::{
    NESTED_CALL, NONCONTINUABLE,
    boundary::{Boundary, Cursor, Frame},
    context,
    dispatcher::DispatcherContext,
    disposition,
};
use crate::{
    nt::{bugcheck, pnp, sched, thread::Thread},
    pe::stub::PerThread,
};

/// Filters that fault again and again end here.
const NESTED: u32 = 32;

/// An exception that the processor raised in driver code: goes on on the driver's stack. `record` and `context` are
/// boxed by the signal handler.
///
/// # Safety
/// Both come from `Box::into_raw`, and describe this thread.
pub unsafe extern "C" fn fault(record: *mut EXCEPTION_RECORD, context: *mut _CONTEXT) -> ! {
    // SAFETY: the caller's boxes, which end here.
    unsafe {
        let (mut own_record, mut own_context) = (*record, *context);
        drop((Box::from_raw(record), Box::from_raw(context)));
        dispatch(&raw mut own_record, &raw mut own_context)
    }
}

/// Asks the handlers of the frames from the context outwards. Does not return: goes on in the driver, or ends the run.
///
/// # Safety
/// A valid record, and the state of this thread in driver code. The caller's frames own nothing.
pub unsafe fn dispatch(record: *mut EXCEPTION_RECORD, context: *mut _CONTEXT) -> ! {
    let thread = Thread::current();
    sched::out_of_driver(thread);
    // From here on the thread is in driver code, or in nobody's.
    thread.exports.set(0);
    let depth = thread.exceptions.get();
    thread.exceptions.set(depth + 1);
    // SAFETY: the caller's promise.
    unsafe {
        if depth >= NESTED {
            unhandled(record, context, "exceptions in filters of exceptions do not end");
        }
        let raised = Cursor::new(context::from_windows(&*context));
        let mut cursor = raised;
        while let Some(frame) = cursor.next() {
            let Some(handler) = frame.handler.filter(|handler| handler.exception) else { continue };
            let nested = if frame.nested { NESTED_CALL } else { 0 };
            (*record).ExceptionFlags = (*record).ExceptionFlags & !NESTED_CALL | nested;
            let mut dispatcher = DispatcherContext::new(&frame, handler, context, 0);
            let boundary = Cursor::searching(&raised, &frame);
            match call(&frame, record, context, &raw mut dispatcher, &boundary) {
                disposition::CONTINUE_SEARCH => {}
                disposition::CONTINUE_EXECUTION if (*record).ExceptionFlags & NONCONTINUABLE != 0 => {
                    unhandled(record, context, "a handler wants to go on after an exception that forbids it")
                }
                disposition::CONTINUE_EXECUTION => {
                    thread.exceptions.set(depth);
                    go_on(thread, context)
                }
                _ => unhandled(record, context, "a handler gave an invalid disposition"),
            }
        }
        unhandled(record, context, "no __except of the driver handles it")
    }
}

/// The driver goes on with this state.
///
/// # Safety
/// As for [`dispatch`].
pub unsafe fn go_on(thread: &'static Thread, context: *const _CONTEXT) -> ! {
    thread.meter.restart(thread);
    // The handlers of a driver that the rig calls keep what the rig has.
    if thread.seh.get().is_null() {
        sched::into_driver(thread, None);
    }
    // SAFETY: the caller's promise.
    unsafe { context::restore(context) }
}

/// Calls the frame's handler; what it answers.
///
/// # Safety
/// As for [`dispatch`].
pub unsafe fn call(
    frame: &Frame,
    record: *mut EXCEPTION_RECORD,
    context: *mut _CONTEXT,
    dispatcher: *mut DispatcherContext,
    boundary: &Boundary,
) -> i32 {
    let thread = Thread::current();
    let noted = PerThread::noted();
    let before = thread.seh.replace(boundary);
    // SAFETY: the caller's promise.
    let answer = unsafe {
        let handler = (*dispatcher).language_handler;
        handler(record, frame.establisher, context, dispatcher)
    };
    thread.seh.set(before);
    PerThread::restore(&noted);
    answer
}

/// Nobody handles the exception: the machine stops.
unsafe fn unhandled(record: *const EXCEPTION_RECORD, context: *const _CONTEXT, why: &str) -> ! {
    // SAFETY: the caller's record and state.
    let (record, context) = unsafe { (*record, context::from_windows(&*context)) };
    let stack = pnp::stack_from(context);
    let code = record.ExceptionCode as u32;
    let (rule, detail) = super::raise::describe(&record);
    // KMODE_EXCEPTION_NOT_HANDLED; debugger/bug-check-0x1e--kmode-exception-not-handled.md
    bugcheck::stop_with(
        (rule, 0x1E, code),
        format_args!("{detail}in driver code (exception {code:#010x}): {why}"),
        stack,
    )
}
