//! Accesses around allocations, each in a process of its own, and what is found at the free.

use ks_sys::PVOID;

use crate::nt::{
    Machine, MachineOptions,
    fault::child::{self, Case},
    flags::Flags,
    pool::{ExFreePool, driver_pool_with_tag},
    violation,
};

const TAG: u32 = u32::from_le_bytes(*b"Test");
const END: Flags = Flags { special_pool: true, ..Flags::NONE };
const START: Flags = Flags { pool_start: true, ..END };

fn take(bytes: u64) -> *mut u8 {
    // SAFETY: whatever is taken lives until it is freed.
    unsafe { driver_pool_with_tag(0, bytes, TAG) }.cast()
}

fn free(memory: *mut u8) {
    // SAFETY: the tests free once.
    unsafe { ExFreePool(memory as PVOID) };
}

/// Touches a byte relative to the start.
fn touch(memory: *mut u8, offset: isize) {
    // SAFETY: where it is wrong the process ends, which is the test.
    unsafe { memory.wrapping_offset(offset).write_volatile(1) };
}

const CASES: &[Case] = &[
    ("last", END, || (touch(take(48), 47), touch(take(5000), 4999), touch(take(8192), 0)).2, ""),
    (
        "end",
        END,
        || touch(take(48), 48),
        "STOP: SpecialPoolEnd (bug check 0xD6)|0 behind the end, of an allocation of 48 bytes, tag Test",
    ),
    ("large", END, || touch(take(8192), 8192), "STOP: SpecialPoolEnd|of 8192 bytes"),
    ("before", START, || touch(take(48), -1), "STOP: SpecialPoolEnd|1 bytes before the start"),
    (
        "before, behind a freed one",
        START,
        || {
            let (first, second) = (take(4096), take(48));
            free(first);
            touch(second, -1);
        },
        "STOP: SpecialPoolEnd (bug check 0xD6)|1 bytes before the start of an allocation of 48 bytes",
    ),
    (
        "between two",
        START,
        || {
            let [_first, second] = [take(4096), take(48)];
            touch(second, -1);
        },
        "STOP: SpecialPoolEnd|1 bytes before the start of an allocation of 48 bytes",
    ),
    (
        "behind a freed one",
        END,
        || {
            let memory = take(4096);
            free(memory);
            touch(memory, 4096);
        },
        "STOP: SpecialPoolFreed|0 behind the end, of an allocation of 4096 bytes",
    ),
    (
        "freed",
        END,
        || {
            let memory = take(48);
            free(memory);
            // More blocks do not get its address.
            (0..100).for_each(|_| free(take(48)));
            touch(memory, 3);
        },
        "STOP: SpecialPoolFreed (bug check 0xD5)|byte 3 of an allocation of 48 bytes, tag Test, that was freed",
    ),
    (
        "twice",
        END,
        || {
            let memory = take(48);
            free(memory);
            free(memory);
        },
        "STOP: PoolFree (bug check 0xC4, 0x13)|of 48 bytes, tag Test, that was freed",
    ),
];

#[test]
#[ignore = "ends its process"]
fn deed() {
    child::run(CASES);
}

/// Special pool: beyond the end, before the start, large blocks, after the free; the last byte is the driver's.
#[test]
fn accesses() {
    child::check("nt::special_pool::tests::deed", CASES);
}

/// What is written within the pages but outside of the block is found when it is freed (0xC1: nearby, after the end, a
/// single bit); what stays within is not.
#[test]
fn slack_is_looked_at() {
    for (watch, offset, value, code) in [
        (END, 40, 1, 0x24),
        (END, -1, 1, 0x23),
        (END, 40, 0xBC, 0x32),
        (START, 100, 1, 0x24),
        (END, 39, 1, 0),
    ] {
        let machine = Machine::new(MachineOptions { watch, ..MachineOptions::default() });
        let memory = take(40);
        // SAFETY: it lies in the pages of the block.
        unsafe { memory.offset(offset).write_volatile(value) };
        free(memory);
        let found: Vec<_> = violation::take().iter().map(|found| (found.rule, found.code)).collect();
        let expected: Vec<_> = (code != 0).then_some(("SpecialPoolCorruption", code)).into_iter().collect();
        assert_eq!(found, expected);
        machine.shutdown();
    }
}

/// The address space of a machine goes back when it ends, also when a block is left: all of 20000 machines have a
/// special pool, though 128 TiB are not room for the pools of 8200.
#[test]
fn machines_come_and_go() {
    let reserved = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').next().unwrap().parse::<usize>().unwrap() * 4096
    };
    let mut arena = super::Arena::default();
    for round in 0..20_000 {
        let span = arena.take(48, false).expect("room");
        if round % 1000 != 0 {
            arena.give(span, String::new(), Vec::new(), Vec::new());
        }
        arena.release();
    }
    assert!(reserved() < 1 << 40);
    assert_eq!(arena.missed, 0);
}

/// Many blocks come and go: the addresses are used again behind the quarantine, and the process keeps its mappings.
#[test]
fn blocks_come_and_go() {
    let machine = Machine::new(MachineOptions { watch: END, trace: false, ..MachineOptions::default() });
    let held: Vec<_> = (0..1000).map(take).collect();
    for round in 0..20_000_u64 {
        free(take(round % 3000 + 1));
    }
    held.into_iter().for_each(free);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.lines().count() < 10_000);
    machine.shutdown();
}
