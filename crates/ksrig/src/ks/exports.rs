//! What drivers import from ks.sys.
//!
//! The IRQLs are those of the functions' pages; where a page names none, that of the functions like it.
//!
//! `KsPinHandshake` and `KsPinDataIntersectionEx` are not among them, as in the real `ks.sys` (R0.3).

use std::ffi::c_void;

use ks_sys::*;

use super::{
    bag::{
        KsAddItemToObjectBag, KsAllocateObjectBag, KsCopyObjectBagItems, KsFreeObjectBag,
        KsRemoveItemFromObjectBag,
    },
    clock::KsPinSetPinClockTime,
    clone::{
        KsPinGetFirstCloneStreamPointer, KsStreamPointerClone, KsStreamPointerDelete,
        KsStreamPointerGetNextClone,
    },
    create_child::{KsCreateAllocator, KsCreateClock, KsCreateTopologyNode},
    create_item::{KsFilterFactoryAddCreateItem, KsFreeObjectCreateItemsByContext},
    device::{
        KsAcquireDevice, KsCreateDevice, KsGetDeviceForDeviceObject, KsInitializeDevice, KsReleaseDevice,
        KsTerminateDevice,
    },
    driver::{KsAddDevice, KsInitializeDriver, KsNullDriverUnload},
    edit::_KsEdit,
    event::{
        KsAddEvent, KsDefaultAddEventHandler, KsDisableEvent, KsDiscardEvent, KsFreeEventList,
        KsGenerateDataEvent, KsGenerateEvent, KsGenerateEventList, KsGenerateEvents,
    },
    factory::{KsCreateFilterFactory, KsFilterFactoryGetSymbolicLink, KsFilterFactorySetDeviceClassesState},
    filter_edit::{KsFilterAddTopologyConnections, KsFilterCreateNode, KsFilterCreatePinFactory},
    gate::{KsFilterGetAndGate, KsPinGetAndGate},
    handshake::KsPinRegisterHandshakeCallback,
    hierarchy::{
        KsAcquireControl, KsFilterGetChildPinCount, KsFilterGetFirstChildPin, KsGetDevice,
        KsGetFilterFromIrp, KsGetFirstChild, KsGetNextSibling, KsGetNodeIdFromIrp, KsGetObjectFromFileObject,
        KsGetObjectTypeFromFileObject, KsGetObjectTypeFromIrp, KsGetParent, KsGetPinFromIrp,
        KsPinGetNextSiblingPin, KsPinGetParentFilter, KsReleaseControl,
    },
    injection::{
        KsPinRegisterFrameReturnCallback, KsPinRegisterIrpCompletionCallback, KsPinSubmitFrame,
        KsPinSubmitFrameMdl,
    },
    inputs::{KsPinAttachAndGate, KsPinAttachOrGate},
    mapping::KsDeviceRegisterAdapterObject,
    master_clock::KsPinGetReferenceClockInterface,
    merge::KsMergeAutomationTables,
    method::KsDispatchSpecificMethod,
    peer::{
        KsPinGetConnectedFilterInterface, KsPinGetConnectedPinDeviceObject, KsPinGetConnectedPinFileObject,
        KsPinGetConnectedPinInterface,
    },
    pending::KsCompletePendingRequest,
    process_pin::KsProcessPinUpdate,
    processing::{
        KsFilterAcquireProcessingMutex, KsFilterAttemptProcessing, KsFilterReleaseProcessingMutex,
        KsPinAcquireProcessingMutex, KsPinAttemptProcessing, KsPinReleaseProcessingMutex,
    },
    property::{KsDispatchSpecificProperty, KsHandleSizedListQuery},
    sleep::{KsFilterRegisterPowerCallbacks, KsPinRegisterPowerCallbacks},
    splitter::KsPinGetCopyRelationships,
    stream_pointer::{
        KsPinGetAvailableByteCount, KsPinGetLeadingEdgeStreamPointer, KsPinGetTrailingEdgeStreamPointer,
        KsStreamPointerAdvance, KsStreamPointerAdvanceOffsets, KsStreamPointerAdvanceOffsetsAndUnlock,
        KsStreamPointerCancelTimeout, KsStreamPointerGetIrp, KsStreamPointerGetMdl, KsStreamPointerLock,
        KsStreamPointerScheduleTimeout, KsStreamPointerSetStatusCode, KsStreamPointerUnlock,
    },
    synchronous::KsSynchronousIoControlDevice,
    unknown::{KsGetOuterUnknown, KsRegisterAggregatedClientUnknown},
    worker::{
        KsDecrementCountedWorker, KsIncrementCountedWorker, KsQueueWorkItem, KsRegisterCountedWorker,
        KsRegisterWorker, KsUnregisterWorker,
    },
};
use crate::{
    nt::exports::{self, exports},
    pe::Import,
};

exports! {
    static TABLE = ("KsIrqlDDIs", 0x81009);
    // driver.rs
    KsInitializeDriver(DriverObject: PDRIVER_OBJECT, RegistryPath: PUNICODE_STRING, Descriptor: *const KSDEVICE_DESCRIPTOR) -> NTSTATUS, 0..=0;
    KsAddDevice(DriverObject: PDRIVER_OBJECT, PhysicalDeviceObject: PDEVICE_OBJECT) -> NTSTATUS, 0..=0;
    KsNullDriverUnload(DriverObject: PDRIVER_OBJECT) -> (), 0..=0;
    // device.rs
    KsCreateDevice(DriverObject: PDRIVER_OBJECT, PhysicalDeviceObject: PDEVICE_OBJECT, Descriptor: *const KSDEVICE_DESCRIPTOR, ExtensionSize: u32, Device: *mut PKSDEVICE) -> NTSTATUS, 0..=0;
    KsInitializeDevice(FunctionalDeviceObject: PDEVICE_OBJECT, PhysicalDeviceObject: PDEVICE_OBJECT, NextDeviceObject: PDEVICE_OBJECT, Descriptor: *const KSDEVICE_DESCRIPTOR) -> NTSTATUS, 0..=0;
    KsTerminateDevice(DeviceObject: PDEVICE_OBJECT) -> (), 0..=0;
    KsGetDeviceForDeviceObject(FunctionalDeviceObject: PDEVICE_OBJECT) -> PKSDEVICE, 0..=15;
    KsAcquireDevice(Device: PKSDEVICE) -> (), 0..=0;
    KsReleaseDevice(Device: PKSDEVICE) -> (), 0..=0;
    // factory.rs
    KsCreateFilterFactory(DeviceObject: PDEVICE_OBJECT, Descriptor: *const KSFILTER_DESCRIPTOR, RefString: PCWSTR, SecurityDescriptor: PSECURITY_DESCRIPTOR, CreateItemFlags: u32, SleepCallback: PFNKSFILTERFACTORYPOWER, WakeCallback: PFNKSFILTERFACTORYPOWER, FilterFactory: *mut PKSFILTERFACTORY) -> NTSTATUS, 0..=0;
    // create_item.rs
    KsFilterFactoryAddCreateItem(FilterFactory: PKSFILTERFACTORY, RefString: PCWSTR, SecurityDescriptor: PSECURITY_DESCRIPTOR, CreateItemFlags: u32) -> NTSTATUS, 0..=0;
    KsFreeObjectCreateItemsByContext(Header: KSDEVICE_HEADER, Context: PVOID) -> NTSTATUS, 0..=0;
    // filter_edit.rs
    KsFilterCreatePinFactory(Filter: PKSFILTER, PinDescriptor: *const KSPIN_DESCRIPTOR_EX, PinID: *mut u32) -> NTSTATUS, 0..=0;
    KsFilterCreateNode(Filter: PKSFILTER, NodeDescriptor: *const KSNODE_DESCRIPTOR, NodeID: *mut u32) -> NTSTATUS, 0..=0;
    KsFilterAddTopologyConnections(Filter: PKSFILTER, NewConnectionsCount: u32, NewTopologyConnections: *const KSTOPOLOGY_CONNECTION) -> NTSTATUS, 0..=0;
    // factory.rs
    KsFilterFactoryGetSymbolicLink(FilterFactory: PKSFILTERFACTORY) -> PUNICODE_STRING, 0..=0;
    KsFilterFactorySetDeviceClassesState(FilterFactory: PKSFILTERFACTORY, NewState: u8) -> NTSTATUS, 0..=0;
    // pending.rs
    KsCompletePendingRequest(Irp: PIRP) -> (), 0..=2;
    // hierarchy.rs
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
    // unknown.rs
    KsGetOuterUnknown(Object: PVOID) -> PUNKNOWN, 0..=0;
    KsRegisterAggregatedClientUnknown(Object: PVOID, ClientUnknown: PUNKNOWN) -> PUNKNOWN, 0..=0;
    // bag.rs
    KsAllocateObjectBag(Device: PKSDEVICE, ObjectBag: *mut PVOID) -> NTSTATUS, 0..=0;
    KsFreeObjectBag(ObjectBag: PVOID) -> (), 0..=0;
    KsAddItemToObjectBag(ObjectBag: PVOID, Item: PVOID, Free: PFNKSFREE) -> NTSTATUS, 0..=0;
    KsRemoveItemFromObjectBag(ObjectBag: PVOID, Item: PVOID, Free: u8) -> u32, 0..=0;
    KsCopyObjectBagItems(ObjectBagDestination: PVOID, ObjectBagSource: PVOID) -> NTSTATUS, 0..=0;
    // edit.rs
    _KsEdit(ObjectBag: PVOID, Item: *mut PVOID, NewSize: u32, OldSize: u32, Tag: u32) -> NTSTATUS, 0..=0;
    // property.rs
    KsHandleSizedListQuery(Irp: PIRP, DataItemsCount: u32, DataItemSize: u32, DataItems: *const c_void) -> NTSTATUS, 0..=0;
    KsDispatchSpecificProperty(Irp: PIRP, Handler: PFNKSHANDLER) -> NTSTATUS, 0..=0;
    // merge.rs
    KsMergeAutomationTables(AutomationTableAB: *mut *mut KSAUTOMATION_TABLE, AutomationTableA: *mut KSAUTOMATION_TABLE, AutomationTableB: *mut KSAUTOMATION_TABLE, Bag: PVOID) -> NTSTATUS, 0..=0;
    // method.rs
    KsDispatchSpecificMethod(Irp: PIRP, Handler: PFNKSHANDLER) -> NTSTATUS, 0..=0;
    // event.rs
    KsAddEvent(Object: PVOID, EventEntry: PKSEVENT_ENTRY) -> (), 0..=0;
    KsDefaultAddEventHandler(Irp: PIRP, EventData: PKSEVENTDATA, EventEntry: PKSEVENT_ENTRY) -> NTSTATUS, 0..=0;
    KsGenerateEvents(Object: PVOID, EventSet: *const GUID, EventId: u32, DataSize: u32, Data: PVOID, CallBack: PFNKSGENERATEEVENTCALLBACK, CallBackContext: PVOID) -> (), 0..=2;
    KsGenerateEvent(EventEntry: PKSEVENT_ENTRY) -> NTSTATUS, 0..=2;
    KsGenerateDataEvent(EventEntry: PKSEVENT_ENTRY, DataSize: u32, Data: PVOID) -> NTSTATUS, 0..=2;
    KsGenerateEventList(Set: *mut GUID, EventId: u32, EventsList: PLIST_ENTRY, EventsFlags: KSEVENTS_LOCKTYPE::Type, EventsLock: PVOID) -> (), 0..=2;
    KsFreeEventList(FileObject: PFILE_OBJECT, EventsList: PLIST_ENTRY, EventsFlags: KSEVENTS_LOCKTYPE::Type, EventsLock: PVOID) -> (), 0..=0;
    KsDisableEvent(Irp: PIRP, EventsList: PLIST_ENTRY, EventsFlags: KSEVENTS_LOCKTYPE::Type, EventsLock: PVOID) -> NTSTATUS, 0..=0;
    KsDiscardEvent(EventEntry: PKSEVENT_ENTRY) -> (), 0..=0;
    // worker.rs
    KsRegisterWorker(WorkQueueType: WORK_QUEUE_TYPE, Worker: *mut PKSWORKER) -> NTSTATUS, 0..=0;
    KsRegisterCountedWorker(WorkQueueType: WORK_QUEUE_TYPE, CountedWorkItem: PWORK_QUEUE_ITEM, Worker: *mut PKSWORKER) -> NTSTATUS, 0..=0;
    KsIncrementCountedWorker(Worker: PKSWORKER) -> u32, 0..=2;
    KsDecrementCountedWorker(Worker: PKSWORKER) -> u32, 0..=2;
    KsQueueWorkItem(Worker: PKSWORKER, WorkItem: PWORK_QUEUE_ITEM) -> NTSTATUS, 0..=2;
    KsUnregisterWorker(Worker: PKSWORKER) -> (), 0..=0;
    // handshake.rs
    KsPinRegisterHandshakeCallback(Pin: PKSPIN, Callback: PFNKSPINHANDSHAKE) -> (), 0..=0;
    // mapping.rs
    KsDeviceRegisterAdapterObject(Device: PKSDEVICE, AdapterObject: PADAPTER_OBJECT, MaxMappingByteCount: u32, MappingTableStride: u32) -> (), 0..=0;
    // peer.rs
    KsPinGetConnectedPinInterface(Pin: PKSPIN, InterfaceId: *const GUID, Interface: *mut PVOID) -> NTSTATUS, 0..=0;
    KsPinGetConnectedFilterInterface(Pin: PKSPIN, InterfaceId: *const GUID, Interface: *mut PVOID) -> NTSTATUS, 0..=0;
    KsPinGetConnectedPinFileObject(Pin: PKSPIN) -> PFILE_OBJECT, 0..=0;
    KsPinGetConnectedPinDeviceObject(Pin: PKSPIN) -> PDEVICE_OBJECT, 0..=0;
    // synchronous.rs
    KsSynchronousIoControlDevice(FileObject: PFILE_OBJECT, RequestorMode: KPROCESSOR_MODE, IoControl: u32, InBuffer: PVOID, InSize: u32, OutBuffer: PVOID, OutSize: u32, BytesReturned: *mut u32) -> NTSTATUS, 0..=0;
    // create_child.rs
    KsCreateClock(ConnectionHandle: HANDLE, ClockCreate: PKSCLOCK_CREATE, ClockHandle: PHANDLE) -> NTSTATUS, 0..=0;
    KsCreateAllocator(ConnectionHandle: HANDLE, AllocatorFraming: PKSALLOCATOR_FRAMING, AllocatorHandle: PHANDLE) -> NTSTATUS, 0..=0;
    KsCreateTopologyNode(ParentHandle: HANDLE, NodeCreate: PKSNODE_CREATE, DesiredAccess: ACCESS_MASK, NodeHandle: PHANDLE) -> NTSTATUS, 0..=0;
    // clock.rs
    KsPinSetPinClockTime(Pin: PKSPIN, Time: i64) -> (), 0..=2;
    // master_clock.rs
    KsPinGetReferenceClockInterface(Pin: PKSPIN, Interface: *mut PIKSREFERENCECLOCK) -> NTSTATUS, 0..=0;
    // gate.rs
    KsPinGetAndGate(Pin: *mut KSPIN) -> PKSGATE, 0..=15;
    KsFilterGetAndGate(Filter: *mut KSFILTER) -> PKSGATE, 0..=15;
    // injection.rs
    KsPinRegisterFrameReturnCallback(Pin: PKSPIN, FrameReturn: PFNKSPINFRAMERETURN) -> (), 0..=0;
    KsPinRegisterIrpCompletionCallback(Pin: PKSPIN, IrpCompletion: PFNKSPINIRPCOMPLETION) -> (), 0..=0;
    KsPinSubmitFrame(Pin: PKSPIN, Data: PVOID, Size: u32, StreamHeader: PKSSTREAM_HEADER, Context: PVOID) -> NTSTATUS, 0..=2;
    KsPinSubmitFrameMdl(Pin: PKSPIN, Mdl: PMDL, StreamHeader: PKSSTREAM_HEADER, Context: PVOID) -> NTSTATUS, 0..=2;
    // inputs.rs
    KsPinAttachAndGate(Pin: PKSPIN, AndGate: PKSGATE) -> (), 0..=0;
    KsPinAttachOrGate(Pin: PKSPIN, OrGate: PKSGATE) -> (), 0..=0;
    // process_pin.rs
    KsProcessPinUpdate(ProcessPin: PKSPROCESSPIN) -> BOOLEAN, 0..=2;
    // processing.rs
    KsFilterAttemptProcessing(Filter: *mut KSFILTER, Asynchronous: BOOLEAN) -> (), 0..=2;
    KsFilterAcquireProcessingMutex(Filter: *mut KSFILTER) -> (), 0..=0;
    KsFilterReleaseProcessingMutex(Filter: *mut KSFILTER) -> (), 0..=0;
    KsPinAttemptProcessing(Pin: *mut KSPIN, Asynchronous: BOOLEAN) -> (), 0..=2;
    KsPinAcquireProcessingMutex(Pin: *mut KSPIN) -> (), 0..=0;
    KsPinReleaseProcessingMutex(Pin: *mut KSPIN) -> (), 0..=0;
    // sleep.rs
    KsFilterRegisterPowerCallbacks(Filter: PKSFILTER, Sleep: PFNKSFILTERPOWER, Wake: PFNKSFILTERPOWER) -> (), 0..=0;
    KsPinRegisterPowerCallbacks(Pin: PKSPIN, Sleep: PFNKSPINPOWER, Wake: PFNKSPINPOWER) -> (), 0..=0;
    // splitter.rs
    KsPinGetCopyRelationships(Pin: PKSPIN, CopySource: *mut PKSPIN, DelegateBranch: *mut PKSPIN) -> (), 0..=2;
    // stream_pointer.rs
    KsStreamPointerLock(StreamPointer: PKSSTREAM_POINTER) -> NTSTATUS, 0..=2;
    KsStreamPointerUnlock(StreamPointer: PKSSTREAM_POINTER, Eject: BOOLEAN) -> (), 0..=2;
    KsStreamPointerAdvance(StreamPointer: PKSSTREAM_POINTER) -> NTSTATUS, 0..=2;
    KsStreamPointerAdvanceOffsets(StreamPointer: PKSSTREAM_POINTER, InUsed: ULONG, OutUsed: ULONG, Eject: BOOLEAN) -> NTSTATUS, 0..=2;
    KsStreamPointerAdvanceOffsetsAndUnlock(StreamPointer: PKSSTREAM_POINTER, InUsed: ULONG, OutUsed: ULONG, Eject: BOOLEAN) -> (), 0..=2;
    KsStreamPointerGetMdl(StreamPointer: PKSSTREAM_POINTER) -> PMDL, 0..=2;
    KsStreamPointerSetStatusCode(StreamPointer: PKSSTREAM_POINTER, Status: NTSTATUS) -> NTSTATUS, 0..=2;
    KsStreamPointerScheduleTimeout(StreamPointer: PKSSTREAM_POINTER, Callback: PFNKSSTREAMPOINTER, Interval: ULONGLONG) -> (), 0..=2;
    KsStreamPointerCancelTimeout(StreamPointer: PKSSTREAM_POINTER) -> (), 0..=2;
    KsPinGetLeadingEdgeStreamPointer(Pin: *mut KSPIN, State: KSSTREAM_POINTER_STATE::Type) -> PKSSTREAM_POINTER, 0..=2;
    KsPinGetTrailingEdgeStreamPointer(Pin: *mut KSPIN, State: KSSTREAM_POINTER_STATE::Type) -> PKSSTREAM_POINTER, 0..=2;
    KsStreamPointerGetIrp(StreamPointer: PKSSTREAM_POINTER, FirstFrameInIrp: *mut BOOLEAN, LastFrameInIrp: *mut BOOLEAN) -> PIRP, 0..=2;
    KsPinGetAvailableByteCount(Pin: *mut KSPIN, InputDataBytes: *mut LONG, OutputBufferBytes: *mut LONG) -> NTSTATUS, 0..=2;
    // clone.rs
    KsStreamPointerDelete(StreamPointer: PKSSTREAM_POINTER) -> (), 0..=2;
    KsStreamPointerGetNextClone(StreamPointer: PKSSTREAM_POINTER) -> PKSSTREAM_POINTER, 0..=2;
    KsStreamPointerClone(StreamPointer: PKSSTREAM_POINTER, CancelCallback: PFNKSSTREAMPOINTER, ContextSize: ULONG, CloneStreamPointer: *mut PKSSTREAM_POINTER) -> NTSTATUS, 0..=2;
    KsPinGetFirstCloneStreamPointer(Pin: *mut KSPIN) -> PKSSTREAM_POINTER, 0..=2;
}

/// The names that ks.sys of Windows 10 for x64 exports.
static NAMES: &str = include_str!("ks.txt");

/// The export of that name.
pub fn lookup(name: &str) -> Option<Import> {
    exports::find(TABLE, name)
        .or_else(|| NAMES.lines().any(|known| known == name).then(|| exports::missing(name)))
}
