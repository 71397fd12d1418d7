//! Processor faults in driver code, as signals of this process.

use std::{
    cell::Cell,
    ptr::null_mut,
    sync::Once,
};

use core::ffi::c_void;

use super::{bugcheck, pnp, thread::Thread};
use crate::pe::unwind::Context;

const SIGNALS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
const STACK: usize = 256 << 10;

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

/// The registers of the interrupted code, in the order of their encoding.
fn context(context: *const c_void) -> Context {
    use libc::{
        REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX, REG_RBP, REG_RBX, REG_RCX,
        REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP,
    };
    let order = [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11,
        REG_R12, REG_R13, REG_R14, REG_R15,
    ];
    // SAFETY: the kernel gives the handler a ucontext_t.
    let registers = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    Context { rip: registers[REG_RIP as usize] as u64, registers: order.map(|index| registers[index as usize] as u64) }
}

fn what(signal: i32, code: i32, address: usize) -> (&'static str, String) {
    match signal {
        libc::SIGSEGV if code == libc::SI_KERNEL => {
            ("general protection", "a privileged instruction or an address that is not canonical".to_owned())
        }
        libc::SIGSEGV | libc::SIGBUS => ("access violation", format!("address {address:#x}")),
        libc::SIGILL => ("illegal instruction", "the processor does not know it (ud2: the compiler's dead end)".to_owned()),
        libc::SIGFPE => ("divide error", "an integer division by zero, or its result does not fit".to_owned()),
        _ => ("breakpoint", "int 3".to_owned()),
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, ucontext: *mut c_void) {
    let context = context(ucontext);
    // SAFETY: the kernel gives the handler a siginfo_t.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let in_driver = pnp::is_driver_address(context.rip as usize);
    let called = Thread::try_current().is_some_and(|thread| thread.callbacks.try_borrow().is_ok_and(|active| !active.is_empty()));
    if in_driver || called {
        let (rule, message) = what(signal, code, address);
        let stack = if in_driver { pnp::stack_from(context) } else { pnp::driver_stack() };
        let place = if in_driver { "in driver code" } else { "in the rig, on behalf of the driver" };
        bugcheck::stop_with(rule, format_args!("{message}, {place} (rip {:#x})", context.rip), stack);
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
