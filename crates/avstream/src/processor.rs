//! What the processor is good at.

use core::{
    arch::x86_64::{__cpuid, __cpuid_count},
    sync::atomic::{AtomicU8, Ordering},
};

/// Whether `rep movs` is the fastest way to copy whatever there is: "fast short rep mov", which Intel's processors have from
/// Ice Lake on and AMD's from Zen 3 on. The processor is asked once, as it takes its time under a hypervisor.
pub fn moves_strings_fast() -> bool {
    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;
    static KNOWN: AtomicU8 = AtomicU8::new(UNKNOWN);
    match KNOWN.load(Ordering::Relaxed) {
        UNKNOWN => {
            let is = ask();
            KNOWN.store(if is { YES } else { NO }, Ordering::Relaxed);
            is
        }
        known => known == YES,
    }
}

/// CPUID, leaf 7: FSRM is bit 4 of EDX.
#[allow(unused_unsafe, reason = "newer compilers know that every x86-64 processor has the instruction")]
fn ask() -> bool {
    // SAFETY: every x86-64 processor has the instruction.
    let highest = unsafe { __cpuid(0) }.eax;
    // SAFETY: the same.
    highest >= 7 && unsafe { __cpuid_count(7, 0) }.edx & 1 << 4 != 0
}
