//! The processor's state as Windows keeps it (`CONTEXT`), and the way back into it.

use ks_sys::{_CONTEXT, M128A};

use crate::pe::unwind::Context;

/// `CONTEXT_FULL` of winnt.h for x64.
const CONTEXT_FULL: u32 = 0x10_000B;
/// The flags of a processor in ordinary code: interrupts on, and the bit that is always set.
const EFLAGS: u32 = 0x202;
/// The state of the vector unit at the start of every thread: all exceptions masked.
pub const MXCSR: u32 = 0x1F80;

/// A `CONTEXT` from the registers and the two flag registers.
pub fn to_windows(context: &Context, flags: Option<(u32, u32)>) -> _CONTEXT {
    // SAFETY: plain data, for which zero is a value.
    let mut to: _CONTEXT = unsafe { std::mem::zeroed() };
    let (eflags, mxcsr) = flags.unwrap_or((EFLAGS, MXCSR));
    (to.ContextFlags, to.EFlags, to.MxCsr) = (CONTEXT_FULL, eflags, mxcsr);
    (to.SegCs, to.SegSs) = (0x10, 0x18);
    update(&mut to, context);
    to
}

/// Writes the registers into a `CONTEXT`.
pub fn update(to: &mut _CONTEXT, context: &Context) {
    to.Rip = context.rip;
    let [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15] = context.registers;
    (to.Rax, to.Rcx, to.Rdx, to.Rbx, to.Rsp, to.Rbp, to.Rsi, to.Rdi) =
        (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi);
    (to.R8, to.R9, to.R10, to.R11, to.R12, to.R13, to.R14, to.R15) = (r8, r9, r10, r11, r12, r13, r14, r15);
    for (slot, value) in vectors(to).iter_mut().zip(context.vectors) {
        *slot = M128A { Low: value as u64, High: (value >> 64) as i64 };
    }
}

/// The registers of a `CONTEXT`.
pub fn from_windows(from: &_CONTEXT) -> Context {
    let mut copy = *from;
    let vectors = vectors(&mut copy).map(|value| u128::from(value.Low) | (value.High as u128) << 64);
    let registers = [
        from.Rax, from.Rcx, from.Rdx, from.Rbx, from.Rsp, from.Rbp, from.Rsi, from.Rdi, from.R8, from.R9,
        from.R10, from.R11, from.R12, from.R13, from.R14, from.R15,
    ];
    Context { rip: from.Rip, registers, vectors }
}

fn vectors(context: &mut _CONTEXT) -> &mut [M128A; 16] {
    // SAFETY: xmm0 to xmm15 lie one behind the other in the structure.
    unsafe { &mut *(&raw mut context.__bindgen_anon_1.__bindgen_anon_1.Xmm0).cast() }
}

/// Goes on at the state that a `CONTEXT` has.
///
/// # Safety
/// The state is one of this thread's driver code, whose frames are still there.
#[unsafe(naked)]
pub unsafe extern "win64" fn restore(context: *const _CONTEXT) -> ! {
    core::arch::naked_asm!(
        "movups xmm0, [rcx + 0x1a0]",
        "movups xmm1, [rcx + 0x1b0]",
        "movups xmm2, [rcx + 0x1c0]",
        "movups xmm3, [rcx + 0x1d0]",
        "movups xmm4, [rcx + 0x1e0]",
        "movups xmm5, [rcx + 0x1f0]",
        "movups xmm6, [rcx + 0x200]",
        "movups xmm7, [rcx + 0x210]",
        "movups xmm8, [rcx + 0x220]",
        "movups xmm9, [rcx + 0x230]",
        "movups xmm10, [rcx + 0x240]",
        "movups xmm11, [rcx + 0x250]",
        "movups xmm12, [rcx + 0x260]",
        "movups xmm13, [rcx + 0x270]",
        "movups xmm14, [rcx + 0x280]",
        "movups xmm15, [rcx + 0x290]",
        "ldmxcsr [rcx + 0x34]",
        // What iretq takes: this process's own segments, the context's rsp, rip and flags.
        "mov eax, ss",
        "push rax",
        "push qword ptr [rcx + 0x98]",
        "mov eax, [rcx + 0x44]",
        "push rax",
        "mov eax, cs",
        "push rax",
        "push qword ptr [rcx + 0xf8]",
        "mov rax, [rcx + 0x78]",
        "mov rdx, [rcx + 0x88]",
        "mov rbx, [rcx + 0x90]",
        "mov rbp, [rcx + 0xa0]",
        "mov rsi, [rcx + 0xa8]",
        "mov rdi, [rcx + 0xb0]",
        "mov r8, [rcx + 0xb8]",
        "mov r9, [rcx + 0xc0]",
        "mov r10, [rcx + 0xc8]",
        "mov r11, [rcx + 0xd0]",
        "mov r12, [rcx + 0xd8]",
        "mov r13, [rcx + 0xe0]",
        "mov r14, [rcx + 0xe8]",
        "mov r15, [rcx + 0xf0]",
        "mov rcx, [rcx + 0x80]",
        "iretq",
    )
}

/// Fills in a `CONTEXT` with the caller's state, volatile registers included: what `RtlCaptureContext` is.
///
/// # Safety
/// The caller's `CONTEXT`, aligned to 16.
#[unsafe(naked)]
pub unsafe extern "win64" fn capture(context: *mut _CONTEXT) {
    core::arch::naked_asm!(
        "mov [rcx + 0x78], rax",
        "mov [rcx + 0x80], rcx",
        "mov [rcx + 0x88], rdx",
        "mov [rcx + 0x90], rbx",
        "lea rax, [rsp + 8]",
        "mov [rcx + 0x98], rax",
        "mov [rcx + 0xa0], rbp",
        "mov [rcx + 0xa8], rsi",
        "mov [rcx + 0xb0], rdi",
        "mov [rcx + 0xb8], r8",
        "mov [rcx + 0xc0], r9",
        "mov [rcx + 0xc8], r10",
        "mov [rcx + 0xd0], r11",
        "mov [rcx + 0xd8], r12",
        "mov [rcx + 0xe0], r13",
        "mov [rcx + 0xe8], r14",
        "mov [rcx + 0xf0], r15",
        "mov rax, [rsp]",
        "mov [rcx + 0xf8], rax",
        "pushfq",
        "pop rax",
        "mov [rcx + 0x44], eax",
        "stmxcsr [rcx + 0x34]",
        "mov dword ptr [rcx + 0x30], 0x10000b",
        "mov word ptr [rcx + 0x38], 0x10",
        "mov word ptr [rcx + 0x42], 0x18",
        "movups [rcx + 0x1a0], xmm0",
        "movups [rcx + 0x1b0], xmm1",
        "movups [rcx + 0x1c0], xmm2",
        "movups [rcx + 0x1d0], xmm3",
        "movups [rcx + 0x1e0], xmm4",
        "movups [rcx + 0x1f0], xmm5",
        "movups [rcx + 0x200], xmm6",
        "movups [rcx + 0x210], xmm7",
        "movups [rcx + 0x220], xmm8",
        "movups [rcx + 0x230], xmm9",
        "movups [rcx + 0x240], xmm10",
        "movups [rcx + 0x250], xmm11",
        "movups [rcx + 0x260], xmm12",
        "movups [rcx + 0x270], xmm13",
        "movups [rcx + 0x280], xmm14",
        "movups [rcx + 0x290], xmm15",
        "mov rax, [rcx + 0x78]",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    /// The offsets that the assembly uses are those of the header.
    #[test]
    fn offsets() {
        assert_eq!(offset_of!(_CONTEXT, MxCsr), 0x34);
        assert_eq!(offset_of!(_CONTEXT, ContextFlags), 0x30);
        assert_eq!(offset_of!(_CONTEXT, SegCs), 0x38);
        assert_eq!(offset_of!(_CONTEXT, SegSs), 0x42);
        assert_eq!(offset_of!(_CONTEXT, EFlags), 0x44);
        assert_eq!(offset_of!(_CONTEXT, Rax), 0x78);
        assert_eq!(offset_of!(_CONTEXT, Rsp), 0x98);
        assert_eq!(offset_of!(_CONTEXT, R15), 0xF0);
        assert_eq!(offset_of!(_CONTEXT, Rip), 0xF8);
        assert_eq!(offset_of!(_CONTEXT, __bindgen_anon_1), 0x100);
    }

    /// What is captured is what is restored: the second return of the capture is told by a register.
    #[test]
    fn capture_and_restore() {
        // SAFETY: plain data, for which zero is a value.
        let mut context: _CONTEXT = unsafe { std::mem::zeroed() };
        let mut rounds = 0;
        // SAFETY: the frame is alive when the state is restored.
        unsafe {
            capture(&raw mut context);
            let seen = std::ptr::read_volatile(&raw const rounds);
            std::ptr::write_volatile(&raw mut rounds, seen + 1);
            if seen < 3 {
                restore(&raw const context);
            }
        }
        assert_eq!(rounds, 4);
        let copy = from_windows(&context);
        let mut back = to_windows(&copy, Some((context.EFlags, context.MxCsr)));
        assert_eq!((back.Rip, back.Rsp, back.R15), (context.Rip, context.Rsp, context.R15));
        assert_eq!(vectors(&mut back).map(|v| v.Low), vectors(&mut context).map(|v| v.Low));
    }
}
