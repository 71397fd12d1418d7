//! The driver's call stack, by the unwind tables of its image (`.pdata`).
//!
//! <https://learn.microsoft.com/cpp/build/exception-handling-x64>

use std::fmt;

use super::image::Image;
use super::memory::try_read;
use super::stub::Noted;

/// One frame of a driver's call stack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Frame {
    /// The image's file name.
    pub image: String,
    /// The offset of the code in the image.
    pub offset: u32,
    /// The function and the distance from its start, where symbols are there.
    pub symbol: Option<String>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.image, self.offset)?;
        self.symbol.as_ref().map_or(Ok(()), |symbol| write!(f, "  {symbol}"))
    }
}

/// Where a thread is: the instruction, and the general registers by number (4 is the stack pointer).
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The instruction.
    pub rip: u64,
    /// The registers in the order of their encoding: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    pub registers: [u64; 16],
}

const RSP: usize = 4;
/// Deeper stacks end here: a driver has 24 KB.
const DEPTH: usize = 64;

impl Context {
    /// The driver at its last call of an import: the return address and the stack behind it.
    pub fn at_import(noted: &Noted) -> Option<Self> {
        let rip = u64::from_le_bytes(try_read(noted.driver_rsp as usize)?);
        let mut registers = noted.registers;
        registers[RSP] = noted.driver_rsp + 8;
        Some(Self { rip, registers })
    }

    fn pop(&mut self) -> Option<u64> {
        let value = self.load(0)?;
        self.registers[RSP] += 8;
        Some(value)
    }

    fn load(&self, offset: u64) -> Option<u64> {
        try_read(self.registers[RSP].wrapping_add(offset) as usize).map(u64::from_le_bytes)
    }
}

/// The frames from `context` outwards while they lie in `images`: it ends where the rig called the driver.
pub fn backtrace(images: &[&Image], mut context: Context) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.len() < DEPTH
        && let Some(image) = images.iter().find(|image| image.contains(context.rip as usize))
    {
        // A return address may lie behind the function's end: a call that does not return is its last word.
        let back = u64::from(!frames.is_empty());
        let symbol = image
            .symbol((context.rip - back) as usize)
            .map(|(name, distance)| format!("{name}+{:#x}", distance + back as u32));
        let offset = image.offset(context.rip as usize).unwrap_or_default();
        frames.push(Frame { image: image.name().to_owned(), offset, symbol });
        if step(image, &mut context).is_none() {
            break;
        }
    }
    frames
}

/// Undoes the frame `context` is in.
fn step(image: &Image, context: &mut Context) -> Option<()> {
    let rva = image.offset(context.rip as usize)?;
    if let Some((begin, mut info)) = function(image, rva) {
        // Codes of the function itself count only as far as its prologue has run; those of its parent
        // (chained information) all do.
        let mut done = rva - begin;
        for _ in 0..DEPTH {
            let Some(parent) = undo(image, info, done, context)? else { break };
            (info, done) = (parent, u32::MAX);
        }
    }
    context.rip = context.pop()?;
    Some(())
}

/// The start and the unwind information of the function at `rva`; a leaf function has none.
fn function(image: &Image, rva: u32) -> Option<(u32, u32)> {
    let (table, size) = image.headers().directory(object::pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION)?;
    let entry = |index: u32, field: u32| image.layout.u32(table.checked_add(12 * index + 4 * field)?);
    let (mut low, mut high) = (0, size / 12);
    while low < high {
        let middle = (low + high) / 2;
        if entry(middle, 1)? <= rva { low = middle + 1 } else { high = middle }
    }
    let begin = entry(low, 0)?;
    (low < size / 12 && begin <= rva).then_some((begin, entry(low, 2)?))
}

/// Undoes the codes of one `UNWIND_INFO`. The inner option is the chained information, if there is any;
/// the outer one is `None` when the tables or the stack cannot be read.
fn undo(image: &Image, info: u32, done: u32, context: &mut Context) -> Option<Option<u32>> {
    let byte = |at: u32| image.layout.get(info.checked_add(at)?, 1).map(|b| b[0]);
    let slot = |index: u32| image.layout.u16(info.checked_add(4 + 2 * index)?).map(u64::from);
    let wide = |index: u32| Some(slot(index)? | slot(index + 1)? << 16);
    let (flags, count, frame) = (byte(0)? >> 3, u32::from(byte(2)?), byte(3)?);
    let mut index = 0;
    while index < count {
        let code = slot(index)?;
        let (offset, operation, argument) = ((code & 0xff) as u32, code >> 8 & 0xf, code >> 12);
        let run = offset <= done;
        let register = argument as usize;
        index += match operation {
            0 => {
                if run {
                    context.registers[register] = context.pop()?; // UWOP_PUSH_NONVOL
                }
                1
            }
            1 => {
                let (slots, size) =
                    if argument == 0 { (2, slot(index + 1)? * 8) } else { (3, wide(index + 1)?) };
                context.registers[RSP] += if run { size } else { 0 }; // UWOP_ALLOC_LARGE
                slots
            }
            2 => {
                context.registers[RSP] += if run { argument * 8 + 8 } else { 0 }; // UWOP_ALLOC_SMALL
                1
            }
            3 => {
                if run {
                    let base = context.registers[usize::from(frame & 0xf)];
                    context.registers[RSP] = base.wrapping_sub(u64::from(frame >> 4) * 16); // UWOP_SET_FPREG
                }
                1
            }
            4 | 5 => {
                let (slots, at) =
                    if operation == 4 { (2, slot(index + 1)? * 8) } else { (3, wide(index + 1)?) };
                if run {
                    context.registers[register] = context.load(at)?; // UWOP_SAVE_NONVOL(_FAR)
                }
                slots
            }
            6 | 8 => 2, // UWOP_EPILOG, UWOP_SAVE_XMM128
            7 | 9 => 3, // UWOP_SAVE_XMM128_FAR
            10 => {
                let at = if argument == 0 { 0 } else { 8 };
                context.rip = context.load(at)?; // UWOP_PUSH_MACHFRAME: no driver function has one
                return None;
            }
            _ => return None,
        };
    }
    const UNW_FLAG_CHAININFO: u8 = 4;
    if flags & UNW_FLAG_CHAININFO == 0 {
        return Some(None);
    }
    // The chained RUNTIME_FUNCTION follows the codes, whose count is rounded up to even; its third field.
    let chained = info.checked_add(4 + 2 * count.next_multiple_of(2) + 8)?;
    image.layout.u32(chained).map(Some)
}
