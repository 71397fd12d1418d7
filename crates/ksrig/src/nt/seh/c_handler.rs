//! `__C_specific_handler`: what `__try` of C is made of.

use ks_sys::{_CONTEXT, EXCEPTION_POINTERS, EXCEPTION_RECORD};

use super::{
    TARGET_UNWIND, UNWINDING, boundary::Cursor, context, dispatcher::DispatcherContext, disposition,
    unwind::unwind_to,
};

/// One `__try` of a function: addresses relative to the image. `jump` 0: a `__finally` block at `handler`. Otherwise
/// the `__except` block begins at `jump`, and its filter is `handler`, or 1 for EXCEPTION_EXECUTE_HANDLER.
#[derive(Clone, Copy)]
struct Scope {
    begin: u32,
    end: u32,
    handler: u32,
    jump: u32,
}

/// A scope of the table that the handler's data is: its length, then the scopes.
unsafe fn scope(table: *const u32, index: u32) -> Option<Scope> {
    // SAFETY: the compiler wrote as many scopes as the table says.
    unsafe {
        if index >= table.read_unaligned() {
            return None;
        }
        let [begin, end, handler, jump] =
            table.add(1).cast::<[u32; 4]>().add(index as usize).read_unaligned();
        Some(Scope { begin, end, handler, jump })
    }
}

/// The handler of functions with `__try`: runs filters when an exception looks for a handler, and termination blocks
/// when the frame is unwound. (winnt.h; debugger documentation of `__C_specific_handler`)
///
/// # Safety
/// Called by the dispatcher, or by a handler that it called.
pub unsafe extern "win64" fn specific_handler(
    record: *mut EXCEPTION_RECORD,
    establisher: u64,
    state: *mut _CONTEXT,
    dispatcher: *mut DispatcherContext,
) -> i32 {
    // SAFETY: the caller's structures; filters and termination blocks are the driver's functions.
    unsafe {
        if (*record).ExceptionFlags & UNWINDING == 0 {
            search(record, establisher, state, dispatcher)
        } else {
            terminate(record, establisher, dispatcher)
        }
    }
}

unsafe fn search(
    record: *mut EXCEPTION_RECORD,
    establisher: u64,
    state: *mut _CONTEXT,
    dispatcher: *mut DispatcherContext,
) -> i32 {
    type Filter = unsafe extern "win64" fn(*mut EXCEPTION_POINTERS, u64) -> i32;
    // SAFETY: the caller's structures.
    unsafe {
        let base = (*dispatcher).image_base;
        let pc = ((*dispatcher).control_pc - base) as u32;
        let table = (*dispatcher).handler_data.cast::<u32>();
        let mut index = (*dispatcher).scope_index;
        while let Some(scope) = scope(table, index) {
            index += 1;
            if !(scope.begin..scope.end).contains(&pc) || scope.jump == 0 {
                continue;
            }
            let mut pointers = EXCEPTION_POINTERS { ExceptionRecord: record, ContextRecord: state };
            let answer = if scope.handler == 1 {
                1
            } else {
                let filter: Filter = std::mem::transmute(base + u64::from(scope.handler));
                filter(&raw mut pointers, establisher)
            };
            if answer < 0 {
                return disposition::CONTINUE_EXECUTION;
            }
            if answer > 0 {
                let code = (*record).ExceptionCode as u32;
                let walk = Cursor::outside(context::from_windows(&*state));
                unwind_to(walk, establisher, base + u64::from(scope.jump), record, u64::from(code));
            }
        }
    }
    disposition::CONTINUE_SEARCH
}

unsafe fn terminate(
    record: *mut EXCEPTION_RECORD,
    establisher: u64,
    dispatcher: *mut DispatcherContext,
) -> i32 {
    type Finally = unsafe extern "win64" fn(u8, u64);
    // SAFETY: the caller's structures.
    unsafe {
        let base = (*dispatcher).image_base;
        let pc = ((*dispatcher).control_pc - base) as u32;
        let table = (*dispatcher).handler_data.cast::<u32>();
        let at_target = (*record).ExceptionFlags & TARGET_UNWIND != 0;
        let target = (*dispatcher).target_ip.wrapping_sub(base) as u32;
        while let Some(scope) = scope(table, (*dispatcher).scope_index) {
            // Done before its block runs: an exception in the block does not run it again.
            (*dispatcher).scope_index += 1;
            if !(scope.begin..scope.end).contains(&pc) {
                continue;
            }
            if at_target {
                // The `__except` whose block is the target, or a `__try` that the target lies in, is not left.
                let arrived = if scope.jump == 0 {
                    (scope.begin..scope.end).contains(&target)
                } else {
                    scope.jump == target
                };
                if arrived {
                    break;
                }
            }
            if scope.jump == 0 {
                let block: Finally = std::mem::transmute(base + u64::from(scope.handler));
                block(1, establisher);
            }
        }
    }
    disposition::CONTINUE_SEARCH
}
