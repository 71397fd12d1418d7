//! Real time spent in driver code: inside callbacks, without the rig functions they call.

use std::collections::BTreeMap;

/// The sums of one machine.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// All of it.
    pub nanoseconds: f64,
    /// Calls into the driver.
    pub calls: u64,
    /// By kind of callback: (nanoseconds, calls).
    pub kinds: BTreeMap<&'static str, (f64, u64)>,
}

/// The sums so far; empty when measuring is off.
pub fn totals() -> Totals {
    todo!()
}

/// Sets the sums to zero.
pub fn reset() {
    todo!()
}
