//! Who reaches what at which IRQL, each in a process of its own.

use ks_sys::{_LOCK_OPERATION, _POOL_TYPE::PagedPool, PMDL, PVOID};

use crate::nt::{
    IoAllocateMdl, KeLowerIrql, KeRaiseIrqlToDpcLevel, Machine, MmGetSystemAddressForMdlSafe,
    MmProbeAndLockPages, MmUnlockPages, USER_MODE, as_kernel,
    callback::{Callback, CallbackKind, Group, call},
    exports,
    fault::child::{self, Case},
    flags::Flags,
    pnp::{load, register},
    pool::{ExFreePool, driver_pool_with_tag},
    sched,
    user::Buffer,
};
use crate::pe::{
    Image,
    specimen::{ENTRY, SELF, Specimen},
};

const TAG: u32 = u32::from_le_bytes(*b"Test");
const IRQL: Flags = Flags { force_irql: true, ..Flags::NONE };

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

const SECURITY: Flags = Flags { force_irql: false, security: true, ..IRQL };
const BOTH: Flags = Flags { force_irql: true, ..SECURITY };

/// A driver that reads a byte, in the system process or in the program's.
fn read(address: usize, system: bool) {
    // mov rax, address; mov al, [rax]; xor eax, eax; add rsp, 28h; ret
    let mut code = vec![0x48, 0x83, 0xEC, 0x28, 0x48, 0xB8];
    code.extend(address.to_le_bytes());
    code.extend([0x8A, 0x00, 0x31, 0xC0, 0x48, 0x83, 0xC4, 0x28, 0xC3]);
    let driver = Specimen { import: "KeGetCurrentIrql", code, ..Specimen::default() };
    let image = Image::load("reader.sys", &driver.build(), &mut exports::lookup).unwrap();
    let driver = register("reader.sys", image);
    // SAFETY: the entry of the image above, which takes no arguments.
    let entry: extern "win64" fn() -> i32 = unsafe { std::mem::transmute(driver.image().unwrap().entry()) };
    let kind = CallbackKind::new("Reader", Group::Driver);
    let run = || call(Callback { kind, object: &"reader" }, || entry());
    assert_eq!(if system { as_kernel(run) } else { run() }, 0);
}

/// Locks a program's page, and gives the MDL and the address of the kernel.
fn locked(buffer: &Buffer) -> (PMDL, usize) {
    // SAFETY: the MDL describes the buffer.
    unsafe {
        let mdl = IoAllocateMdl(buffer.address(), buffer.len() as u32, 0, 0, std::ptr::null_mut());
        assert_eq!(MmProbeAndLockPages(mdl, USER_MODE, _LOCK_OPERATION::IoReadAccess), Ok(()));
        (mdl, MmGetSystemAddressForMdlSafe(mdl) as usize)
    }
}

/// Reads a byte at DISPATCH_LEVEL, in the program's process.
fn read_raised(address: usize) {
    let old = KeRaiseIrqlToDpcLevel();
    read(address, false);
    KeLowerIrql(old);
}

/// Locks a program's memory and reads it at DISPATCH_LEVEL, by both addresses, and once more when it is unlocked.
fn lock_and_read(unlock: bool) {
    let buffer = Buffer::new(64);
    let (mdl, system) = locked(&buffer);
    read_raised(buffer.address() as usize);
    read_raised(system);
    if !unlock {
        return;
    }
    let old = KeRaiseIrqlToDpcLevel();
    // SAFETY: the MDL is locked.
    unsafe { MmUnlockPages(mdl) };
    read(buffer.address() as usize, false);
    KeLowerIrql(old);
}

const RAISED: &str = "STOP: ForceIrql (bug check 0xD1)|no MDL keeps locked, at IRQL 2|reader.sys+0x100e";

const USER: &[Case] = &[
    ("raised", IRQL, || read_raised(Buffer::new(64).address() as usize), RAISED),
    (
        "raised, after the rig's touch",
        BOTH,
        || {
            let buffer = Buffer::new(64);
            let old = KeRaiseIrqlToDpcLevel();
            touch(buffer.address() as usize);
            read(buffer.address() as usize, false);
            KeLowerIrql(old);
        },
        RAISED,
    ),
    ("raised and locked", IRQL, || lock_and_read(false), ""),
    ("raised and locked, with other addresses", BOTH, || lock_and_read(false), ""),
    ("raised and unlocked", IRQL, || lock_and_read(true), RAISED),
    ("raised and unlocked, with other addresses", BOTH, || lock_and_read(true), RAISED),
    (
        "locked, elsewhere",
        BOTH,
        || {
            let buffer = Buffer::new(64);
            locked(&buffer);
            read(buffer.address() as usize, true);
        },
        "STOP: UserMemory (bug check 0x50)|outside of its process|reader.sys+0x100e",
    ),
    ("raised, unwatched", SECURITY, || read_raised(Buffer::new(64).address() as usize), ""),
    ("in its process", SECURITY, || read(Buffer::new(64).address() as usize, false), ""),
    (
        "outside",
        SECURITY,
        || {
            let buffer = Buffer::new(64);
            // The rig's own touch does not open it for the driver.
            as_kernel(|| touch(buffer.address() as usize));
            read(buffer.address() as usize, true);
        },
        "STOP: UserMemory (bug check 0x50)|outside of its process|reader.sys+0x100e",
    ),
    (
        "unwatched",
        Flags { security: false, ..SECURITY },
        || read(Buffer::new(64).address() as usize, true),
        "",
    ),
    (
        "locked",
        SECURITY,
        || {
            let mut buffer = Buffer::from_bytes(&[7; 5000]);
            let ((_, first), (second, _)) = (locked(&buffer), locked(&buffer));
            assert_ne!(first, buffer.address() as usize);
            // SAFETY: the pages are mapped there.
            unsafe {
                MmUnlockPages(second);
                read(first + 4999, true);
                (first as *mut u8).write_volatile(8);
                assert_eq!((buffer.bytes()[0], buffer.bytes()[1]), (8, 7));
                buffer.bytes_mut()[2] = 9;
                assert_eq!((first as *const u8).add(2).read_volatile(), 9);
            }
            std::mem::forget(buffer);
        },
        "",
    ),
    (
        "unlocked",
        SECURITY,
        || {
            let buffer = Buffer::new(64);
            let (mdl, system) = locked(&buffer);
            // SAFETY: the MDL is locked.
            unsafe { MmUnlockPages(mdl) };
            read(system, true);
        },
        "STOP: UserMemory (bug check 0x50)|not locked any more|reader.sys+0x100e",
    ),
];

#[test]
#[ignore = "ends its process"]
fn deed() {
    child::run(CASES);
}

#[test]
#[ignore = "ends its process"]
fn user_deed() {
    child::run(USER);
}

/// Security checks: a program's memory is there in its process, and by the address of its locked pages everywhere. Force
/// IRQL: it is pageable, unless an MDL keeps it locked.
#[test]
fn user_memory() {
    child::check("nt::residency::tests::user_deed", USER);
}

/// Force IRQL: paged pool is not there at DISPATCH_LEVEL, whoever has touched it before, and is there below.
#[test]
fn paged_pool() {
    child::check("nt::residency::tests::deed", CASES);
}
