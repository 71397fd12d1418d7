//! The export tables of ntoskrnl.exe and HAL.dll.

use core::ffi::c_void;

use ks_sys::*;

use super::{
    ansi,
    bugcheck::{self, KeBugCheckEx},
    crt,
    dpc::*,
    event::*,
    exports::{Export, Import, exports, find, missing, open},
    fast_mutex::*,
    handle::*,
    io::*,
    irql::*,
    list::*,
    mutex::*,
    object::*,
    pool::{self, ExFreePool, ExFreePoolWithTag},
    print, queued_lock, registry, remove_lock, resource, seh,
    semaphore::*,
    slist,
    spinlock::*,
    string::*,
    thread::*,
    time::*,
    timer::*,
    version,
    wait::*,
    work::*,
};

/// The rule that a call at another IRQL than its page allows breaks.
const RULE: (&str, u32) = ("IrqlDdi", 0x20003);
/// Any IRQL.
const ANY: u8 = HIGH_LEVEL as u8;

exports! {
    static PASSIVE = RULE;
    IoAllocateDriverObjectExtension(DriverObject: PDRIVER_OBJECT, ClientIdentificationAddress: PVOID, DriverObjectExtensionSize: ULONG, DriverObjectExtension: *mut PVOID) -> NTSTATUS, 0..=2;
    IoAttachDeviceToDeviceStack(SourceDevice: PDEVICE_OBJECT, TargetDevice: PDEVICE_OBJECT) -> PDEVICE_OBJECT, 0..=2;
    IoCreateDevice(DriverObject: PDRIVER_OBJECT, DeviceExtensionSize: ULONG, DeviceName: PUNICODE_STRING, DeviceType: ULONG, DeviceCharacteristics: ULONG, Exclusive: BOOLEAN, DeviceObject: *mut PDEVICE_OBJECT) -> NTSTATUS, 0..=1;
    IoCreateFile(FileHandle: PHANDLE, DesiredAccess: ACCESS_MASK, ObjectAttributes: POBJECT_ATTRIBUTES, IoStatusBlock: PIO_STATUS_BLOCK, AllocationSize: PLARGE_INTEGER, FileAttributes: ULONG, ShareAccess: ULONG, Disposition: ULONG, CreateOptions: ULONG, EaBuffer: PVOID, EaLength: ULONG, CreateFileType: CREATE_FILE_TYPE, InternalParameters: PVOID, Options: ULONG) -> NTSTATUS, 0..=0;
    IoDeleteDevice(DeviceObject: PDEVICE_OBJECT) -> (), 0..=1;
    IoDetachDevice(TargetDevice: PDEVICE_OBJECT) -> (), 0..=0;
    IoGetDeviceInterfaces(InterfaceClassGuid: *const GUID, PhysicalDeviceObject: PDEVICE_OBJECT, Flags: ULONG, SymbolicLinkList: *mut PWSTR) -> NTSTATUS, 0..=0;
    IoGetDeviceProperty(DeviceObject: PDEVICE_OBJECT, DeviceProperty: DEVICE_REGISTRY_PROPERTY::Type, BufferLength: ULONG, PropertyBuffer: PVOID, ResultLength: PULONG) -> NTSTATUS, 0..=0;
    IoRegisterDeviceInterface(PhysicalDeviceObject: PDEVICE_OBJECT, InterfaceClassGuid: *const GUID, ReferenceString: PUNICODE_STRING, SymbolicLinkName: PUNICODE_STRING) -> NTSTATUS, 0..=0;
    IoSetDeviceInterfaceState(SymbolicLinkName: PUNICODE_STRING, Enable: BOOLEAN) -> NTSTATUS, 0..=0;
    IoBuildDeviceIoControlRequest(IoControlCode: ULONG, DeviceObject: PDEVICE_OBJECT, InputBuffer: PVOID, InputBufferLength: ULONG, OutputBuffer: PVOID, OutputBufferLength: ULONG, InternalDeviceIoControl: BOOLEAN, Event: PKEVENT, IoStatusBlock: PIO_STATUS_BLOCK) -> PIRP, 0..=1;
    IoBuildSynchronousFsdRequest(MajorFunction: ULONG, DeviceObject: PDEVICE_OBJECT, Buffer: PVOID, Length: ULONG, StartingOffset: PLARGE_INTEGER, Event: PKEVENT, IoStatusBlock: PIO_STATUS_BLOCK) -> PIRP, 0..=1;
    IoForwardIrpSynchronously(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> BOOLEAN, 0..=1;
    IoIs32bitProcess(Irp: PIRP) -> BOOLEAN, 0..=1;
    KeFlushQueuedDpcs() -> (), 0..=0;
    ObOpenObjectByPointer(Object: PVOID, HandleAttributes: ULONG, PassedAccessState: PACCESS_STATE, DesiredAccess: ACCESS_MASK, ObjectType: POBJECT_TYPE, AccessMode: KPROCESSOR_MODE, Handle: PHANDLE) -> NTSTATUS, 0..=1;
    ObReferenceObjectByHandle(Handle: HANDLE, DesiredAccess: ACCESS_MASK, ObjectType: POBJECT_TYPE, AccessMode: KPROCESSOR_MODE, Object: *mut PVOID, HandleInformation: POBJECT_HANDLE_INFORMATION) -> NTSTATUS, 0..=0;
    RtlAppendUnicodeStringToString(Destination: PUNICODE_STRING, Source: PCUNICODE_STRING) -> NTSTATUS, 0..=2;
    RtlAppendUnicodeToString(Destination: PUNICODE_STRING, Source: PCWSTR) -> NTSTATUS, 0..=2;
    RtlCompareUnicodeString(String1: PCUNICODE_STRING, String2: PCUNICODE_STRING, CaseInSensitive: BOOLEAN) -> LONG, 0..=0;
    RtlCopyUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCUNICODE_STRING) -> (), 0..=ANY;
    RtlEqualUnicodeString(String1: PCUNICODE_STRING, String2: PCUNICODE_STRING, CaseInSensitive: BOOLEAN) -> BOOLEAN, 0..=0;
    RtlFreeUnicodeString(UnicodeString: PUNICODE_STRING) -> (), 0..=1;
    RtlGUIDFromString(GuidString: PCUNICODE_STRING, Guid: *mut GUID) -> NTSTATUS, 0..=0;
    RtlStringFromGUID(Guid: *const GUID, GuidString: PUNICODE_STRING) -> NTSTATUS, 0..=0;
    ZwClose(Handle: HANDLE) -> NTSTATUS, 0..=0;
    ZwCreateFile(FileHandle: PHANDLE, DesiredAccess: ACCESS_MASK, ObjectAttributes: POBJECT_ATTRIBUTES, IoStatusBlock: PIO_STATUS_BLOCK, AllocationSize: PLARGE_INTEGER, FileAttributes: ULONG, ShareAccess: ULONG, CreateDisposition: ULONG, CreateOptions: ULONG, EaBuffer: PVOID, EaLength: ULONG) -> NTSTATUS, 0..=0;
    ZwDeviceIoControlFile(FileHandle: HANDLE, Event: HANDLE, ApcRoutine: PIO_APC_ROUTINE, ApcContext: PVOID, IoStatusBlock: PIO_STATUS_BLOCK, IoControlCode: ULONG, InputBuffer: PVOID, InputBufferLength: ULONG, OutputBuffer: PVOID, OutputBufferLength: ULONG) -> NTSTATUS, 0..=0;
}

exports! {
    static DISPATCH = RULE;
    ExAcquireFastMutex(FastMutex: PFAST_MUTEX) -> (), 0..=1;
    ExAcquireFastMutexUnsafe(FastMutex: PFAST_MUTEX) -> (), 0..=1;
    ExAllocatePool(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T) -> PVOID, 0..=2, pool::driver_pool;
    ExAllocatePool2(Flags: POOL_FLAGS, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID, 0..=2, pool::driver_pool2;
    ExAllocatePoolWithQuotaTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID, 0..=2, pool::driver_pool_with_quota_tag;
    ExAllocatePoolWithTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID, 0..=2, pool::driver_pool_with_tag;
    ExFreePool(P: PVOID) -> (), 0..=2;
    ExFreePoolWithTag(P: PVOID, Tag: ULONG) -> (), 0..=2;
    ExGetPreviousMode() -> KPROCESSOR_MODE, 0..=2;
    ExInterlockedInsertHeadList(ListHead: PLIST_ENTRY, ListEntry: PLIST_ENTRY, Lock: PKSPIN_LOCK) -> PLIST_ENTRY, 0..=ANY;
    ExInterlockedInsertTailList(ListHead: PLIST_ENTRY, ListEntry: PLIST_ENTRY, Lock: PKSPIN_LOCK) -> PLIST_ENTRY, 0..=ANY;
    ExInterlockedRemoveHeadList(ListHead: PLIST_ENTRY, Lock: PKSPIN_LOCK) -> PLIST_ENTRY, 0..=ANY;
    ExQueueWorkItem(WorkItem: PWORK_QUEUE_ITEM, QueueType: WORK_QUEUE_TYPE) -> (), 0..=2;
    ExReleaseFastMutex(FastMutex: PFAST_MUTEX) -> (), 0..=1;
    ExReleaseFastMutexUnsafe(FastMutex: PFAST_MUTEX) -> (), 0..=1;
    ExTryToAcquireFastMutex(FastMutex: PFAST_MUTEX) -> BOOLEAN, 0..=1;
    IoAcquireCancelSpinLock(Irql: PKIRQL) -> (), 0..=2;
    IoAllocateIrp(StackSize: CCHAR, ChargeQuota: BOOLEAN) -> PIRP, 0..=2;
    IoAllocateMdl(VirtualAddress: PVOID, Length: ULONG, SecondaryBuffer: BOOLEAN, ChargeQuota: BOOLEAN, Irp: PIRP) -> PMDL, 0..=2;
    IoAllocateWorkItem(DeviceObject: PDEVICE_OBJECT) -> PIO_WORKITEM, 0..=2;
    IoCancelIrp(Irp: PIRP) -> BOOLEAN, 0..=2;
    IoFreeIrp(Irp: PIRP) -> (), 0..=2;
    IoFreeMdl(Mdl: PMDL) -> (), 0..=2;
    IoFreeWorkItem(IoWorkItem: PIO_WORKITEM) -> (), 0..=2;
    IoGetAttachedDeviceReference(DeviceObject: PDEVICE_OBJECT) -> PDEVICE_OBJECT, 0..=2;
    IoGetDriverObjectExtension(DriverObject: PDRIVER_OBJECT, ClientIdentificationAddress: PVOID) -> PVOID, 0..=2;
    IoGetFileObjectGenericMapping() -> PGENERIC_MAPPING, 0..=2;
    IoGetRelatedDeviceObject(FileObject: PFILE_OBJECT) -> PDEVICE_OBJECT, 0..=2;
    IoInvalidateDeviceRelations(DeviceObject: PDEVICE_OBJECT, Type: DEVICE_RELATION_TYPE) -> (), 0..=2;
    IoQueueWorkItem(IoWorkItem: PIO_WORKITEM, WorkerRoutine: PIO_WORKITEM_ROUTINE, QueueType: WORK_QUEUE_TYPE, Context: PVOID) -> (), 0..=2;
    IoReleaseCancelSpinLock(Irql: KIRQL) -> (), 2..=2;
    IoReuseIrp(Irp: PIRP, Status: NTSTATUS) -> (), 0..=2;
    IofCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS, 0..=2;
    IofCompleteRequest(Irp: PIRP, PriorityBoost: CCHAR) -> (), 0..=2;
    KeAcquireSpinLockAtDpcLevel(SpinLock: PKSPIN_LOCK) -> (), 2..=ANY;
    KeAcquireSpinLockRaiseToDpc(SpinLock: PKSPIN_LOCK) -> KIRQL, 0..=2;
    KeBugCheckEx(BugCheckCode: ULONG, P1: usize, P2: usize, P3: usize, P4: usize) -> (), 0..=ANY;
    KeCancelTimer(Timer: PKTIMER) -> BOOLEAN, 0..=2;
    KeClearEvent(Event: PRKEVENT) -> (), 0..=2;
    KeDelayExecutionThread(WaitMode: KPROCESSOR_MODE, Alertable: BOOLEAN, Interval: PLARGE_INTEGER) -> NTSTATUS, 0..=1;
    KeEnterCriticalRegion() -> (), 0..=15;
    KeGetCurrentIrql() -> KIRQL, 0..=ANY;
    KeGetCurrentThread() -> PKTHREAD, 0..=ANY;
    KeInitializeDpc(Dpc: PRKDPC, DeferredRoutine: PKDEFERRED_ROUTINE, DeferredContext: PVOID) -> (), 0..=ANY;
    KeInitializeEvent(Event: PRKEVENT, Type: EVENT_TYPE, State: BOOLEAN) -> (), 0..=ANY;
    KeInitializeMutex(Mutex: PRKMUTEX, Level: ULONG) -> (), 0..=ANY;
    KeInitializeSemaphore(Semaphore: PRKSEMAPHORE, Count: LONG, Limit: LONG) -> (), 0..=0;
    KeInitializeSpinLock(SpinLock: PKSPIN_LOCK) -> (), 0..=ANY;
    KeInitializeTimer(Timer: PKTIMER) -> (), 0..=2;
    KeInitializeTimerEx(Timer: PKTIMER, Type: TIMER_TYPE) -> (), 0..=2;
    KeInsertQueueDpc(Dpc: PRKDPC, SystemArgument1: PVOID, SystemArgument2: PVOID) -> BOOLEAN, 0..=ANY;
    KeLeaveCriticalRegion() -> (), 0..=15;
    KeLowerIrql(NewIrql: KIRQL) -> (), 0..=ANY;
    KeQueryInterruptTime() -> ULONGLONG, 0..=ANY;
    KeQuerySystemTimePrecise(CurrentTime: PLARGE_INTEGER) -> (), 0..=ANY, KeQuerySystemTime;
    KeQueryTimeIncrement() -> ULONG, 0..=ANY;
    KeRaiseIrqlToDpcLevel() -> KIRQL, 0..=2;
    KeReadStateEvent(Event: PRKEVENT) -> LONG, 0..=2;
    KeReadStateMutex(Mutex: PRKMUTEX) -> LONG, 0..=2;
    KeReadStateSemaphore(Semaphore: PRKSEMAPHORE) -> LONG, 0..=ANY;
    KeReadStateTimer(Timer: PKTIMER) -> BOOLEAN, 0..=2;
    KeReleaseMutex(Mutex: PRKMUTEX, Wait: BOOLEAN) -> LONG, 0..=2;
    KeReleaseSemaphore(Semaphore: PRKSEMAPHORE, Increment: KPRIORITY, Adjustment: LONG, Wait: BOOLEAN) -> LONG, 0..=2;
    KeReleaseSpinLock(SpinLock: PKSPIN_LOCK, NewIrql: KIRQL) -> (), 2..=2;
    KeReleaseSpinLockFromDpcLevel(SpinLock: PKSPIN_LOCK) -> (), 2..=ANY;
    KeRemoveQueueDpc(Dpc: PRKDPC) -> BOOLEAN, 0..=ANY;
    KeResetEvent(Event: PRKEVENT) -> LONG, 0..=2;
    KeSetEvent(Event: PRKEVENT, Increment: KPRIORITY, Wait: BOOLEAN) -> LONG, 0..=2;
    KeSetTimer(Timer: PKTIMER, DueTime: LARGE_INTEGER, Dpc: PKDPC) -> BOOLEAN, 0..=2;
    KeSetTimerEx(Timer: PKTIMER, DueTime: LARGE_INTEGER, Period: LONG, Dpc: PKDPC) -> BOOLEAN, 0..=2;
    KeWaitForMultipleObjects(Count: ULONG, Object: *mut PVOID, WaitType: WAIT_TYPE, WaitReason: KWAIT_REASON, WaitMode: KPROCESSOR_MODE, Alertable: BOOLEAN, Timeout: PLARGE_INTEGER, WaitBlockArray: PVOID) -> NTSTATUS, 0..=2;
    KeWaitForSingleObject(Object: PVOID, WaitReason: KWAIT_REASON, WaitMode: KPROCESSOR_MODE, Alertable: BOOLEAN, Timeout: PLARGE_INTEGER) -> NTSTATUS, 0..=2;
    KfRaiseIrql(NewIrql: KIRQL) -> KIRQL, 0..=ANY;
    MmBuildMdlForNonPagedPool(MemoryDescriptorList: PMDL) -> (), 0..=2;
    MmMapLockedPages(MemoryDescriptorList: PMDL, AccessMode: KPROCESSOR_MODE) -> PVOID, 0..=2;
    MmMapLockedPagesSpecifyCache(MemoryDescriptorList: PMDL, AccessMode: KPROCESSOR_MODE, CacheType: MEMORY_CACHING_TYPE, RequestedAddress: PVOID, BugCheckOnFailure: ULONG, Priority: ULONG) -> PVOID, 0..=2;
    MmProbeAndLockPages(MemoryDescriptorList: PMDL, AccessMode: KPROCESSOR_MODE, Operation: LOCK_OPERATION) -> (), 0..=2, probe_and_lock;
    MmUnlockPages(MemoryDescriptorList: PMDL) -> (), 0..=2;
    MmUnmapLockedPages(BaseAddress: PVOID, MemoryDescriptorList: PMDL) -> (), 0..=2;
    ObReferenceObjectByPointer(Object: PVOID, DesiredAccess: ACCESS_MASK, ObjectType: POBJECT_TYPE, AccessMode: KPROCESSOR_MODE) -> NTSTATUS, 0..=2;
    ObfDereferenceObject(Object: PVOID) -> LONG_PTR, 0..=2;
    ObfReferenceObject(Object: PVOID) -> LONG_PTR, 0..=2;
    PoCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS, 0..=2;
    PoStartNextPowerIrp(Irp: PIRP) -> (), 0..=2;
    PsGetCurrentThread() -> PKTHREAD, 0..=ANY, KeGetCurrentThread;
    RtlInitUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCWSTR) -> (), 0..=2;
}

exports! {
    static HAL = RULE;
    KeGetCurrentIrql() -> KIRQL, 0..=ANY;
    KeLowerIrql(NewIrql: KIRQL) -> (), 0..=ANY;
    KeQueryPerformanceCounter(PerformanceFrequency: PLARGE_INTEGER) -> LARGE_INTEGER, 0..=ANY;
    KeRaiseIrqlToDpcLevel() -> KIRQL, 0..=2;
    KfRaiseIrql(NewIrql: KIRQL) -> KIRQL, 0..=ANY;
}

unsafe fn probe_and_lock(mdl: PMDL, mode: KPROCESSOR_MODE, operation: LOCK_OPERATION) {
    // SAFETY: the driver's promise.
    if let Err(status) = unsafe { MmProbeAndLockPages(mdl, mode, operation) } {
        seh::raise(status)
    }
}

unsafe extern "win64" fn breakpoint() {
    bugcheck::stop(("breakpoint", 0x1E, 0), "DbgBreakPoint")
}

/// The tables of this file and of those that have their own.
fn tables() -> impl Iterator<Item = &'static [&'static Export]> {
    let own = [
        PASSIVE,
        DISPATCH,
        ansi::EXPORTS,
        print::EXPORTS,
        queued_lock::EXPORTS,
        remove_lock::EXPORTS,
        resource::EXPORTS,
        seh::EXPORTS,
        slist::EXPORTS,
        version::EXPORTS,
    ];
    own.into_iter().chain(registry::tables())
}

/// The functions without a thunk.
fn plain(name: &str) -> Option<*const ()> {
    let breakpoint = (name == "DbgBreakPoint").then_some(breakpoint as *const ());
    breakpoint.or_else(|| crt::function(name)).or_else(|| seh::function(name))
}

/// The variables that are exported.
fn variable(name: &str) -> Option<*const c_void> {
    Some(match name {
        "IoFileObjectType" => (&raw const FILE_POINTER).cast(),
        "ExEventObjectType" => (&raw const EVENT_POINTER).cast(),
        "ExSemaphoreObjectType" => (&raw const SEMAPHORE_POINTER).cast(),
        _ => return None,
    })
}

/// The names that the real DLLs export, as far as open sources and the documentation tell.
const NTOSKRNL_NAMES: &str = include_str!("ntoskrnl.txt");
const HAL_NAMES: &str = include_str!("hal.txt");

/// The import of that name from ntoskrnl.exe or HAL.dll; None when the real DLL has no such export.
pub(super) fn lookup(dll: &str, name: &str) -> Option<Import> {
    if dll.eq_ignore_ascii_case("hal.dll") {
        return find(HAL, name)
            .or_else(|| HAL_NAMES.lines().any(|known| known == name).then(|| missing(name)));
    }
    if !dll.eq_ignore_ascii_case("ntoskrnl.exe") {
        return None;
    }
    tables()
        .find_map(|table| find(table, name))
        .or_else(|| plain(name).map(open))
        .or_else(|| variable(name).map(|address| Import::Data(address as usize)))
        .or_else(|| NTOSKRNL_NAMES.lines().any(|known| known == name).then(|| missing(name)))
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::nt::{Machine, MachineOptions, violation};

    fn thunk(dll: &str, name: &str) -> usize {
        match lookup(dll, name) {
            Some(Import::Function { thunk, .. }) => thunk,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Names resolve without regard to the DLL's case: functions, variables, names not emulated; others do not.
    #[test]
    fn names_resolve() {
        assert!(matches!(lookup("NTOSKRNL.EXE", "IoFileObjectType"), Some(Import::Data(_))));
        assert!(matches!(lookup("ntoskrnl.exe", "FsRtlOplockFsctrl"), Some(Import::Function { .. })));
        assert!(lookup("ntoskrnl.exe", "KsPinGetState").is_none());
        assert!(lookup("ks.sys", "memcpy").is_none());
        assert_ne!(thunk("HAL.dll", "KeQueryPerformanceCounter"), 0);
    }

    /// A call through a thunk at a wrong IRQL is a violation with the export's name, and is carried out.
    #[test]
    fn thunk_checks_irql() {
        let machine = Machine::new(MachineOptions { preemption: 0, ..MachineOptions::default() });
        let address = thunk("ntoskrnl.exe", "RtlFreeUnicodeString");
        // SAFETY: the thunk has this type.
        let free: unsafe extern "win64" fn(PUNICODE_STRING) = unsafe { std::mem::transmute(address) };
        let mut string = UNICODE_STRING { Length: 0, MaximumLength: 7, Buffer: null_mut() };
        let old = KeRaiseIrqlToDpcLevel();
        // SAFETY: a local string.
        unsafe { free(&raw mut string) };
        KeLowerIrql(old);
        assert_eq!(string.MaximumLength, 0);
        let found = violation::take();
        assert_eq!((found.len(), found[0].object.as_str()), (1, "RtlFreeUnicodeString"));
        machine.shutdown();
    }
}
