//! The life of drivers and devices.

use std::ptr::null_mut;

use ks_sys::*;

use super::*;
use crate::nt::{
    handle::NtClose,
    io::{
        IoCreateDevice, IoDeleteDevice,
        fixture::{self, Careless, KEEP},
        interface::interfaces,
        request::Request,
    },
    object::handles_and_objects,
    sched, user, violation,
};
use crate::pe::specimen::{self, Specimen};

/// A device is started, its interface comes and goes with it; removal is refused while a file is open;
/// unload calls the driver; nothing is left and nothing is reported.
#[test]
fn device_life() {
    let machine = fixture::machine(8, 1);
    let before = handles_and_objects();
    let device = fixture::device();
    let found = interfaces(&KSCATEGORY_CAPTURE);
    let link = "\\??\\ROOT#FIXTURE#0000#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\\Camera";
    assert_eq!((found.len(), found[0].link.as_str(), found[0].enabled), (1, link, true));
    let file = fixture::open(null_mut(), link, 0).unwrap();
    fixture::take_log();
    assert_eq!(device.remove(), STATUS_DEVICE_BUSY);
    assert_eq!(fixture::take_log(), ["pnp 1", "pnp 3"]);
    // SAFETY: an open handle.
    unsafe { NtClose(file) };
    fixture::take_log();
    assert_eq!(device.remove(), STATUS_SUCCESS);
    device.driver().unload();
    assert_eq!(fixture::take_log(), ["pnp 1", "pnp 2", "unload"]);
    assert!(interfaces(&KSCATEGORY_CAPTURE).is_empty());
    assert_eq!(violation::take(), []);
    // The root bus's driver object stays.
    assert_eq!(handles_and_objects(), (before.0, before.1 + 1));
    machine.shutdown();
}

/// A device that is disabled and enabled again is the same device: its interface is registered once, off meanwhile.
#[test]
fn disable_and_enable() {
    let machine = fixture::machine(8, 1);
    let device = fixture::device();
    let before = interfaces(&KSCATEGORY_CAPTURE);
    let alive = handles_and_objects();
    let file = fixture::open(null_mut(), &before[0].link, 0).unwrap();
    fixture::take_log();
    assert_eq!(device.disable(), STATUS_DEVICE_BUSY);
    assert_eq!(fixture::take_log(), ["pnp 1", "pnp 3"]);
    // SAFETY: an open handle.
    unsafe { NtClose(file) };
    for _ in 0..3 {
        fixture::take_log();
        assert_eq!(device.disable(), STATUS_SUCCESS);
        assert_eq!(fixture::take_log(), ["pnp 1", "pnp 2"]);
        let disabled = interfaces(&KSCATEGORY_CAPTURE);
        assert_eq!((disabled.len(), disabled[0].enabled), (1, false));
        assert_eq!(fixture::open(null_mut(), &before[0].link, 0), Err(STATUS_OBJECT_NAME_NOT_FOUND));
        assert_eq!(device.enable(), STATUS_SUCCESS);
        assert_eq!(interfaces(&KSCATEGORY_CAPTURE), before);
        assert_eq!(handles_and_objects(), alive);
    }
    assert_eq!(device.disable(), STATUS_SUCCESS);
    assert_eq!(device.remove(), STATUS_SUCCESS);
    device.driver().unload();
    assert!(interfaces(&KSCATEGORY_CAPTURE).is_empty());
    assert_eq!(violation::take(), []);
    machine.shutdown();
}

/// After a surprise removal REMOVE_DEVICE waits for the last file; meanwhile nothing can be opened.
#[test]
fn surprise_removal() {
    let machine = fixture::machine(8, 1);
    let device = fixture::device();
    let link = interfaces(&KSCATEGORY_CAPTURE)[0].link.clone();
    let file = fixture::open(null_mut(), &link, 0).unwrap();
    fixture::take_log();
    device.surprise_remove();
    assert_eq!(fixture::open(null_mut(), &link, 0), Err(STATUS_OBJECT_NAME_NOT_FOUND));
    assert!(!device.is_removed());
    // SAFETY: an open handle.
    unsafe { NtClose(file) };
    sched::settle();
    assert!(device.is_removed());
    assert_eq!(fixture::take_log(), [&format!("pnp {IRP_MN_SURPRISE_REMOVAL}"), "cleanup", "close", "pnp 2"]);
    machine.shutdown();
}

/// A closed file whose request comes back only later is waited for; one that stays is waited for no longer than said.
#[test]
fn files_are_waited_for() {
    let machine = fixture::machine(8, 1);
    let device = fixture::device();
    let link = interfaces(&KSCATEGORY_CAPTURE)[0].link.clone();
    let file = fixture::open(null_mut(), &link, 0).unwrap();
    let buffer = user::Buffer::new(4);
    // SAFETY: the buffer lives until the request is done, and the handle is open.
    let request = unsafe { Request::device_io_control(file, KEEP, buffer.address(), 4, null_mut(), 0) };
    // SAFETY: an open handle.
    unsafe { NtClose(file) };
    device.wait_for_files(100_000);
    assert_eq!(device.remove(), STATUS_DEVICE_BUSY);
    let letting_go = machine.spawn("letting go", || {
        sched::sleep(333_667);
        fixture::let_go(STATUS_SUCCESS);
    });
    device.wait_for_files(1_000_000);
    assert!(sched::now() < 1_000_000);
    assert_eq!(device.remove(), STATUS_SUCCESS);
    assert_eq!(request.wait(), (STATUS_SUCCESS, 7));
    letting_go.join();
    device.driver().unload();
    assert_eq!(violation::take(), []);
    machine.shutdown();
}

/// A device that was stopped and does not start again is surprise-removed; one that fails a START that no STOP came before
/// stays. (`kernel/handling-an-irp-mn-surprise-removal-request.md`)
#[test]
fn failed_restart() {
    let machine = fixture::machine(8, 1);
    let device = fixture::device();
    let link = interfaces(&KSCATEGORY_CAPTURE)[0].link.clone();
    let file = fixture::open(null_mut(), &link, 0).unwrap();
    fixture::fail_start();
    assert_eq!(device.start(), STATUS_INSUFFICIENT_RESOURCES);
    assert_eq!(device.stop(), STATUS_SUCCESS);
    fixture::fail_start();
    fixture::take_log();
    assert_eq!(device.start(), STATUS_INSUFFICIENT_RESOURCES);
    assert_eq!(fixture::take_log(), ["start", &format!("pnp {IRP_MN_SURPRISE_REMOVAL}")]);
    // SAFETY: an open handle.
    unsafe { NtClose(file) };
    sched::settle();
    assert!(device.is_removed());
    assert_eq!(fixture::take_log(), ["cleanup", "close", "pnp 2"]);
    assert_eq!(device.start(), STATUS_NO_SUCH_DEVICE);
    machine.shutdown();
}

/// At REMOVE_DEVICE a driver detaches and deletes its device, though it be a moment after the request, and reports success;
/// it does not fail SURPRISE_REMOVAL either.
#[test]
fn removal_is_whole() {
    for (careless, expected) in [
        (Careless::No, vec![]),
        (Careless::Late, vec![]),
        (Careless::Refuses, vec![("PnpRemove", 0x43006), ("RemoveDevice", 0x306)]),
        (Careless::StaysAttached, vec![("RemoveDevice", 0x21D)]),
        (Careless::KeepsDevice, vec![("RemoveDevice", 0x21E)]),
    ] {
        let machine = fixture::machine(8, 1);
        let device = fixture::device();
        fixture::be(careless);
        device.surprise_remove();
        let found: Vec<_> = violation::take().iter().map(|found| (found.rule, found.code)).collect();
        assert_eq!(found, expected, "{careless:?}");
        sched::settle();
        machine.shutdown();
    }
}

/// A driver whose entry fails is not loaded, and its status comes back.
#[test]
fn failed_entry() {
    unsafe extern "win64" fn entry(_: *mut DRIVER_OBJECT, _: PUNICODE_STRING) -> NTSTATUS {
        STATUS_INSUFFICIENT_RESOURCES
    }
    let machine = fixture::machine(8, 1);
    let before = handles_and_objects();
    let error = load_builtin("broken.sys", Some(entry)).err().expect("it fails");
    assert!(matches!(error, Error::Entry(STATUS_INSUFFICIENT_RESOURCES)));
    assert!(drivers().is_empty());
    assert_eq!(handles_and_objects(), before);
    machine.shutdown();
}

/// A driver without AddDevice deletes its device in DriverUnload; only what it leaves is reported.
#[test]
fn a_legacy_driver_unloads() {
    unsafe extern "win64" fn entry(driver: *mut DRIVER_OBJECT, _: PUNICODE_STRING) -> NTSTATUS {
        let mut device = null_mut();
        // SAFETY: the loader's driver object, a local variable.
        unsafe { IoCreateDevice(driver, 0, null_mut(), FILE_DEVICE_UNKNOWN, 0, 0, &raw mut device) }
    }
    unsafe extern "win64" fn tidy(driver: *mut DRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
        unsafe extern "win64" fn unload(driver: *mut DRIVER_OBJECT) {
            // SAFETY: the device that the entry made.
            unsafe { IoDeleteDevice((*driver).DeviceObject) };
        }
        // SAFETY: the loader's driver object.
        unsafe {
            (*driver).DriverUnload = Some(unload);
            entry(driver, path)
        }
    }
    let machine = fixture::machine(8, 1);
    load_builtin("tidy.sys", Some(tidy)).unwrap().unload();
    assert_eq!(violation::take(), []);
    load_builtin("untidy.sys", Some(entry)).unwrap().unload();
    let rules: Vec<_> = violation::take().iter().map(|found| found.rule).collect();
    assert_eq!(rules, ["PnpRemove"]);
    machine.shutdown();
}

/// `mov ecx, 200h; mov edx, 40h; mov r8d, 'Leak'; call ExAllocatePoolWithTag; xor eax, eax; ...; ret`
fn leaky() -> Vec<u8> {
    let mut code = vec![0x48, 0x83, 0xEC, 0x28, 0xB9, 0, 2, 0, 0, 0xBA, 0x40, 0, 0, 0, 0x41, 0xB8];
    code.extend(*b"Leak");
    code.extend([0xFF, 0x15]);
    let after = specimen::ENTRY + code.len() as u32 + 4;
    code.extend((specimen::SLOT - after).to_le_bytes());
    code.extend([0x31, 0xC0, 0x48, 0x83, 0xC4, 0x28, 0xC3]);
    Specimen { import: "ExAllocatePoolWithTag", code, ..Specimen::default() }.build()
}

/// Pool memory that a driver's image has allocated and not freed is reported at unload, with size, tag and the
/// place of the allocation; so does a driver whose entry fails. A failed allocation leaves nothing.
#[test]
fn leaks_are_reported() {
    let machine = fixture::machine(8, 1);
    let driver = load("leaky.sys", &leaky()).unwrap();
    assert_eq!(crate::nt::pool::in_use(), (1, 0x40));
    driver.unload();
    let found = violation::take();
    assert_eq!((found.len(), found[0].rule, found[0].object.as_str()), (1, "PoolLeak", "leaky.sys Leak"));
    assert!(found[0].message.starts_with("1 allocations, 64 bytes"), "{}", found[0].message);
    assert!(found[0].message.contains("by leaky.sys+0x101a"), "{}", found[0].message);
    assert_eq!(crate::nt::pool::in_use(), (0, 0));
    crate::nt::pool::fail_after(0);
    load("leaky.sys", &leaky()).unwrap().unload();
    assert!(violation::take().is_empty());
    machine.shutdown();
}

/// What the test below runs in a process of its own.
#[test]
#[ignore = "ends its process"]
fn child() {
    fixture::machine(0, 1);
    let _ = load("missing.sys", &Specimen { import: "FsRtlOplockFsctrl", ..Specimen::default() }.build());
}

/// A name that the real DLL exports and the rig does not emulate loads; calling it is fatal, by name and place.
#[test]
fn not_emulated_is_fatal() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output =
        command.args(["--exact", "--ignored", "--nocapture", "nt::pnp::tests::child"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("FsRtlOplockFsctrl, called from missing.sys+0x100a"), "{text}");
    assert!(!output.status.success());
}

/// A name that nobody exports refuses the image, before anything runs.
#[test]
fn unknown_import_is_refused() {
    let machine = fixture::machine(8, 1);
    let error = load("unknown.sys", &Specimen { import: "KeGetAnswer", ..Specimen::default() }.build())
        .err()
        .unwrap();
    assert!(error.to_string().contains("ntoskrnl.exe!KeGetAnswer"), "{error}");
    assert!(drivers().is_empty());
    machine.shutdown();
}
