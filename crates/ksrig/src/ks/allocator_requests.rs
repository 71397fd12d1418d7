//! KSPROPSETID_StreamAllocator and KSMETHODSETID_StreamAllocator on an allocator object; KSPROPERTY_STREAM_ALLOCATOR's
//! side of it.

use std::{ptr::null_mut, sync::Arc};

use ks_sys::{
    _DEVICE_OBJECT, HANDLE, KSMETHOD_STREAMALLOCATOR::*, KSMETHOD_TYPE_READ, KSMETHOD_TYPE_WRITE,
    KSMETHODSETID_StreamAllocator, KSPROPERTY_STREAMALLOCATOR::*, KSPROPSETID_StreamAllocator,
    KSSTATE::KSSTATE_STOP, KSSTREAMALLOCATOR_FUNCTIONTABLE, KSSTREAMALLOCATOR_STATUS, NTSTATUS, PFILE_OBJECT,
    PIRP, PVOID, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};

use super::{
    allocator::Allocator,
    automation::{Defaults, Item, Set},
    call::method_at,
    child::{Child, What},
    irp,
    method::{self, Method},
    object::Pin,
    property_request::Request,
    state,
    subject::Subject,
    synchronous::get_property,
};
use crate::nt::{
    IoFileObjectType, IoMarkIrpPending, IoReleaseCancelSpinLock, IoSetCancelRoutine, KERNEL_MODE,
    ObReferenceObjectByHandle, ObfDereferenceObject, complete,
    exports::{self, Export},
    trace,
};

const fn get(id: i32, min_data: usize, get: fn(&mut Request) -> NTSTATUS) -> Item {
    let min_data = min_data as u32;
    Item {
        id: id as u32,
        min_property: 0x18,
        min_data,
        get: Some(get),
        set: None,
        control: false,
        handle: false,
    }
}

/// The properties of an allocator.
pub static SETS: Defaults = &[Set {
    guid: KSPROPSETID_StreamAllocator,
    items: &[
        get(
            KSPROPERTY_STREAMALLOCATOR_FUNCTIONTABLE,
            size_of::<KSSTREAMALLOCATOR_FUNCTIONTABLE>(),
            function_table,
        ),
        get(KSPROPERTY_STREAMALLOCATOR_STATUS, size_of::<KSSTREAMALLOCATOR_STATUS>(), get_status),
    ],
}];

/// The methods of an allocator.
pub static METHODS: method::Defaults = &[method::Set {
    guid: KSMETHODSETID_StreamAllocator,
    items: &[
        Method {
            id: KSMETHOD_STREAMALLOCATOR_ALLOC as u32,
            flags: KSMETHOD_TYPE_WRITE,
            min_data: size_of::<PVOID>() as u32,
            run: allocate,
        },
        Method {
            id: KSMETHOD_STREAMALLOCATOR_FREE as u32,
            flags: KSMETHOD_TYPE_READ,
            min_data: size_of::<PVOID>() as u32,
            run: free,
        },
    ],
}];

fn allocator_of(subject: Option<Subject>) -> Option<&'static Allocator> {
    match subject {
        Some(Subject::Child(Child { what: What::Allocator(allocator), .. })) => Some(allocator),
        _ => None,
    }
}

/// Frames and function pointers are for the kernel (R7.9). ASSUMED: a user gets STATUS_INVALID_DEVICE_REQUEST, as with
/// handshakes.
fn with(request: &mut Request, body: impl FnOnce(&mut Request, &'static Allocator) -> NTSTATUS) -> NTSTATUS {
    // SAFETY: the request is ours.
    if unsafe { (*request.irp).RequestorMode } != KERNEL_MODE {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    match allocator_of(Some(request.subject)) {
        Some(allocator) => body(request, allocator),
        None => STATUS_INVALID_PARAMETER,
    }
}

fn get_status(request: &mut Request) -> NTSTATUS {
    let Some(allocator) = allocator_of(Some(request.subject)) else { return STATUS_INVALID_PARAMETER };
    // SAFETY: all zero is a valid status.
    let mut status = unsafe { std::mem::zeroed::<KSSTREAMALLOCATOR_STATUS>() };
    status.Framing = allocator.framing();
    status.AllocatedFrames = allocator.allocated();
    request.answer(&status)
}

fn function_table(request: &mut Request) -> NTSTATUS {
    with(request, |request, _| {
        request.answer(&KSSTREAMALLOCATOR_FUNCTIONTABLE {
            AllocateFrame: Some(allocate_frame),
            FreeFrame: Some(free_frame),
        })
    })
}

/// KSMETHOD_STREAMALLOCATOR_ALLOC: pending while all frames are out.
fn allocate(request: &mut Request) -> NTSTATUS {
    with(request, |request, allocator| {
        if let Some(frame) = allocator.allocate() {
            return request.answer(&(frame as usize));
        }
        if allocator.allocated() == 0 {
            // No memory: nobody could give one back.
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let irp = request.irp;
        // SAFETY: the request is ours until somebody takes it from the list.
        unsafe {
            IoMarkIrpPending(irp);
            allocator.wait(irp as usize);
            IoSetCancelRoutine(irp, Some(canceled));
            if (*irp).Cancel != 0
                && IoSetCancelRoutine(irp, None).is_some()
                && allocator.give_up(irp as usize)
            {
                complete(irp, STATUS_CANCELLED, 0);
            }
        }
        STATUS_PENDING
    })
}

/// The cancel routine of a request that waits for a frame. DISPATCH_LEVEL, cancel spin lock held.
unsafe extern "win64" fn canceled(_: *mut _DEVICE_OBJECT, irp: PIRP) {
    // SAFETY: the I/O manager calls with an IRP whose cancel routine this is: it is ours if it still waits.
    unsafe {
        IoReleaseCancelSpinLock((*irp).CancelIrql);
        if let Some(allocator) = allocator_of(Subject::of(irp::file_object(irp)))
            && allocator.give_up(irp as usize)
        {
            complete(irp, STATUS_CANCELLED, 0);
        }
    }
}

/// The last handle of an allocator is closed: what waits for a frame is cancelled.
pub fn cleanup(child: &'static Child) {
    let Some(allocator) = allocator_of(Some(Subject::Child(child))) else { return };
    for irp in allocator.waiting() {
        // SAFETY: whoever takes it from the list has it; one whose cancel routine runs is left to that.
        unsafe {
            if IoSetCancelRoutine(irp as PIRP, None).is_some() && allocator.give_up(irp) {
                complete(irp as PIRP, STATUS_CANCELLED, 0);
            }
        }
    }
}

/// A frame goes to a request that waited for it. One that is being cancelled gives it back.
fn hand_on(allocator: &'static Allocator, irp: usize, frame: PVOID) {
    let irp = irp as PIRP;
    // SAFETY: the request was taken from the list, so it is ours; the output's copy has room for a pointer.
    unsafe {
        IoSetCancelRoutine(irp, None);
        (*irp).AssociatedIrp.SystemBuffer.cast::<PVOID>().write(frame);
        complete(irp, STATUS_SUCCESS, size_of::<PVOID>());
    }
    trace::event("frame_handed_on", "allocator", format_args!("{} out", allocator.allocated()));
}

fn give_back(allocator: &'static Allocator, frame: PVOID) -> NTSTATUS {
    let result = allocator.free(frame, |irp, frame| hand_on(allocator, irp, frame));
    result.err().unwrap_or(STATUS_SUCCESS)
}

/// KSMETHOD_STREAMALLOCATOR_FREE.
fn free(request: &mut Request) -> NTSTATUS {
    let frame = request.value_as::<usize>();
    with(request, |_, allocator| give_back(allocator, frame as PVOID))
}

static ALLOCATE_FRAME: Export = method_at("KSSTREAMALLOCATOR_FUNCTIONTABLE::AllocateFrame", 2);
static FREE_FRAME: Export = method_at("KSSTREAMALLOCATOR_FUNCTIONTABLE::FreeFrame", 2);

unsafe extern "win64" fn allocate_frame(file: PFILE_OBJECT, frame: *mut PVOID) -> NTSTATUS {
    let _call = exports::enter(&ALLOCATE_FRAME);
    let Some(allocator) = allocator_of(Subject::of(file)) else { return STATUS_INVALID_PARAMETER };
    match allocator.allocate() {
        Some(new) => {
            // SAFETY: the caller's place.
            unsafe { *frame = new };
            STATUS_SUCCESS
        }
        None => STATUS_INSUFFICIENT_RESOURCES,
    }
}

unsafe extern "win64" fn free_frame(file: PFILE_OBJECT, frame: PVOID) {
    let _call = exports::enter(&FREE_FRAME);
    if let Some(allocator) = allocator_of(Subject::of(file)) {
        give_back(allocator, frame);
    }
}

/// An allocator of any KS driver, by its file object, which is referenced.
pub struct Assigned {
    file: PFILE_OBJECT,
    table: KSSTREAMALLOCATOR_FUNCTIONTABLE,
    /// What it was made with.
    pub status: KSSTREAMALLOCATOR_STATUS,
}

// SAFETY: the file object is referenced, the functions are for every thread.
unsafe impl Send for Assigned {}
// SAFETY: as above.
unsafe impl Sync for Assigned {}

impl Assigned {
    /// A frame, or null. At most dispatch level.
    pub fn allocate(&self) -> PVOID {
        let mut frame = null_mut();
        let Some(allocate) = self.table.AllocateFrame else { return frame };
        // SAFETY: the allocator's own function with its file object, which is referenced.
        let status = unsafe { allocate(self.file, &raw mut frame) };
        if status < 0 { null_mut() } else { frame }
    }

    /// Gives a frame back. At most dispatch level.
    pub fn free(&self, frame: PVOID) {
        if let Some(free) = self.table.FreeFrame {
            // SAFETY: as above; the frame is the allocator's.
            unsafe { free(self.file, frame) };
        }
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        // SAFETY: the reference of `assign`.
        unsafe { ObfDereferenceObject(self.file.cast()) };
    }
}

fn ask<T: Copy>(allocator: PFILE_OBJECT, id: i32) -> Result<T, NTSTATUS> {
    // SAFETY: the file object is referenced; the answers are plain numbers and function pointers.
    unsafe { get_property(allocator, &KSPROPSETID_StreamAllocator, id as u32) }
}

/// KSPROPERTY_STREAM_ALLOCATOR (R4.31): the pin references the allocator's file object; NULL releases it. Errors:
/// STATUS_INVALID_DEVICE_STATE when the pin is not in STOP, those of the handle, those of what is no allocator. Passive
/// level, the filter control mutex held.
pub fn assign(pin: &Pin, handle: HANDLE, mode: i8) -> NTSTATUS {
    if state::get(pin) != KSSTATE_STOP {
        return STATUS_INVALID_DEVICE_STATE;
    }
    let mut assigned = None;
    if !handle.is_null() {
        let mut file = null_mut();
        // SAFETY: the place is ours; any handle may be given.
        let status = unsafe {
            ObReferenceObjectByHandle(handle, 0, IoFileObjectType(), mode, &raw mut file, null_mut())
        };
        if status < 0 {
            return status;
        }
        let file: PFILE_OBJECT = file.cast();
        let answers = ask(file, KSPROPERTY_STREAMALLOCATOR_FUNCTIONTABLE)
            .and_then(|table| Ok((table, ask(file, KSPROPERTY_STREAMALLOCATOR_STATUS)?)));
        match answers {
            Ok((table, status)) => assigned = Some(Arc::new(Assigned { file, table, status })),
            Err(status) => {
                // SAFETY: referenced above.
                unsafe { ObfDereferenceObject(file.cast()) };
                return status;
            }
        }
    }
    let former = std::mem::replace(&mut *pin.allocator.lock().expect("never poisoned"), assigned);
    drop(former);
    STATUS_SUCCESS
}
