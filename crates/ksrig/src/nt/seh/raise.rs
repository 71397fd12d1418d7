//! Exceptions that exports raise.

use ks_sys::{
    EXCEPTION_RECORD, NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_ASSERTION_FAILURE, STATUS_BREAKPOINT,
    STATUS_DATATYPE_MISALIGNMENT, STATUS_ILLEGAL_INSTRUCTION, STATUS_INTEGER_DIVIDE_BY_ZERO,
    STATUS_INTEGER_OVERFLOW,
};

use super::{NONCONTINUABLE, context, dispatch::dispatch, record};
use crate::{nt::bugcheck, nt::exports, pe::stub::PerThread, pe::unwind::Context};

/// Raises an exception in the driver that called the export, as `ExRaiseStatus` does: it cannot be continued.
pub fn raise(status: NTSTATUS) -> ! {
    raise_record(record(status, NONCONTINUABLE, 0))
}

/// Raises an exception in the driver that called the export; the address is that of the call.
pub fn raise_record(mut record: EXCEPTION_RECORD) -> ! {
    if !exports::called_by_driver() {
        let (rule, detail) = describe(&record);
        bugcheck::stop((rule, 0x1E), format_args!("{detail}raised by the rig's own code"))
    }
    let Some(here) = Context::at_import(&PerThread::noted()) else {
        bugcheck::stop("unhandled exception", "the driver's stack cannot be read")
    };
    record.ExceptionAddress = here.rip as *mut _;
    let mut state = context::to_windows(&here, None);
    // SAFETY: the state is the driver's at its call; nothing between there and here owns anything but the thunk's
    // note of the call, which the dispatcher resets.
    unsafe { dispatch(&raw mut record, &raw mut state) }
}

/// The exception's name in reports, and what is to be said about it.
pub fn describe(record: &EXCEPTION_RECORD) -> (&'static str, String) {
    let [write, address, ..] = record.ExceptionInformation;
    let name = match record.ExceptionCode {
        STATUS_ACCESS_VIOLATION if record.NumberParameters >= 2 => {
            let verb = if write == 0 { "read" } else { "write" };
            return ("access violation", format!("{verb} of address {address:#x}, "));
        }
        STATUS_ACCESS_VIOLATION => "access violation",
        STATUS_DATATYPE_MISALIGNMENT => "misaligned data",
        STATUS_ILLEGAL_INSTRUCTION => {
            return ("illegal instruction", "ud2, the compiler's dead end, or an unknown one, ".to_owned());
        }
        STATUS_INTEGER_DIVIDE_BY_ZERO => "divide error",
        STATUS_INTEGER_OVERFLOW => return ("divide error", "the result does not fit, ".to_owned()),
        STATUS_BREAKPOINT => return ("breakpoint", "int 3, ".to_owned()),
        STATUS_ASSERTION_FAILURE => return ("assertion", "an NT_ASSERT of the driver failed, ".to_owned()),
        _ => "unhandled exception",
    };
    (name, String::new())
}
