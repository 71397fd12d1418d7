//! Which exception a fault of driver code is, or why it is none.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use ks_sys::*;

use crate::{
    nt::{
        bugcheck::Cause,
        pnp, pool,
        residency::{self, Kind, Refusal},
        seh,
        thread::Thread,
        user,
    },
    pe::{try_read, unwind::Context},
};

/// What becomes of a fault.
pub enum Outcome {
    /// The driver may handle it.
    Exception(EXCEPTION_RECORD),
    /// Nobody may: why, and the message.
    Stop(Cause, String),
}

use Outcome::{Exception, Stop};

/// What the rig cannot tell from an address that is not canonical.
pub const GENERAL_PROTECTION: Cause = Cause { rule: "general protection", bug_check: 0x1E, code: None };

/// A fault, as the signal tells it.
pub struct Fault {
    /// SIGSEGV, ...
    pub signal: i32,
    /// Its `si_code`.
    pub code: i32,
    /// The address that was touched.
    pub address: usize,
    /// Whether it was to be written.
    pub write: bool,
    /// Where the driver was.
    pub context: Context,
}

/// What is known about an address that is not there: taken away, or of the special pool.
pub fn memory(address: usize) -> Option<(Cause, String)> {
    let irql = Thread::try_current().map_or(0, Thread::irql);
    Some(match residency::refused(address) {
        // DRIVER_PORTION_MUST_BE_NONPAGED, DRIVER_IRQL_NOT_LESS_OR_EQUAL
        Some(Refusal::Irql(Kind::Pageable)) if pnp::image_at(address).is_some() => {
            (("ForceIrql", 0xD3).into(), format!("pageable section at {address:#x}, at IRQL {irql}"))
        }
        Some(Refusal::Irql(Kind::Pageable)) => {
            let what = pool::block_of(address).unwrap_or_else(|| format!("address {address:#x}"));
            (("ForceIrql", 0xD1).into(), format!("pageable memory, {what}, at IRQL {irql}"))
        }
        Some(Refusal::Irql(Kind::User)) => {
            let what = format!("user memory at {address:#x}, which no MDL keeps locked, at IRQL {irql}");
            (("ForceIrql", 0xD1).into(), what)
        }
        // PAGE_FAULT_IN_NONPAGED_AREA
        Some(Refusal::Process) => {
            let what = format!("user memory at {address:#x} outside of its process");
            (("UserMemory", 0x50).into(), what)
        }
        None if user::is_system_address(address) => {
            let what = format!("{address:#x}, a system address of user pages that are not locked any more");
            (("UserMemory", 0x50).into(), what)
        }
        None => return pool::explain(address),
    })
}

impl Fault {
    /// The instruction that faulted.
    pub fn instruction(&self) -> Instruction {
        let bytes = pnp::code_at(self.context.rip as usize);
        Decoder::with_ip(64, &bytes, self.context.rip, DecoderOptions::NONE).decode()
    }

    /// The value of a general register.
    pub fn register(&self, register: Register) -> u64 {
        match register {
            Register::RIP | Register::None => 0,
            register if register.is_segment_register() => 0,
            register => self.context.registers[register.full_register().number()],
        }
    }

    /// The address of the instruction's memory operand.
    pub fn operand_address(&self, instruction: &Instruction) -> Option<u64> {
        let operand =
            (0..instruction.op_count()).find(|index| instruction.op_kind(*index) == OpKind::Memory)?;
        instruction.virtual_address(operand, 0, |register, _, _| Some(self.register(register)))
    }

    /// Whether memory was touched just below the calling thread's stack, as a stack that grows does.
    pub fn is_below_stack(&self) -> bool {
        let Some(thread) = Thread::try_current() else { return false };
        let (low, _) = thread.stack();
        let memory = matches!(self.signal, libc::SIGSEGV | libc::SIGBUS) && self.code != libc::SI_KERNEL;
        memory && (low.saturating_sub(PAGE_SIZE as usize)..low).contains(&self.address)
    }

    fn record(&self, code: NTSTATUS) -> EXCEPTION_RECORD {
        seh::record(code, 0, self.context.rip)
    }

    fn access_violation(&self, address: u64) -> Outcome {
        let mut record = self.record(STATUS_ACCESS_VIOLATION);
        record.NumberParameters = 2;
        record.ExceptionInformation[0] = u64::from(self.write);
        record.ExceptionInformation[1] = address;
        Exception(record)
    }

    /// An access to memory. Only addresses of the user part raise an exception; a page that the kernel part does not
    /// have, or any page that is not there at raised IRQL, stops the machine at once
    /// (debugger/bug-check-0x50, bug-check-0xd1).
    pub fn access(&self) -> Outcome {
        let (address, verb) = (self.address, if self.write { "write" } else { "read" });
        let irql = Thread::try_current().map_or(0, Thread::irql);
        if let Some((cause, message)) = memory(address) {
            return Stop(cause, format!("{verb} of {message}, "));
        }
        let message = format!("{verb} of address {address:#x}, ");
        if irql >= DISPATCH_LEVEL as u8 {
            return Stop(("access violation", 0xD1).into(), format!("{message}at IRQL {irql}, "));
        }
        if !user::is_user_address(address) {
            return Stop(("access violation", 0x50).into(), format!("{message}which is no user address, "));
        }
        self.access_violation(address as u64)
    }

    /// What it is when the fault is one of driver code.
    pub fn outcome(&self) -> Outcome {
        let bytes = pnp::code_at(self.context.rip as usize);
        match (self.signal, [bytes[0], bytes[1]]) {
            (libc::SIGSEGV, [0xCD, 0x29]) => {
                let code = self.context.registers[1] as u32;
                Stop(
                    ("FastFail", 0x139, code).into(),
                    format!("__fastfail({code:#x}) (KERNEL_SECURITY_CHECK_FAILURE), "),
                )
            }
            (libc::SIGSEGV, [0xCD, 0x2C]) => Exception(self.record(STATUS_ASSERTION_FAILURE)),
            (libc::SIGSEGV, _) if self.code == libc::SI_KERNEL => self.protection(),
            (libc::SIGSEGV | libc::SIGBUS, _) => self.access(),
            (libc::SIGILL, _) => Exception(self.record(STATUS_ILLEGAL_INSTRUCTION)),
            (libc::SIGFPE, _) => Exception(self.record(self.division())),
            _ => Exception(self.record(STATUS_BREAKPOINT)),
        }
    }

    /// A general protection fault: an address that is not canonical or not aligned is an access violation of
    /// nobody-knows-where; a privileged instruction is for a real processor.
    fn protection(&self) -> Outcome {
        let instruction = self.instruction();
        if instruction.is_privileged() || instruction.is_invalid() {
            let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
            return Stop(GENERAL_PROTECTION, format!("the privileged instruction {name} is not emulated, "));
        }
        if self.operand_address(&instruction).is_some() || instruction.is_stack_instruction() {
            return self.access_violation(u64::MAX);
        }
        Stop(GENERAL_PROTECTION, "a privileged instruction, or an address that is not canonical, ".to_owned())
    }

    /// A division by zero, or one whose result does not fit.
    fn division(&self) -> NTSTATUS {
        let instruction = self.instruction();
        let divisor = match instruction.op0_kind() {
            OpKind::Register => {
                Some(narrow(self.register(instruction.op0_register()), instruction.op0_register()))
            }
            OpKind::Memory => self.operand_address(&instruction).and_then(|address| {
                let bytes: [u8; 8] = try_read(address as usize)?;
                let size = instruction.memory_size().size().min(8);
                Some(u64::from(bytes[..size].iter().any(|byte| *byte != 0)))
            }),
            _ => None,
        };
        if divisor == Some(0) { STATUS_INTEGER_DIVIDE_BY_ZERO } else { STATUS_INTEGER_OVERFLOW }
    }
}

/// The part of a full register that an operand is.
fn narrow(value: u64, register: Register) -> u64 {
    match register {
        Register::AH | Register::CH | Register::DH | Register::BH => value >> 8 & 0xFF,
        register => value & u64::MAX >> (64 - 8 * register.size()),
    }
}
