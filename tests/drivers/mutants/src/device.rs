//! The device: its callbacks, and the locks that everything of it shares.

use core::{cell::UnsafeCell, ptr::null_mut};

use ks_sys::{
    DEVICE_POWER_STATE, ERESOURCE, FAST_MUTEX, KSDEVICE_DISPATCH, KSMAPPING, KSPIN_LOCK, KTIMER,
    KsAddItemToObjectBag, KsAllocateObjectBag, KsDeviceRegisterAdapterObject, KsFreeObjectBag, NTSTATUS,
    PCM_RESOURCE_LIST, PIRP, PKSDEVICE, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL, UNICODE_STRING,
};
use wdk_sys::{
    IO_REMOVE_LOCK, LARGE_INTEGER, POOL_FLAG_NON_PAGED,
    ntddk::{
        ExDeleteResourceLite, ExInitializeResourceLite, IoDetachDevice, IoRegisterDeviceInterface,
        KeCancelTimer, KeInitializeTimer, KeSetTimer, RtlFreeUnicodeString,
    },
};

use crate::{
    Constant, controls,
    ddi::{ExInitializeFastMutex, KeRaiseIrqlToDpcLevel, allocate, free, sleep},
    exercise::locks,
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
    Remove: Some(remove),
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
    /// Held by who needs the device.
    pub removal: IO_REMOVE_LOCK,
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
pub struct InImage<T>(pub UnsafeCell<T>);

// SAFETY: the kernel's own objects, which it guards itself.
unsafe impl<T> Sync for InImage<T> {}

/// Runs while the device is started; nobody waits for it.
static TIMER: InImage<KTIMER> = InImage(UnsafeCell::new(
    // SAFETY: numbers and null pointers; initialised by Start.
    unsafe { core::mem::zeroed() },
));
/// In 100 ns units.
pub const HOUR: i64 = 36_000_000_000;

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
        if mutant::once("KsMappings") {
            KsDeviceRegisterAdapterObject(device, null_mut(), 4096, size_of::<KSMAPPING>() as u32);
        }
        let timer = TIMER.0.get();
        KeInitializeTimer(timer);
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
        locks::initialize_remove_lock(&raw mut (*context).removal);
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

unsafe extern "C" fn remove(device: PKSDEVICE, irp: PIRP) {
    controls::discard_kept();
    // SAFETY: AVStream calls Remove with a live device, whose context Start has made, if it ever was; PASSIVE_LEVEL.
    unsafe {
        stop(device, irp);
        if !(*device).Context.is_null() {
            locks::wait_for_removal(device);
        }
        if mutant::is("IoDetachDevice") {
            IoDetachDevice((*device).FunctionalDeviceObject);
        }
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
