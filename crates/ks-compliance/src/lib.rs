//! A compliance suite for kernel streaming (KS): numbered checks that measure how well a driver's filters and pins
//! behave towards a client, in the manner of v4l2-compliance.
//!
//! The checks ([`checks`]) speak to a driver through [`System`]: handles, device control requests with any buffers,
//! waiting, cancelling. There are two kinds of system: the rig of `ksrig compliance`, which plays Windows, and real
//! Windows handles (`ks-compliance.exe`). What a system cannot do, such as pulling the device out, is answered
//! `OK (Not Supported)` with the reason.
//!
//! Nothing here knows a driver: pins, formats and properties are asked for, and every check goes through all of them.

pub mod bench;
pub mod check;
pub mod checks;
pub mod client;
pub mod command;
pub mod fuzz;
pub mod narrow;
pub mod outcome;
pub mod packet;
pub mod page;
pub mod property;
pub mod report;
pub mod survey;
pub mod system;
#[cfg(windows)]
pub mod windows;
pub mod wire;

pub use bench::Bench;
pub use check::Check;
pub use outcome::{Outcome, Verdict};
pub use system::System;
