//! Rules of the executive, each with a deed that breaks it and one that does not.

use std::ptr::null_mut;

use ::object::pe;
use ks_sys::*;

use super::{
    callback::{CallbackKind, Group},
    dispatcher, dpc,
    flags::Flags,
    handle, io, irql, object, pool, resource, slist, thread, timer, violation,
    wait::KeWaitForSingleObject,
    work,
};

use crate::pe::specimen::Specimen;

const TAG: u32 = u32::from_le_bytes(*b"Test");
const NOTHING: [(&str, u32); 0] = [];

fn kind(name: &'static str) -> CallbackKind {
    CallbackKind::new(name, Group::Driver)
}

/// The rules that a callback of this kind breaks which does that.
fn broken_in(kind: CallbackKind, watch: Flags, deed: impl FnOnce()) -> Vec<(&'static str, u32)> {
    violation::broken_by(kind, watch, deed).iter().map(|found| (found.rule, found.code)).collect()
}

fn broken(deed: impl FnOnce()) -> Vec<(&'static str, u32)> {
    broken_in(kind("Deed"), Flags::default(), deed)
}

/// Does it at another IRQL.
fn at(level: u8, deed: impl FnOnce()) {
    let old = irql::KfRaiseIrql(level);
    deed();
    irql::KeLowerIrql(old);
}

/// Waits: without a timeout, or with one, below, at and above DISPATCH_LEVEL; in UserMode for what is not on the stack.
#[test]
fn waits() {
    let event = Box::into_raw(Box::new(KEVENT::default()));
    let wait = |event: *mut KEVENT, mode: KPROCESSOR_MODE, timeout: Option<i64>| {
        let mut time = LARGE_INTEGER { QuadPart: timeout.unwrap_or_default() };
        let timeout = if timeout.is_some() { &raw mut time } else { null_mut() };
        // SAFETY: the test's event.
        unsafe {
            dispatcher::initialize_header(
                event as usize,
                dispatcher::kind::NOTIFICATION_EVENT,
                1,
                size_of::<KEVENT>(),
            );
            KeWaitForSingleObject(event.cast(), 0, mode, 0, timeout);
        }
    };
    let mut local = KEVENT::default();
    let local = &raw mut local;
    assert_eq!(broken(|| at(1, || wait(event, 0, Some(-1)))), NOTHING);
    assert_eq!(broken(|| at(2, || wait(event, 0, Some(0)))), NOTHING);
    assert_eq!(broken(|| at(2, || wait(event, 0, Some(-1)))), [("IrqlKeWait", 0x122)]);
    assert_eq!(broken(|| at(2, || wait(event, 0, None))), [("IrqlKeWait", 0x121)]);
    assert_eq!(broken(|| at(3, || wait(event, 0, Some(0)))), [("IrqlKeWait", 0x120)]);
    assert_eq!(broken(|| wait(local, 0, None)), NOTHING);
    assert_eq!(broken(|| wait(event, thread::USER_MODE, None)), NOTHING);
    assert_eq!(broken(|| wait(local, thread::USER_MODE, None)), [("KeWaitStack", 0x123)]);
}

/// Memory that is freed holds no resource, lookaside list or queued work item.
#[test]
fn what_is_freed_is_dead() {
    // SAFETY: the memory is large enough for each; freed once.
    let free = |make: unsafe fn(PVOID), end: unsafe fn(PVOID)| unsafe {
        let memory = pool::driver_pool_with_tag(0, 4000, TAG);
        memory.cast::<u8>().write_bytes(0, 4000);
        make(memory);
        end(memory);
        pool::ExFreePool(memory);
    };
    unsafe fn nothing(_: PVOID) {}
    unsafe fn make_resource(at: PVOID) {
        // SAFETY: the caller's memory.
        unsafe { resource::ExInitializeResourceLite(at.cast()) };
    }
    unsafe fn end_resource(at: PVOID) {
        // SAFETY: the caller's resource.
        unsafe { resource::ExDeleteResourceLite(at.cast()) };
    }
    unsafe fn make_list(at: PVOID) {
        // SAFETY: the caller's memory.
        unsafe { slist::ExInitializeNPagedLookasideList(at.cast(), None, None, 0, 64, TAG, 0) };
    }
    unsafe fn end_list(at: PVOID) {
        // SAFETY: the caller's list.
        unsafe { slist::ExDeleteNPagedLookasideList(at.cast()) };
    }
    unsafe fn make_both(at: PVOID) {
        // SAFETY: as above.
        unsafe { (make_list(at), make_list(at)) };
    }
    unsafe fn end_both(at: PVOID) {
        // SAFETY: as above.
        unsafe { (end_list(at), end_list(at)) };
    }
    unsafe fn queue(at: PVOID) {
        // SAFETY: the caller's zeroed memory.
        unsafe { work::ExQueueWorkItem(at.cast(), 0) };
    }
    unsafe fn settle(_: PVOID) {
        super::sched::settle();
    }
    assert_eq!(broken(|| free(make_resource, end_resource)), NOTHING);
    assert_eq!(broken(|| free(make_resource, nothing)), [("PoolFree", 0xD2)]);
    assert_eq!(broken(|| free(make_list, end_list)), NOTHING);
    assert_eq!(broken(|| free(make_list, nothing)), [("PoolFree", 0xCC)]);
    assert_eq!(broken(|| free(make_both, end_both)), [("Lookaside", 0xCA), ("Lookaside", 0xCB)]);
    assert_eq!(broken(|| free(queue, settle)), NOTHING);
    let queued = broken(|| {
        let memory = Box::into_raw(Box::new([0_u64; 8]));
        let range = memory as usize..memory as usize + 64;
        // SAFETY: zeroed memory that lives on.
        unsafe { queue(memory.cast()) };
        assert!(work::any_in(&range));
        super::sched::settle();
        assert!(!work::any_in(&range));
    });
    assert_eq!(queued, NOTHING);
}

/// Memory that is freed holds no DPC that is queued, or that a timer will queue.
#[test]
fn what_is_freed_runs_no_more() {
    unsafe extern "win64" fn routine(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {}
    let free = |queue: bool, set: bool| {
        let mut timer = KTIMER::default();
        // SAFETY: the memory is large enough for a DPC; what runs later is taken back before anybody else runs.
        unsafe {
            let dpc: PRKDPC = pool::driver_pool_with_tag(0, size_of::<KDPC>() as SIZE_T, TAG).cast();
            super::KeInitializeDpc(dpc, Some(routine), null_mut());
            timer::KeInitializeTimer(&raw mut timer);
            timer::KeSetTimer(&raw mut timer, LARGE_INTEGER { QuadPart: -1000 }, dpc);
            if !set {
                timer::KeCancelTimer(&raw mut timer);
            }
            if queue {
                dpc::KeInsertQueueDpc(dpc, null_mut(), null_mut());
            }
            pool::ExFreePool(dpc.cast());
            timer::KeCancelTimer(&raw mut timer);
            dpc::KeRemoveQueueDpc(dpc);
        }
    };
    assert_eq!(broken(|| free(false, false)), NOTHING);
    assert_eq!(broken(|| free(true, false)), [("UnloadPending", 1)]);
    assert_eq!(broken(|| free(false, true)), [("UnloadPending", 1)]);
}

/// Critical regions are entered and left below DISPATCH_LEVEL.
#[test]
fn critical_regions() {
    let enter = thread::KeEnterCriticalRegion;
    let leave = thread::KeLeaveCriticalRegion;
    assert_eq!(broken(|| at(1, || (enter(), leave()).1)), NOTHING);
    assert_eq!(
        broken(|| at(2, || (enter(), leave()).1)),
        [("CriticalRegions", 0x11A), ("CriticalRegions", 0x11B)]
    );
}

/// Completion routines and DPCs keep what others keep, and have numbers of their own for it.
#[test]
fn counts_and_levels() {
    let enter = thread::KeEnterCriticalRegion;
    let raise = || {
        irql::KfRaiseIrql(2);
    };
    let none = Flags::default();
    let completion = kind("CompletionRoutine");
    assert_eq!(broken_in(completion, none, || ()), NOTHING);
    assert_eq!(broken_in(completion, none, raise), [("CompletionRoutine", 0xFA)]);
    assert_eq!(broken_in(completion, none, enter), [("CompletionRoutine", 0xFB)]);
    assert_eq!(broken_in(kind("Dpc"), none, enter), [("DpcApcCount", 4)]);
    assert_eq!(broken_in(kind("Dpc"), none, raise), [("IrqlReturn", 0x2001D)]);
}

/// Handles are referenced in their own mode.
#[test]
fn handles() {
    let reference = |handle: HANDLE, mode: KPROCESSOR_MODE| {
        let mut body = null_mut();
        // SAFETY: a local variable; what is referenced is given back.
        unsafe {
            if handle::ObReferenceObjectByHandle(handle, 0, null_mut(), mode, &raw mut body, null_mut()) >= 0
            {
                object::ObfDereferenceObject(body);
            }
        }
    };
    let event = || super::user_event::create_event(_EVENT_TYPE::NotificationEvent, false);
    let (kernel, user) = (thread::KERNEL_MODE, thread::USER_MODE);
    assert_eq!(broken(|| reference(event(), user)), NOTHING);
    assert_eq!(broken(|| thread::as_kernel(|| reference(event(), kernel))), NOTHING);
    assert_eq!(broken(|| reference(null_mut(), user)), [("HandleReference", 0xF5)]);
    assert_eq!(broken(|| reference(event(), kernel)), [("HandleReference", 0xF6)]);
    let kernel_handle = 0xFFFF_FFFF_8000_0004_u64 as HANDLE;
    assert_eq!(broken(|| thread::as_kernel(|| reference(kernel_handle, user))), [("HandleReference", 0xF7)]);
}

/// A lock in pageable memory is one that the kernel cannot take, an ERESOURCE too; a work item is looked at as well.
#[test]
fn objects_are_resident() {
    let watch = Flags { force_irql: true, ..Flags::default() };
    unsafe fn spin_lock(at: PVOID) {
        // SAFETY: the caller's memory.
        unsafe { super::spinlock::KeInitializeSpinLock(at.cast()) };
    }
    unsafe fn resource(at: PVOID) {
        // SAFETY: the caller's memory.
        unsafe {
            resource::ExInitializeResourceLite(at.cast());
            resource::ExDeleteResourceLite(at.cast());
        }
    }
    unsafe fn item(at: PVOID) {
        // SAFETY: the caller's zeroed memory.
        unsafe { work::ExQueueWorkItem(at.cast(), 0) };
        super::sched::settle();
    }
    let place = |sort: POOL_TYPE, make: unsafe fn(PVOID)| {
        // SAFETY: the memory is large enough.
        unsafe {
            let memory = pool::driver_pool_with_tag(sort, 128, TAG);
            memory.cast::<u8>().write_bytes(0, 128);
            make(memory);
        }
    };
    let objects: [(unsafe fn(PVOID), u32); 3] = [(spin_lock, 0xE1), (resource, 0xE1), (item, 0x131)];
    for (make, code) in objects {
        assert_eq!(broken_in(kind("Deed"), watch, || place(0, make)), NOTHING);
        let found = broken_in(kind("Deed"), watch, || place(_POOL_TYPE::PagedPool, make));
        assert_eq!(found, [("PageableObject", code)]);
    }
}

/// What a dispatch routine does with its request.
#[derive(Clone, Copy)]
struct Conduct {
    mark: bool,
    complete: Option<NTSTATUS>,
    result: NTSTATUS,
}

thread_local! {
    static CONDUCT: std::cell::Cell<Option<Conduct>> = const { std::cell::Cell::new(None) };
}

unsafe extern "win64" fn dispatch(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    let conduct = CONDUCT.get().unwrap();
    // SAFETY: the caller hands the IRP over.
    unsafe {
        if conduct.mark {
            io::irp::IoMarkIrpPending(irp);
        }
        if let Some(status) = conduct.complete {
            io::complete(irp, status, 0);
        }
    }
    conduct.result
}

unsafe extern "win64" fn cancel(_: PDEVICE_OBJECT, _: PIRP) {}

/// A dispatch routine returns what it has completed with; PENDING and the mark go together, also when the request is
/// complete; a request is sent on without a cancel routine.
#[test]
fn dispatch_routines() {
    let send = |conduct: Conduct, with_cancel: bool| {
        CONDUCT.set(Some(conduct));
        // SAFETY: objects of plain data, for which zero is a value; the IRP is freed once.
        unsafe {
            let driver: PDRIVER_OBJECT = Box::into_raw(Box::new(std::mem::zeroed()));
            let device: PDEVICE_OBJECT = Box::into_raw(Box::new(std::mem::zeroed()));
            (*driver).MajorFunction[IRP_MJ_READ as usize] = Some(dispatch);
            (*device).DriverObject = driver;
            let irp = io::irp::IoAllocateIrp(1, 0);
            (*io::irp::IoGetNextIrpStackLocation(irp)).MajorFunction = IRP_MJ_READ as u8;
            (*irp).CancelRoutine = with_cancel.then_some(cancel);
            io::call::IofCallDriver(device, irp);
            io::irp::IoFreeIrp(irp);
        }
    };
    let did = |mark, complete, result| Conduct { mark, complete, result };
    let broken = |conduct, with_cancel| broken(|| send(conduct, with_cancel));
    let (good, bad) = (STATUS_SUCCESS, STATUS_UNSUCCESSFUL);
    assert_eq!(broken(did(false, Some(good), good), false), NOTHING);
    assert_eq!(broken(did(true, Some(good), STATUS_PENDING), false), NOTHING);
    assert_eq!(broken(did(true, None, STATUS_PENDING), false), NOTHING);
    assert_eq!(broken(did(false, Some(bad), good), false), [("Irp", 0x224)]);
    assert_eq!(broken(did(false, Some(good), -1), false), [("Irp", 0x225)]);
    assert_eq!(broken(did(false, None, good), false), [("Irp", 0x226)]);
    assert_eq!(broken(did(false, Some(good), STATUS_PENDING), false), [("IoMarkIrpPending", 0x23D)]);
    assert_eq!(broken(did(true, Some(good), good), false), [("IoMarkIrpPending", 0x23E)]);
    assert_eq!(broken(did(true, None, good), false), [("IoMarkIrpPending", 0x23E)]);
    let forwarded = broken(did(true, None, STATUS_PENDING), true);
    assert_eq!(forwarded, [("IoCallDriver", 0x203)]);
}

/// The table of imports is no code.
#[test]
fn imports_are_data() {
    for (executable, expected) in [(false, vec![]), (true, vec![("CodeIntegrity", 0x2005)])] {
        let data = if executable {
            pe::IMAGE_SCN_CNT_INITIALIZED_DATA | pe::IMAGE_SCN_MEM_EXECUTE
        } else {
            pe::IMAGE_SCN_CNT_INITIALIZED_DATA
        };
        // sub rsp, 28h; xor eax, eax; add rsp, 28h; ret
        let code = vec![0x48, 0x83, 0xEC, 0x28, 0x31, 0xC0, 0x48, 0x83, 0xC4, 0x28, 0xC3];
        let driver = Specimen { import: "KeGetCurrentIrql", code, data, ..Specimen::default() };
        assert_eq!(broken(|| drop(super::pnp::load("small.sys", &driver.build()))), expected);
    }
}
