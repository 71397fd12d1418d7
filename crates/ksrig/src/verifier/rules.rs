//! The table of rules.

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name: Driver Verifier's where it has one, else the rig's.
    pub name: &'static str,
    /// The bug check that Windows stops with, 0 for the rig's own rules.
    pub bug_check: u32,
    /// The first parameter of it; none where that is an address or says nothing about the rule. Rules that group several
    /// checks name the first.
    pub code: Option<u32>,
    /// What a driver has to do.
    pub title: &'static str,
    /// Where that is written.
    pub page: &'static str,
}

/// A rule of Driver Verifier's: DRIVER_VERIFIER_DETECTED_VIOLATION.
const fn rule(name: &'static str, code: u32, title: &'static str, page: &'static str) -> Rule {
    with(name, (0xC4, Some(code)), title, page)
}

/// A rule that another bug check stands for.
const fn with(
    name: &'static str,
    (bug_check, code): (u32, Option<u32>),
    title: &'static str,
    page: &'static str,
) -> Rule {
    Rule { name, bug_check, code, title, page }
}

/// A rule of the rig's own.
const fn own(name: &'static str, title: &'static str, page: &'static str) -> Rule {
    with(name, (0, None), title, page)
}

macro_rules! devtest {
    ($page:literal) => {
        concat!("https://learn.microsoft.com/windows-hardware/drivers/devtest/", $page)
    };
}

macro_rules! stream {
    ($page:literal) => {
        concat!("https://learn.microsoft.com/windows-hardware/drivers/stream/", $page)
    };
}

macro_rules! ddi {
    ($page:literal) => {
        concat!("https://learn.microsoft.com/windows-hardware/drivers/ddi/", $page)
    };
}

macro_rules! bugcheck {
    ($page:literal) => {
        concat!("https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-0x", $page)
    };
}

const BUGCHECK_C4: &str = bugcheck!("c4--driver-verifier-detected-violation");
const BUGCHECK_C9: &str = bugcheck!("c9--driver-verifier-iomanager-violation");
const BUGCHECK_C2: &str = bugcheck!("c2--bad-pool-caller");
const EXCEPTION: &str = bugcheck!("1e--kmode-exception-not-handled");

/// All rules the rig knows.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    // Port/miniport interface checking: the KS rules.
    rule("KsDeviceMutex", 0x81001, "KsAcquireDevice and KsReleaseDevice come in pairs, in this order", devtest!("ks-ksdevicemutex")),
    rule("KsStreamPointerClone", 0x81002, "every cloned stream pointer is deleted", devtest!("ks-ksstreampointerclone")),
    rule("KsStreamPointerLock", 0x81003, "a locked stream pointer is not locked again, an unlocked one is not unlocked", devtest!("ks-ksstreampointerlock")),
    rule("KsStreamPointerUnlock", 0x81004, "all stream pointers are unlocked before the pin stops", devtest!("ks-ksstreampointerunlock")),
    rule("KsCallbackReturn", 0x81005, "callbacks return allowed statuses only: Connect, SetDeviceState and SetDataFormat never STATUS_PENDING", devtest!("ks-kscallbackreturn")),
    rule("KsIrqlDeviceCallbacks", 0x81006, "a device callback returns at the IRQL it was called at", devtest!("ks-ksirqldevicecallbacks")),
    rule("KsIrqlFilterCallbacks", 0x81007, "a filter callback returns at the IRQL it was called at", devtest!("ks-ksirqlfiltercallbacks")),
    rule("KsIrqlPinCallbacks", 0x81008, "a pin callback returns at the IRQL it was called at", devtest!("ks-ksirqlpincallbacks")),
    rule("KsIrqlDDIs", 0x81009, "KS functions are called at the IRQL their pages allow", devtest!("ks-ksirqlddis")),
    rule("KsFilterMutex", 0x8100A, "the filter control mutex is not taken twice nor released by who does not hold it", devtest!("ks-ksfiltermutex")),
    rule("KsProcessingMutex", 0x8100B, "the processing mutex is not taken twice, and the control mutex not while it is held", devtest!("ks-ksprocessingmutex")),
    rule("KsInvalidStreamPointer", 0x8100C, "stream pointer functions get an edge or a live clone, KsStreamPointerDelete a clone", devtest!("ks-ksinvalidstreampointer")),
    rule("KsTimedPinSetDeviceState", 0x82001, "SetDeviceState returns within 500 ms", devtest!("ks-kstimedpinsetdevicestate")),
    rule("KsTimedDeviceCallbacks", 0x82002, "a device callback returns within 500 ms", devtest!("ks-kstimeddevicecallbacks")),
    rule("KsTimedFilterCallbacks", 0x82003, "a filter callback returns within 500 ms", devtest!("ks-kstimedfiltercallbacks")),
    rule("KsTimedPinCallbacks", 0x82004, "a pin callback returns within 500 ms", devtest!("ks-kstimedpincallbacks")),
    rule("KsTimedProcessingMutex", 0x82005, "the processing mutex is held for 100 ms at most", devtest!("ks-kstimedprocessingmutex")),
    own("KsMarkPendingIrp", "a create or close callback that returns STATUS_PENDING has called IoMarkIrpPending", devtest!("ksmarkpendingirp")),

    // What the AVStream pages say without a rule of Driver Verifier.
    own("KsDescriptor", "descriptors hold together: sizes, counts, flags that exclude each other", ddi!("ks/ns-ks-_kspin_descriptor_ex")),
    own("KsConnectSameFilter", "a source pin is not connected to a sink of the same filter instance", ddi!("ks/ns-ks-kspin_connect")),
    own("KsLockOrder", "a thread takes the device mutex before a filter control mutex, never after it", stream!("device-mutex-in-avstream")),
    own("KsCancelCallback", "a clone whose cancel callback was called is deleted, and the callback calls nothing else of the queue", ddi!("ks/nc-ks-pfnksstreampointer")),
    own("KsFilterClose", "a filter is closed when its pins are gone", ddi!("ks/nc-ks-pfnksfilterirp")),
    own("KsInterfaceReference", "every interface reference is released before its object dies", ddi!("ks/nf-ks-kspingetconnectedpininterface")),
    own("KsRemoveEvent", "the remove handler of an event unlinks its entry", ddi!("ks/nc-ks-pfnksremoveevent")),
    own("KsEventLeft", "events that the driver keeps in a list of its own are cleaned up before their object is closed", ddi!("ks/nc-ks-pfnksaddevent")),
    own("KsAllocatorFrames", "the frames of an allocator are given back before it is closed", ddi!("ks/nc-ks-pfnksdeleteallocator")),
    own("KsObjectBag", "an object bag is touched with its owner's mutex held, and is emptied once", stream!("object-bags")),
    own("KsProcessNoProgress", "Process that returns STATUS_SUCCESS has moved its stream pointer", stream!("restarting-processing-in-avstream")),
    own("KsProcessPinUpdate", "KsProcessPinUpdate is called within a filter's Process", ddi!("ks/nf-ks-ksprocesspinupdate")),
    own("KsPinAttachGate", "a gate is attached to a pin in STOP, and not to one with SOME_FRAMES_REQUIRED_FOR_PROCESSING", ddi!("ks/nf-ks-kspinattachorgate")),
    own("KsPinRegisterCallback", "frame return and IRP completion callbacks are registered in STOP", ddi!("ks/nf-ks-kspinregisterframereturncallback")),
    own("KsPowerCallbacks", "sleep and wake callbacks are given, one at least, and take no filter control mutex", ddi!("ks/nf-ks-kspinregisterpowercallbacks")),
    own("KsMappings", "a device registers its DMA adapter before a pin that generates mappings locks a frame", ddi!("ks/nf-ks-ksdeviceregisteradapterobject")),
    own("KsDataUsed", "DataUsed of a frame is at most its FrameExtent, and FrameExtent stays what it was", ddi!("ks/ns-ks-ksstream_header")),
    own("KsStreamPointerAdvanceOffsets", "offsets advance no further than what remains", ddi!("ks/nf-ks-ksstreampointeradvanceoffsets")),

    own("KsInvalidObject", "AVStream functions get live AVStream objects", ddi!("ks/nf-ks-ksgetobjecttypefromirp")),
    own("KsInvalidEventEntry", "event functions get entries of enabled events", ddi!("ks/nf-ks-ksgenerateevent")),
    own("KsInvalidWorker", "worker functions get registered workers, counted ones where they count", ddi!("ks/nf-ks-ksregistercountedworker")),
    own("KsHandleSizedListQuery", "the list fits into a ULONG", ddi!("ks/nf-ks-kshandlesizedlistquery")),
    own("KsPinAttemptProcessing", "the pin is not NULL", ddi!("ks/nf-ks-kspinattemptprocessing")),

    // DDI compliance and automatic checks of the executive.
    rule("IrqlDdi", 0x20003, "kernel functions are called at the IRQL their pages allow", devtest!("ddi-compliance-checking")),
    rule("IrqlReturn", 0x2001D, "a dispatch routine returns at the IRQL it was called at", devtest!("wdm-irqlreturn")),
    rule("DeadlockDetection", 0x1001, "locks are initialised once, taken in one order, released by their holder, and free when they end", devtest!("deadlock-detection")),
    rule("CriticalRegions", 0x40003, "critical regions are left as often as they are entered", devtest!("wdm-criticalregions")),
    rule("KeRaiseIrql", 0x30, "KeRaiseIrql raises", BUGCHECK_C4),
    rule("KeLowerIrql", 0x31, "KeLowerIrql lowers", BUGCHECK_C4),
    rule("IrqlKeWait", 0x122, "nobody waits at DISPATCH_LEVEL", BUGCHECK_C4),
    rule("SpinLock", 0x32, "spin locks are released once, at DISPATCH_LEVEL, by their holder", BUGCHECK_C4),
    rule("FastMutex", 0x33, "fast mutexes are taken and released at the right IRQL, by their holder", BUGCHECK_C4),
    rule("Resource", 0x37, "resources are initialised and deleted once, and held with APCs disabled", BUGCHECK_C4),
    rule("PoolAllocation", 0x00, "pool is asked for with a size and at an IRQL its type allows", BUGCHECK_C4),
    rule("PoolFree", 0x15, "pool is freed once, at an IRQL its type allows, with nothing alive in it", BUGCHECK_C4),
    with("PoolTag", (0xC2, Some(0x0A)), "pool has a tag, and is freed with the same", BUGCHECK_C2),
    rule("PoolLeak", 0x62, "everything is freed when the driver is unloaded", BUGCHECK_C4),
    with("SpecialPoolEnd", (0xD6, None), "an allocation is used from its start to its end", bugcheck!("d6--driver-page-fault-beyond-end-of-allocation")),
    with("SpecialPoolFreed", (0xD5, None), "freed memory is not touched", bugcheck!("d5--driver-page-fault-in-freed-special-pool")),
    with("SpecialPoolCorruption", (0xC1, Some(0x23)), "nothing is written around an allocation (the number is the fourth parameter)", bugcheck!("c1--special-pool-detected-memory-corruption")),
    with("ForceIrql", (0xD1, None), "pageable memory and code are reached below DISPATCH_LEVEL only", devtest!("force-irql-checking")),
    rule("PageableObject", 0xE1, "locks and objects to wait for lie in nonpaged memory", BUGCHECK_C4),
    rule("SecurityChecks", 0xE3, "what a driver hands to the kernel in its own name is no program's address, and its strings are well-formed", devtest!("security-checks")),
    with("UserMemory", (0x50, None), "a program's memory is reached in its process, or through a locked MDL", devtest!("security-checks")),
    rule("Lookaside", 0xCA, "lookaside lists are initialised and deleted once", BUGCHECK_C4),
    rule("KeWaitStack", 0x123, "an object on a stack is waited for in KernelMode", BUGCHECK_C4),
    rule("HandleReference", 0xF5, "handles are referenced in the mode that they belong to, and are not NULL", BUGCHECK_C4),
    rule("CompletionRoutine", 0xFA, "a completion routine keeps the IRQL and the APC disable count", BUGCHECK_C4),
    with("DpcApcCount", (0xC7, Some(4)), "a DPC keeps the APC disable count", bugcheck!("c7--timer-or-dpc-invalid")),
    with("UnloadUncancelled", (0xCE, None), "no work item, lookaside list or resource of a driver is alive when it is unloaded", bugcheck!("ce--driver-unloaded-without-cancelling-pending-operations")),
    rule("CodeIntegrity", 0x2000, "pool and mappings are not executable, nor are writable sections, and sections begin on pages", devtest!("code-integrity-checking")),
    with("UnloadPending", (0xC7, Some(0)), "no timer or DPC is alive in memory that is freed, or in the image of a driver that is unloaded", bugcheck!("c7--timer-or-dpc-invalid")),
    rule("MemcpyOverlap", 0xF0, "memcpy is not used for buffers that overlap", BUGCHECK_C4),
    rule("Mdl", 0x7C, "an MDL is locked, mapped, unmapped, unlocked and freed in this order, once", BUGCHECK_C4),
    with("IoCompleteRequest", (0xC9, Some(0x06)), "an IRP is completed with a final status, its result in the buffer, its cancel routine taken back", BUGCHECK_C9),
    with("IoMarkIrpPending", (0xC9, Some(0x23D)), "a dispatch routine that returns STATUS_PENDING has called IoMarkIrpPending", BUGCHECK_C9),
    with("Irp", (0xC9, Some(0x226)), "a dispatch routine completes the IRP, passes it on or marks it pending", BUGCHECK_C9),
    own("CancelRoutine", "a cancel routine releases the cancel spin lock at the IRP's CancelIrql", ddi!("wdm/nc-wdm-driver_cancel")),
    own("IoDetachDevice", "IoDetachDevice is called for a device that another is attached to", ddi!("wdm/nf-wdm-iodetachdevice")),
    own("SystemThread", "functions of Plug and Play whose pages say so are called in the context of a system thread", ddi!("wdm/nf-wdm-ioregisterdeviceinterface")),
    rule("IrpCancelled", 0x135, "an IRP that was cancelled is completed in time", BUGCHECK_C4),
    own("ObjectLeft", "no file, object or MDL that came about through a driver is alive when it has been unloaded", devtest!("pool-tracking")),
    own("Recovery", "when what failed works again, the driver does what it did before", devtest!("systematic-low-resource-simulation")),
    rule("PnpRemove", 0x43006, "a device that nobody uses lets itself be removed, and requests that must not fail do not", devtest!("wdm-pnpremove")),

    // What nothing goes on after.
    with("ObjectReference", (0x18, None), "a reference is to a live object", bugcheck!("18--reference-by-pointer")),
    with("ListEntry", (0x139, Some(3)), "the links of a list agree", bugcheck!("139--kernel-security-check-failure")),
    with("FastFail", (0x139, None), "the driver's own checks of its state hold", bugcheck!("139--kernel-security-check-failure")),
    with("WorkItem", (0x96, None), "a work item is queued once, and freed when it has run", bugcheck!("96--invalid-work-queue-item")),
    with("IrpLocations", (0x35, None), "an IRP has a stack location for each driver", bugcheck!("35--no-more-irp-stack-locations")),
    own("KeWait", "objects that are waited for are initialised, and not too many", ddi!("wdm/nf-wdm-kewaitforsingleobject")),
    rule("RemoveLock", 0xD5, "a remove lock is initialised once, and released as often as it is acquired, with the same tags", BUGCHECK_C4),
    with("KeBugCheckEx", (0, None), "the driver has no reason to stop the system", ddi!("wdm/nf-wdm-kebugcheckex")),
    own("IoDeleteDevice", "a device object is deleted once", ddi!("wdm/nf-wdm-iodeletedevice")),
    with("IoCallDriver", (0xC9, Some(0x203)), "an IRP is sent on without a cancel routine, to a driver that has a dispatch routine for it", BUGCHECK_C9),
    with("access violation", (0x50, None), "memory is touched that is there", bugcheck!("50--page-fault-in-nonpaged-area")),
    with("misaligned data", (0x1E, None), "data is aligned as its reader asks for", EXCEPTION),
    with("illegal instruction", (0x1E, None), "no dead end of the code is reached", EXCEPTION),
    with("divide error", (0x1E, None), "nothing is divided by zero, and quotients fit", EXCEPTION),
    with("breakpoint", (0x1E, None), "no breakpoint is left in the driver", EXCEPTION),
    with("assertion", (0x1E, None), "the driver's assertions hold", EXCEPTION),
    with("unhandled exception", (0x1E, None), "an exception is handled by the driver that raised it", EXCEPTION),
    with("general protection", (0x1E, None), "addresses are canonical", EXCEPTION),
    with("stack overflow", (0x7F, Some(8)), "a thread's stack suffices", bugcheck!("7f--unexpected-kernel-mode-trap")),
    own("invalid unwind", "the frame to unwind to is one of the driver's", EXCEPTION),
    with("LockedPages", (0xCB, None), "a program's pages that a driver locks are unlocked", bugcheck!("cb--driver-left-locked-pages-in-process")),
    with("RemoveDevice", (0xC9, Some(0x306)), "at REMOVE_DEVICE a driver detaches and deletes its device object, and reports success", BUGCHECK_C9),
    own("no end", "a run comes to its end", devtest!("deadlock-detection")),
    own("deadlock", "some thread can go on", devtest!("deadlock-detection")),
];
