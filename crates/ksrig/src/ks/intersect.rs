//! Data intersection (section 3.5 of the contract).

use ks_sys::{
    KSDATAFORMAT, KSDATAFORMAT_SPECIFIER_NONE, KSDATARANGE, KSMULTIPLE_ITEM, KSP_PIN, NTSTATUS,
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_NO_MATCH,
    is_equal_guid,
};

use super::{
    call::{PIN_INTERSECT, driver_status},
    filter::Filter,
    format::{self, Range},
    options::{IntersectContext, Options},
    pin_properties::subject,
    property_request::Request,
};
use crate::nt::Machine;

/// KSPROPERTY_PIN_DATAINTERSECTION.
pub fn property(request: &mut Request) -> NTSTATUS {
    let (filter, descriptor) = match subject(request) {
        Ok(subject) => subject,
        Err(status) => return status,
    };
    let client = match client_ranges(request.input_after(size_of::<KSP_PIN>())) {
        Ok(ranges) => ranges,
        Err(status) => return status,
    };
    // R3.20: the client's ranges outside, the pin's inside; the first answer but NO_MATCH ends the search.
    for range in &client {
        // SAFETY: checked to have at least a KSDATARANGE.
        let header = unsafe { &*range.as_ptr().cast::<KSDATARANGE>() };
        for own in format::ranges(&descriptor.PinDescriptor) {
            if !format::meets(header, own.header()) {
                continue;
            }
            let status = match descriptor.IntersectHandler {
                Some(_) => ask(request, filter, descriptor, header, &own),
                None => default(request, header, &own),
            };
            if status != STATUS_NO_MATCH {
                return status;
            }
        }
    }
    STATUS_NO_MATCH
}

/// The ranges behind the KSMULTIPLE_ITEM, each on an 8 byte boundary (R3.19); attribute lists are passed over.
fn client_ranges(bytes: &[u8]) -> Result<Vec<Box<[u64]>>, NTSTATUS> {
    let wrong = STATUS_INVALID_BUFFER_SIZE;
    let word =
        |at: usize| bytes.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().expect("4 bytes")));
    let (size, count) = (word(0).ok_or(wrong)? as usize, word(4).ok_or(wrong)?);
    if size < size_of::<KSMULTIPLE_ITEM>() || size > bytes.len() {
        return Err(wrong);
    }
    let list = &bytes[..size];
    let mut ranges = Vec::new();
    let mut at = size_of::<KSMULTIPLE_ITEM>();
    let mut is_attributes = false;
    for _ in 0..count {
        let length = list.get(at..at + 4).ok_or(wrong)?;
        let length = u32::from_le_bytes(length.try_into().expect("4 bytes")) as usize;
        let item = list.get(at..).and_then(|rest| rest.get(..length)).ok_or(wrong)?;
        if is_attributes {
            is_attributes = false;
        } else {
            if length < size_of::<KSDATARANGE>() {
                return Err(wrong);
            }
            is_attributes =
                u32::from_le_bytes(item[4..8].try_into().expect("4 bytes")) & format::ATTRIBUTES != 0;
            let mut words = vec![0u64; length.div_ceil(8)].into_boxed_slice();
            // SAFETY: the words have at least that many bytes.
            unsafe { std::ptr::copy_nonoverlapping(item.as_ptr(), words.as_mut_ptr().cast(), length) };
            ranges.push(words);
        }
        at = (at + length).next_multiple_of(8);
    }
    Ok(ranges)
}

/// The driver's handler for one pair, single ranges both (R3.21, R3.23).
fn ask(
    request: &mut Request,
    filter: &'static Filter,
    descriptor: &ks_sys::KSPIN_DESCRIPTOR_EX,
    client: &KSDATARANGE,
    own: &Range,
) -> NTSTATUS {
    let handler = descriptor.IntersectHandler.expect("the caller asked");
    // 10.5, R3.22
    let context = match Machine::current().extension::<Options>().intersect_context {
        IntersectContext::Filter => filter.ks().cast(),
        // SAFETY: the public structure lives as long as the filter.
        IntersectContext::Context => unsafe { (*filter.ks()).Context },
    };
    let length = request.data_length as u32;
    let data = if length == 0 { std::ptr::null_mut() } else { request.data.cast() };
    let mut size = 0;
    let status = driver_status(PIN_INTERSECT, filter.name(), || {
        // SAFETY: the driver's handler with the pair and the system copies.
        unsafe {
            handler(
                context,
                request.irp,
                request.property.cast::<KSP_PIN>(),
                std::ptr::from_ref(client).cast_mut(),
                own.range,
                length,
                data,
                &mut size,
            )
        }
    });
    // R3.21: a buffer that is too small gets no size.
    let sized = status >= 0 || status == STATUS_BUFFER_OVERFLOW;
    request.information = if sized { size as usize } else { 0 };
    status
}

/// R2.12: without a handler only ranges whose specifier is NONE have an answer.
///
/// ASSUMED: the format is the pair's header with the wildcards of the one filled from the other.
fn default(request: &mut Request, client: &KSDATARANGE, own: &Range) -> NTSTATUS {
    let (client_kinds, own_kinds) = (format::kinds(client), format::kinds(own.header()));
    if !is_equal_guid(&own_kinds[2], &KSDATAFORMAT_SPECIFIER_NONE) {
        return STATUS_NO_MATCH;
    }
    let pick = |index: usize| {
        let own = own_kinds[index];
        if is_equal_guid(&own, &ks_sys::GUID_NULL) { client_kinds[index] } else { own }
    };
    let mut answer: KSDATAFORMAT = *own.header();
    answer.__bindgen_anon_1.FormatSize = size_of::<KSDATAFORMAT>() as u32;
    answer.__bindgen_anon_1.Flags = 0;
    answer.__bindgen_anon_1.MajorFormat = pick(0);
    answer.__bindgen_anon_1.SubFormat = pick(1);
    if request.data_length > 0 && request.data_length < size_of::<KSDATAFORMAT>() {
        return STATUS_BUFFER_TOO_SMALL;
    }
    request.answer(&answer)
}
