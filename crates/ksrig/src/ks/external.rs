//! The stage of a circuit that is not AVStream's: each frame is an IRP, sent with IoCallDriver (R4.27).

use std::{
    cell::UnsafeCell,
    ptr::null_mut,
    sync::{Arc, Mutex},
};

use ks_sys::{
    _EVENT_TYPE::NotificationEvent, _KWAIT_REASON::Executive, _MODE::KernelMode, IOCTL_KS_READ_STREAM,
    IOCTL_KS_WRITE_STREAM, IRP_MJ_DEVICE_CONTROL, KEVENT, NTSTATUS, PDEVICE_OBJECT, PFILE_OBJECT, PIRP,
    PVOID, STATUS_MORE_PROCESSING_REQUIRED, STATUS_SUCCESS,
};

use super::frame::{Origin, Request};
use crate::nt::{
    IoCallDriver, IoCancelIrp, IoGetNextIrpStackLocation, IoGetRelatedDeviceObject, IoReuseIrp,
    IoSetCompletionRoutine, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject, trace,
};

/// The other driver's pin, as the source that is connected to it sees it.
pub(super) struct External {
    device: PDEVICE_OBJECT,
    file: PFILE_OBJECT,
    code: u32,
    state: Mutex<State>,
    drained: UnsafeCell<KEVENT>,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// The IRPs that the other driver has.
    under_way: Vec<usize>,
    /// The same, and those that are on their way home.
    busy: usize,
}

// SAFETY: the state is locked; device and file object live as long as the source's reference to the file.
unsafe impl Send for External {}
// SAFETY: as above.
unsafe impl Sync for External {}

impl External {
    /// Behind a file object: `writes` to it, or reads from it (R2.14).
    pub fn new(file: PFILE_OBJECT, writes: bool) -> Arc<Self> {
        let code = if writes { IOCTL_KS_WRITE_STREAM } else { IOCTL_KS_READ_STREAM };
        // SAFETY: the source holds a reference to the file object; all zero is an event to initialize.
        let (device, event) = unsafe { (IoGetRelatedDeviceObject(file), std::mem::zeroed()) };
        let external =
            Arc::new(Self { device, file, code, state: Mutex::default(), drained: UnsafeCell::new(event) });
        // SAFETY: the event stays where it is.
        unsafe { KeInitializeEvent(external.drained.get(), NotificationEvent, 1) };
        external
    }

    /// The stack locations that an IRP needs.
    pub fn stack_size(&self) -> i8 {
        // SAFETY: the device object lives as long as the file object.
        unsafe { (*self.device).StackSize }
    }

    /// Sends a frame; it comes back through its circuit's `returned`. IRQL <= DISPATCH_LEVEL.
    pub fn send(&self, request: *mut Request) -> Result<(), *mut Request> {
        // SAFETY: the request is ours until the IRP is sent; the IRP has enough stack locations.
        let irp = unsafe { (*request).irp };
        {
            let mut state = self.state.lock().expect("never poisoned");
            if state.closed {
                return Err(request);
            }
            state.under_way.push(irp as usize);
            state.busy += 1;
            // SAFETY: initialized in `new`. Clearing is what a reset to not signalled is.
            unsafe { crate::nt::KeClearEvent(self.drained.get()) };
        }
        // SAFETY: as above; headers and buffers live as long as the request.
        unsafe {
            let carried = &mut *request;
            IoReuseIrp(irp, STATUS_SUCCESS);
            // R6.2: where AVStream's own requests have headers and buffers.
            (*irp).UserBuffer = carried.headers.as_mut_ptr().cast();
            (*irp).AssociatedIrp.SystemBuffer = carried.headers.as_mut_ptr().cast();
            (*irp).MdlAddress = carried.frames[0].mdl;
            (*irp).RequestorMode = KernelMode as i8;
            let location = &mut *IoGetNextIrpStackLocation(irp);
            location.MajorFunction = IRP_MJ_DEVICE_CONTROL as u8;
            location.FileObject = self.file;
            location.Parameters.DeviceIoControl.IoControlCode = self.code;
            location.Parameters.DeviceIoControl.OutputBufferLength = carried.length;
            IoSetCompletionRoutine(irp, Some(completed), request.cast(), 1, 1, 1);
            IoCallDriver(self.device, irp);
        }
        Ok(())
    }

    /// Takes back what the other driver has, and waits for it; from now on nothing is sent. PASSIVE_LEVEL.
    pub fn drain(&self) {
        let irps = {
            let mut state = self.state.lock().expect("never poisoned");
            state.closed = true;
            state.under_way.clone()
        };
        for irp in irps {
            // One that is completed meanwhile is still ours: cancelling it does nothing.
            // SAFETY: the requester frees its IRPs when all are home.
            unsafe { IoCancelIrp(irp as PIRP) };
        }
        // SAFETY: initialized in `new`; no time limit.
        unsafe {
            KeWaitForSingleObject(self.drained.get().cast(), Executive, KernelMode as i8, 0, null_mut())
        };
    }

    fn landed(&self, irp: PIRP) {
        self.state.lock().expect("never poisoned").under_way.retain(|&other| other != irp as usize);
    }

    fn done(&self) {
        let mut state = self.state.lock().expect("never poisoned");
        state.busy -= 1;
        if state.busy == 0 {
            // SAFETY: initialized in `new`.
            unsafe { KeSetEvent(self.drained.get(), 0, 0) };
        }
    }
}

/// The completion routine. IRQL <= DISPATCH_LEVEL.
unsafe extern "win64" fn completed(_: PDEVICE_OBJECT, irp: PIRP, request: PVOID) -> NTSTATUS {
    let request = request.cast::<Request>();
    // SAFETY: the IRP is ours again, and so is its request; the circuit lives until all of them are home.
    unsafe {
        let carried = &mut *request;
        carried.status = (*irp).IoStatus.__bindgen_anon_1.Status;
        // The MDL is the frame's: whoever completes the IRP does not free it.
        (*irp).MdlAddress = null_mut();
        let Origin::Circuit(circuit) = carried.origin else { return STATUS_MORE_PROCESSING_REQUIRED };
        let Some(external) = (*circuit).external().cloned() else { return STATUS_MORE_PROCESSING_REQUIRED };
        let frame = &mut carried.frames[0];
        (*frame.header).DataUsed = frame.used();
        if carried.status < 0 && trace::enabled() {
            let message = format_args!("the other driver answers {:#010x}", carried.status);
            trace::event("frame", "circuit", message);
        }
        external.landed(irp);
        (*circuit).returned(request);
        external.done();
    }
    STATUS_MORE_PROCESSING_REQUIRED
}
