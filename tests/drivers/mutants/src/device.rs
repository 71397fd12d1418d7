//! The device: its callbacks, and the locks that everything of it shares.

use core::{cell::UnsafeCell, ptr::null_mut};

use ks_sys::{
    DEVICE_POWER_STATE, ERESOURCE, FAST_MUTEX, KSDEVICE_DISPATCH, KSPIN_LOCK, KTIMER, KsAddItemToObjectBag,
    KsAllocateObjectBag, KsFreeObjectBag, KsNullDriverUnload, NTSTATUS, PCM_RESOURCE_LIST, PDRIVER_OBJECT,
    PIRP, PKSDEVICE, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
    UNICODE_STRING,
};
use wdk_sys::{
    LARGE_INTEGER, POOL_FLAG_NON_PAGED, WORK_QUEUE_ITEM,
    ntddk::{
        ExDeleteResourceLite, ExInitializeResourceLite, ExQueueWorkItem, IoRegisterDeviceInterface,
        KeCancelTimer, KeInitializeTimer, KeSetTimer, RtlFreeUnicodeString,
    },
};

use crate::{
    Constant,
    ddi::{ExInitializeFastMutex, KeRaiseIrqlToDpcLevel, allocate, free, sleep},
    exercise::levels,
    filter, mutant,
};

/// The device's dispatch table.
pub static DISPATCH: Constant<KSDEVICE_DISPATCH> = Constant(KSDEVICE_DISPATCH {
    Add: None,
    Start: Some(start),
    PostStart: None,
    QueryStop: None,
    CancelStop: None,
    Stop: Some(stop),
    QueryRemove: Some(query_remove),
    CancelRemove: None,
    Remove: Some(stop),
    QueryCapabilities: None,
    SurpriseRemoval: Some(stop),
    QueryPower: None,
    SetPower: Some(set_power),
    QueryInterface: None,
});

/// What hangs on the device: in nonpaged memory, in its object bag.
pub struct Device {
    /// Taken before the second one.
    pub first: KSPIN_LOCK,
    /// Taken after the first one.
    pub second: KSPIN_LOCK,
    /// For PASSIVE_LEVEL.
    pub mutex: FAST_MUTEX,
    /// As well.
    pub resource: ERESOURCE,
}

impl Device {
    /// That of a started device.
    ///
    /// # Safety
    ///
    /// The device is live.
    pub unsafe fn of(device: PKSDEVICE) -> *mut Self {
        // SAFETY: the caller's promise.
        unsafe { (*device).Context.cast() }
    }
}

/// What lies in the image and is alive for as long as it is used.
struct InImage<T>(UnsafeCell<T>);

// SAFETY: the kernel's own objects, which it guards itself.
unsafe impl<T> Sync for InImage<T> {}

/// Runs while the device is started; nobody waits for it.
static TIMER: InImage<KTIMER> = InImage(UnsafeCell::new(
    // SAFETY: numbers and null pointers; initialised by Start.
    unsafe { core::mem::zeroed() },
));
/// Queued by the mutant that does so too late.
static ITEM: InImage<WORK_QUEUE_ITEM> = InImage(UnsafeCell::new(
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

unsafe extern "C" fn start(
    device: PKSDEVICE,
    _irp: PIRP,
    _translated: PCM_RESOURCE_LIST,
    _untranslated: PCM_RESOURCE_LIST,
) -> NTSTATUS {
    // SAFETY: AVStream calls Start with a live device, whose mutex it holds; PASSIVE_LEVEL.
    unsafe {
        if (*device).Context.is_null() {
            let status = make(device);
            if status < 0 {
                return status;
            }
        }
        register(device);
        let timer = TIMER.0.get();
        KeInitializeTimer(timer);
        const HOUR: i64 = 36_000_000_000;
        KeSetTimer(timer, LARGE_INTEGER { QuadPart: -HOUR }, null_mut());
    }
    if mutant::once("KsTimedDeviceCallbacks") {
        sleep(600);
    }
    if mutant::once("KsIrqlDeviceCallbacks") {
        // SAFETY: always allowed; never to be left like this.
        let _ = unsafe { KeRaiseIrqlToDpcLevel() };
    }
    STATUS_SUCCESS
}

/// Makes the device's context, an item of its bag. The device mutex is held.
#[inline(never)]
unsafe fn make(device: PKSDEVICE) -> NTSTATUS {
    let context = allocate(POOL_FLAG_NON_PAGED, size_of::<Device>()).cast::<Device>();
    if context.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the memory is large enough, and the bag's when it has taken it; spin locks that nobody holds are zero.
    unsafe {
        ExInitializeFastMutex(&raw mut (*context).mutex);
        let _ = ExInitializeResourceLite(&raw mut (*context).resource);
        let status = KsAddItemToObjectBag((*device).Bag, context.cast(), Some(unmake));
        if status < 0 {
            unmake(context.cast());
            return status;
        }
        (*device).Context = context.cast();
        let mut own: PVOID = null_mut();
        if KsAllocateObjectBag(device, &raw mut own) >= 0 && !mutant::once("KsObjectBag") {
            KsFreeObjectBag(own);
        }
    }
    STATUS_SUCCESS
}

/// The bag's routine for the context.
unsafe extern "C" fn unmake(context: PVOID) {
    // SAFETY: made by `make`, and nobody's any more.
    unsafe {
        let _ = ExDeleteResourceLite(&raw mut (*context.cast::<Device>()).resource);
        free(context);
    }
}

/// Registers a device interface, which is never enabled: the class is the pins'. In the context of a system thread.
///
/// # Safety
///
/// A live device, PASSIVE_LEVEL.
#[inline(never)]
pub unsafe fn register(device: PKSDEVICE) {
    let mut link = UNICODE_STRING::default();
    // SAFETY: the caller's promise; the string is freed once.
    unsafe {
        let pdo = (*device).PhysicalDeviceObject;
        let status = IoRegisterDeviceInterface(pdo, &raw const filter::CATEGORY, null_mut(), &raw mut link);
        if status >= 0 {
            RtlFreeUnicodeString(&raw mut link);
        }
    }
}

unsafe extern "C" fn stop(_device: PKSDEVICE, _irp: PIRP) {
    if !mutant::is("UnloadTimer") {
        // SAFETY: a timer of the image, which Start has initialised.
        unsafe { KeCancelTimer(TIMER.0.get()) };
    }
}

unsafe extern "C" fn query_remove(_device: PKSDEVICE, _irp: PIRP) -> NTSTATUS {
    if mutant::is("PnpRemove") { STATUS_UNSUCCESSFUL } else { STATUS_SUCCESS }
}

unsafe extern "C" fn set_power(
    _device: PKSDEVICE,
    _irp: PIRP,
    _to: DEVICE_POWER_STATE,
    _from: DEVICE_POWER_STATE,
) {
}
