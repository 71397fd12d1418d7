//! Processor faults in driver code, as signals of this process.

use std::{cell::Cell, ptr::null_mut, sync::Once};

use core::ffi::c_void;

use self::exception::{Fault, Outcome};
use super::{
    bugcheck::{self, Cause},
    coverage, pnp, residency, sched, seh, shared_data,
    thread::Thread,
};
use crate::pe::{
    stub::{self, PerThread},
    unwind::Context,
};

#[cfg(test)]
pub(super) mod child;
pub(super) mod exception;

const SIGNALS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
const STACK: usize = 256 << 10;
/// What an exception's handlers need of the driver's stack.
const ROOM: usize = 128 << 10;

/// UNEXPECTED_KERNEL_MODE_TRAP, EXCEPTION_DOUBLE_FAULT
const OVERFLOW: Cause = Cause { rule: "stack overflow", bug_check: 0x7F, code: Some(8) };

/// Installs the handler for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP in this process, once.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    // SAFETY: the handler has the type that SA_SIGINFO asks for; an empty mask is valid.
    ONCE.call_once(|| unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        for signal in SIGNALS {
            libc::sigaction(signal, &raw const action, null_mut());
        }
    });
}

/// The alternate stack of a thread, for faults by a stack overflow.
struct Alternate(*mut c_void);

impl Drop for Alternate {
    fn drop(&mut self) {
        // SAFETY: the thread runs no handler now; the mapping is its own.
        unsafe {
            let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            libc::sigaltstack(&raw const none, null_mut());
            libc::munmap(self.0, STACK);
        }
    }
}

thread_local! {
    static REPORTING: Cell<bool> = const { Cell::new(false) };
    static ALTERNATE: Cell<Option<Alternate>> = const { Cell::new(None) };
}

/// Gives the calling thread a large alternate stack, if it has none of ours: the report is made on it.
pub(super) fn install_for_thread() {
    let known = ALTERNATE.take();
    if known.is_some() {
        return ALTERNATE.set(known);
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
    // SAFETY: a new mapping, used as this thread's alternate stack until the thread ends.
    unsafe {
        let stack = libc::mmap(null_mut(), STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if stack != libc::MAP_FAILED {
            let alternate = libc::stack_t { ss_sp: stack, ss_flags: 0, ss_size: STACK };
            libc::sigaltstack(&raw const alternate, null_mut());
            ALTERNATE.set(Some(Alternate(stack)));
        }
    }
}

/// The general registers in the order of their encoding, by their index in the saved context.
pub(super) const ORDER: [i32; 16] = {
    use libc::*;
    [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10,
        REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
    ]
};

/// The state at the fault.
fn context(ucontext: &libc::ucontext_t) -> Context {
    let registers = &ucontext.uc_mcontext.gregs;
    // SAFETY: the kernel gives the handler the state of the vector unit.
    let vectors = unsafe { (*ucontext.uc_mcontext.fpregs)._xmm };
    Context {
        rip: registers[libc::REG_RIP as usize] as u64,
        registers: ORDER.map(|index| registers[index as usize] as u64),
        vectors: vectors.map(|vector| {
            vector.element.iter().rev().fold(0, |value, element| value << 32 | u128::from(*element))
        }),
    }
}

/// `mov r, cr8` and `mov cr8, r`: the IRQL, as the C headers inline KeGetCurrentIrql, KeRaiseIrql and
/// KeLowerIrql on x64. True when it was one, and is done.
fn emulate_cr8(bytes: [u8; 15], registers: &mut [i64]) -> bool {
    // REX.R makes CR8 of the register field; the operand is always a general register.
    let [rex @ 0x44..=0x4F, 0x0F, operation @ (0x20 | 0x22), modrm @ 0xC0..=0xC7, ..] = bytes else {
        return false;
    };
    if rex & 4 == 0 {
        return false;
    }
    let number = usize::from(modrm & 7 | (rex & 1) << 3);
    let register = &mut registers[ORDER[number] as usize];
    let thread = Thread::current();
    if operation == 0x20 {
        *register = i64::from(thread.irql());
    } else {
        thread.set_irql(*register as u8 & 0xF);
    }
    registers[libc::REG_RIP as usize] += 4;
    true
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, ucontext: *mut c_void) {
    // SAFETY: the kernel gives the handler a siginfo_t and a ucontext_t.
    let (code, address, ucontext) =
        unsafe { ((*info).si_code, (*info).si_addr() as usize, &mut *ucontext.cast::<libc::ucontext_t>()) };
    if signal == libc::SIGTRAP && sched::step::trapped(code, &mut ucontext.uc_mcontext.gregs) {
        return;
    }
    let thread = Thread::try_current();
    // A thread that runs free holds no lock of the rig's, and may wait. Where threads take turns a stop stays drawn.
    let free = thread.is_some_and(|thread| thread.free.get() && sched::out_of_driver(thread));
    handle(signal, code, address, ucontext);
    if let Some(thread) = thread.filter(|_| free) {
        sched::into_driver(thread, None);
    }
}

fn handle(signal: i32, code: i32, address: usize, ucontext: &mut libc::ucontext_t) {
    let rip = ucontext.uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
    let in_driver = pnp::is_driver_code(rip);
    if matches!(signal, libc::SIGSEGV | libc::SIGBUS)
        && code != libc::SI_KERNEL
        && residency::fault(address, in_driver || in_open_function())
    {
        return;
    }
    if signal == libc::SIGSEGV && in_driver && emulate_cr8(pnp::code_at(rip), &mut ucontext.uc_mcontext.gregs)
    {
        return;
    }
    if signal == libc::SIGTRAP && in_driver && coverage::met(rip - 1, &mut ucontext.uc_mcontext.gregs) {
        return;
    }
    let called = |thread: &Thread| thread.callbacks.try_borrow().is_ok_and(|active| !active.is_empty());
    let called = Thread::try_current().is_some_and(called);
    // A fault while a fault is reported is the rig's own.
    if (in_driver || called) && !REPORTING.replace(true) {
        let write = ucontext.uc_mcontext.gregs[libc::REG_ERR as usize] & 2 != 0;
        if signal == libc::SIGTRAP {
            // The processor is behind the breakpoint; Windows says where it is.
            ucontext.uc_mcontext.gregs[libc::REG_RIP as usize] -= 1;
        }
        let fault = Fault { signal, code, address, write, context: context(ucontext) };
        if in_driver {
            if shared_data::emulate(&fault, ucontext) {
                REPORTING.set(false);
                return;
            }
            driver_fault(&fault, fault.outcome(), ucontext);
        } else {
            rig_fault(fault, ucontext);
        }
        REPORTING.set(false);
        return;
    }
    // Not a driver's: what would have happened without the handler.
    // SAFETY: the default action is valid for every signal.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &raw const action, null_mut());
        libc::raise(signal);
    }
}

/// A fault of driver code: the driver's handlers get it when the signal handler returns, or the machine stops.
fn driver_fault(fault: &Fault, outcome: Outcome, ucontext: &mut libc::ucontext_t) {
    let stop = |cause: Cause, message: &str| -> ! {
        bugcheck::stop_with(cause, format_args!("{message}in driver code"), pnp::stack_from(fault.context))
    };
    let record = match outcome {
        Outcome::Exception(record) => record,
        Outcome::Stop(..) if fault.is_below_stack() => stop(OVERFLOW, "the stack is used up, "),
        Outcome::Stop(cause, message) => stop(cause, &message),
    };
    let registers = &mut ucontext.uc_mcontext.gregs;
    let rsp = registers[libc::REG_RSP as usize] as usize;
    let (low, high) = Thread::current().stack();
    if !(low.saturating_add(ROOM)..high).contains(&rsp) {
        stop(OVERFLOW, "the stack pointer is at the end of the stack or outside of it, ");
    }
    // SAFETY: the kernel gives the handler the state of the vector unit.
    let mxcsr = unsafe { (*ucontext.uc_mcontext.fpregs).mxcsr };
    let flags = Some((registers[libc::REG_EFL as usize] as u32, mxcsr));
    let state = Box::new(seh::to_windows(&fault.context, flags));
    // The handlers run on the driver's stack, below what a function of this process may keep there.
    registers[libc::REG_RIP as usize] = seh::fault as *const () as i64;
    registers[libc::REG_RDI as usize] = Box::into_raw(Box::new(record)) as i64;
    registers[libc::REG_RSI as usize] = Box::into_raw(state) as i64;
    registers[libc::REG_RSP as usize] = ((rsp - 256) & !15) as i64 - 8;
    const DIRECTION: i64 = 0x400;
    registers[libc::REG_EFL as usize] &= !DIRECTION;
}

/// Whether the driver is in a function that is as its own code.
fn in_open_function() -> bool {
    PerThread::noted().tag == stub::OPEN
        && Thread::try_current().is_some_and(|thread| thread.exports.get() == 0)
}

/// A fault of the rig's code while a driver waits for it.
fn rig_fault(mut fault: Fault, ucontext: &mut libc::ucontext_t) {
    let noted = PerThread::noted();
    let jumped = fault.address as u64 == fault.context.rip;
    if jumped && let Some(here) = fault.context.return_address().filter(|to| pnp::is_driver_code(*to)) {
        fault.context = Context { rip: here as u64, ..fault.context };
        fault.context.registers[4] += 8;
        let known = exception::memory(fault.address);
        let (cause, what) = known
            .unwrap_or_else(|| (("access violation", 0x50).into(), format!("address {:#x}", fault.address)));
        let message = format!("a call of {what}, in driver code");
        bugcheck::stop_with(cause, message, pnp::stack_from(fault.context));
    }
    // A function that is as the driver's own code, memcpy say, fails in the driver's name.
    if in_open_function()
        && fault.signal == libc::SIGSEGV
        && fault.code != libc::SI_KERNEL
        && let Some(here) = Context::at_import(&noted)
    {
        fault.context = here;
        let outcome = fault.access();
        return driver_fault(&fault, outcome, ucontext);
    }
    let (cause, message) = match (fault.signal, fault.code) {
        (libc::SIGSEGV, libc::SI_KERNEL) => {
            (exception::GENERAL_PROTECTION, "an address that is not canonical".to_owned())
        }
        (libc::SIGSEGV | libc::SIGBUS, _) => {
            let known = exception::memory(fault.address);
            known.unwrap_or_else(|| {
                (("access violation", 0x50).into(), format!("address {:#x}", fault.address))
            })
        }
        (signal, _) => ("fault".into(), format!("signal {signal}")),
    };
    let stack = pnp::driver_stack();
    bugcheck::stop_with(cause, format_args!("{message}, in the rig, on behalf of the driver"), stack);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{
        nt::{Machine, MachineOptions, pnp::load},
        pe::specimen::Specimen,
    };

    /// A driver whose entry point is this code, behind `sub rsp, 28h`.
    fn driver(code: &[u8]) -> Vec<u8> {
        let code = [&[0x48, 0x83, 0xEC, 0x28], code].concat();
        Specimen { import: "KeGetCurrentIrql", code, ..Specimen::default() }.build()
    }

    const FAULTS: [(&str, &[u8], &str); 8] = [
        // xor eax, eax; mov [rax], eax
        ("null", &[0x31, 0xC0, 0x89, 0x00], "access violation"),
        // ud2
        ("ud2", &[0x0F, 0x0B], "illegal instruction"),
        // mov ecx, 3; int 29h
        ("fastfail", &[0xB9, 3, 0, 0, 0, 0xCD, 0x29], "FastFail (bug check 0x139, 0x3)"),
        // xor ecx, ecx; xor edx, edx; div ecx
        ("divide", &[0x31, 0xC9, 0x31, 0xD2, 0xF7, 0xF1], "divide error"),
        // hlt
        ("hlt", &[0xF4, 0x90], "general protection"),
        // int 3
        ("int3", &[0xCC, 0x90], "breakpoint"),
        // int 2Ch
        ("assertion", &[0xCD, 0x2C], "assertion"),
        // call to itself
        ("recursion", &[0xE8, 0xFB, 0xFF, 0xFF, 0xFF], "stack overflow (bug check 0x7F, 0x8)"),
    ];

    /// What the test below runs in a process of its own.
    #[test]
    #[ignore = "ends its process"]
    fn child() {
        let name = std::env::var("KSRIG_FAULT").unwrap_or_default();
        let Some((_, code, _)) = FAULTS.iter().find(|(known, ..)| *known == name) else { return };
        Machine::new(MachineOptions::default());
        let _ = load("fault.sys", &driver(code));
    }

    /// Every fault of a driver ends the process with the documented code and a report that names the fault
    /// and the place in the image.
    #[test]
    fn faults_are_reported() {
        for (name, _, what) in FAULTS {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let arguments = ["--exact", "--ignored", "--nocapture", "nt::fault::tests::child"];
            let output = command.args(arguments).env("KSRIG_FAULT", name).output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(bugcheck::EXIT_CODE), "{name}: {text}");
            assert!(text.contains(&format!("STOP: {what}")), "{name}: {text}");
            assert!(text.contains("fault.sys+0x100"), "{name}: {text}");
            assert!(text.contains("in DriverEntry fault.sys"), "{name}: {text}");
        }
    }

    /// CR8 is the IRQL: a driver that raises it inline and does not lower it again is found at the return.
    #[test]
    fn cr8_is_the_irql() {
        let machine = Machine::new(MachineOptions::default());
        // mov eax, 2; mov cr8, rax; mov r9, cr8; lea eax, [r9-2]; add rsp, 28h; ret
        let code = [0xB8, 2, 0, 0, 0, 0x44, 0x0F, 0x22, 0xC0, 0x45, 0x0F, 0x20, 0xC1, 0x41, 0x8D, 0x41, 0xFE];
        let back = [0x48, 0x83, 0xC4, 0x28, 0xC3];
        assert!(load("cr8.sys", &driver(&[&code[..], &back].concat())).is_ok());
        let found = crate::nt::violation::take();
        assert_eq!((found.len(), found[0].rule), (1, "IrqlReturn"));
        assert!(found[0].message.contains("at IRQL 0 and returned at 2"), "{}", found[0].message);
        machine.shutdown();
    }
}
