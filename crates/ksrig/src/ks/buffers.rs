//! The system's copies of a KS request's buffers (R7.11): what handlers see and write.

use ks_sys::{
    _POOL_TYPE::NonPagedPool, IRP_BUFFERED_IO, IRP_DEALLOCATE_BUFFER, IRP_INPUT_OPERATION, NTSTATUS, PIRP,
    PVOID, STATUS_INSUFFICIENT_RESOURCES,
};

use super::irp;
use crate::nt::{ExAllocatePoolWithTag, ExFreePool, user};

/// What becomes of the output buffer (METHOD_NEITHER: the class driver decides).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// The client's bytes are copied in before the handler runs.
    pub into: bool,
    /// The handler's answer is copied out afterwards.
    pub out: bool,
}

/// The copies of one request: first the output's, from an 8 byte boundary on the input's.
///
/// While a handler runs they are the IRP's system buffer, with the flags that let the I/O manager copy and free it:
/// a handler that keeps the request ends it by completing the IRP, without AVStream (R7.16).
pub struct Buffers {
    irp: PIRP,
    former: (PVOID, u32),
    /// The output's copy.
    pub data: *mut u8,
    /// Its length.
    pub data_length: usize,
    /// The input's copy, aligned to 8.
    pub input: *mut u8,
    /// Its length.
    pub input_length: usize,
    out: bool,
}

impl Buffers {
    /// Probes the client's buffers and copies them; `copies` decides by the input. The request is a device control
    /// of this stack location. Errors: STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES.
    pub fn capture(irp: PIRP, copies: impl FnOnce(&[u8]) -> Copies) -> Result<Self, NTSTATUS> {
        let control = irp::control(irp);
        let (input_length, data_length) =
            (control.InputBufferLength as usize, control.OutputBufferLength as usize);
        // SAFETY: the request is ours.
        let (mode, output) = unsafe { ((*irp).RequestorMode, (*irp).UserBuffer) };
        user::probe(mode, control.Type3InputBuffer, input_length, 1)?;
        user::probe(mode, output, data_length, 1)?;
        let space = data_length.next_multiple_of(8);
        // SAFETY: any size.
        let buffer = unsafe {
            ExAllocatePoolWithTag(NonPagedPool, (space + input_length) as u64, u32::from_le_bytes(*b"KSpp"))
        };
        if buffer.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let data = buffer.cast::<u8>();
        // SAFETY: the buffer has room for both; the client's ranges were probed.
        let input = unsafe {
            std::ptr::write_bytes(data, 0, space);
            let input = data.add(space);
            std::ptr::copy_nonoverlapping(control.Type3InputBuffer.cast::<u8>(), input, input_length);
            input
        };
        // SAFETY: copied above.
        let copies = copies(unsafe { std::slice::from_raw_parts(input, input_length) });
        if copies.into && data_length > 0 {
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(output.cast::<u8>(), data, data_length) };
        }
        let out = copies.out && data_length > 0;
        // SAFETY: the request is ours.
        let former = unsafe {
            let former = ((*irp).AssociatedIrp.SystemBuffer, (*irp).Flags);
            (*irp).AssociatedIrp.SystemBuffer = buffer;
            (*irp).Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
            if out {
                (*irp).Flags |= IRP_INPUT_OPERATION;
            }
            former
        };
        Ok(Self { irp, former, data, data_length, input, input_length, out })
    }

    /// The handler has ended the request: the answer goes to the client if there is one, the copies go.
    pub fn finish(self, status: NTSTATUS, information: usize) {
        // SAFETY: the request is ours; the buffer was allocated and the output probed by `capture`.
        unsafe {
            if status >= 0 && self.out {
                let length = information.min(self.data_length);
                std::ptr::copy_nonoverlapping(self.data, (*self.irp).UserBuffer.cast(), length);
            }
            ((*self.irp).AssociatedIrp.SystemBuffer, (*self.irp).Flags) = self.former;
            ExFreePool(self.data.cast());
        }
    }
}

/// The input's copy in an IRP whose buffers are captured; none if there is no copy or it is shorter than that.
///
/// # Safety
/// A handler runs for the IRP, a KS request.
pub unsafe fn captured_input<T: Copy>(irp: PIRP) -> Option<T> {
    let control = irp::control(irp);
    // SAFETY: the request is the driver's for the time of the handler.
    let buffer = unsafe { (*irp).AssociatedIrp.SystemBuffer }.cast::<u8>();
    if buffer.is_null() || (control.InputBufferLength as usize) < size_of::<T>() {
        return None;
    }
    // SAFETY: `capture` put the input's copy behind the output's, on an 8 byte boundary.
    Some(unsafe { *buffer.add((control.OutputBufferLength as usize).next_multiple_of(8)).cast::<T>() })
}
