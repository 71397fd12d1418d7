//! The answer to a data intersection.

use crate::{
    callback::callbacks,
    error::Error,
    ffi::{
        KsGetFilterFromIrp, NTSTATUS, PIRP, PKSDATARANGE, PKSP_PIN, PULONG, PVOID, STATUS_BUFFER_OVERFLOW,
        STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS, ULONG,
    },
    filter,
    format::DataRange,
    pin_dispatch::PinDispatch,
    raw,
};

/// Whether a client's range has all the bytes that it claims. The pages promise only that it has those of a
/// KSDATARANGE (R3.20).
///
/// # Safety
///
/// The three are arguments of the same callback.
unsafe fn is_whole(irp: PIRP, pin: PKSP_PIN, range: PKSDATARANGE) -> bool {
    // SAFETY: the request that is being handled.
    let length = unsafe { raw::input_length(irp) } as usize;
    let (begin, place) = (pin.addr(), range.addr());
    let end = begin.saturating_add(length);
    if place < begin || place >= end {
        // A copy of the class driver's, made by its size.
        return true;
    }
    // SAFETY: a KSDATARANGE.
    let size = unsafe { (*raw::format_header(range)).FormatSize } as usize;
    size <= end - place
}

callbacks! {
    /// `KSPIN_DESCRIPTOR_EX.IntersectHandler` (`nc-ks-pfnksintersecthandlerex.md`). The context is not
    /// used: the pages do not agree on what it is (R3.22).
    pub(crate) fn intersect<T: PinDispatch>(
        _context: PVOID,
        irp: PIRP,
        pin: PKSP_PIN,
        theirs: PKSDATARANGE,
        ours: PKSDATARANGE,
        buffer_size: ULONG,
        buffer: PVOID,
        needed: PULONG,
    ) -> NTSTATUS {
        let Some(intersect) = T::INTERSECT else { return Error::NO_MATCH.status() };
        // SAFETY: the request and its parts.
        if !unsafe { is_whole(irp, pin, theirs) } {
            return Error::INVALID_BUFFER_SIZE.status();
        }
        // SAFETY: it has at least the size of the structure (R3.20), and all that it claims.
        let theirs = unsafe { DataRange::from_raw(theirs) };
        // SAFETY: one of the pin's own ranges.
        let ours = unsafe { DataRange::from_raw(ours) };
        // SAFETY: the request that is being handled.
        let filter = unsafe { KsGetFilterFromIrp(irp) };
        // SAFETY: pins of kind `T` are found in descriptors of `T::Filter` only.
        let format = unsafe { filter::context::<T::Filter>(filter) };
        let format = match format.and_then(|filter| intersect(filter, theirs, ours)) {
            Ok(format) => format,
            Err(error) => return error.status(),
        };
        let size = format.size();
        // R3.21
        if buffer_size != 0 && (buffer_size < size || buffer.is_null()) {
            return STATUS_BUFFER_TOO_SMALL;
        }
        // SAFETY: where the class driver wants the size.
        unsafe { needed.write(size) };
        if buffer_size == 0 {
            return STATUS_BUFFER_OVERFLOW;
        }
        // SAFETY: a buffer of at least that size.
        unsafe { format.write(buffer.cast()) };
        STATUS_SUCCESS
    }
}
