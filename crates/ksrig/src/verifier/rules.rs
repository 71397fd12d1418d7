//! The table of rules.

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name: Driver Verifier's where it has one, else the rig's.
    pub name: &'static str,
    /// The first parameter of bug check 0xC4 for it, 0 for the rig's own rules. Rules that group several
    /// checks name the first.
    pub code: u32,
    /// What a driver has to do.
    pub title: &'static str,
    /// Where that is written.
    pub page: &'static str,
}

const fn rule(name: &'static str, code: u32, title: &'static str, page: &'static str) -> Rule {
    Rule { name, code, title, page }
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

const BUGCHECK_C4: &str = "https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-0xc4--driver-verifier-detected-violation";
const BUGCHECK_C9: &str = "https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-0xc9--driver-verifier-iomanager-violation";
const BUGCHECK_C2: &str =
    "https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-0xc2--bad-pool-caller";

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
    rule("KsMarkPendingIrp", 0, "a create or close callback that returns STATUS_PENDING has called IoMarkIrpPending", devtest!("ksmarkpendingirp")),

    // What the AVStream pages say without a rule of Driver Verifier.
    rule("KsDescriptor", 0, "descriptors hold together: sizes, counts, flags that exclude each other", ddi!("ks/ns-ks-_kspin_descriptor_ex")),
    rule("KsConnectSameFilter", 0, "a source pin is not connected to a sink of the same filter instance", ddi!("ks/ns-ks-kspin_connect")),
    rule("KsLockOrder", 0, "a thread takes the device mutex before a filter control mutex, never after it", stream!("device-mutex-in-avstream")),
    rule("KsCancelCallback", 0, "a clone's cancel callback deletes the clone and calls nothing else of the queue", ddi!("ks/nc-ks-pfnksstreampointer")),
    rule("KsFilterClose", 0, "a filter is closed when its pins are gone", ddi!("ks/nc-ks-pfnksfilterirp")),
    rule("KsInterfaceReference", 0, "every interface reference is released before its object dies", ddi!("ks/nf-ks-kspingetconnectedpininterface")),
    rule("KsRemoveEvent", 0, "the remove handler of an event unlinks its entry", ddi!("ks/nc-ks-pfnksremoveevent")),
    rule("KsEventLeft", 0, "events that the driver keeps in a list of its own are cleaned up before their object is closed", ddi!("ks/nc-ks-pfnksaddevent")),
    rule("KsAllocatorFrames", 0, "the frames of an allocator are given back before it is closed", ddi!("ks/nc-ks-pfnksdeleteallocator")),
    rule("KsObjectBag", 0, "an object bag is touched with its owner's mutex held, and is emptied once", stream!("object-bags")),
    rule("KsProcessNoProgress", 0, "Process that returns STATUS_SUCCESS has moved its stream pointer", stream!("restarting-processing-in-avstream")),
    rule("KsProcessPinUpdate", 0, "KsProcessPinUpdate is called within a filter's Process", ddi!("ks/nf-ks-ksprocesspinupdate")),
    rule("KsPinAttachGate", 0, "a gate is attached to a pin in STOP, and not to one with SOME_FRAMES_REQUIRED_FOR_PROCESSING", ddi!("ks/nf-ks-kspinattachorgate")),
    rule("KsPinRegisterCallback", 0, "frame return and IRP completion callbacks are registered in STOP", ddi!("ks/nf-ks-kspinregisterframereturncallback")),
    rule("KsPowerCallbacks", 0, "sleep and wake callbacks are given, one at least, and take no filter control mutex", ddi!("ks/nf-ks-kspinregisterpowercallbacks")),
    rule("KsMappings", 0, "a device registers its DMA adapter before a pin that generates mappings locks a frame", ddi!("ks/nf-ks-ksdeviceregisteradapterobject")),
    rule("KsDataUsed", 0, "DataUsed of a frame is at most its FrameExtent, and FrameExtent stays what it was", ddi!("ks/ns-ks-ksstream_header")),
    rule("KsStreamPointerAdvanceOffsets", 0, "offsets advance no further than what remains", ddi!("ks/nf-ks-ksstreampointeradvanceoffsets")),

    // DDI compliance and automatic checks of the executive.
    rule("IrqlDdi", 0x20003, "kernel functions are called at the IRQL their pages allow", devtest!("ddi-compliance-checking")),
    rule("IrqlReturn", 0x2001D, "a dispatch routine returns at the IRQL it was called at", devtest!("wdm-irqlreturn")),
    rule("CriticalRegions", 0x40003, "critical regions are left as often as they are entered", devtest!("wdm-criticalregions")),
    rule("KeRaiseIrql", 0x30, "KeRaiseIrql raises", BUGCHECK_C4),
    rule("KeLowerIrql", 0x31, "KeLowerIrql lowers", BUGCHECK_C4),
    rule("IrqlKeWait", 0x3B, "nobody waits at DISPATCH_LEVEL", BUGCHECK_C4),
    rule("SpinLock", 0x32, "spin locks are released once, at DISPATCH_LEVEL, by their holder", BUGCHECK_C4),
    rule("FastMutex", 0x33, "fast mutexes are taken and released at the right IRQL, by their holder", BUGCHECK_C4),
    rule("Resource", 0x37, "resources are initialised and deleted once, and held with APCs disabled", BUGCHECK_C4),
    rule("PoolAllocation", 0x00, "pool is asked for with a size and at an IRQL its type allows", BUGCHECK_C4),
    rule("PoolFree", 0x15, "pool is freed once, at an IRQL its type allows, with nothing alive in it", BUGCHECK_C4),
    rule("PoolTag", 0x0A, "pool has a tag, and is freed with the same", BUGCHECK_C2),
    rule("PoolLeak", 0x62, "everything is freed when the driver is unloaded", BUGCHECK_C4),
    rule("CodeIntegrity", 0x2000, "pool is not executable", devtest!("code-integrity-checking")),
    rule("UnloadPending", 0, "no timer, DPC or work item of a driver is alive when it is unloaded", BUGCHECK_C4),
    rule("MemcpyOverlap", 0xF0, "memcpy is not used for buffers that overlap", BUGCHECK_C4),
    rule("Mdl", 0x7C, "an MDL is locked, mapped, unmapped, unlocked and freed in this order, once", BUGCHECK_C4),
    rule("IoCompleteRequest", 0, "an IRP is completed with a final status, its result in the buffer, its cancel routine taken back", BUGCHECK_C9),
    rule("IoMarkIrpPending", 0x23D, "a dispatch routine that returns STATUS_PENDING has called IoMarkIrpPending", BUGCHECK_C9),
    rule("Irp", 0x226, "a dispatch routine completes the IRP, passes it on or marks it pending", BUGCHECK_C9),
    rule("CancelRoutine", 0, "a cancel routine releases the cancel spin lock at the IRP's CancelIrql", ddi!("wdm/nc-wdm-driver_cancel")),
    rule("IoDetachDevice", 0, "IoDetachDevice is called for a device that another is attached to", ddi!("wdm/nf-wdm-iodetachdevice")),
    rule("SystemThread", 0, "functions of Plug and Play whose pages say so are called in the context of a system thread", ddi!("wdm/nf-wdm-ioregisterdeviceinterface")),
    rule("IrpCancelled", 0x135, "an IRP that was cancelled is completed in time", BUGCHECK_C4),
    rule("ObjectLeft", 0, "no file, object or MDL that came about through a driver is alive when it has been unloaded", devtest!("pool-tracking")),
    rule("Recovery", 0, "when what failed works again, the driver does what it did before", devtest!("systematic-low-resource-simulation")),
    rule("Disconnect", 0, "each connection that Connect has accepted is ended by one Disconnect", ddi!("ks/ns-ks-_kspin_dispatch")),
    rule("PnpRemove", 0x43006, "a device that nobody uses lets itself be removed", devtest!("wdm-pnpremove")),
];
