//! Interrupt request levels. The level belongs to the thread.

use ks_sys::*;

use super::{thread::Thread, violation};

/// The IRQL of the calling thread.
pub fn KeGetCurrentIrql() -> KIRQL {
    Thread::current().irql()
}

/// Raises the IRQL and gives the old one; lowering is a violation (0xC4/30).
pub fn KfRaiseIrql(NewIrql: KIRQL) -> KIRQL {
    let thread = Thread::current();
    let old = thread.set_irql(NewIrql);
    if NewIrql < old {
        violation::report(
            "KeRaiseIrql",
            0x30,
            thread.name(),
            format_args!("KeRaiseIrql from {old} down to {NewIrql}"),
        );
    }
    old
}

/// Raises the IRQL to DISPATCH_LEVEL and gives the old one.
pub fn KeRaiseIrqlToDpcLevel() -> KIRQL {
    KfRaiseIrql(DISPATCH_LEVEL as KIRQL)
}

/// Lowers the IRQL; raising is a violation (0xC4/31).
pub fn KeLowerIrql(NewIrql: KIRQL) {
    let thread = Thread::current();
    let old = thread.set_irql(NewIrql);
    if NewIrql > old {
        violation::report(
            "KeLowerIrql",
            0x31,
            thread.name(),
            format_args!("KeLowerIrql from {old} up to {NewIrql}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions};

    /// The level goes up and down; the wrong direction is a violation.
    #[test]
    fn raise_and_lower() {
        let machine = Machine::new(MachineOptions::default());
        assert_eq!(KeRaiseIrqlToDpcLevel(), 0);
        assert_eq!(KeGetCurrentIrql(), 2);
        KfRaiseIrql(1);
        KeLowerIrql(2);
        KeLowerIrql(0);
        assert_eq!(violation::list().iter().map(|v| v.code).collect::<Vec<_>>(), [0x30, 0x31]);
        machine.shutdown();
    }
}
