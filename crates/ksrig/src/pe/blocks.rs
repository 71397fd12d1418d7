//! The basic blocks of an image's code, found by following its instructions from where functions begin.
//!
//! Only what is certainly code is found: jump tables and other data among the code are never taken for it. Where a table's
//! jump goes is seen when it goes there.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, OpKind};

use super::{image::Image, unwind};

/// Instructions that run one after the other: who jumps here runs all of them, calls that do not return aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins in the image.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// Code that has been found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of their addresses.
    pub blocks: Vec<Block>,
    /// Jumps whose target is in a register: where each is, and the register by its encoding.
    pub jumps: BTreeMap<u32, usize>,
}

/// What is found from the functions of the image, and from where something is known to run.
pub fn find(image: &Image, running: impl IntoIterator<Item = u32>) -> Found {
    let mut open = image.functions();
    let entry = image.headers().entry;
    open.extend(std::iter::once(entry).chain(running).map(|start| (start, end_of(image, start))));
    Code::new(image).all(open)
}

/// What is found from one place on, up to what is `known` already.
pub fn find_from(image: &Image, start: u32, known: &dyn Fn(u32) -> bool) -> Found {
    Code { known, ..Code::new(image) }.all(vec![(start, end_of(image, start))])
}

/// Where the function ends that a place lies in; a leaf function is in no table, and its section is its limit.
fn end_of(image: &Image, place: u32) -> u32 {
    let owner = unwind::entry(image, place).and_then(|entry| image.layout.u32(entry + 4));
    owner.unwrap_or(u32::MAX)
}

struct Code<'i> {
    image: &'i Image,
    known: &'i dyn Fn(u32) -> bool,
    starts: BTreeSet<u32>,
    /// Instructions: where each ends, and whether what follows it runs next.
    seen: BTreeMap<u32, (u32, bool)>,
    jumps: BTreeMap<u32, usize>,
}

impl<'i> Code<'i> {
    fn new(image: &'i Image) -> Self {
        let (starts, seen, jumps) = Default::default();
        Self { image, known: &|_| false, starts, seen, jumps }
    }

    /// Everything from these places on, each with its limit.
    fn all(mut self, mut open: Vec<(u32, u32)>) -> Found {
        while let Some((start, limit)) = open.pop() {
            self.follow(start, limit, &mut open);
        }
        Found { blocks: self.cut(), jumps: self.jumps }
    }

    /// Decodes from a start to where the flow of control ends or what is known begins.
    fn follow(&mut self, start: u32, limit: u32, open: &mut Vec<(u32, u32)>) {
        let section = self.image.headers().section_of(start).filter(|section| section.executable());
        let Some(end) = section.map(|section| section.rva + section.size) else { return };
        if (self.known)(start) {
            return;
        }
        self.starts.insert(start);
        let limit = limit.min(end);
        let mut at = start;
        while at < limit && !self.seen.contains_key(&at) && (at == start || !(self.known)(at)) {
            let Some(instruction) = self.decode(at, limit) else { return };
            let next = instruction.next_ip32();
            let target =
                (instruction.near_branch_target() != 0).then(|| instruction.near_branch_target() as u32);
            let goes_on = match instruction.flow_control() {
                FlowControl::Next | FlowControl::IndirectCall | FlowControl::Call => true,
                FlowControl::ConditionalBranch => {
                    open.push((next, limit));
                    true
                }
                FlowControl::IndirectBranch if instruction.op0_kind() == OpKind::Register => {
                    self.jumps.insert(at, instruction.op0_register().number());
                    false
                }
                _ => false,
            };
            self.seen.insert(at, (next, goes_on));
            if let Some(target) = target {
                open.push((target, end_of(self.image, target)));
            }
            if !goes_on {
                return;
            }
            at = next;
        }
    }

    fn decode(&self, at: u32, limit: u32) -> Option<Instruction> {
        let bytes = self.image.layout.get(at, (limit - at).min(15))?;
        let mut decoder = Decoder::with_ip(64, bytes, u64::from(at), DecoderOptions::NONE);
        let instruction = decoder.decode();
        (!instruction.is_invalid()).then_some(instruction)
    }

    /// The blocks between the starts.
    fn cut(&self) -> Vec<Block> {
        let whole = |start: u32| {
            let mut end = start;
            while let Some((next, goes_on)) = self.seen.get(&end) {
                end = *next;
                if !goes_on || self.starts.contains(&end) {
                    break;
                }
            }
            Block { start, end }
        };
        self.starts.iter().map(|start| whole(*start)).filter(|block| block.end > block.start).collect()
    }
}
