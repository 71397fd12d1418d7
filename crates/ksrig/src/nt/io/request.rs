//! An asynchronous request of a client as one value.

use std::cell::Cell;

use ks_sys::*;

use super::{cancel::IoCancelIrp, control, irp};
use crate::nt::{
    handle::NtClose,
    machine::{Machine, lock},
    thread::{Thread, USER_MODE},
    trace, user,
    user_event::{NtWaitForSingleObject, create_event},
};

/// A device control request on its way. Dropped while pending, it is cancelled and waited for.
pub struct Request {
    event: HANDLE,
    iosb: PIO_STATUS_BLOCK,
    user: bool,
    irp: PIRP,
    number: u64,
    /// The outcome, when the service itself gave it.
    at_once: Cell<Option<NTSTATUS>>,
}

// SAFETY: the handle and the status block belong to the process, not to a thread.
unsafe impl Send for Request {}

impl Request {
    /// Starts a request from the calling thread's process; the buffers must live until it is done.
    pub unsafe fn device_io_control(
        file: HANDLE,
        code: u32,
        input: PVOID,
        input_length: u32,
        output: PVOID,
        output_length: u32,
    ) -> Self {
        let user = Thread::current().previous_mode() == USER_MODE;
        let iosb: PIO_STATUS_BLOCK = if user {
            user::alloc(size_of::<IO_STATUS_BLOCK>()).cast()
        } else {
            Box::into_raw(Box::default())
        };
        let event = create_event(_EVENT_TYPE::NotificationEvent, false);
        // SAFETY: the caller's handle and buffers; event and status block live as long as the request.
        let started =
            unsafe { control::start(file, event, iosb, code, (input, input_length, output, output_length)) };
        let (status, irp, number) = started.unwrap_or_else(|status| (status, std::ptr::null_mut(), 0));
        let at_once = Cell::new((status != STATUS_PENDING).then_some(status));
        Self { event, iosb, user, irp, number, at_once }
    }

    fn outcome(&self) -> (NTSTATUS, usize) {
        // SAFETY: the status block is this request's own.
        let iosb = unsafe { *self.iosb };
        match self.at_once.get() {
            // An error has no status block.
            Some(status) if status as u32 >> 30 == 3 => (status, 0),
            Some(status) => (status, iosb.Information as usize),
            // SAFETY: the service writes the status.
            None => (unsafe { iosb.__bindgen_anon_1.Status }, iosb.Information as usize),
        }
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        self.wait_for(0).is_some()
    }

    /// Waits until it is done: status and information.
    pub fn wait(&self) -> (NTSTATUS, usize) {
        if self.at_once.get().is_none() {
            // SAFETY: the event's handle is this request's own.
            let _ = unsafe { NtWaitForSingleObject(self.event, 0, std::ptr::null_mut()) };
        }
        self.outcome()
    }

    /// Waits until it is done or so many 100 ns units have passed.
    pub fn wait_for(&self, units: u64) -> Option<(NTSTATUS, usize)> {
        let mut timeout = LARGE_INTEGER { QuadPart: -(units as i64) };
        // SAFETY: the event's handle is this request's own.
        let done = self.at_once.get().is_some()
            || unsafe { NtWaitForSingleObject(self.event, 0, &raw mut timeout) } == STATUS_SUCCESS;
        done.then(|| self.outcome())
    }

    /// Cancels this request alone (CancelIoEx); it is done when its driver has let it go.
    pub fn cancel(&self) {
        if irp::is_live(self.irp, self.number) {
            // SAFETY: the IRP is alive.
            unsafe { IoCancelIrp(self.irp) };
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let stopped = Machine::try_current().is_none_or(|machine| lock(&machine.stopped).is_some());
        if stopped {
            return;
        }
        if !self.is_done() {
            trace::event("cancel", "request", "dropped while pending");
            self.cancel();
            self.wait();
        }
        // SAFETY: the request is done, nobody uses its event and status block any more.
        unsafe {
            let _ = NtClose(self.event);
            if self.user {
                user::free(self.iosb.cast());
            } else {
                drop(Box::from_raw(self.iosb));
            }
        }
    }
}

/// Starts a device control request, waits, and gives status and information.
pub unsafe fn device_io_control(
    file: HANDLE,
    code: u32,
    input: PVOID,
    input_length: u32,
    output: PVOID,
    output_length: u32,
) -> (NTSTATUS, usize) {
    // SAFETY: the caller's handle and buffers, which live until the request is done.
    unsafe { Request::device_io_control(file, code, input, input_length, output, output_length) }.wait()
}
