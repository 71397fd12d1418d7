//! I/O request packets.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    collections::BTreeMap,
    ptr::null_mut,
};

use ks_sys::*;

use crate::nt::{
    bugcheck,
    machine::{Machine, lock},
    thread::Thread,
};

/// What the rig knows about an IRP beside the IRP.
pub(in crate::nt) struct Info {
    pub number: u64,
    layout: Layout,
    /// The thread that waits for it, for IRPs that the I/O manager finishes.
    pub thread: Option<u32>,
    /// The file object it holds a reference of.
    pub file: usize,
    /// Whether it holds a reference of its event.
    pub event: bool,
    /// The length of the caller's buffer behind a system buffer.
    pub output_length: u32,
    /// From a program of 32 bits.
    pub narrow: bool,
    /// Created by the I/O manager itself: the outcome is always delivered.
    pub always: bool,
}

/// The IRPs of one machine, by address.
pub(in crate::nt) struct Irps {
    live: BTreeMap<usize, Info>,
    /// The address of the system cancel spin lock.
    pub cancel_lock: usize,
}

impl Default for Irps {
    fn default() -> Self {
        let cancel_lock: &'static mut KSPIN_LOCK = Box::leak(Box::new(0));
        Self { live: BTreeMap::new(), cancel_lock: cancel_lock as PKSPIN_LOCK as usize }
    }
}

/// Changes what the rig knows about an IRP.
pub(in crate::nt) fn with_info<R>(irp: PIRP, change: impl FnOnce(&mut Info) -> R) -> R {
    let result = lock(&Machine::current().irps).live.get_mut(&(irp as usize)).map(change);
    result.unwrap_or_else(|| {
        bugcheck::stop(
            ("Irp", 0xC9, 0x01),
            "the pointer is no live IRP (never allocated, freed, or completed already)",
        )
    })
}

/// Whether this is the IRP of that number, alive.
pub(in crate::nt) fn is_live(irp: PIRP, number: u64) -> bool {
    lock(&Machine::current().irps).live.get(&(irp as usize)).is_some_and(|info| info.number == number)
}

/// Whether the address is one of a live IRP.
pub(in crate::nt) fn is_irp(irp: PIRP) -> bool {
    lock(&Machine::current().irps).live.contains_key(&(irp as usize))
}

/// The number of an IRP.
pub(in crate::nt) fn number_of(irp: PIRP) -> u64 {
    with_info(irp, |info| info.number)
}

/// The live IRPs that hold a reference of the file, in the order of their making.
pub(in crate::nt) fn of_file(file: PFILE_OBJECT, thread: Option<u32>) -> Vec<PIRP> {
    let irps = lock(&Machine::current().irps);
    let mine = |info: &Info| info.file == file as usize && (thread.is_none() || info.thread == thread);
    let mut found: Vec<_> = irps.live.iter().filter(|(_, info)| mine(info)).collect();
    found.sort_by_key(|(_, info)| info.number);
    found.into_iter().map(|(irp, _)| *irp as PIRP).collect()
}

/// The log name of an IRP ("irp 12"): the same from allocation to free.
pub unsafe fn irp_name(Irp: PIRP) -> String {
    let irps = lock(&Machine::current().irps);
    irps.live
        .get(&(Irp as usize))
        .map_or_else(|| "irp (freed)".to_owned(), |info| format!("irp {}", info.number))
}

/// An IRP with so many stack locations; NULL when there is no memory. IRQL <= DISPATCH_LEVEL.
pub unsafe fn IoAllocateIrp(StackSize: CCHAR, _ChargeQuota: BOOLEAN) -> PIRP {
    let machine = Machine::current();
    let locations = StackSize.max(1) as usize;
    let bytes = size_of::<IRP>() + locations * size_of::<IO_STACK_LOCATION>();
    let Ok(layout) = Layout::from_size_align(bytes, 16) else { return null_mut() };
    // SAFETY: the layout has a size.
    let irp: PIRP = unsafe { alloc_zeroed(layout) }.cast();
    if irp.is_null() {
        return irp;
    }
    let number = machine.ordinal("irp");
    let info = Info {
        number,
        layout,
        thread: None,
        file: 0,
        event: false,
        output_length: 0,
        narrow: false,
        always: false,
    };
    lock(&machine.irps).live.insert(irp as usize, info);
    // SAFETY: the block has room for the IRP and its stack locations.
    unsafe { initialize(irp, bytes as USHORT, StackSize) };
    irp
}

unsafe fn initialize(irp: PIRP, bytes: USHORT, locations: CCHAR) {
    // SAFETY: the caller's memory is zeroed and has this size.
    unsafe {
        (*irp).Type = IO_TYPE_IRP as CSHORT;
        (*irp).Size = bytes;
        (*irp).StackCount = locations;
        (*irp).CurrentLocation = locations + 1;
        set_location(irp, irp.add(1).cast::<IO_STACK_LOCATION>().add(locations as usize));
        let list = &raw mut (*irp).ThreadListEntry;
        list.write(LIST_ENTRY { Flink: list, Blink: list });
    }
}

/// Frees an IRP. IRQL <= DISPATCH_LEVEL.
pub unsafe fn IoFreeIrp(Irp: PIRP) {
    let Some(info) = lock(&Machine::current().irps).live.remove(&(Irp as usize)) else {
        bugcheck::stop(("Irp", 0xC9, 0x01), "IoFreeIrp: the pointer is no live IRP");
    };
    // SAFETY: allocated with this layout; it was in the map, so not freed yet.
    unsafe {
        Irp.cast::<u8>().write_bytes(0xDD, info.layout.size());
        dealloc(Irp.cast(), info.layout);
    }
}

/// Whether a request comes from a process of 32 bits; without one: whether the calling thread does. IRQL <= APC_LEVEL.
/// (`nf-ntddk-iois32bitprocess.md`)
pub unsafe fn IoIs32bitProcess(Irp: PIRP) -> BOOLEAN {
    let narrow =
        if Irp.is_null() { Thread::current().is_narrow() } else { with_info(Irp, |info| info.narrow) };
    narrow.into()
}

/// Clears an IRP for another use.
pub unsafe fn IoReuseIrp(Irp: PIRP, Status: NTSTATUS) {
    let bytes = with_info(Irp, |info| info.layout.size());
    // SAFETY: the IRP has this size.
    unsafe {
        let locations = (*Irp).StackCount;
        Irp.cast::<u8>().write_bytes(0, bytes);
        initialize(Irp, bytes as USHORT, locations);
        (*Irp).IoStatus.__bindgen_anon_1.Status = Status;
    }
}

unsafe fn set_location(irp: PIRP, location: PIO_STACK_LOCATION) {
    // SAFETY: the caller's IRP.
    unsafe { (*irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation = location };
}

/// The current stack location.
pub unsafe fn IoGetCurrentIrpStackLocation(Irp: PIRP) -> PIO_STACK_LOCATION {
    // SAFETY: the caller's IRP.
    unsafe { (*Irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation }
}

/// The next-lower driver's stack location.
pub unsafe fn IoGetNextIrpStackLocation(Irp: PIRP) -> PIO_STACK_LOCATION {
    // SAFETY: the caller's IRP.
    unsafe { IoGetCurrentIrpStackLocation(Irp).sub(1) }
}

/// Gives the next driver this driver's stack location as it is.
pub unsafe fn IoSkipCurrentIrpStackLocation(Irp: PIRP) {
    // SAFETY: the caller's IRP.
    unsafe {
        (*Irp).CurrentLocation += 1;
        set_location(Irp, IoGetCurrentIrpStackLocation(Irp).add(1));
    }
}

/// Copies this driver's stack location to the next, without the completion routine.
pub unsafe fn IoCopyCurrentIrpStackLocationToNext(Irp: PIRP) {
    // SAFETY: the caller's IRP has a next stack location.
    unsafe {
        let next = IoGetNextIrpStackLocation(Irp);
        *next = *IoGetCurrentIrpStackLocation(Irp);
        (*next).CompletionRoutine = None;
        (*next).Context = null_mut();
        (*next).Control = 0;
    }
}

/// Makes the next stack location the current one.
pub unsafe fn IoSetNextIrpStackLocation(Irp: PIRP) {
    // SAFETY: the caller's IRP.
    unsafe {
        (*Irp).CurrentLocation -= 1;
        set_location(Irp, IoGetNextIrpStackLocation(Irp));
    }
}

/// Sets the completion routine in the next stack location.
pub unsafe fn IoSetCompletionRoutine(
    Irp: PIRP,
    CompletionRoutine: PIO_COMPLETION_ROUTINE,
    Context: PVOID,
    InvokeOnSuccess: BOOLEAN,
    InvokeOnError: BOOLEAN,
    InvokeOnCancel: BOOLEAN,
) {
    let control = [
        (InvokeOnSuccess, SL_INVOKE_ON_SUCCESS),
        (InvokeOnError, SL_INVOKE_ON_ERROR),
        (InvokeOnCancel, SL_INVOKE_ON_CANCEL),
    ];
    let control = control.iter().filter(|(wanted, _)| *wanted != 0).fold(0, |all, (_, bit)| all | bit);
    // SAFETY: the caller's IRP has a next stack location.
    unsafe {
        let next = IoGetNextIrpStackLocation(Irp);
        (*next).CompletionRoutine = CompletionRoutine;
        (*next).Context = Context;
        (*next).Control = control as UCHAR;
    }
}

/// Marks an IRP as pending in the current stack location.
pub unsafe fn IoMarkIrpPending(Irp: PIRP) {
    // SAFETY: the caller's IRP.
    unsafe { (*IoGetCurrentIrpStackLocation(Irp)).Control |= SL_PENDING_RETURNED as UCHAR };
}
