//! Stand-ins for the imports where there is no Windows kernel: each refuses. In this crate's own tests some
//! are played, as far as the tests need.

#![allow(non_snake_case, clippy::missing_safety_doc, clippy::too_many_arguments, missing_docs)]

#[cfg(test)]
pub mod played;

use core::ptr::null_mut;

use ks_sys::*;

#[cfg(test)]
pub use played::*;

macro_rules! refuse {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty = $value:expr)?;)*) => {
        $(pub unsafe fn $name($($argument: $type),*) $(-> $result)? {
            $(let _ = $argument;)*
            $($value)?
        })*
    };
}

refuse! {
    fn ExAllocatePool2(Flags: u64, NumberOfBytes: u64, Tag: ULONG) -> PVOID = null_mut();
    fn KeQueryPerformanceCounter(PerformanceFrequency: PLARGE_INTEGER) -> LARGE_INTEGER = LARGE_INTEGER::default();
    fn KeInitializeDpc(Dpc: PRKDPC, DeferredRoutine: PKDEFERRED_ROUTINE, DeferredContext: PVOID);
    fn KeInitializeTimer(Timer: PKTIMER);
    fn KeSetTimer(Timer: PKTIMER, DueTime: LARGE_INTEGER, Dpc: PKDPC) -> BOOLEAN = 0;
    fn KeCancelTimer(Timer: PKTIMER) -> BOOLEAN = 0;
    fn KeFlushQueuedDpcs();
    fn KsInitializeDriver(
        DriverObject: PDRIVER_OBJECT, RegistryPathName: PUNICODE_STRING, Descriptor: *const KSDEVICE_DESCRIPTOR,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsAcquireDevice(Device: PKSDEVICE);
    fn KsReleaseDevice(Device: PKSDEVICE);
    fn KsGetDevice(Object: PVOID) -> PKSDEVICE = null_mut();
    fn KsCreateFilterFactory(
        DeviceObject: PDEVICE_OBJECT, Descriptor: *const KSFILTER_DESCRIPTOR, RefString: PWSTR,
        SecurityDescriptor: PSECURITY_DESCRIPTOR, CreateItemFlags: ULONG, SleepCallback: PFNKSFILTERFACTORYPOWER,
        WakeCallback: PFNKSFILTERFACTORYPOWER, FilterFactory: *mut PKSFILTERFACTORY,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsDeleteFilterFactory(Factory: PKSFILTERFACTORY) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsFilterFactorySetDeviceClassesState(FilterFactory: PKSFILTERFACTORY, NewState: BOOLEAN) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsPinAcquireProcessingMutex(Pin: PKSPIN);
    fn KsPinReleaseProcessingMutex(Pin: PKSPIN);
    fn KsPinGetParentFilter(Pin: PKSPIN) -> PKSFILTER = null_mut();
    fn KsGetPinFromIrp(Irp: PIRP) -> PKSPIN = null_mut();
    fn IoAllocateWorkItem(DeviceObject: PDEVICE_OBJECT) -> PIO_WORKITEM = null_mut();
    fn IoQueueWorkItem(
        IoWorkItem: PIO_WORKITEM, WorkerRoutine: PIO_WORKITEM_ROUTINE, QueueType: WORK_QUEUE_TYPE, Context: PVOID,
    );
    fn IoFreeWorkItem(IoWorkItem: PIO_WORKITEM);
    fn IoOpenDeviceInterfaceRegistryKey(
        SymbolicLinkName: PUNICODE_STRING, DesiredAccess: ACCESS_MASK, DeviceInterfaceKey: PHANDLE,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn IoOpenDeviceRegistryKey(
        DeviceObject: PDEVICE_OBJECT, DevInstKeyType: ULONG, DesiredAccess: ACCESS_MASK, DevInstRegKey: PHANDLE,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn IoRegisterDeviceInterface(
        PhysicalDeviceObject: PDEVICE_OBJECT, InterfaceClassGuid: *const GUID, ReferenceString: PUNICODE_STRING,
        SymbolicLinkName: PUNICODE_STRING,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn RtlStringFromGUID(Guid: *const GUID, GuidString: PUNICODE_STRING) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn RtlFreeUnicodeString(UnicodeString: PUNICODE_STRING);
    fn KsAddItemToObjectBag(ObjectBag: KSOBJECT_BAG, Item: PVOID, Free: PFNKSFREE) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn _KsEdit(
        ObjectBag: KSOBJECT_BAG, PointerToPointerToItem: *mut PVOID, NewSize: ULONG, OldSize: ULONG, Tag: ULONG,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsPinAttemptProcessing(Pin: PKSPIN, Asynchronous: BOOLEAN);
    fn KsStreamPointerSetStatusCode(StreamPointer: PKSSTREAM_POINTER, Status: NTSTATUS) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsPinGetReferenceClockInterface(Pin: PKSPIN, Interface: *mut PIKSREFERENCECLOCK) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsPinGetConnectedPinInterface(Pin: PKSPIN, InterfaceId: *const GUID, Interface: *mut PVOID) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsPinGetConnectedFilterInterface(Pin: PKSPIN, InterfaceId: *const GUID, Interface: *mut PVOID) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsRegisterAggregatedClientUnknown(Object: PVOID, ClientUnknown: PUNKNOWN) -> PUNKNOWN = null_mut();
}

#[cfg(not(test))]
refuse! {
    fn ZwClose(Handle: HANDLE) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn ZwDeleteValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn ZwQueryValueKey(
        KeyHandle: HANDLE, ValueName: PUNICODE_STRING, KeyValueInformationClass: KEY_VALUE_INFORMATION_CLASS,
        KeyValueInformation: PVOID, Length: ULONG, ResultLength: PULONG,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn ZwSetValueKey(
        KeyHandle: HANDLE, ValueName: PUNICODE_STRING, TitleIndex: ULONG, Type: ULONG, Data: PVOID, DataSize: ULONG,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsGetFilterFromIrp(Irp: PIRP) -> PKSFILTER = null_mut();
    fn KsGenerateEvents(
        Object: PVOID, EventSet: *const GUID, EventId: ULONG, DataSize: ULONG, Data: PVOID,
        CallBack: PFNKSGENERATEEVENTCALLBACK, CallBackContext: PVOID,
    );
    fn ExAllocatePoolWithTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID = null_mut();
    fn ExFreePoolWithTag(P: PVOID, Tag: ULONG);
    fn KeAcquireSpinLockRaiseToDpc(SpinLock: PKSPIN_LOCK) -> KIRQL = 0;
    fn KeReleaseSpinLock(SpinLock: PKSPIN_LOCK, NewIrql: KIRQL);
    fn KeInitializeEvent(Event: PRKEVENT, Type: EVENT_TYPE, State: BOOLEAN);
    fn KeSetEvent(Event: PRKEVENT, Increment: KPRIORITY, Wait: BOOLEAN) -> LONG = 0;
    fn KeClearEvent(Event: PRKEVENT);
    fn KeWaitForSingleObject(
        Object: PVOID, WaitReason: KWAIT_REASON, WaitMode: KPROCESSOR_MODE, Alertable: BOOLEAN,
        Timeout: PLARGE_INTEGER,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsPinGetLeadingEdgeStreamPointer(
        Pin: PKSPIN, State: KSSTREAM_POINTER_STATE::Type,
    ) -> PKSSTREAM_POINTER = null_mut();
    fn KsStreamPointerLock(StreamPointer: PKSSTREAM_POINTER) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsStreamPointerUnlock(StreamPointer: PKSSTREAM_POINTER, Eject: BOOLEAN);
    fn KsStreamPointerAdvanceOffsetsAndUnlock(
        StreamPointer: PKSSTREAM_POINTER, InUsed: ULONG, OutUsed: ULONG, Eject: BOOLEAN,
    );
    fn KsStreamPointerClone(
        StreamPointer: PKSSTREAM_POINTER, CancelCallback: PFNKSSTREAMPOINTER, ContextSize: ULONG,
        CloneStreamPointer: *mut PKSSTREAM_POINTER,
    ) -> NTSTATUS = STATUS_NOT_IMPLEMENTED;
    fn KsStreamPointerDelete(StreamPointer: PKSSTREAM_POINTER);
}
