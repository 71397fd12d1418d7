//! Everything of KS and the NT kernel that this crate calls, under one name on both sides of the ABI.
//!
//! On Windows: `ks-sys` and `wdk-sys`. Elsewhere there is nothing to call; stand-ins that refuse
//! everything let the crate be type checked, tested and documented.

pub use ks_sys::*;
#[cfg(windows)]
pub use ks_sys::{gaps::ExAllocatePoolWithTag, inline::KsDeleteFilterFactory};
#[cfg(windows)]
pub use wdk_sys::ntddk::*;

#[cfg(not(windows))]
pub use crate::host::*;
