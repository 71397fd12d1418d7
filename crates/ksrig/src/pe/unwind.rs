//! The driver's call stack, by the unwind tables of its image (`.pdata`).
//!
//! <https://learn.microsoft.com/cpp/build/exception-handling-x64>

use std::fmt;

use super::image::Image;
use super::memory::try_read;
use super::stub::{NON_VOLATILE_XMM, Noted};

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
    /// xmm0 to xmm15.
    pub vectors: [u128; 16],
}

/// A frame that [`Context::unwind`] has undone.
#[derive(Clone, Copy, Debug)]
pub struct Undone {
    /// The frame's name among the frames of its thread: what handlers of the frame get.
    pub establisher: u64,
    /// The function's handler for exceptions or for unwinding, if it has one and its prologue has run.
    pub handler: Option<Handler>,
}

/// A language-specific handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Where its code begins in the image.
    pub rva: u32,
    /// Where its data begins in the image.
    pub data: u32,
    /// It is asked when an exception looks for somebody who handles it.
    pub exception: bool,
    /// It is called when its frame is unwound.
    pub termination: bool,
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
        let mut vectors = [0; 16];
        vectors[NON_VOLATILE_XMM..].copy_from_slice(&noted.vectors);
        Some(Self { rip, registers, vectors })
    }

    /// Undoes the frame the context is in: the context is its caller's then. `None` when the tables or the stack
    /// cannot be read; the context is of no use then.
    pub fn unwind(&mut self, image: &Image) -> Option<Undone> {
        let rva = image.offset(self.rip as usize)?;
        let mut undone = Undone { establisher: self.registers[RSP], handler: None };
        if let Some((begin, mut info)) = function(image, rva) {
            let first = info;
            undone.establisher = establisher(image, info, rva - begin, self)?;
            // Codes of the function itself count only as far as its prologue has run; those of its parent
            // (chained information) all do.
            let mut done = rva - begin;
            for _ in 0..DEPTH {
                let Some(parent) = undo(image, info, done, self)? else { break };
                (info, done) = (parent, u32::MAX);
            }
            let prologue = u32::from(image.layout.get(first.checked_add(1)?, 1)?[0]);
            undone.handler = handler(image, info)?.filter(|_| rva - begin >= prologue);
        }
        self.rip = self.pop()?;
        Some(undone)
    }

    /// What lies on top of the stack.
    pub fn return_address(&self) -> Option<usize> {
        self.load(0).map(|address| address as usize)
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
        if context.unwind(image).is_none() {
            break;
        }
    }
    frames
}

/// The same frames as images and offsets in them.
pub fn places(images: &[&'static Image], mut context: Context) -> Vec<(&'static str, u32)> {
    let mut places = Vec::new();
    while places.len() < DEPTH
        && let Some(image) = images.iter().find(|image| image.contains(context.rip as usize))
    {
        places.push((image.name(), image.offset(context.rip as usize).unwrap_or_default()));
        if context.unwind(image).is_none() {
            break;
        }
    }
    places
}

/// The frame pointer of the function, as it has been set up when `done` bytes of it have run.
fn establisher(image: &Image, info: u32, done: u32, context: &Context) -> Option<u64> {
    let head = image.layout.get(info, 4)?;
    let (count, frame) = (u32::from(head[2]), head[3]);
    let register = usize::from(frame & 0xf);
    // The code that sets the frame register says from where on it counts.
    let set = |index: u32| image.layout.u16(info.checked_add(4 + 2 * index)?);
    let mut codes = (0..count).filter_map(set);
    let is_set = codes.any(|code| code >> 8 & 0xf == UWOP_SET_FPREG && u32::from(code & 0xff) <= done);
    let chained = head[0] >> 3 & UNW_FLAG_CHAININFO != 0;
    if register == 0 || !is_set && !chained {
        return Some(context.registers[RSP]);
    }
    Some(context.registers[register].wrapping_sub(u64::from(frame >> 4) * 16))
}

/// The handler behind the codes of one `UNWIND_INFO`.
fn handler(image: &Image, info: u32) -> Option<Option<Handler>> {
    let head = image.layout.get(info, 4)?;
    let (flags, count) = (head[0] >> 3, u32::from(head[2]));
    let (exception, termination) = (flags & UNW_FLAG_EHANDLER != 0, flags & UNW_FLAG_UHANDLER != 0);
    if !exception && !termination {
        return Some(None);
    }
    let at = info.checked_add(4 + 2 * count.next_multiple_of(2))?;
    Some(Some(Handler { rva: image.layout.u32(at)?, data: at + 4, exception, termination }))
}

const UNW_FLAG_EHANDLER: u8 = 1;
const UNW_FLAG_UHANDLER: u8 = 2;
const UNW_FLAG_CHAININFO: u8 = 4;
const UWOP_SET_FPREG: u16 = 3;

/// The start and the unwind information of the function at `rva`; a leaf function has none.
fn function(image: &Image, rva: u32) -> Option<(u32, u32)> {
    let at = entry(image, rva)?;
    Some((image.layout.u32(at)?, image.layout.u32(at + 8)?))
}

/// Begin and end of each entry of the function table.
pub(super) fn functions(image: &Image) -> Vec<(u32, u32)> {
    let table = image.headers().directory(object::pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION);
    let (table, size) = table.unwrap_or_default();
    let entry = |index: u32| {
        let at = table.checked_add(12 * index)?;
        Some((image.layout.u32(at)?, image.layout.u32(at + 4)?))
    };
    (0..size / 12).map_while(entry).collect()
}

/// The place of the function table's entry for `rva`.
pub(super) fn entry(image: &Image, rva: u32) -> Option<u32> {
    let (table, size) = image.headers().directory(object::pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION)?;
    let entry = |index: u32, field: u32| image.layout.u32(table.checked_add(12 * index + 4 * field)?);
    let (mut low, mut high) = (0, size / 12);
    while low < high {
        let middle = (low + high) / 2;
        if entry(middle, 1)? <= rva { low = middle + 1 } else { high = middle }
    }
    let begin = entry(low, 0)?;
    (low < size / 12 && begin <= rva).then_some(table + 12 * low)
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
            6 => 2, // UWOP_EPILOG
            7 => 3, // no code has this number
            8 | 9 => {
                let (slots, at) =
                    if operation == 8 { (2, slot(index + 1)? * 16) } else { (3, wide(index + 1)?) };
                if run {
                    let address = context.registers[RSP].wrapping_add(at) as usize;
                    context.vectors[register] = u128::from_le_bytes(try_read(address)?); // UWOP_SAVE_XMM128(_FAR)
                }
                slots
            }
            10 => {
                let at = if argument == 0 { 0 } else { 8 };
                context.rip = context.load(at)?; // UWOP_PUSH_MACHFRAME: no driver function has one
                return None;
            }
            _ => return None,
        };
    }
    if flags & UNW_FLAG_CHAININFO == 0 {
        return Some(None);
    }
    // The chained RUNTIME_FUNCTION follows the codes, whose count is rounded up to even; its third field.
    let chained = info.checked_add(4 + 2 * count.next_multiple_of(2) + 8)?;
    image.layout.u32(chained).map(Some)
}
