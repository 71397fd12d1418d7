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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pe::{
        Import,
        specimen::{ENTRY, Specimen},
    };

    /// One function; what lies at 15 and from 24 on is reached by no instruction that is certainly code.
    const CODE: [u8; 25] = [
        0x48, 0x83, 0xEC, 0x28, // 0: sub rsp, 28h
        0x85, 0xC9, // 4: test ecx, ecx
        0x74, 5, // 6: je 13
        0xE8, 7, 0, 0, 0, // 8: call 20
        0xFF, 0xE0, // 13: jmp rax
        6, 6, 6, 6, 6, // 15: no instructions
        0x31, 0xC0, // 20: xor eax, eax
        0xEB, 0xFC, // 22: jmp 20
        0xC3, // 24: ret
    ];
    const AFTER: u32 = 24;

    fn image() -> Image {
        let file = Specimen { code: CODE.to_vec(), ..Specimen::default() }.build();
        Image::load("specimen.sys", &file, &mut |_, _| Some(Import::function(1))).unwrap()
    }

    /// Where the blocks begin and end in the code.
    fn places(found: &Found) -> Vec<(u32, u32)> {
        found.blocks.iter().map(|block| (block.start - ENTRY, block.end - ENTRY)).collect()
    }

    /// Blocks end where the flow of control parts or ends and where another begins; a call goes on behind it, and what it
    /// calls is code too. A jump to a register is noted with the register; bytes that nothing leads to are no code.
    #[test]
    fn only_what_is_certainly_code_is_found() {
        let found = find(&image(), []);
        assert_eq!(places(&found), [(0, 8), (8, 13), (13, 15), (20, 24)]);
        assert_eq!(found.jumps, BTreeMap::from([(ENTRY + 13, 0)]));
    }

    /// A place that is known to run is code, whoever leads there; one that is none ends there and then.
    #[test]
    fn what_runs_is_code() {
        let image = image();
        assert_eq!(places(&find(&image, [ENTRY + AFTER])).last(), Some(&(AFTER, AFTER + 1)));
        assert_eq!(find(&image, [ENTRY + 15]), find(&image, []));
    }

    /// From one place on what is known already is not followed once more; data is never code.
    #[test]
    fn what_is_known_is_left_out() {
        let image = image();
        let from = |place: u32, known: &dyn Fn(u32) -> bool| find_from(&image, place, known);
        assert_eq!(places(&from(ENTRY + 8, &|_| false)), [(8, 15), (20, 24)]);
        let found = from(ENTRY + 8, &|place| place == ENTRY + 13);
        assert_eq!((places(&found), found.jumps.len()), (vec![(8, 13), (20, 24)], 0));
        assert_eq!(from(ENTRY, &|_| true), Found::default());
        let data = image.import_section().map_or(0, |section| section.rva);
        assert_eq!((data > ENTRY, from(data, &|_| false)), (true, Found::default()));
    }
}
