//! With what a call may fail.

use ks_sys::*;

/// The failures of a call that a driver has to reckon with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failures {
    /// It does not fail by bad luck, for this reason.
    Never(&'static str),
    /// With these statuses; a call that returns a pointer returns NULL.
    With(&'static [NTSTATUS]),
}

/// The usual failure, of all calls that are not in [`TABLE`].
const MEMORY: &[NTSTATUS] = &[STATUS_INSUFFICIENT_RESOURCES];

/// How a call can fail.
pub fn failures(call: &str) -> Failures {
    let known = TABLE.iter().find(|(names, _)| names.contains(&call));
    known.map_or(With(MEMORY), |(_, failures)| *failures)
}

use Failures::{Never, With};

/// The calls that fail otherwise than by a lack of memory, or not at all.
#[rustfmt::skip]
pub(super) const TABLE: &[(&[&str], Failures)] = &[
    (&["ExAllocatePool", "ExAllocatePool2", "ExAllocatePoolWithTag", "ExAllocatePoolWithQuotaTag"],
        Never("the pool fails itself: some of its requests raise")),
    (&["KeWaitForSingleObject", "KeWaitForMultipleObjects", "KeDelayExecutionThread"],
        Never("the wait fails itself, if it is alertable or has a time-out")),
    (&["RtlCompareUnicodeString", "KeReadStateEvent", "KeReadStateMutex", "KeReadStateSemaphore", "KeReleaseMutex", "KeReleaseSemaphore",
       "KeResetEvent", "KeSetEvent"],
        Never("the answer is a number, and no status")),
    (&["IofCallDriver", "PoCallDriver"],
        Never("the answer is the lower driver's, which has the request")),
    (&["KsGetDeviceForDeviceObject", "KsGetParent", "KsGetDevice", "KsPinGetParentFilter", "KsGetFilterFromIrp", "KsGetPinFromIrp",
       "KsGetObjectTypeFromIrp", "KsGetObjectTypeFromFileObject", "KsGetObjectFromFileObject", "KsGetOuterUnknown", "KsPinGetAndGate",
       "KsFilterGetAndGate", "KsFilterFactoryGetSymbolicLink",
       "IoGetRelatedDeviceObject", "IoGetAttachedDeviceReference", "IoGetDriverObjectExtension", "IoGetFileObjectGenericMapping",
       "KeGetCurrentThread", "PsGetCurrentThread", "RtlPcToFileHeader", "RtlLookupFunctionEntry", "RtlVirtualUnwind"],
        Never("looks up what a live object has")),
    (&["KsGetFirstChild", "KsGetNextSibling", "KsFilterGetFirstChildPin", "KsPinGetNextSiblingPin", "KsPinGetFirstCloneStreamPointer",
       "KsStreamPointerGetNextClone", "ExInterlockedInsertHeadList", "ExInterlockedInsertTailList", "ExInterlockedRemoveHeadList",
       "ExpInterlockedFlushSList", "ExpInterlockedPopEntrySList", "ExpInterlockedPushEntrySList"],
        Never("NULL is the end of a list, not a failure")),
    (&["KsStreamPointerAdvance", "KsStreamPointerAdvanceOffsets", "KsPinGetAvailableByteCount"],
        Never("fails only when there is no frame, and leaves the pointer accordingly")),
    (&["KsStreamPointerGetIrp", "KsStreamPointerGetMdl", "KsStreamPointerSetStatusCode"],
        Never("tells or changes what a locked frame has")),
    (&["KsHandleSizedListQuery", "RtlAppendUnicodeStringToString", "RtlAppendUnicodeToString", "RtlGUIDFromString"],
        Never("the answer depends on the arguments alone")),
    (&["KsDispatchSpecificProperty", "KsDispatchSpecificMethod"],
        Never("the answer is the driver's handler's")),
    (&["KsFreeObjectCreateItemsByContext", "KsDisableEvent", "ExDeleteResourceLite", "ZwClose", "ZwFlushKey"],
        Never("undoes what has been done")),
    (&["KsQueueWorkItem", "ExInitializeResourceLite", "RtlGetVersion", "DbgPrint", "DbgPrintEx", "vDbgPrintEx", "vDbgPrintExWithPrefix",
       "ObReferenceObjectByPointer"],
        Never("needs nothing that could be missing")),
    (&["MmMapLockedPages"],
        Never("raises where MmMapLockedPagesSpecifyCache returns NULL")),
    (&["strcpy", "strncpy", "strcat", "strncat", "strchr", "strrchr", "strstr"],
        Never("a function of the C library")),
    (&["KsPinGetConnectedPinInterface", "KsPinGetConnectedFilterInterface"],
        With(&[STATUS_UNSUCCESSFUL, STATUS_NOINTERFACE])),
    (&["KsPinGetReferenceClockInterface", "KsFilterFactorySetDeviceClassesState", "KsGenerateEvent"],
        With(&[STATUS_UNSUCCESSFUL])),
    (&["KsStreamPointerLock"], With(&[STATUS_DEVICE_NOT_READY])),
    (&["KsPinSubmitFrame", "KsPinSubmitFrameMdl"], With(&[STATUS_INSUFFICIENT_RESOURCES, STATUS_DEVICE_NOT_READY])),
    (&["KsSynchronousIoControlDevice"], With(&[STATUS_INSUFFICIENT_RESOURCES, STATUS_UNSUCCESSFUL])),
    (&["IUnknown::QueryInterface", "IKsControl::QueryInterface", "IKsDeviceFunctions::QueryInterface"], With(&[STATUS_NOINTERFACE])),
    (&["IKsReferenceClock::GetResolution", "IKsReferenceClock::GetState"], With(&[STATUS_UNSUCCESSFUL])),
    (&["ObReferenceObjectByHandle"], With(&[STATUS_INVALID_HANDLE])),
    (&["IoAcquireRemoveLockEx"], With(&[STATUS_DELETE_PENDING])),
    (&["IoGetDeviceProperty"], With(&[STATUS_INVALID_DEVICE_REQUEST])),
    (&["ZwOpenKey", "ZwQueryValueKey", "RtlQueryRegistryValues", "RtlCheckRegistryKey"],
        With(&[STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INSUFFICIENT_RESOURCES])),
    (&["RtlStringFromGUID", "RtlAnsiStringToUnicodeString", "RtlUnicodeStringToAnsiString"], With(&[STATUS_NO_MEMORY])),
];
