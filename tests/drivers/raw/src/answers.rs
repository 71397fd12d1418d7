//! What the class driver says about the pin at the other end (contract section 4.5, T4.9), for tests to read as
//! properties of every pin, and what tests set: the status that the variant `failing-connect` fails with, the clock of the
//! variant `clock`.

use core::{
    ptr::{null, null_mut},
    sync::atomic::{AtomicI32, AtomicU32, Ordering},
};

use ks_sys::{
    GUID, IUnknown, KSAUTOMATION_TABLE, KSIDENTIFIER, KSPROPERTY_ITEM, KSPROPERTY_ITEM__bindgen_ty_1,
    KSPROPERTY_ITEM__bindgen_ty_2, KSPROPERTY_SET, KsGetPinFromIrp, KsPinGetConnectedFilterInterface,
    KsPinGetConnectedPinDeviceObject, KsPinGetConnectedPinFileObject, KsPinGetConnectedPinInterface,
    NTSTATUS, PFNKSHANDLER, PIRP, PKSIDENTIFIER, PKSPIN, PVOID, STATUS_ACCESS_DENIED, STATUS_SUCCESS, guid,
};

use crate::{Constant, clock, variant};

static PROPERTY_SET: GUID = guid(0x2B6F_0D1C_7A45_4E0B_9C1D_5E88_42A7_2001);
/// `IKsControl` (ks.h), which every AVStream object has.
static IKSCONTROL: GUID = guid(0x28F5_4685_06FD_11D2_B27A_00A0_C922_3196);
/// An interface that nobody has.
static NOBODYS: GUID = guid(0x2B6F_0D1C_7A45_4E0B_9C1D_5E88_42A7_3001);

/// The value of properties 0 and 1.
#[repr(C)]
#[derive(Clone, Copy)]
struct Answers {
    /// `KsPinGetConnectedPinInterface` for `IKsControl`.
    pin_interface: NTSTATUS,
    /// `KsPinGetConnectedFilterInterface` for `IKsControl`.
    filter_interface: NTSTATUS,
    /// `KsPinGetConnectedPinInterface` for an interface that nobody has.
    nobodys_interface: NTSTATUS,
    /// `KsPinGetConnectedPinFileObject` gives one.
    file_object: u32,
    /// `KsPinGetConnectedPinDeviceObject` gives one.
    device_object: u32,
}

static NOTED: [AtomicU32; 5] = [const { AtomicU32::new(0) }; 5];
static CONNECT_STATUS: AtomicI32 = AtomicI32::new(STATUS_ACCESS_DENIED);

/// What the variant `failing-connect` answers.
pub fn connect_status() -> NTSTATUS {
    CONNECT_STATUS.load(Ordering::Relaxed)
}

/// Asks, and keeps the answers for property 1.
pub fn note(pin: PKSPIN) {
    let Answers { pin_interface, filter_interface, nobodys_interface, file_object, device_object } = ask(pin);
    let statuses = [pin_interface, filter_interface, nobodys_interface].map(NTSTATUS::cast_unsigned);
    for (place, answer) in NOTED.iter().zip(statuses.into_iter().chain([file_object, device_object])) {
        place.store(answer, Ordering::Relaxed);
    }
}

type Question = unsafe extern "C" fn(PKSPIN, *const GUID, *mut PVOID) -> NTSTATUS;

fn interface(question: Question, pin: PKSPIN, interface: &'static GUID) -> NTSTATUS {
    let mut found: PVOID = null_mut();
    // SAFETY: passive level, a live pin.
    let status = unsafe { question(pin, interface, &mut found) };
    if status >= 0 {
        let unknown = found.cast::<IUnknown>();
        // SAFETY: an interface that was just given begins with the address of its table.
        let table = unsafe { (*unknown).lpVtbl };
        // SAFETY: the table is a constant of the class driver.
        if let Some(release) = unsafe { (*table).Release } {
            // SAFETY: gives the reference back that came with the interface.
            unsafe { release(unknown) };
        }
    }
    status
}

fn ask(pin: PKSPIN) -> Answers {
    // SAFETY: passive level, a live pin.
    let file_object = unsafe { KsPinGetConnectedPinFileObject(pin) };
    // SAFETY: as above.
    let device_object = unsafe { KsPinGetConnectedPinDeviceObject(pin) };
    Answers {
        pin_interface: interface(KsPinGetConnectedPinInterface, pin, &IKSCONTROL),
        filter_interface: interface(KsPinGetConnectedFilterInterface, pin, &IKSCONTROL),
        nobodys_interface: interface(KsPinGetConnectedPinInterface, pin, &NOBODYS),
        file_object: (!file_object.is_null()).into(),
        device_object: (!device_object.is_null()).into(),
    }
}

/// The property's value has been given.
fn given(irp: PIRP) -> NTSTATUS {
    // SAFETY: the request is the handler's until it returns.
    unsafe { (*irp).IoStatus.Information = variant::information(size_of::<Answers>()) };
    STATUS_SUCCESS
}

/// Property 0: the answers of this moment.
unsafe extern "C" fn get_now(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    if variant::refuses(irp) {
        return STATUS_ACCESS_DENIED;
    }
    // SAFETY: a property request to a pin.
    let pin = unsafe { KsGetPinFromIrp(irp) };
    // SAFETY: MinData says that the buffer has room.
    unsafe { data.cast::<Answers>().write_unaligned(ask(pin)) };
    given(irp)
}

/// Property 1: the answers inside the last Connect of the driver.
unsafe extern "C" fn get_noted(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    let noted = NOTED.each_ref().map(|place| place.load(Ordering::Relaxed));
    // SAFETY: MinData says that the buffer has room.
    unsafe { data.cast::<[u32; 5]>().write_unaligned(noted) };
    given(irp)
}

/// Property 2: the status that the variant `failing-connect` answers.
unsafe extern "C" fn set_connect_status(_irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData says that there are four bytes.
    CONNECT_STATUS.store(unsafe { data.cast::<NTSTATUS>().read_unaligned() }, Ordering::Relaxed);
    STATUS_SUCCESS
}

/// Property 3: how the clock of the variant `clock` goes.
unsafe extern "C" fn set_clock(_irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData says that there are three numbers.
    clock::set(unsafe { data.cast::<[i64; 3]>().read_unaligned() });
    STATUS_SUCCESS
}

const fn property(id: u32, get: PFNKSHANDLER, set: PFNKSHANDLER, size: usize) -> KSPROPERTY_ITEM {
    KSPROPERTY_ITEM {
        PropertyId: id,
        __bindgen_anon_1: KSPROPERTY_ITEM__bindgen_ty_1 { GetPropertyHandler: get },
        MinProperty: size_of::<KSIDENTIFIER>() as u32,
        MinData: size as u32,
        __bindgen_anon_2: KSPROPERTY_ITEM__bindgen_ty_2 { SetPropertyHandler: set },
        Values: null(),
        RelationsCount: 0,
        Relations: null(),
        SupportHandler: None,
        SerializedSize: 0,
    }
}

static PROPERTIES: Constant<[KSPROPERTY_ITEM; 4]> = Constant([
    property(0, Some(get_now), None, size_of::<Answers>()),
    property(1, Some(get_noted), None, size_of::<Answers>()),
    property(2, None, Some(set_connect_status), size_of::<NTSTATUS>()),
    property(3, None, Some(set_clock), size_of::<[i64; 3]>()),
]);

static SETS: Constant<[KSPROPERTY_SET; 1]> = Constant([KSPROPERTY_SET {
    Set: &raw const PROPERTY_SET,
    PropertiesCount: 4,
    PropertyItem: PROPERTIES.get().cast(),
    FastIoCount: 0,
    FastIoTable: null(),
}]);

/// The properties of every pin.
pub static TABLE: Constant<KSAUTOMATION_TABLE> = Constant(KSAUTOMATION_TABLE {
    PropertySetsCount: 1,
    PropertyItemSize: size_of::<KSPROPERTY_ITEM>() as u32,
    PropertySets: SETS.get().cast(),
    MethodSetsCount: 0,
    MethodItemSize: 0,
    MethodSets: null(),
    EventSetsCount: 0,
    EventItemSize: 0,
    EventSets: null(),
});
