//! Files and requests, from the client to a driver and back.

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    control::NtCancelIoFile,
    fixture::{self, DOUBLE, FAIL, KEEP},
    interface::interfaces,
    mdl::mdls_in_use,
    request::{Request, device_io_control},
};
use crate::nt::{
    handle::{NtClose, ObReferenceObjectByHandle},
    object::{IoFileObjectType, ObfDereferenceObject, handles_and_objects},
    sched,
    thread::{USER_MODE, as_kernel_mode},
    user, violation,
};

fn link() -> String {
    interfaces(&KSCATEGORY_CAPTURE)[0].link.clone()
}

/// Create reaches the driver with the name behind the link and the caller's mode; cleanup comes with the
/// last handle, close with the last reference; a refused create has neither; nothing is left.
#[test]
fn file_life() {
    let machine = fixture::machine(8, 1);
    let device = fixture::device();
    let before = handles_and_objects();
    let file = fixture::open(null_mut(), &link(), 0).unwrap();
    let child = fixture::open(file, "{child}\\binary\0name", 0).unwrap();
    assert_eq!(device.open_files(), 2);
    assert_eq!(fixture::open(file, "refuse", 0), Err(STATUS_ACCESS_DENIED));
    assert_eq!(fixture::open(null_mut(), "\\??\\nothing", 0), Err(STATUS_OBJECT_NAME_NOT_FOUND));
    assert_eq!(fixture::open(null_mut(), "relative", 0), Err(STATUS_OBJECT_PATH_SYNTAX_BAD));
    assert_eq!(fixture::open(0x40 as HANDLE, "x", 0), Err(STATUS_INVALID_HANDLE));
    assert_eq!(fixture::open_with(null_mut(), &link(), 0, null_mut(), 8), Err(STATUS_EAS_NOT_SUPPORTED));
    let mut size = LARGE_INTEGER::default();
    assert_eq!(fixture::open_with(null_mut(), &link(), 0, &raw mut size, 0), Err(STATUS_NOT_SUPPORTED));
    // SAFETY: handles of this process.
    unsafe {
        let mut body = null_mut();
        ObReferenceObjectByHandle(child, 0, IoFileObjectType(), USER_MODE, &raw mut body, null_mut());
        assert_eq!(NtClose(child), STATUS_SUCCESS);
        fixture::log("closed");
        ObfDereferenceObject(body);
        assert_eq!(NtClose(file), STATUS_SUCCESS);
    }
    let expected = [
        "create \\Camera mode 1",
        "create {child}\\binary\0name mode 1",
        "create refuse mode 1",
        "cleanup",
        "closed",
        "close",
        "cleanup",
        "close",
    ];
    assert_eq!(fixture::take_log(), expected);
    assert_eq!(handles_and_objects(), before);
    assert!(violation::take().is_empty());
    machine.shutdown();
}

/// What of a create is not played ends the run when a driver gives it.
#[test]
#[should_panic(expected = "NtCreateFile with extended attributes")]
fn create_of_a_driver() {
    let _machine = fixture::machine(0, 1);
    fixture::device();
    let _ = as_kernel_mode(|| fixture::open_with(null_mut(), &link(), 0, null_mut(), 8));
}

/// Buffered requests copy in and out; errors come back; user pointers outside of user memory are refused;
/// a closed handle is refused.
#[test]
fn device_control() {
    let machine = fixture::machine(0, 1);
    fixture::device();
    for options in [0, FILE_SYNCHRONOUS_IO_NONALERT] {
        let file = fixture::open(null_mut(), &link(), options).unwrap();
        let buffer = user::Buffer::from_bytes(&21_u32.to_le_bytes());
        let mut local = 21_u32;
        let local = (&raw mut local).cast();
        let address = buffer.address();
        // SAFETY: the buffers live until the requests are done.
        unsafe {
            assert_eq!(device_io_control(file, DOUBLE, address, 4, address, 4), (STATUS_SUCCESS, 4));
            assert_eq!(buffer.bytes(), 42_u32.to_le_bytes());
            assert_eq!(device_io_control(file, DOUBLE, local, 4, address, 4), (STATUS_ACCESS_VIOLATION, 0));
            assert_eq!(device_io_control(file, KEEP, local, 4, null_mut(), 0), (STATUS_ACCESS_VIOLATION, 0));
            assert_eq!(device_io_control(file, FAIL, address, 4, address, 4), (STATUS_INVALID_PARAMETER, 0));
            NtClose(file);
            assert_eq!(
                device_io_control(file, FAIL, null_mut(), 0, null_mut(), 0),
                (STATUS_INVALID_HANDLE, 0)
            );
        }
    }
    machine.shutdown();
}

/// A pending request is done when the driver lets it go, or when it is cancelled: by itself, with the
/// thread's other ones, by being dropped. A thread can wait for it on a synchronous file too.
#[test]
fn pending_requests() {
    let machine = fixture::machine(4, 3);
    fixture::device();
    let before = (handles_and_objects(), mdls_in_use());
    let file = fixture::open(null_mut(), &link(), 0).unwrap();
    let buffer = user::Buffer::new(4);
    // SAFETY: the buffer lives until the requests are done.
    let keep = || unsafe { Request::device_io_control(file, KEEP, buffer.address(), 4, null_mut(), 0) };
    let request = keep();
    assert_eq!(request.wait_for(1000), None);
    fixture::let_go(STATUS_SUCCESS);
    assert_eq!(request.wait(), (STATUS_SUCCESS, 7));
    let requests = [keep(), keep()];
    requests[0].cancel();
    assert_eq!(requests[0].wait(), (STATUS_CANCELLED, 0));
    requests[0].cancel();
    assert!(!requests[1].is_done());
    let iosb = user::Buffer::new(16);
    // SAFETY: the handle is open.
    unsafe { assert_eq!(NtCancelIoFile(file, iosb.address().cast()), STATUS_SUCCESS) };
    assert_eq!(requests[1].wait(), (STATUS_CANCELLED, 0));
    drop(keep());
    let synchronous = fixture::open(null_mut(), &link(), FILE_SYNCHRONOUS_IO_NONALERT).unwrap() as usize;
    let address = buffer.address() as usize;
    let thread = machine.spawn("reader", move || {
        // SAFETY: the buffer outlives the thread.
        unsafe { device_io_control(synchronous as HANDLE, KEEP, address as PVOID, 4, null_mut(), 0) }
    });
    sched::settle();
    assert!(!thread.is_done());
    fixture::let_go(STATUS_DEVICE_NOT_READY);
    assert_eq!(thread.join(), (STATUS_DEVICE_NOT_READY, 0));
    drop((request, requests));
    // SAFETY: open handles.
    unsafe {
        NtClose(file);
        NtClose(synchronous as HANDLE);
    }
    assert_eq!((handles_and_objects(), mdls_in_use()), before);
    assert!(violation::take().is_empty());
    machine.shutdown();
}

/// Completion and cancellation race in every order that the seeds give: each request ends once.
#[test]
fn cancel_races() {
    for seed in 0..30 {
        let machine = fixture::machine(2, seed);
        fixture::device();
        let file = fixture::open(null_mut(), &link(), 0).unwrap() as usize;
        let buffer = user::Buffer::new(4);
        let address = buffer.address() as usize;
        let other = machine.spawn("completer", move || {
            for _ in 0..20 {
                sched::yield_now();
                fixture::let_go(STATUS_SUCCESS);
            }
        });
        for _ in 0..10 {
            // SAFETY: the buffer lives until the requests are done.
            let request = unsafe {
                Request::device_io_control(file as HANDLE, KEEP, address as PVOID, 4, null_mut(), 0)
            };
            sched::yield_now();
            request.cancel();
            let (status, _) = request.wait();
            assert!(matches!(status, STATUS_SUCCESS | STATUS_CANCELLED), "{status:#x}");
        }
        other.join();
        // SAFETY: an open handle.
        unsafe { NtClose(file as HANDLE) };
        assert!(violation::take().is_empty());
        machine.shutdown();
    }
}
