//! Structured exception handling: a driver's `__try`, `__except` and `__finally`, by the tables of its image.
//!
//! An exception is raised by an export (`raise`) or by the processor (`fault`). `dispatch` walks the driver's
//! frames outwards and asks each frame's handler; one that takes the exception has the frames below it unwound
//! (`unwind`) and goes on in its `__except` block. The walk ends where the rig called the driver: exceptions do not
//! cross a callback.
//!
//! None of the functions between the raise and the `__except` block returns, so that none of them may own anything
//! while it calls the driver.
//!
//! <https://learn.microsoft.com/cpp/build/exception-handling-x64>

mod boundary;
mod c_handler;
mod context;
mod dispatch;
mod dispatcher;
mod exports;
mod raise;
mod unwind;

pub use self::raise::{raise, raise_record};
pub(super) use self::{
    boundary::Boundary,
    context::to_windows,
    dispatch::fault,
    exports::{EXPORTS, function},
};

/// `EXCEPTION_NONCONTINUABLE` of winnt.h.
pub(super) const NONCONTINUABLE: u32 = 0x1;
/// `EXCEPTION_UNWINDING` of winnt.h.
const UNWINDING: u32 = 0x2;
/// `EXCEPTION_EXIT_UNWIND` of winnt.h.
const EXIT_UNWIND: u32 = 0x4;
/// `EXCEPTION_NESTED_CALL` of winnt.h.
const NESTED_CALL: u32 = 0x10;
/// `EXCEPTION_TARGET_UNWIND` of winnt.h.
const TARGET_UNWIND: u32 = 0x20;

/// What a language-specific handler answers: `EXCEPTION_DISPOSITION` of excpt.h.
mod disposition {
    pub const CONTINUE_EXECUTION: i32 = 0;
    pub const CONTINUE_SEARCH: i32 = 1;
}

/// A record of an exception without parameters.
pub(super) fn record(code: ks_sys::NTSTATUS, flags: u32, address: u64) -> ks_sys::EXCEPTION_RECORD {
    ks_sys::EXCEPTION_RECORD {
        ExceptionCode: code,
        ExceptionFlags: flags,
        ExceptionAddress: address as ks_sys::PVOID,
        ..ks_sys::EXCEPTION_RECORD::default()
    }
}
