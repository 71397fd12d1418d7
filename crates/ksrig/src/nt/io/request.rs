//! An asynchronous request of a client as one value.

use ks_sys::*;

/// A device control request on its way. Dropped while pending, it is cancelled and waited for.
pub struct Request {
    file: HANDLE,
}

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
        todo!()
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        todo!()
    }

    /// Waits until it is done: status and information.
    pub fn wait(&self) -> (NTSTATUS, usize) {
        todo!()
    }

    /// Waits until it is done or so many 100 ns units have passed.
    pub fn wait_for(&self, units: u64) -> Option<(NTSTATUS, usize)> {
        todo!()
    }

    /// Cancels this request alone (CancelIoEx).
    pub fn cancel(&self) {
        todo!()
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
    todo!()
}
