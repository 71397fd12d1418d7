//! Calls into the driver, and calls that the driver makes through an interface.

use ks_sys::{NTSTATUS, STATUS_UNSUCCESSFUL};

use crate::nt::{
    bugcheck,
    callback::{self, Callback, CallbackKind, Group, Returned},
    exports::{self, Export},
    inject,
};

macro_rules! kinds {
    ($($name:ident = $new:ident $text:literal $group:ident;)*) => {
        $(#[doc = concat!("`", $text, "`")] pub const $name: CallbackKind = CallbackKind::$new($text, Group::$group);)*
    };
}

kinds! {
    DEVICE_ADD = no_pending "DeviceAdd" Device;
    DEVICE_START = no_pending "DeviceStart" Device;
    DEVICE_POST_START = no_pending "DevicePostStart" Device;
    DEVICE_QUERY_STOP = no_pending "DeviceQueryStop" Device;
    DEVICE_CANCEL_STOP = new "DeviceCancelStop" Device;
    DEVICE_STOP = new "DeviceStop" Device;
    DEVICE_QUERY_REMOVE = no_pending "DeviceQueryRemove" Device;
    DEVICE_CANCEL_REMOVE = new "DeviceCancelRemove" Device;
    DEVICE_REMOVE = new "DeviceRemove" Device;
    DEVICE_QUERY_CAPABILITIES = no_pending "DeviceQueryCapabilities" Device;
    DEVICE_SURPRISE_REMOVAL = new "DeviceSurpriseRemoval" Device;
    DEVICE_QUERY_POWER = no_pending "DeviceQueryPower" Device;
    DEVICE_SET_POWER = new "DeviceSetPower" Device;
    DEVICE_QUERY_INTERFACE = new "DeviceQueryInterface" Device;
    FACTORY_SLEEP = new "FactorySleep" Device;
    FACTORY_WAKE = new "FactoryWake" Device;
    FILTER_SLEEP = new "FilterSleep" Filter;
    FILTER_WAKE = new "FilterWake" Filter;
    PIN_SLEEP = new "PinSleep" Pin;
    PIN_WAKE = new "PinWake" Pin;
    FILTER_CREATE = new "FilterCreate" Filter;
    FILTER_CLOSE = new "FilterClose" Filter;
    PIN_CREATE = new "PinCreate" Pin;
    PIN_CLOSE = new "PinClose" Pin;
    PIN_SET_DATA_FORMAT = no_pending "PinSetDataFormat" Pin;
    PIN_CONNECT = no_pending "PinConnect" Pin;
    PIN_DISCONNECT = new "PinDisconnect" Pin;
    PIN_HANDSHAKE = no_pending "PinHandshake" Pin;
    PIN_FRAME_RETURN = new "PinFrameReturn" Pin;
    PIN_IRP_COMPLETION = new "PinIrpCompletion" Pin;
    PIN_INTERSECT = no_pending "PinIntersect" Pin;
    PROPERTY_GET = new "PropertyGet" Filter;
    PROPERTY_SET = new "PropertySet" Filter;
    PROPERTY_SUPPORT = new "PropertySupport" Filter;
    EVENT_ADD = new "EventAdd" Filter;
    EVENT_REMOVE = new "EventRemove" Filter;
    EVENT_SUPPORT = new "EventSupport" Filter;
    EVENT_GENERATE = new "EventGenerate" Filter;
    METHOD = new "Method" Filter;
    METHOD_SUPPORT = new "MethodSupport" Filter;
    WORK_ITEM = new "WorkItem" Driver;
    CLOCK_SET_TIMER = new "ClockSetTimer" Pin;
    CLOCK_CANCEL_TIMER = new "ClockCancelTimer" Pin;
    CLOCK_CORRELATED_TIME = new "ClockCorrelatedTime" Pin;
    CLOCK_RESOLUTION = new "ClockResolution" Pin;
    ALLOCATOR_INITIALIZE = no_pending "AllocatorInitialize" Pin;
    ALLOCATOR_DELETE = new "AllocatorDelete" Pin;
    ALLOCATOR_ALLOCATE = new "AllocatorAllocate" Pin;
    ALLOCATOR_FREE = new "AllocatorFree" Pin;
    BAG_FREE = new "BagItemFree" Driver;
    QUERY_INTERFACE = new "QueryInterface" Driver;
    ADD_REF = new "AddRef" Driver;
    RELEASE = new "Release" Driver;
}

/// Calls the driver.
pub fn driver_call<R: Returned>(kind: CallbackKind, object: &str, body: impl FnOnce() -> R) -> R {
    callback::call(Callback { kind, object: &object }, body)
}

/// Calls the driver for a status (R4.12). A forbidden one, which has been recorded as a violation of
/// KsCallbackReturn, counts as `STATUS_UNSUCCESSFUL` (10.2).
pub fn driver_status(kind: CallbackKind, object: &str, body: impl FnOnce() -> NTSTATUS) -> NTSTATUS {
    let status = driver_call(kind, object, body);
    if kind.forbidden.contains(&status) { STATUS_UNSUCCESSFUL } else { status }
}

/// A method of an interface that AVStream gives to the driver. Passive level.
pub const fn method(name: &'static str) -> Export {
    method_at(name, 0)
}

/// The same for a method that may be called up to this IRQL.
pub const fn method_at(name: &'static str, irql: u8) -> Export {
    Export { name, thunk: std::ptr::null(), irql: 0..=irql, rule: ("KsIrqlDDIs", 0x81009) }
}

/// The driver calls a method of an interface: as the thunk of an export.
pub fn from_driver(method: &'static Export, body: impl FnOnce() -> NTSTATUS) -> NTSTATUS {
    let _call = exports::enter(method);
    if inject::armed()
        && let Some(result) = inject::strike::<NTSTATUS>(method.name)
    {
        return result;
    }
    body()
}

/// The driver did what would have destroyed memory with a real `ks.sys`: the run ends.
pub fn driver_error(rule: &'static str, message: impl std::fmt::Display) -> ! {
    bugcheck::stop(rule, message)
}
