//! The baton: only the thread that holds it runs.

use std::fmt::Display;

/// Why a blocked thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// [`unpark`] was called.
    Signaled,
    /// The deadline has come.
    TimedOut,
}

/// A place where another thread may get the baton.
pub fn switch_point() {
    todo!()
}

/// Hands the baton to another thread that can run, if there is one.
pub fn yield_now() {
    todo!()
}

/// Virtual time since boot, in 100 ns units.
pub fn now() -> u64 {
    todo!()
}

/// Blocks the calling thread until [`unpark`] or the deadline (virtual time). `reason` is for reports.
pub fn block(reason: &dyn Display, deadline: Option<u64>) -> Wake {
    todo!()
}

/// Makes a blocked thread ready.
pub fn unpark(thread: u32) {
    todo!()
}

/// Lets virtual time pass while other threads run; 0 = a yield.
pub fn sleep(units: u64) {
    todo!()
}

/// Gives way until no other thread can run without time passing.
pub fn settle() {
    todo!()
}
