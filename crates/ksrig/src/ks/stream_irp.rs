//! IOCTL_KS_READ_STREAM and IOCTL_KS_WRITE_STREAM: a client's frames (R6.1 to R6.9).
//!
//! A client's frames exist only as its requests (R4.28), of any size, whatever the framing said (R7.8); the flags of
//! headers go through as they are (R6.7).

use std::{borrow::Cow, ptr::null_mut};

use ks_sys::{
    _LOCK_OPERATION::{IoReadAccess, IoWriteAccess},
    IOCTL_KS_READ_STREAM, KSDATAFORMAT, KSPIN_DATAFLOW, KSRESET, KSSTATE, KSSTREAM_HEADER,
    KSSTREAM_HEADER_OPTIONSF_TYPECHANGED, KSSTREAM_HEADER_OPTIONSF_VRAM_DATA_TRANSFER, NTSTATUS, PIRP, PMDL,
    PVOID, STATUS_ACCESS_DENIED, STATUS_CANCELLED, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_PENDING,
};

use super::{
    frame::{Cancel, Request},
    narrow,
    object::Pin,
    processing,
};
use crate::nt::{
    self, IoAllocateMdl, IoFreeMdl, IoGetCurrentIrpStackLocation, IoMarkIrpPending,
    MmGetSystemAddressForMdlSafe, MmProbeAndLockPages, MmUnlockPages, user,
};

/// Bytes of a header without extension.
const HEADER: usize = size_of::<KSSTREAM_HEADER>();
/// More headers in one request are refused. ASSUMED: some limit; ksproxy sends a handful.
const MOST_HEADERS: usize = 4096;

/// Queues a stream request of a client. STATUS_PENDING: the IRP is kept, it may have been completed by now;
/// any other status: the caller completes it with that. IRQL <= DISPATCH_LEVEL, no lock held.
///
/// # Safety
/// The IRP is a device control request for this pin with one of the two codes.
pub unsafe fn dispatch(pin: &'static Pin, irp: PIRP) -> NTSTATUS {
    // SAFETY: the caller's promise.
    match unsafe { accept(pin, irp) } {
        // SAFETY: the request is the IRP's.
        Ok(request) => unsafe { queue(pin, irp, request) },
        Err(status) => status,
    }
}

/// Checks a request and captures its headers; nothing is left behind when that fails.
unsafe fn accept(pin: &'static Pin, irp: PIRP) -> Result<*mut Request, NTSTATUS> {
    // SAFETY: the IRP is at this driver's stack location, which is a device control request.
    let (stack, control) = unsafe {
        let stack = &*IoGetCurrentIrpStackLocation(irp);
        (stack, stack.Parameters.DeviceIoControl)
    };
    let read = control.IoControlCode == IOCTL_KS_READ_STREAM;
    // SAFETY: the public structure lives as long as the pin.
    let ks = unsafe { &*pin.ks() };
    let flow = if read { KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT } else { KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN };
    // R2.14: a client reads from data out and writes to data in, and only where the pin is the IRP sink.
    // ASSUMED: a pin whose frames come from a connected pin takes none from a client.
    if ks.DataFlow != flow || pin.is_source() || pin.peer().is_some() || !pin.transport().is_standard(pin) {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    // R6.1: the I/O manager has checked the handle; a request built by a driver is checked here.
    // SAFETY: the file object lives as long as the request.
    if let Some(file) = unsafe { stack.FileObject.as_ref() }
        && (if read { file.ReadAccess } else { file.WriteAccess }) == 0
    {
        return Err(STATUS_ACCESS_DENIED);
    }
    // R5.12, R5.15.
    if ks.ClientState == KSSTATE::KSSTATE_STOP || ks.ResetState == KSRESET::KSRESET_BEGIN {
        return Err(STATUS_DEVICE_NOT_READY);
    }
    let mut request = pin.transport().requests().take();
    // SAFETY: the IRP is ours; the headers are where it says, if they can be read.
    let captured = unsafe {
        let mode = (*irp).RequestorMode;
        capture(&mut request, irp, mode, (*irp).UserBuffer, control.OutputBufferLength as usize)
            .and_then(|()| check(&mut request, ks.StreamHeaderSize, read))
            .and_then(|()| map(&mut request, irp, mode, read))
    };
    if let Err(status) = captured {
        if request.own_mdls {
            // SAFETY: what was locked so far is unlocked; the IRP is ours.
            unsafe { unmap(irp) };
        }
        // SAFETY: the copy of the headers goes with the request.
        unsafe { (*irp).AssociatedIrp.SystemBuffer = null_mut() };
        pin.transport().requests().give_back(request);
        return Err(status);
    }
    Ok(Box::into_raw(request))
}

/// Copies the headers from the client, once (R6.2): what is checked is what is used.
unsafe fn capture(
    request: &mut Request,
    irp: PIRP,
    mode: i8,
    headers: PVOID,
    length: usize,
) -> Result<(), NTSTATUS> {
    request.narrow = narrow::is_narrow(irp);
    let least = if request.narrow { narrow::HEADER } else { HEADER };
    if !(least..=MOST_HEADERS * HEADER).contains(&length) {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    user::probe(mode, headers, length, align_of::<KSSTREAM_HEADER>() as u32)?;
    request.headers.clear();
    request.headers.resize(length.div_ceil(8), 0);
    // SAFETY: the client's memory was probed, and the copy is as long.
    unsafe {
        std::ptr::copy_nonoverlapping(headers.cast::<u8>(), request.headers.as_mut_ptr().cast(), length)
    };
    let mut length = length;
    if request.narrow {
        // SAFETY: the copy has that length.
        let copy = unsafe { std::slice::from_raw_parts(request.headers.as_ptr().cast::<u8>(), length) };
        request.headers = narrow::headers(copy)?;
        length = size_of_val(request.headers.as_slice());
    }
    request.irp = irp;
    // A driver that builds requests may have locked its buffers itself (kind D).
    // SAFETY: the IRP is ours.
    request.own_mdls = unsafe { (*irp).MdlAddress.is_null() };
    request.length = length as u32;
    request.client_headers = headers;
    // R6.2: where a minidriver that looks at the IRP finds the headers.
    // SAFETY: the IRP is ours.
    unsafe { (*irp).AssociatedIrp.SystemBuffer = request.headers.as_mut_ptr().cast() };
    Ok(())
}

/// Sizes and flags of the captured headers (R6.3), and one frame for each.
fn check(request: &mut Request, wanted: u32, read: bool) -> Result<(), NTSTATUS> {
    request.frames.clear();
    let first = request.headers.as_mut_ptr().cast::<KSSTREAM_HEADER>();
    // SAFETY: there is one header at least.
    let (size, options) = unsafe { ((*first).Size as usize, (*first).OptionsFlags) };
    let length = request.length as usize;
    // R6.3, R3.18: a format change is a plain header, alone.
    let wanted = if options & KSSTREAM_HEADER_OPTIONSF_TYPECHANGED == 0 { wanted as usize } else { 0 };
    // R6.3 wants the size the pin asked for (R3.11), R6.9 says that a client may ignore the wish: then it sends plain ones.
    // ASSUMED: a size that would put the second header off its alignment is wrong.
    let plain_or_wanted = size == HEADER || wanted <= HEADER || size == wanted;
    if size < HEADER || !plain_or_wanted || size % 8 != 0 || !length.is_multiple_of(size) {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    request.header_size = size as u32;
    for offset in (0..length).step_by(size) {
        let header = first.wrapping_byte_add(offset);
        // SAFETY: it lies in the copy.
        let fields = unsafe { &*header };
        if fields.Size as usize != size {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        if fields.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_VRAM_DATA_TRANSFER != 0 {
            // Video memory is not emulated.
            return Err(STATUS_NOT_SUPPORTED);
        }
        if read && (fields.OptionsFlags != 0 || fields.DataUsed != 0) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        if !read && fields.DataUsed > fields.FrameExtent {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        if fields.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_TYPECHANGED != 0
            && (size != HEADER || length != size || (fields.DataUsed as usize) < size_of::<KSDATAFORMAT>())
        {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        request.push(header, null_mut(), fields.Data, null_mut());
    }
    Ok(())
}

/// Locks the buffers and makes their system addresses (R6.2, R6.5).
unsafe fn map(request: &mut Request, irp: PIRP, mode: i8, read: bool) -> Result<(), NTSTATUS> {
    let operation = if read { IoWriteAccess } else { IoReadAccess };
    if !request.own_mdls {
        // SAFETY: the IRP is ours, and its chain was made by whoever sent it.
        return unsafe { adopt(request, (*irp).MdlAddress) };
    }
    for frame in &mut request.frames {
        // SAFETY: the header is part of the request.
        let header = unsafe { &mut *frame.header };
        if header.FrameExtent == 0 {
            header.Data = null_mut();
            continue;
        }
        // SAFETY: the IRP is ours; the MDL goes to the end of its chain.
        let secondary = unsafe { !(*irp).MdlAddress.is_null() };
        // SAFETY: as above.
        let mdl: PMDL =
            unsafe { IoAllocateMdl(frame.client_data, header.FrameExtent, secondary.into(), 0, irp) };
        if mdl.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        // SAFETY: the MDL was just made for that range.
        if let Err(status) = unsafe { MmProbeAndLockPages(mdl, mode, operation) } {
            // The chain's last: the ones before it are locked.
            // SAFETY: the MDL is the chain's last.
            unsafe { unchain(irp, mdl) };
            return Err(status);
        }
        // SAFETY: the pages are locked.
        frame.data = unsafe { MmGetSystemAddressForMdlSafe(mdl) };
        if frame.data.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        frame.mdl = mdl;
        header.Data = frame.data;
    }
    Ok(())
}

/// Uses the MDLs that the request came with, one for each header with a buffer, in the order of the headers (R6.2).
unsafe fn adopt(request: &mut Request, mut mdl: PMDL) -> Result<(), NTSTATUS> {
    for frame in &mut request.frames {
        // SAFETY: the header is part of the request; the sender's MDLs live as long as its IRP.
        unsafe {
            let header = &mut *frame.header;
            if header.FrameExtent == 0 {
                header.Data = null_mut();
                continue;
            }
            if mdl.is_null() || (*mdl).ByteCount < header.FrameExtent {
                return Err(STATUS_INVALID_PARAMETER);
            }
            frame.data = MmGetSystemAddressForMdlSafe(mdl);
            if frame.data.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            (frame.mdl, header.Data) = (mdl, frame.data);
            mdl = (*mdl).Next;
        }
    }
    Ok(())
}

/// Takes the last MDL, which is not locked, off the chain and frees it.
unsafe fn unchain(irp: PIRP, mdl: PMDL) {
    // SAFETY: the IRP is ours, and so is its chain.
    unsafe {
        let mut link = &raw mut (*irp).MdlAddress;
        while *link != mdl {
            link = &raw mut (**link).Next;
        }
        *link = null_mut();
        IoFreeMdl(mdl);
    }
}

/// Unlocks and frees the chain of a request that comes to nothing.
unsafe fn unmap(irp: PIRP) {
    // SAFETY: the IRP is ours; all MDLs of its chain are locked.
    unsafe {
        let mut mdl = std::mem::replace(&mut (*irp).MdlAddress, null_mut());
        while !mdl.is_null() {
            let next = (*mdl).Next;
            MmUnlockPages(mdl);
            IoFreeMdl(mdl);
            mdl = next;
        }
    }
}

/// Puts the request into the pin's queue and processes if that is due.
unsafe fn queue(pin: &'static Pin, irp: PIRP, request: *mut Request) -> NTSTATUS {
    let inserted = match pin.transport().queue() {
        Some(queue) => {
            // SAFETY: the IRP is ours until it is in the queue; from then on it may be completed at any time.
            unsafe { IoMarkIrpPending(irp) };
            queue.insert(request)
        }
        None => Err(request),
    };
    match inserted {
        Ok(trigger) => {
            if trigger {
                processing::arrival(pin);
            }
        }
        Err(request) => {
            // The pin was stopped or reset meanwhile. The IRP may be marked pending: it is completed here.
            // SAFETY: the queue did not take it.
            unsafe {
                (*request).cancel = Cancel::Done;
                IoMarkIrpPending(irp);
                finish(pin, request, STATUS_DEVICE_NOT_READY);
            }
        }
    }
    STATUS_PENDING
}

/// Completes the IRP of a finished request (R6.4). IRQL <= DISPATCH_LEVEL, no lock held.
pub(super) fn complete(request: *mut Request) {
    // SAFETY: the request is finished: it is nobody's but ours; its queue keeps the pin.
    unsafe {
        let finished = &mut *request;
        let Some(queue) = finished.queue.take() else { return };
        let status = if finished.cancel == Cancel::Done { STATUS_CANCELLED } else { finished.status };
        finish(queue.pin, request, status);
    }
}

unsafe fn finish(pin: &'static Pin, request: *mut Request, status: NTSTATUS) {
    // SAFETY: the caller hands the request over.
    let mut request = unsafe { Box::from_raw(request) };
    let irp = request.irp;
    // SAFETY: the IRP is pending and ours.
    let mode = unsafe { (*irp).RequestorMode };
    let read = pin.transport().reads(pin);
    let mut status = status;
    let mut information = 0;
    // R6.26, and ASSUMED for errors set by the minidriver: nothing is given back.
    if status >= 0 {
        if read {
            // ASSUMED: a finished request has used all its headers.
            information = request.length as usize;
            for frame in &mut request.frames {
                // SAFETY: the header is part of the request. R6.5: the client's own pointer goes back.
                unsafe { (*frame.header).Data = frame.client_data };
            }
            // SAFETY: the copy has that length.
            let mut answer: Cow<'_, [u8]> = Cow::Borrowed(unsafe {
                std::slice::from_raw_parts(request.headers.as_ptr().cast::<u8>(), information)
            });
            if request.narrow {
                answer = answer.chunks(request.header_size as usize).flat_map(narrow::header).collect();
                information = answer.len();
            }
            match user::probe(mode, request.client_headers, information, align_of::<KSSTREAM_HEADER>() as u32)
            {
                // SAFETY: the client's memory was probed once more.
                Ok(()) => unsafe {
                    let place = request.client_headers.cast::<u8>();
                    std::ptr::copy_nonoverlapping(answer.as_ptr(), place, information);
                },
                // The client freed its headers meanwhile.
                Err(gone) => (status, information) = (gone, 0),
            }
        } else {
            information = request.bytes_used();
        }
    }
    // SAFETY: the copy of the headers goes with the request, and so do the MDLs that were made for it.
    unsafe {
        (*irp).AssociatedIrp.SystemBuffer = null_mut();
        if request.own_mdls {
            unmap(irp);
        }
    }
    request.reset();
    pin.transport().requests().give_back(request);
    // SAFETY: the IRP is pending, and nothing of ours refers to it.
    unsafe { nt::complete(irp, status, information) };
}
