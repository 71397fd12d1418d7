//! Who reaches what at which IRQL, each in a process of its own.

use ks_sys::{_POOL_TYPE::PagedPool, PVOID};

use crate::nt::{
    KeLowerIrql, KeRaiseIrqlToDpcLevel, Machine,
    fault::child::{self, Case},
    flags::Flags,
    pnp::load,
    pool::{ExFreePool, driver_pool_with_tag},
    sched,
};
use crate::pe::specimen::{ENTRY, SELF, Specimen};

const TAG: u32 = u32::from_le_bytes(*b"Test");
const IRQL: Flags = Flags {
    special_pool: false,
    pool_start: false,
    force_irql: true,
    deadlock: false,
    security: false,
    timed: false,
};

fn take(paged: bool) -> usize {
    // SAFETY: the memory lives until it is freed.
    unsafe { driver_pool_with_tag(if paged { PagedPool } else { 0 }, 64, TAG) as usize }
}

/// A driver that reads its data at DISPATCH_LEVEL.
fn reader(section: &[u8; 8]) {
    // mov eax, 2; mov cr8, rax; mov rax, [self]; xor eax, eax; mov cr8, rax; add rsp, 28h; ret
    let mut code = vec![0x48, 0x83, 0xEC, 0x28, 0xB8, 2, 0, 0, 0, 0x44, 0x0F, 0x22, 0xC0, 0x48, 0x8B, 0x05];
    code.extend((SELF - ENTRY - 0x14).to_le_bytes());
    code.extend([0x31, 0xC0, 0x44, 0x0F, 0x22, 0xC0, 0x48, 0x83, 0xC4, 0x28, 0xC3]);
    let driver = Specimen { import: "KeGetCurrentIrql", code, rdata: *section, ..Specimen::default() };
    assert!(load("reader.sys", &driver.build()).is_ok());
}

fn touch(address: usize) {
    // SAFETY: where it is wrong the process ends, which is the test.
    unsafe { (address as *mut u8).write_volatile(1) };
}

const CASES: &[Case] = &[
    (
        "right",
        IRQL,
        || {
            let (paged, nonpaged) = (take(true), take(false));
            touch(paged);
            let old = KeRaiseIrqlToDpcLevel();
            touch(nonpaged);
            KeLowerIrql(old);
            touch(paged);
            // SAFETY: freed once.
            unsafe { ExFreePool(paged as PVOID) };
        },
        "",
    ),
    (
        "raised",
        IRQL,
        || {
            let paged = take(true);
            KeRaiseIrqlToDpcLevel();
            touch(paged + 3);
        },
        "STOP: ForceIrql (bug check 0xD1)|byte 3 of 64 bytes, tag Test|at IRQL 2",
    ),
    (
        "another thread's touch does not bring it back",
        IRQL,
        || {
            let paged = take(true);
            KeRaiseIrqlToDpcLevel();
            let machine = Machine::current();
            let other = machine.spawn_kernel("other", move || touch(paged));
            sched::settle();
            assert!(other.is_done());
            touch(paged);
        },
        "STOP: ForceIrql (bug check 0xD1)|byte 0 of 64 bytes|thread main",
    ),
    (
        "section",
        IRQL,
        || reader(b"PAGEdata"),
        "STOP: ForceIrql (bug check 0xD3)|pageable section|reader.sys+0x100d",
    ),
    ("nonpaged section", IRQL, || reader(b".rdata\0\0"), ""),
    (
        "unwatched",
        Flags { force_irql: false, ..IRQL },
        || {
            let paged = take(true);
            KeRaiseIrqlToDpcLevel();
            touch(paged);
            KeLowerIrql(0);
        },
        "",
    ),
];

#[test]
#[ignore = "ends its process"]
fn deed() {
    child::run(CASES);
}

/// Force IRQL: paged pool is not there at DISPATCH_LEVEL, whoever has touched it before, and is there below.
#[test]
fn paged_pool() {
    child::check("nt::residency::tests::deed", CASES);
}
