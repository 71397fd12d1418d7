//! The first and the last that the driver does: what is alive in between, and what mutants leave.

use core::{cell::UnsafeCell, ptr::null_mut};

use ks_sys::{ERESOURCE, KDPC, KTIMER, KsNullDriverUnload, PDRIVER_OBJECT, PKDPC, PVOID};
use wdk_sys::{
    LARGE_INTEGER, POOL_FLAG_NON_PAGED, WORK_QUEUE_ITEM,
    ntddk::{
        ExDeleteResourceLite, ExInitializeResourceLite, ExQueueWorkItem, KeInitializeDpc, KeInitializeTimer,
        KeSetTimer,
    },
};

use crate::{
    ddi::allocate,
    device::{HOUR, InImage},
    exercise::levels,
    mutant,
};

/// Queued by the mutant that does so too late.
static ITEM: InImage<WORK_QUEUE_ITEM> = InImage(UnsafeCell::new(
    // SAFETY: numbers and null pointers.
    unsafe { core::mem::zeroed() },
));

/// Of the timer of the mutant that leaves one.
static DPC: InImage<KDPC> = InImage(UnsafeCell::new(
    // SAFETY: numbers and null pointers.
    unsafe { core::mem::zeroed() },
));

/// For as long as the driver is loaded.
static RESOURCE: InImage<ERESOURCE> = InImage(UnsafeCell::new(
    // SAFETY: numbers and null pointers; initialised by DriverEntry.
    unsafe { core::mem::zeroed() },
));

/// What DriverEntry does beside AVStream's part. PASSIVE_LEVEL.
///
/// # Safety
///
/// The kernel's driver object, with AVStream on it.
pub unsafe fn in_driver_entry(driver: PDRIVER_OBJECT) {
    // SAFETY: the caller's promise.
    unsafe {
        (*driver).DriverUnload = Some(unload);
        let _ = ExInitializeResourceLite(RESOURCE.0.get());
    }
    if mutant::is("PoolLeak") {
        let _ = allocate(POOL_FLAG_NON_PAGED, 100);
    }
}

unsafe extern "C" fn unload(driver: PDRIVER_OBJECT) {
    // SAFETY: what AVStream does when a driver has no DriverUnload of its own.
    unsafe { KsNullDriverUnload(driver) };
    levels::free_left();
    if !mutant::is("UnloadResource") {
        // SAFETY: initialised by DriverEntry; nobody holds it.
        let _ = unsafe { ExDeleteResourceLite(RESOURCE.0.get()) };
    }
    if mutant::is("UnloadDpc") {
        leave_timer();
    }
    if mutant::is("UnloadWorkItem") {
        let item = ITEM.0.get();
        // SAFETY: a work item of the image.
        unsafe {
            (*item).WorkerRoutine = Some(nothing);
            ExQueueWorkItem(item, wdk_sys::_WORK_QUEUE_TYPE::DelayedWorkQueue);
        }
    }
}

unsafe extern "C" fn nothing(_: PVOID) {}

/// Leaves a timer in memory that lives on, with a DPC of the image. PASSIVE_LEVEL.
#[inline(never)]
fn leave_timer() {
    let timer = allocate(POOL_FLAG_NON_PAGED, size_of::<KTIMER>()).cast::<KTIMER>();
    if timer.is_null() {
        return;
    }
    // SAFETY: the memory is large enough; the DPC is nobody else's.
    unsafe {
        KeInitializeTimer(timer);
        KeInitializeDpc(DPC.0.get(), Some(no_dpc), null_mut());
        KeSetTimer(timer, LARGE_INTEGER { QuadPart: -HOUR }, DPC.0.get());
    }
}

unsafe extern "C" fn no_dpc(_: PKDPC, _: PVOID, _: PVOID, _: PVOID) {}
