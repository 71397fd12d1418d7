//! Allocations on pages of their own: an access beyond the end or after the free is met when it happens, with the
//! stacks of the allocation and the free. (`devtest/special-pool.md`)

use std::{
    collections::{BTreeMap, VecDeque},
    ptr::null_mut,
};

use ks_sys::PAGE_SIZE;

use super::bugcheck::Cause;

/// DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION
const BEYOND: Cause = Cause { rule: "SpecialPoolEnd", bug_check: 0xD6, code: None };
/// DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL
const FREED: Cause = Cause { rule: "SpecialPoolFreed", bug_check: 0xD5, code: None };

const PAGE: usize = PAGE_SIZE as usize;
/// The address space of the pool: 16 GiB, of which the tables of its pages are 32 MiB at most.
const SPACE: usize = 16 << 30;
/// Linux gives a process 65530 mappings, and a block takes two: further ones lie in the ordinary pool.
const LIVE: usize = 20_000;
/// So many freed blocks, of so many pages together, stay inaccessible before their addresses are used again.
const QUARANTINE: (usize, usize) = (1 << 14, 1 << 18);
/// What the rest of a block's pages is filled with.
const SLACK: u8 = 0xBD;

/// The pages of one allocation; an inaccessible one lies before and behind them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    first: usize,
    pages: usize,
    /// What the driver has.
    pub address: usize,
    bytes: usize,
}

/// What is known of a block: to whom it belongs, and who freed it.
pub(super) struct Freed {
    span: Span,
    tag: String,
    allocated: Vec<String>,
    freed: Vec<String>,
}

/// The special pool of one machine.
#[derive(Default)]
pub(super) struct Arena {
    base: usize,
    next: usize,
    live: usize,
    freed: VecDeque<Freed>,
    freed_pages: usize,
    /// Spans that have left the quarantine, by their pages.
    spare: BTreeMap<usize, Vec<usize>>,
    /// Allocations that there was no room for.
    pub missed: u64,
}

impl Arena {
    /// Pages for an allocation, filled with the pattern; none, and counted, when the pool is full.
    pub fn take(&mut self, bytes: usize, at_start: bool) -> Option<Span> {
        let span = self.try_take(bytes, at_start);
        self.missed += u64::from(span.is_none());
        span
    }

    fn try_take(&mut self, bytes: usize, at_start: bool) -> Option<Span> {
        let pages = bytes.max(1).div_ceil(PAGE);
        if self.live >= LIVE {
            return None;
        }
        let first = match self.spare.get_mut(&pages).and_then(Vec::pop) {
            Some(first) => first,
            None => self.grow(pages)?,
        };
        // SAFETY: pages of the reservation that are nobody's.
        let result =
            unsafe { libc::mprotect(first as *mut _, pages * PAGE, libc::PROT_READ | libc::PROT_WRITE) };
        if result != 0 {
            self.spare.entry(pages).or_default().push(first);
            return None;
        }
        self.live += 1;
        // From one page on an allocation begins on a page boundary, else on one of 16 bytes.
        let address = if at_start || bytes >= PAGE {
            first
        } else {
            first + pages * PAGE - bytes.max(1).next_multiple_of(16)
        };
        let span = Span { first, pages, address, bytes };
        for slack in span.slack() {
            // SAFETY: it lies in the pages, which are accessible now.
            unsafe { (slack.start as *mut u8).write_bytes(SLACK, slack.len()) };
        }
        Some(span)
    }

    fn grow(&mut self, pages: usize) -> Option<usize> {
        if self.base == 0 {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            // SAFETY: a new mapping at an address of the system's choice.
            let base = unsafe { libc::mmap(null_mut(), SPACE, libc::PROT_NONE, flags, -1, 0) };
            if base == libc::MAP_FAILED {
                return None;
            }
            self.base = base as usize;
            self.next = self.base + PAGE;
        }
        let first = self.next;
        let next = first + (pages + 1) * PAGE;
        if next > self.base + SPACE {
            return None;
        }
        self.next = next;
        Some(first)
    }

    /// Takes the pages back; they stay inaccessible for a while.
    pub fn give(&mut self, span: Span, tag: String, allocated: Vec<String>, freed: Vec<String>) {
        hide(span);
        self.live -= 1;
        self.freed_pages += span.pages;
        self.freed.push_back(Freed { span, tag, allocated, freed });
        while self.freed.len() > QUARANTINE.0 || self.freed_pages > QUARANTINE.1 {
            let Some(Freed { span, .. }) = self.freed.pop_front() else { return };
            self.freed_pages -= span.pages;
            self.spare.entry(span.pages).or_default().push(span.first);
        }
    }

    /// Gives the address space back when the machine ends: all of it, or what was never used if a block is still alive.
    /// The number of machines of a process has no other limit.
    pub fn release(&mut self) {
        if self.base == 0 {
            return;
        }
        let first = if self.live == 0 { self.base } else { self.next };
        // SAFETY: a part of the reservation in which no block is alive.
        unsafe { libc::munmap(first as *mut _, self.base + SPACE - first) };
        *self = Self { missed: self.missed, ..Self::default() };
    }

    /// The freed block whose pages an address lies in.
    pub fn freed(&self, address: usize) -> Option<(Cause, String)> {
        self.freed_where(address, |span| span.range().contains(&address))
    }

    /// The freed block that an address lies next to.
    pub fn beside_freed(&self, address: usize) -> Option<(Cause, String)> {
        self.freed_where(address, |span| span.is_beside(address))
    }

    fn freed_where(&self, address: usize, is_it: impl Fn(&Span) -> bool) -> Option<(Cause, String)> {
        let block = self.freed.iter().rev().find(|block| is_it(&block.span))?;
        let Freed { span, tag, allocated, freed } = block;
        let message = format!(
            "{} of an allocation of {} bytes, tag {tag}, that was freed\n      allocated by {}\n      freed by {}",
            place(span, address),
            span.bytes,
            allocated.join(" < "),
            freed.join(" < ")
        );
        Some((FREED, message))
    }
}

/// Makes the pages inaccessible, and gives their memory back.
fn hide(span: Span) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // A new mapping in its place becomes one with its neighbours.
    // SAFETY: the pages are this block's, which is nobody's any more.
    unsafe { libc::mmap(span.first as *mut _, span.pages * PAGE, libc::PROT_NONE, flags, -1, 0) };
}

/// Where an address lies in relation to a block.
fn place(span: &Span, address: usize) -> String {
    let end = span.address + span.bytes;
    if address < span.address {
        format!("{} bytes before the start", span.address - address)
    } else if address < end {
        format!("byte {}", address - span.address)
    } else {
        format!("byte {}, {} behind the end,", address - span.address, address - end)
    }
}

impl Span {
    /// The pages as a range of addresses.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.pages * PAGE
    }

    /// What of the pages the driver does not have.
    fn slack(&self) -> [std::ops::Range<usize>; 2] {
        [self.first..self.address, self.address + self.bytes..self.range().end]
    }

    /// What was written around the block: the fourth parameter of bug check 0xC1, and where.
    pub fn corruption(&self) -> Option<(u32, String)> {
        for (index, slack) in self.slack().into_iter().enumerate() {
            // SAFETY: the pages are accessible until the block is freed, and were written when it was made.
            let bytes = unsafe { std::slice::from_raw_parts(slack.start as *const u8, slack.len()) };
            let Some(at) = bytes.iter().position(|byte| *byte != SLACK) else { continue };
            let single =
                (bytes[at] ^ SLACK).is_power_of_two() && bytes[at + 1..].iter().all(|byte| *byte == SLACK);
            let kind = match index {
                _ if single => 0x32,
                0 => 0x23,
                _ => 0x24,
            };
            return Some((kind, format!("{} was written", place(self, slack.start + at))));
        }
        None
    }

    /// Whether an address lies in one of the inaccessible pages before and behind the block.
    pub fn is_beside(&self, address: usize) -> bool {
        let range = self.range();
        address >= range.start - PAGE && address < range.end + PAGE && !range.contains(&address)
    }

    /// How far an address lies from what the driver has.
    pub fn distance(&self, address: usize) -> usize {
        self.address.saturating_sub(address).max((address + 1).saturating_sub(self.address + self.bytes))
    }

    /// What an access at an address beside the block is.
    pub fn beyond(&self, address: usize, tag: &str, allocated: &[String]) -> (Cause, String) {
        let message = format!(
            "{} of an allocation of {} bytes, tag {tag}\n      allocated by {}",
            place(self, address),
            self.bytes,
            allocated.join(" < ")
        );
        (BEYOND, message)
    }
}

#[cfg(test)]
mod tests;
