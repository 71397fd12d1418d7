//! What drivers import from ks.sys.
//!
//! The IRQLs are those of the functions' pages; where a page names none, that of the functions like it.

use std::ffi::c_void;

use ks_sys::*;

use super::{
    bag::{KsAllocateObjectBag, KsFreeObjectBag, KsAddItemToObjectBag, KsRemoveItemFromObjectBag, KsCopyObjectBagItems},
    clock::{KsPinGetReferenceClockInterface},
    clone::{KsStreamPointerClone, KsPinGetFirstCloneStreamPointer},
    device::{KsCreateDevice, KsInitializeDevice, KsTerminateDevice, KsGetDeviceForDeviceObject, KsAcquireDevice, KsReleaseDevice},
    driver::{KsInitializeDriver, KsAddDevice, KsNullDriverUnload},
    edit::{_KsEdit},
    factory::{KsCreateFilterFactory, KsFilterFactoryAddCreateItem, KsFilterFactoryGetSymbolicLink, KsFilterFactorySetDeviceClassesState},
    gate::{KsPinGetAndGate},
    handshake::{KsPinRegisterHandshakeCallback},
    hierarchy::{KsGetParent, KsGetFirstChild, KsGetNextSibling, KsGetDevice, KsFilterGetFirstChildPin, KsFilterGetChildPinCount, KsPinGetNextSiblingPin, KsPinGetParentFilter, KsGetFilterFromIrp, KsGetPinFromIrp, KsGetNodeIdFromIrp, KsGetObjectFromFileObject, KsGetObjectTypeFromFileObject, KsGetObjectTypeFromIrp, KsAcquireControl, KsReleaseControl},
    peer::{KsPinGetConnectedPinInterface, KsPinGetConnectedFilterInterface, KsPinGetConnectedPinFileObject, KsPinGetConnectedPinDeviceObject},
    pending::{KsCompletePendingRequest},
    processing::{KsPinAttemptProcessing, KsPinAcquireProcessingMutex, KsPinReleaseProcessingMutex},
    property::{KsHandleSizedListQuery},
    stream_pointer::{KsPinGetLeadingEdgeStreamPointer, KsPinGetTrailingEdgeStreamPointer, KsStreamPointerGetIrp, KsPinGetAvailableByteCount},
    synchronous::{KsSynchronousIoControlDevice},
    unknown::{KsGetOuterUnknown, KsRegisterAggregatedClientUnknown},
};
use crate::{
    nt::exports::{self, exports},
    pe::Import,
};

exports! {
    static TABLE = ("KsIrqlDDIs", 0x81009);
    // driver
    KsInitializeDriver(DriverObject: PDRIVER_OBJECT, RegistryPath: PUNICODE_STRING, Descriptor: *const KSDEVICE_DESCRIPTOR) -> NTSTATUS, 0..=0;
    KsAddDevice(DriverObject: PDRIVER_OBJECT, PhysicalDeviceObject: PDEVICE_OBJECT) -> NTSTATUS, 0..=0;
    KsNullDriverUnload(DriverObject: PDRIVER_OBJECT) -> (), 0..=0;
    // device
    KsCreateDevice(DriverObject: PDRIVER_OBJECT, PhysicalDeviceObject: PDEVICE_OBJECT, Descriptor: *const KSDEVICE_DESCRIPTOR, ExtensionSize: u32, Device: *mut PKSDEVICE) -> NTSTATUS, 0..=0;
    KsInitializeDevice(FunctionalDeviceObject: PDEVICE_OBJECT, PhysicalDeviceObject: PDEVICE_OBJECT, NextDeviceObject: PDEVICE_OBJECT, Descriptor: *const KSDEVICE_DESCRIPTOR) -> NTSTATUS, 0..=0;
    KsTerminateDevice(DeviceObject: PDEVICE_OBJECT) -> (), 0..=0;
    KsGetDeviceForDeviceObject(FunctionalDeviceObject: PDEVICE_OBJECT) -> PKSDEVICE, 0..=15;
    KsAcquireDevice(Device: PKSDEVICE) -> (), 0..=0;
    KsReleaseDevice(Device: PKSDEVICE) -> (), 0..=0;
    // factory
    KsCreateFilterFactory(DeviceObject: PDEVICE_OBJECT, Descriptor: *const KSFILTER_DESCRIPTOR, RefString: PCWSTR, SecurityDescriptor: PSECURITY_DESCRIPTOR, CreateItemFlags: u32, SleepCallback: PFNKSFILTERFACTORYPOWER, WakeCallback: PFNKSFILTERFACTORYPOWER, FilterFactory: *mut PKSFILTERFACTORY) -> NTSTATUS, 0..=0;
    KsFilterFactoryAddCreateItem(FilterFactory: PKSFILTERFACTORY, RefString: PCWSTR, SecurityDescriptor: PSECURITY_DESCRIPTOR, CreateItemFlags: u32) -> NTSTATUS, 0..=0;
    KsFilterFactoryGetSymbolicLink(FilterFactory: PKSFILTERFACTORY) -> PUNICODE_STRING, 0..=0;
    KsFilterFactorySetDeviceClassesState(FilterFactory: PKSFILTERFACTORY, NewState: u8) -> NTSTATUS, 0..=0;
    // pending
    KsCompletePendingRequest(Irp: PIRP) -> (), 0..=2;
    // hierarchy
    KsGetParent(Object: PVOID) -> PVOID, 0..=0;
    KsGetFirstChild(Object: PVOID) -> PVOID, 0..=0;
    KsGetNextSibling(Object: PVOID) -> PVOID, 0..=0;
    KsGetDevice(Object: PVOID) -> PKSDEVICE, 0..=0;
    KsFilterGetFirstChildPin(Filter: PKSFILTER, PinId: u32) -> PKSPIN, 0..=0;
    KsFilterGetChildPinCount(Filter: PKSFILTER, PinId: u32) -> u32, 0..=0;
    KsPinGetNextSiblingPin(Pin: PKSPIN) -> PKSPIN, 0..=0;
    KsPinGetParentFilter(Pin: PKSPIN) -> PKSFILTER, 0..=0;
    KsGetFilterFromIrp(Irp: PIRP) -> PKSFILTER, 0..=2;
    KsGetPinFromIrp(Irp: PIRP) -> PKSPIN, 0..=15;
    KsGetNodeIdFromIrp(Irp: PIRP) -> u32, 0..=15;
    KsGetObjectFromFileObject(FileObject: PFILE_OBJECT) -> PVOID, 0..=15;
    KsGetObjectTypeFromFileObject(FileObject: PFILE_OBJECT) -> KSOBJECTTYPE::Type, 0..=15;
    KsGetObjectTypeFromIrp(Irp: PIRP) -> KSOBJECTTYPE::Type, 0..=15;
    KsAcquireControl(Object: PVOID) -> (), 0..=0;
    KsReleaseControl(Object: PVOID) -> (), 0..=0;
    // unknown
    KsGetOuterUnknown(Object: PVOID) -> PUNKNOWN, 0..=0;
    KsRegisterAggregatedClientUnknown(Object: PVOID, ClientUnknown: PUNKNOWN) -> PUNKNOWN, 0..=0;
    // bag
    KsAllocateObjectBag(Device: PKSDEVICE, ObjectBag: *mut PVOID) -> NTSTATUS, 0..=0;
    KsFreeObjectBag(ObjectBag: PVOID) -> (), 0..=0;
    KsAddItemToObjectBag(ObjectBag: PVOID, Item: PVOID, Free: PFNKSFREE) -> NTSTATUS, 0..=0;
    KsRemoveItemFromObjectBag(ObjectBag: PVOID, Item: PVOID, Free: u8) -> u32, 0..=0;
    KsCopyObjectBagItems(ObjectBagDestination: PVOID, ObjectBagSource: PVOID) -> NTSTATUS, 0..=0;
    // edit
    _KsEdit(ObjectBag: PVOID, Item: *mut PVOID, NewSize: u32, OldSize: u32, Tag: u32) -> NTSTATUS, 0..=0;
    // property
    KsHandleSizedListQuery(Irp: PIRP, DataItemsCount: u32, DataItemSize: u32, DataItems: *const c_void) -> NTSTATUS, 0..=0;
    // handshake
    KsPinRegisterHandshakeCallback(Pin: PKSPIN, Callback: PFNKSPINHANDSHAKE) -> (), 0..=0;
    // peer
    KsPinGetConnectedPinInterface(Pin: PKSPIN, InterfaceId: *const GUID, Interface: *mut PVOID) -> NTSTATUS, 0..=0;
    KsPinGetConnectedFilterInterface(Pin: PKSPIN, InterfaceId: *const GUID, Interface: *mut PVOID) -> NTSTATUS, 0..=0;
    KsPinGetConnectedPinFileObject(Pin: PKSPIN) -> PFILE_OBJECT, 0..=0;
    KsPinGetConnectedPinDeviceObject(Pin: PKSPIN) -> PDEVICE_OBJECT, 0..=0;
    // synchronous
    KsSynchronousIoControlDevice(FileObject: PFILE_OBJECT, RequestorMode: KPROCESSOR_MODE, IoControl: u32, InBuffer: PVOID, InSize: u32, OutBuffer: PVOID, OutSize: u32, BytesReturned: *mut u32) -> NTSTATUS, 0..=0;
    // clock
    KsPinGetReferenceClockInterface(Pin: PKSPIN, Interface: *mut PIKSREFERENCECLOCK) -> NTSTATUS, 0..=0;
    // gate
    KsPinGetAndGate(Pin: *mut KSPIN) -> PKSGATE, 0..=15;
    // processing
    KsPinAttemptProcessing(Pin: *mut KSPIN, Asynchronous: BOOLEAN) -> (), 0..=2;
    KsPinAcquireProcessingMutex(Pin: *mut KSPIN) -> (), 0..=0;
    KsPinReleaseProcessingMutex(Pin: *mut KSPIN) -> (), 0..=0;
    // stream_pointer
    KsPinGetLeadingEdgeStreamPointer(Pin: *mut KSPIN, State: KSSTREAM_POINTER_STATE::Type) -> PKSSTREAM_POINTER, 0..=2;
    KsPinGetTrailingEdgeStreamPointer(Pin: *mut KSPIN, State: KSSTREAM_POINTER_STATE::Type) -> PKSSTREAM_POINTER, 0..=2;
    KsStreamPointerGetIrp(StreamPointer: PKSSTREAM_POINTER, FirstFrameInIrp: *mut BOOLEAN, LastFrameInIrp: *mut BOOLEAN) -> PIRP, 0..=2;
    KsPinGetAvailableByteCount(Pin: *mut KSPIN, InputDataBytes: *mut LONG, OutputBufferBytes: *mut LONG) -> NTSTATUS, 0..=2;
    // clone
    KsStreamPointerClone(StreamPointer: PKSSTREAM_POINTER, CancelCallback: PFNKSSTREAMPOINTER, ContextSize: ULONG, CloneStreamPointer: *mut PKSSTREAM_POINTER) -> NTSTATUS, 0..=2;
    KsPinGetFirstCloneStreamPointer(Pin: *mut KSPIN) -> PKSSTREAM_POINTER, 0..=2;
}

/// The names that ks.sys of Windows 10 for x64 exports.
static NAMES: &str = include_str!("ks.txt");

/// The export of that name.
pub fn lookup(name: &str) -> Option<Import> {
    exports::find(TABLE, name).or_else(|| NAMES.lines().any(|known| known == name).then(|| exports::missing(name)))
}
