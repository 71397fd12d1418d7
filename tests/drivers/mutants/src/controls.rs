//! The one property and the one event of every filter and pin. What happens at its GET happens at PASSIVE_LEVEL, with no
//! mutex held, in the thread of the program that asks.

use core::{
    ptr::{null, null_mut},
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

use ks_sys::{
    GUID, KSAUTOMATION_TABLE, KSEVENT_ENTRY, KSEVENT_ITEM, KSEVENT_SET, KSEVENTDATA, KSIDENTIFIER,
    KSOBJECTTYPE, KSPROPERTY_ITEM, KSPROPERTY_ITEM__bindgen_ty_1, KSPROPERTY_ITEM__bindgen_ty_2,
    KSPROPERTY_SET, KsAcquireDevice, KsAddEvent, KsDiscardEvent, KsGetDevice, KsGetFilterFromIrp,
    KsGetObjectTypeFromIrp, KsGetPinFromIrp, KsPinAcquireProcessingMutex, KsPinReleaseProcessingMutex,
    KsReleaseDevice, NTSTATUS, PDEVICE_OBJECT, PFILE_OBJECT, PIRP, PKSDEVICE, PKSEVENT_ENTRY, PKSEVENTDATA,
    PKSFILTER, PKSIDENTIFIER, PKSPIN, PVOID, STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS, guid,
    inline::{KsFilterAcquireControl, KsFilterReleaseControl, KsPinAcquireControl, KsPinReleaseControl},
};
use wdk_sys::ntddk::{IoCancelIrp, IofCompleteRequest};

use crate::{
    Constant,
    ddi::{IoMarkIrpPending, IoSetCancelRoutine, RemoveEntryList, complete},
    device, exercise, mutant, work,
};

static PROPERTIES: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_2001);
/// The event's set.
pub static EVENTS: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_2002);
/// The event: a tick of a source's timer.
pub const TICK: u32 = 0;

/// The property's value.
static VALUE: AtomicU64 = AtomicU64::new(0);
const SIZE: usize = size_of::<u64>();

unsafe extern "C" fn get(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: a property request to a filter or a pin of a filter, at PASSIVE_LEVEL.
    unsafe {
        let filter = KsGetFilterFromIrp(irp);
        let device = KsGetDevice(filter.cast());
        mutexes(device, filter);
        if KsGetObjectTypeFromIrp(irp) == KSOBJECTTYPE::KsObjectTypePin {
            processing(KsGetPinFromIrp(irp));
        }
        exercise::in_handler(device, irp);
        if mutant::once("SystemThread") {
            device::register(device);
        }
        let user = (*irp).UserBuffer;
        exercise::registry::read(if mutant::once("ZwUserPointer") { user } else { null_mut() });
        exercise::mdl::of_program(irp);
        exercise::locks::of_program(irp);
        let elsewhere = mutant::once("UserMemoryElsewhere");
        work::run((*device).FunctionalDeviceObject, if elsewhere { user.cast() } else { null() });
        // MinData says that the buffer has room.
        data.cast::<u64>().write_unaligned(VALUE.load(Ordering::Relaxed));
        answer(irp, device)
    }
}

/// Ends a GET.
#[inline(never)]
unsafe fn answer(irp: PIRP, device: PKSDEVICE) -> NTSTATUS {
    // SAFETY: the request is the handler's until it returns or, marked pending, until it is completed.
    unsafe {
        (*irp).IoStatus.Information = SIZE as u64;
        if mutant::once("IrpCancelRoutine") {
            IoSetCancelRoutine(irp, Some(cancel));
        }
        if mutant::once("CancelRoutine") {
            IoMarkIrpPending(irp);
            IoSetCancelRoutine(irp, Some(keep_lock));
            IoCancelIrp(irp);
            return STATUS_PENDING;
        }
        if mutant::once("IrpStatusPending") {
            IoMarkIrpPending(irp);
            complete(irp, STATUS_PENDING, SIZE as u64);
            return STATUS_PENDING;
        }
        if mutant::once("IrpInformation") {
            IoMarkIrpPending(irp);
            complete(irp, STATUS_SUCCESS, SIZE as u64 + 4096);
            return STATUS_PENDING;
        }
        if mutant::once("IrpTwice") {
            IoMarkIrpPending(irp);
            complete(irp, STATUS_SUCCESS, SIZE as u64);
            IofCompleteRequest(irp, 0);
            return STATUS_PENDING;
        }
        if mutant::once("IoMarkIrpPending") {
            work::later((*device).FunctionalDeviceObject, irp, finish);
            return STATUS_PENDING;
        }
    }
    STATUS_SUCCESS
}

unsafe extern "C" fn cancel(_device: PDEVICE_OBJECT, _irp: PIRP) {}

/// A cancel routine that does not release the cancel spin lock.
unsafe extern "C" fn keep_lock(_device: PDEVICE_OBJECT, irp: PIRP) {
    // SAFETY: the request that the handler has kept.
    unsafe { complete(irp, STATUS_CANCELLED, 0) };
}

#[inline(never)]
unsafe fn finish(irp: PIRP) {
    // SAFETY: the request that the handler has kept.
    unsafe { complete(irp, STATUS_SUCCESS, SIZE as u64) };
}

/// The device mutex, and the control mutex inside of it.
#[inline(never)]
unsafe fn mutexes(device: PKSDEVICE, filter: PKSFILTER) {
    // SAFETY: live objects at PASSIVE_LEVEL, no mutex held.
    unsafe {
        if mutant::once("KsLockOrder") {
            KsFilterAcquireControl(filter);
            KsAcquireDevice(device);
            KsReleaseDevice(device);
            KsFilterReleaseControl(filter);
            return;
        }
        KsAcquireDevice(device);
        KsFilterAcquireControl(filter);
        if mutant::once("KsFilterMutex") {
            KsFilterAcquireControl(filter);
            KsFilterReleaseControl(filter);
        }
        KsFilterReleaseControl(filter);
        KsReleaseDevice(device);
        if mutant::once("KsDeviceMutex") {
            KsReleaseDevice(device);
        }
    }
}

/// The processing mutex, inside of the control mutex.
#[inline(never)]
unsafe fn processing(pin: PKSPIN) {
    // SAFETY: a live pin at PASSIVE_LEVEL, no mutex held.
    unsafe {
        if mutant::once("KsProcessingMutex") {
            KsPinAcquireProcessingMutex(pin);
            KsPinAcquireControl(pin);
            KsPinReleaseControl(pin);
            KsPinReleaseProcessingMutex(pin);
            return;
        }
        KsPinAcquireControl(pin);
        KsPinAcquireProcessingMutex(pin);
        KsPinReleaseProcessingMutex(pin);
        KsPinReleaseControl(pin);
    }
}

unsafe extern "C" fn set(_irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData says that there are eight bytes.
    VALUE.store(unsafe { data.cast::<u64>().read_unaligned() }, Ordering::Relaxed);
    STATUS_SUCCESS
}

static ITEM: Constant<KSPROPERTY_ITEM> = Constant(KSPROPERTY_ITEM {
    PropertyId: 0,
    __bindgen_anon_1: KSPROPERTY_ITEM__bindgen_ty_1 { GetPropertyHandler: Some(get) },
    MinProperty: size_of::<KSIDENTIFIER>() as u32,
    MinData: SIZE as u32,
    __bindgen_anon_2: KSPROPERTY_ITEM__bindgen_ty_2 { SetPropertyHandler: Some(set) },
    Values: null(),
    RelationsCount: 0,
    Relations: null(),
    SupportHandler: None,
    SerializedSize: 0,
});

static PROPERTY_SETS: Constant<KSPROPERTY_SET> = Constant(KSPROPERTY_SET {
    Set: &raw const PROPERTIES,
    PropertiesCount: 1,
    PropertyItem: ITEM.get(),
    FastIoCount: 0,
    FastIoTable: null(),
});

/// The event that the driver has kept in a list of its own, or null.
static KEPT: AtomicPtr<KSEVENT_ENTRY> = AtomicPtr::new(null_mut());

unsafe extern "C" fn add(irp: PIRP, _data: PKSEVENTDATA, entry: PKSEVENT_ENTRY) -> NTSTATUS {
    if mutant::once("KsEventLeft") {
        KEPT.store(entry, Ordering::Relaxed);
        return STATUS_SUCCESS;
    }
    // SAFETY: an event request to a filter or a pin, at PASSIVE_LEVEL; the entry is in no list.
    unsafe {
        let is_pin = KsGetObjectTypeFromIrp(irp) == KSOBJECTTYPE::KsObjectTypePin;
        let object: PVOID = if is_pin { KsGetPinFromIrp(irp).cast() } else { KsGetFilterFromIrp(irp).cast() };
        KsAddEvent(object, entry);
    }
    STATUS_SUCCESS
}

/// Discards the event that was kept, long after its object was closed. PASSIVE_LEVEL.
#[inline(never)]
pub fn discard_kept() {
    let entry = KEPT.swap(null_mut(), Ordering::Relaxed);
    if !entry.is_null() {
        // SAFETY: an entry that is in no list of AVStream's.
        unsafe { KsDiscardEvent(entry) };
    }
}

unsafe extern "C" fn remove(_file: PFILE_OBJECT, entry: PKSEVENT_ENTRY) {
    if !mutant::once("KsRemoveEvent") {
        // SAFETY: AVStream calls with an entry of its list, whose lock it holds.
        unsafe { RemoveEntryList(&raw mut (*entry).ListEntry) };
    }
}

static EVENT: Constant<KSEVENT_ITEM> = Constant(KSEVENT_ITEM {
    EventId: TICK,
    DataInput: size_of::<KSEVENTDATA>() as u32,
    ExtraEntryData: 0,
    AddHandler: Some(add),
    RemoveHandler: Some(remove),
    SupportHandler: None,
});

static EVENT_SETS: Constant<KSEVENT_SET> =
    Constant(KSEVENT_SET { Set: &raw const EVENTS, EventsCount: 1, EventItem: EVENT.get() });

/// The automation table of filters and pins.
pub static TABLE: Constant<KSAUTOMATION_TABLE> = Constant(KSAUTOMATION_TABLE {
    PropertySetsCount: 1,
    PropertyItemSize: size_of::<KSPROPERTY_ITEM>() as u32,
    PropertySets: PROPERTY_SETS.get(),
    MethodSetsCount: 0,
    MethodItemSize: 0,
    MethodSets: null(),
    EventSetsCount: 1,
    EventItemSize: size_of::<KSEVENT_ITEM>() as u32,
    EventSets: EVENT_SETS.get(),
});
