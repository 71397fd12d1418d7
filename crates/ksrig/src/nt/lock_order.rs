//! The order in which locks are taken.

/// A thread that waits for itself. (bug check 0xC4, 0x1000)
pub(super) const SELF: (&str, u32, u32) = ("DeadlockDetection", 0xC4, 0x1000);
/// A lock that is released by who does not hold it.
pub(super) const NOT_HELD: (&str, u32, u32) = ("DeadlockDetection", 0xC4, 0x1007);
