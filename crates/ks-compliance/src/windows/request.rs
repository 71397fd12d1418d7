//! `NtDeviceIoControlFile`, asynchronous.

use std::ptr::null_mut;

use windows_sys::{
    Wdk::{Foundation::NtClose, Storage::FileSystem::NtCancelIoFileEx, System::IO::NtDeviceIoControlFile},
    Win32::{
        Foundation::{HANDLE, WAIT_OBJECT_0},
        System::{
            IO::IO_STATUS_BLOCK,
            Threading::{CreateEventW, INFINITE, WaitForSingleObject},
        },
    },
};

use super::milliseconds;
use crate::{
    system::{Reply, Request, Span},
    wire::Status,
};

struct Control {
    file: HANDLE,
    event: HANDLE,
    /// On the heap, for the kernel writes to it at any time.
    block: *mut IO_STATUS_BLOCK,
    /// The answer of the call itself, when nothing was left to wait for.
    at_once: Option<i32>,
}

pub fn start(handle: usize, code: u32, input: Span, output: Span) -> Box<dyn Request> {
    // SAFETY: no attributes, no name.
    let event = unsafe { CreateEventW(null_mut(), 1, 0, null_mut()) };
    let block = Box::into_raw(Box::<IO_STATUS_BLOCK>::default());
    // SAFETY: event and block live until the request is done; the spans are the kernel's to probe, and memory behind
    // them outlives the request (`System`).
    let status = unsafe {
        NtDeviceIoControlFile(
            handle as HANDLE,
            event,
            None,
            null_mut(),
            block,
            code,
            input.address as *const _,
            input.length,
            output.address as *mut _,
            output.length,
        )
    };
    let at_once = (status != ks_sys::STATUS_PENDING).then_some(status);
    Box::new(Control { file: handle as HANDLE, event, block, at_once })
}

impl Control {
    fn outcome(&self) -> Reply {
        // SAFETY: the request is done, and the kernel's last write with it.
        let block = unsafe { *self.block };
        match self.at_once {
            // An error of the call itself leaves the block as it was.
            Some(status) if Status(status).is_error() => Reply { status: Status(status), information: 0 },
            Some(status) => Reply { status: Status(status), information: block.Information },
            None => {
                // SAFETY: the kernel writes the status, not the pointer.
                let status = unsafe { block.Anonymous.Status };
                Reply { status: Status(status), information: block.Information }
            }
        }
    }
}

impl Request for Control {
    fn wait(&self, units: u64) -> Option<Reply> {
        // SAFETY: the event is this request's own.
        let done = self.at_once.is_some()
            || unsafe { WaitForSingleObject(self.event, milliseconds(units)) } == WAIT_OBJECT_0;
        done.then(|| self.outcome())
    }

    fn cancel(&self) {
        let mut block = IO_STATUS_BLOCK::default();
        // SAFETY: names the request by its block.
        unsafe { NtCancelIoFileEx(self.file, self.block, &raw mut block) };
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if self.wait(0).is_none() {
            self.cancel();
            // SAFETY: the event is this request's own.
            unsafe { WaitForSingleObject(self.event, INFINITE) };
        }
        // SAFETY: the request is done: nobody sets its event any more.
        unsafe { NtClose(self.event) };
        // SAFETY: made by `Box::into_raw`, and the kernel has written to it for the last time.
        drop(unsafe { Box::from_raw(self.block) });
    }
}
