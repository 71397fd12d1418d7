//! MDLs, used rightly and wrongly.

use super::*;
use crate::nt::{
    MachineOptions, USER_MODE,
    callback::{CallbackKind, Group},
    flags::Flags,
    pnp::load,
};
use crate::pe::specimen::{ENTRY, SLOT, Specimen};

/// The rules that a driver breaks which does this with a program's buffer.
fn rules(deed: impl FnOnce(PVOID)) -> Vec<(&'static str, u32)> {
    let kind = CallbackKind::new("Deed", Group::Driver);
    let found = violation::broken_by(kind, Flags::NONE, || {
        let buffer = user::Buffer::new(64);
        deed(buffer.address());
    });
    found.iter().map(|found| (found.rule, found.code)).collect()
}

/// A program's pages that a driver has locked are unlocked before their MDL is freed and before the driver goes.
#[test]
fn pages_are_unlocked() {
    // SAFETY: the MDL describes the buffer, and is used until it is freed.
    let lock_pages = |buffer| unsafe {
        let mdl = IoAllocateMdl(buffer, 64, 0, 0, null_mut());
        assert_eq!(MmProbeAndLockPages(mdl, USER_MODE, _LOCK_OPERATION::IoReadAccess), Ok(()));
        mdl
    };
    let right = |buffer| {
        let mdl = lock_pages(buffer);
        // SAFETY: as above.
        unsafe {
            MmUnlockPages(mdl);
            IoFreeMdl(mdl);
        }
        report_locked("driver");
    };
    assert_eq!(rules(right), []);
    let freed = |buffer| {
        // SAFETY: as above.
        unsafe { IoFreeMdl(lock_pages(buffer)) };
        report_locked("driver");
    };
    assert_eq!(rules(freed), [("LockedPages", 0)]);
    let left = |buffer| {
        let mdl = lock_pages(buffer);
        report_locked("driver");
        // SAFETY: as above.
        unsafe {
            MmUnlockPages(mdl);
            IoFreeMdl(mdl);
        }
    };
    assert_eq!(rules(left), [("LockedPages", 0)]);
    // What the system has locked, for a request, is no driver's.
    let machine = Machine::new(MachineOptions::default());
    let buffer = user::Buffer::new(64);
    let mdl = lock_pages(buffer.address());
    report_locked("driver");
    assert_eq!(violation::take(), []);
    // SAFETY: as above.
    unsafe {
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    }
    drop(buffer);
    machine.shutdown();
}

/// User memory can be locked and mapped, other memory not in UserMode; unlocking unmaps; misuse has its codes.
#[test]
fn mdl_life() {
    let machine = Machine::new(MachineOptions::default());
    let buffer = user::Buffer::new(10_000);
    let mut local = [0_u8; 16];
    // SAFETY: the MDLs are freed once and describe live memory.
    unsafe {
        let mdl = IoAllocateMdl(buffer.address(), 10_000, 0, 0, null_mut());
        assert!(MmGetSystemAddressForMdlSafe(mdl).is_null());
        assert_eq!(MmProbeAndLockPages(mdl, USER_MODE, _LOCK_OPERATION::IoWriteAccess), Ok(()));
        assert_eq!(MmGetSystemAddressForMdlSafe(mdl), buffer.address());
        assert_eq!(MmGetSystemAddressForMdlSafe(mdl), buffer.address());
        MmUnlockPages(mdl);
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
        let mdl = IoAllocateMdl((&raw mut local).cast(), 16, 0, 0, null_mut());
        let locked = MmProbeAndLockPages(mdl, USER_MODE, _LOCK_OPERATION::IoReadAccess);
        assert_eq!(locked, Err(STATUS_ACCESS_VIOLATION));
        MmBuildMdlForNonPagedPool(mdl);
        assert_eq!(MmGetSystemAddressForMdlSafe(mdl), (&raw mut local).cast());
        IoFreeMdl(mdl);
    }
    assert_eq!(violation::take().iter().map(|v| v.code).collect::<Vec<_>>(), [0xB2, 0x7C]);
    assert_eq!(mdls_in_use(), 0);
    drop(buffer);
    machine.shutdown();
}

/// A driver for this Windows that maps an MDL with this priority.
fn mapper(windows: (u16, u16), mdl: PMDL, priority: u32) -> Vec<u8> {
    // sub rsp, 28h; sub rsp, 10h; mov rcx, mdl
    let mut code = vec![0x48, 0x83, 0xEC, 0x28, 0x48, 0x83, 0xEC, 0x10, 0x48, 0xB9];
    code.extend((mdl as u64).to_le_bytes());
    // xor edx, edx; mov r8d, 1; xor r9d, r9d; mov dword ptr [rsp+20h], 0; mov dword ptr [rsp+28h], priority
    code.extend([0x31, 0xD2, 0x41, 0xB8, 1, 0, 0, 0, 0x45, 0x31, 0xC9, 0xC7, 0x44, 0x24, 0x20, 0, 0, 0, 0]);
    code.extend([0xC7, 0x44, 0x24, 0x28]);
    code.extend(priority.to_le_bytes());
    // call MmMapLockedPagesSpecifyCache; xor eax, eax; add rsp, 38h; ret
    code.extend([0xFF, 0x15]);
    let after = ENTRY + code.len() as u32 + 4;
    code.extend((SLOT - after).to_le_bytes());
    code.extend([0x31, 0xC0, 0x48, 0x83, 0xC4, 0x38, 0xC3]);
    Specimen { import: "MmMapLockedPagesSpecifyCache", windows, code, ..Specimen::default() }.build()
}

/// Code integrity: a driver maps pages so that they cannot be executed, if the Windows that it is for can do that.
#[test]
fn mappings_are_not_executable() {
    for (windows, priority, expected) in [
        ((10, 0), 16, vec![("CodeIntegrity", 0x2002)]),
        ((6, 2), 16, vec![("CodeIntegrity", 0x2002)]),
        ((10, 0), 16 | NO_EXECUTE, vec![]),
        ((5, 2), 16, vec![]),
    ] {
        let machine = Machine::new(MachineOptions::default());
        let mut local = [0_u8; 16];
        // SAFETY: the MDL describes live memory, and is freed once.
        unsafe {
            let mdl = IoAllocateMdl((&raw mut local).cast(), 16, 0, 0, null_mut());
            MmBuildMdlForNonPagedPool(mdl);
            let driver = load("mapper.sys", &mapper(windows, mdl, priority)).unwrap();
            driver.unload();
            IoFreeMdl(mdl);
        }
        let found: Vec<_> = violation::take().iter().map(|found| (found.rule, found.code)).collect();
        assert_eq!(found, expected, "{windows:?} {priority:#x}");
        machine.shutdown();
    }
}
