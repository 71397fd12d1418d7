//! Interrupt request levels.

use ks_sys::*;

/// The IRQL of the calling thread.
pub fn KeGetCurrentIrql() -> KIRQL {
    todo!()
}

/// Raises the IRQL and gives the old one; lowering is a violation (0xC4/30).
pub fn KfRaiseIrql(NewIrql: KIRQL) -> KIRQL {
    todo!()
}

/// Raises the IRQL to DISPATCH_LEVEL.
pub fn KeRaiseIrqlToDpcLevel() -> KIRQL {
    todo!()
}

/// Lowers the IRQL; raising is a violation (0xC4/31).
pub fn KeLowerIrql(NewIrql: KIRQL) {
    todo!()
}
