//! KUSER_SHARED_DATA: the page at 0xFFFFF780_00000000 that C headers read time from.
//!
//! Linux maps nothing there, so that every access faults; a load is carried out by the fault handler.
//! (`ns-ntddk-kuser_shared_data.md`)

use std::mem::offset_of;

use iced_x86::{Instruction, Mnemonic, OpKind, Register};
use ks_sys::*;

use super::{
    bugcheck,
    fault::exception::Fault,
    sched,
    time::{BOOT, FREQUENCY, KeQueryTimeIncrement},
};

/// Where the page lies.
const ADDRESS: u64 = 0xFFFF_F780_0000_0000;
const LENGTH: u64 = 0x1000;

/// Windows 10 22H2, as the rig plays it.
pub const VERSION: (u32, u32, u32) = (10, 0, 19045);

/// The offset in the page, if the address lies in it.
fn offset(address: usize) -> Option<u64> {
    (address as u64).checked_sub(ADDRESS).filter(|offset| *offset < LENGTH)
}

/// A KSYSTEM_TIME: the low part, the high part twice.
fn system_time(value: u64) -> [u8; 12] {
    let bytes = value.to_le_bytes();
    let mut all = [0; 12];
    all[..8].copy_from_slice(&bytes);
    all[8..].copy_from_slice(&bytes[4..]);
    all
}

/// Writes the page's bytes from an offset on; false when a byte is not played.
fn read(offset: u64, out: &mut [u8]) -> bool {
    type Data = _KUSER_SHARED_DATA;
    let ticks = sched::now() / u64::from(KeQueryTimeIncrement());
    // 2^24 times the milliseconds of a tick.
    let multiplier = (u64::from(KeQueryTimeIncrement()) << 24) / 10_000;
    let mut root = [0_u8; 2 * 260];
    for (slot, unit) in root.chunks_exact_mut(2).zip("C:\\Windows".encode_utf16()) {
        slot.copy_from_slice(&unit.to_le_bytes());
    }
    // PF_…: what every x64 processor has.
    let mut features = [0_u8; 64];
    for present in [2, 3, 6, 8, 9, 10, 12, 14] {
        features[present] = 1;
    }
    let (major, minor, build) = VERSION;
    let word = |value: u32| value.to_le_bytes().to_vec();
    // Offsets that the header has differently or not at all are those of the page.
    let fields: [(usize, Vec<u8>); 16] = [
        (offset_of!(Data, TickCountMultiplier), word(multiplier as u32)),
        (offset_of!(Data, InterruptTime), system_time(sched::now()).to_vec()),
        (offset_of!(Data, SystemTime), system_time(BOOT + sched::now()).to_vec()),
        (offset_of!(Data, TimeZoneBias), vec![0; 12]),
        (offset_of!(Data, NtSystemRoot), root.to_vec()),
        (0x260, word(build)),
        (0x264, word(1)),          // NtProductWinNt
        (0x268, vec![1, 0, 9, 0]), // ProductTypeIsValid, NativeProcessorArchitecture
        (0x26C, word(major)),
        (0x270, word(minor)),
        (0x274, features.to_vec()),
        (0x2D4, vec![0]),                                   // KdDebuggerEnabled
        (0x2EC, vec![0]),                                   // SafeBootMode
        (0x300, (FREQUENCY as i64).to_le_bytes().to_vec()), // QpcFrequency
        (0x320, system_time(ticks).to_vec()),               // TickCount
        (0x3C0, word(1)),                                   // ActiveProcessorCount
    ];
    out.iter_mut().enumerate().all(|(index, byte)| {
        let at = offset as usize + index;
        let value = fields.iter().find_map(|(start, bytes)| bytes.get(at.checked_sub(*start)?));
        value.inspect(|value| *byte = **value).is_some()
    })
}

/// Carries out a load from the page. True when the fault was one, and is done.
pub fn emulate(fault: &Fault, ucontext: &mut libc::ucontext_t) -> bool {
    let Some(offset) = offset(fault.address) else { return false };
    let instruction = fault.instruction();
    let refuse = |what: &str| -> ! {
        let stack = super::pnp::stack_from(fault.context);
        let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
        let message = format!("KUSER_SHARED_DATA+{offset:#x}, by the instruction {name}: {what}");
        bugcheck::stop_with("not emulated", message, stack)
    };
    if fault.write {
        refuse("drivers read the page, they do not write to it");
    }
    let size = instruction.memory_size().size();
    let mut bytes = [0_u8; 16];
    if size > bytes.len() || !read(offset, &mut bytes[..size]) {
        refuse("this part of the page is not played");
    }
    let value = u128::from_le_bytes(bytes);
    if !load(&instruction, value, size, fault, ucontext) {
        refuse("this form of reading is not played");
    }
    ucontext.uc_mcontext.gregs[libc::REG_RIP as usize] = instruction.next_ip() as i64;
    true
}

/// Does the instruction with the value in place of its memory operand.
fn load(
    instruction: &Instruction,
    value: u128,
    size: usize,
    fault: &Fault,
    ucontext: &mut libc::ucontext_t,
) -> bool {
    use Mnemonic::*;
    let low = value as u64;
    let signed = (low << (64 - 8 * size.min(8))) as i64 >> (64 - 8 * size.min(8));
    let to = instruction.op0_register();
    match instruction.mnemonic() {
        Mov | Movzx if to.is_gpr() => set(to, low, fault, ucontext),
        Movsx | Movsxd => set(to, signed as u64, fault, ucontext),
        Movups | Movaps | Movdqu | Movdqa | Movupd | Movapd | Movd | Movq | Movss | Movsd | Lddqu
            if to.is_xmm() =>
        {
            set_vector(to, value, ucontext);
        }
        Cmp | Test | Add | Sub | And | Or | Xor => {
            return compute(instruction, low, size, fault, ucontext);
        }
        _ => return false,
    }
    true
}

fn compute(
    instruction: &Instruction,
    memory: u64,
    size: usize,
    fault: &Fault,
    ucontext: &mut libc::ucontext_t,
) -> bool {
    let operand = |index: u32| match instruction.op_kind(index) {
        OpKind::Memory => memory,
        OpKind::Register => fault.register(instruction.op_register(index)),
        _ => instruction.immediate(index),
    };
    let high_byte = |register| matches!(register, Register::AH | Register::BH | Register::CH | Register::DH);
    if (0..2).any(|index| high_byte(instruction.op_register(index))) {
        return false;
    }
    let shift = 64 - 8 * size as u32;
    // At the top of the registers the flags come out as for the operand's own size.
    let (first, second) = (operand(0) << shift, operand(1) << shift);
    let (result, flags) = arithmetic(instruction.mnemonic(), first, second);
    // The parity is that of the lowest byte, wherever it is.
    const PARITY: i64 = 4;
    const AUXILIARY: i64 = 0x10;
    const ARITHMETIC: i64 = 0x8D5;
    let result = result >> shift;
    let parity = if (result as u8).count_ones().is_multiple_of(2) { PARITY } else { 0 };
    let carry = if (operand(0) ^ operand(1) ^ result) & 0x10 != 0 { AUXILIARY } else { 0 };
    let flags = flags & ARITHMETIC & !(PARITY | AUXILIARY) | parity | carry;
    let slot = &mut ucontext.uc_mcontext.gregs[libc::REG_EFL as usize];
    *slot = *slot & !ARITHMETIC | flags;
    let writes = !matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    if writes {
        set(instruction.op0_register(), result, fault, ucontext);
    }
    true
}

/// The result and the processor's flags.
fn arithmetic(operation: Mnemonic, first: u64, second: u64) -> (u64, i64) {
    let (mut result, flags) = (first, 0_i64);
    let mut flags = flags;
    macro_rules! run {
        ($name:literal) => {
            // SAFETY: arithmetic on two registers, and the flags by the stack.
            unsafe {
                core::arch::asm!(
                    concat!($name, " {0}, {1}"), "pushfq", "pop {2}",
                    inout(reg) result, in(reg) second, out(reg) flags
                )
            }
        };
    }
    match operation {
        Mnemonic::Add => run!("add"),
        Mnemonic::Sub | Mnemonic::Cmp => run!("sub"),
        Mnemonic::Or => run!("or"),
        Mnemonic::Xor => run!("xor"),
        _ => run!("and"),
    }
    (result, flags)
}

/// Writes a register as an instruction does: a 32-bit one clears what is above it, smaller ones leave it.
fn set(register: Register, value: u64, fault: &Fault, ucontext: &mut libc::ucontext_t) {
    let full = fault.register(register);
    let bits = 8 * register.size() as u32;
    let value = match register {
        Register::AH | Register::BH | Register::CH | Register::DH => full & !0xFF00 | (value & 0xFF) << 8,
        _ if bits >= 32 => value & u64::MAX >> (64 - bits),
        _ => full & !(u64::MAX >> (64 - bits)) | value & u64::MAX >> (64 - bits),
    };
    let index = super::fault::ORDER[register.full_register().number()];
    ucontext.uc_mcontext.gregs[index as usize] = value as i64;
}

fn set_vector(register: Register, value: u128, ucontext: &mut libc::ucontext_t) {
    // SAFETY: the kernel gives the handler the state of the vector unit, and takes it back.
    let vectors = unsafe { &mut (*ucontext.uc_mcontext.fpregs)._xmm };
    for (index, element) in vectors[register.number()].element.iter_mut().enumerate() {
        *element = (value >> (32 * index)) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields are found whole and in part; what lies between them is not played.
    #[test]
    fn fields() {
        let mut build = [0; 4];
        assert!(read(0x260, &mut build));
        assert_eq!(u32::from_le_bytes(build), 19045);
        assert!(read(0x26C, &mut build[..2]));
        assert_eq!(build[0], 10);
        assert!(!read(0x2B0, &mut [0; 8]));
        assert!(!read(0xF00, &mut [0; 1]));
        assert_eq!(offset(0xFFFF_F780_0000_0320), Some(0x320));
        assert_eq!((offset(0xFFFF_F780_0000_1000), offset(0)), (None, None));
    }

    /// Flags of the small operand sizes are those of the processor.
    #[test]
    fn flags() {
        assert_eq!(arithmetic(Mnemonic::Cmp, 0, 0).1 & 0x41, 0x40);
        assert_eq!(arithmetic(Mnemonic::Cmp, 0, 1 << 63).1 & 0x41, 0x01);
        assert_eq!(arithmetic(Mnemonic::Add, 3, 4).0, 7);
    }
}
