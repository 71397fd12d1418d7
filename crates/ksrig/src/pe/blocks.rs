//! The basic blocks of an image's code, found by following its instructions from where functions begin.
//!
//! Only what is certainly code is found: jump tables and other data among the code are never taken for it.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};

use super::image::Image;

/// Instructions that run one after the other: who jumps here runs all of them, calls that do not return aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins in the image.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// All that are found, in the order of their addresses.
pub fn blocks(image: &Image) -> Vec<Block> {
    let mut code = Code { image, starts: BTreeSet::new(), seen: BTreeMap::new() };
    let functions = image.functions();
    let mut open: Vec<(u32, u32)> = functions.clone();
    let entry = image.headers().entry;
    if !functions.iter().any(|(begin, end)| (*begin..*end).contains(&entry)) {
        open.push((entry, u32::MAX));
    }
    while let Some((start, limit)) = open.pop() {
        code.follow(start, limit, &functions, &mut open);
    }
    code.cut()
}

struct Code<'i> {
    image: &'i Image,
    starts: BTreeSet<u32>,
    /// Instructions: where each ends, and whether what follows it runs next.
    seen: BTreeMap<u32, (u32, bool)>,
}

impl Code<'_> {
    /// Decodes from a start to where the flow of control ends or what is known begins.
    fn follow(&mut self, start: u32, limit: u32, functions: &[(u32, u32)], open: &mut Vec<(u32, u32)>) {
        let executable = |rva: u32| {
            let section = self.image.headers().section_of(rva);
            section.filter(|section| section.executable()).map(|section| section.rva + section.size)
        };
        let Some(end) = executable(start) else { return };
        self.starts.insert(start);
        let limit = limit.min(end);
        let mut at = start;
        while at < limit && !self.seen.contains_key(&at) {
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
                _ => false,
            };
            self.seen.insert(at, (next, goes_on));
            if let Some(target) = target {
                // Where the target's function ends; a leaf function is in no table, and its section is its limit.
                let owner = functions.iter().find(|(begin, end)| (*begin..*end).contains(&target));
                open.push((target, owner.map_or(u32::MAX, |owner| owner.1)));
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
