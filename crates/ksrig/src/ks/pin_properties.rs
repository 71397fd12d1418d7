//! KSPROPSETID_Pin on a filter: what AVStream answers from the pin descriptors (section 7.4 of the contract).
//!
//! PROPOSEDATAFORMAT is none of AVStream's own (R3.17): a minidriver that can tell has it in its table.

use ks_sys::{
    GUID, KSINSTANCE_INDETERMINATE, KSP_PIN, KSPIN_CINSTANCES, KSPIN_DESCRIPTOR_EX, KSPROPERTY_PIN::*,
    KSPROPSETID_Pin, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
};

use super::{
    automation::{Item, Set},
    filter::Filter,
    format::{self, Range},
    intersect,
    property_request::Request,
    validate,
};

const fn get(id: i32, min_property: u32, min_data: u32, get: fn(&mut Request) -> NTSTATUS) -> Item {
    Item { id: id as u32, min_property, min_data, get: Some(get), set: None, control: true, handle: false }
}

/// The set.
pub const SET: Set = Set {
    guid: KSPROPSETID_Pin,
    items: &[
        get(KSPROPERTY_PIN_CINSTANCES, 0x20, 8, instances),
        get(KSPROPERTY_PIN_CTYPES, 0x18, 4, types),
        get(KSPROPERTY_PIN_DATAFLOW, 0x20, 4, data_flow),
        get(KSPROPERTY_PIN_DATARANGES, 0x20, 0, data_ranges),
        get(KSPROPERTY_PIN_DATAINTERSECTION, 0x28, 0, intersect::property),
        get(KSPROPERTY_PIN_INTERFACES, 0x20, 0, interfaces),
        get(KSPROPERTY_PIN_MEDIUMS, 0x20, 0, mediums),
        get(KSPROPERTY_PIN_COMMUNICATION, 0x20, 4, communication),
        get(KSPROPERTY_PIN_NECESSARYINSTANCES, 0x20, 4, necessary_instances),
        get(KSPROPERTY_PIN_CATEGORY, 0x20, 0x10, category),
        get(KSPROPERTY_PIN_NAME, 0x20, 0, name),
        // R7.19: newer than the published table; answered where the descriptor has such ranges.
        get(KSPROPERTY_PIN_CONSTRAINEDDATARANGES, 0x20, 0, constrained_data_ranges),
    ],
};

/// The filter and the descriptor that a request is about. R7.22: a pin type that is not there.
pub fn subject(request: &Request) -> Result<(&'static Filter, &'static KSPIN_DESCRIPTOR_EX), NTSTATUS> {
    let filter = request.subject.filter();
    let descriptor =
        filter.pin_descriptor(request.input::<KSP_PIN>().PinId).ok_or(STATUS_INVALID_PARAMETER)?;
    // SAFETY: the descriptor lives as long as the filter.
    Ok((filter, unsafe { &*descriptor }))
}

fn with(
    request: &mut Request,
    body: impl FnOnce(&mut Request, &'static Filter, &'static KSPIN_DESCRIPTOR_EX) -> NTSTATUS,
) -> NTSTATUS {
    match subject(request) {
        Ok((filter, descriptor)) => body(request, filter, descriptor),
        Err(status) => status,
    }
}

fn instances(request: &mut Request) -> NTSTATUS {
    let id = request.input::<KSP_PIN>().PinId;
    with(request, |request, filter, descriptor| {
        let count = KSPIN_CINSTANCES {
            PossibleCount: descriptor.InstancesPossible,
            CurrentCount: filter.instances(id),
        };
        debug_assert!(
            count.PossibleCount == KSINSTANCE_INDETERMINATE || count.CurrentCount <= count.PossibleCount
        );
        request.answer(&count)
    })
}

fn types(request: &mut Request) -> NTSTATUS {
    let count = request.subject.filter().descriptor().PinDescriptorsCount;
    request.answer(&count)
}

fn data_flow(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| request.answer(&descriptor.PinDescriptor.DataFlow))
}

fn communication(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| request.answer(&descriptor.PinDescriptor.Communication))
}

fn necessary_instances(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| request.answer(&descriptor.InstancesNecessary))
}

/// A range with the attribute list that belongs to it, as the client gets them (R7.21).
fn answer_ranges(request: &mut Request, ranges: &[Range]) -> NTSTATUS {
    let mut items: Vec<Vec<u8>> = Vec::new();
    for range in ranges {
        let header = range.header();
        let length = format::size(header);
        // SAFETY: a range has FormatSize bytes.
        items.push(
            unsafe { std::slice::from_raw_parts(std::ptr::from_ref(header).cast::<u8>(), length) }.to_vec(),
        );
        if !range.attributes.is_null() {
            items.push(attribute_bytes(range));
        }
    }
    request.answer_list(items.iter().map(Vec::as_slice))
}

/// An attribute list in the form in which it stands behind a range: KSMULTIPLE_ITEM and the attributes.
fn attribute_bytes(range: &Range) -> Vec<u8> {
    let mut bytes = vec![0u8; 8];
    // SAFETY: the driver's list.
    let count = unsafe { (*range.attributes).Count };
    for index in 0..count as usize {
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        // SAFETY: as above; each attribute has Size bytes.
        unsafe {
            let attribute = *(*range.attributes).Attributes.add(index);
            bytes.extend_from_slice(std::slice::from_raw_parts(
                attribute.cast::<u8>(),
                (*attribute).Size as usize,
            ));
        }
    }
    let size = (bytes.len() as u32).to_le_bytes();
    bytes[..4].copy_from_slice(&size);
    bytes[4..8].copy_from_slice(&count.to_le_bytes());
    bytes
}

fn data_ranges(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| answer_ranges(request, &format::ranges(&descriptor.PinDescriptor)))
}

/// R2.13, R7.19
fn constrained_data_ranges(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| {
        // SAFETY: the union's member that the pages name.
        let constrained = unsafe { descriptor.PinDescriptor.__bindgen_anon_1.__bindgen_anon_1 };
        if constrained.ConstrainedDataRangesCount == 0 || constrained.ConstrainedDataRanges.is_null() {
            return STATUS_NOT_FOUND;
        }
        let table = format::table(constrained.ConstrainedDataRanges, constrained.ConstrainedDataRangesCount);
        answer_ranges(request, &table)
    })
}

fn interfaces(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| {
        request.answer_array(&validate::interfaces(&descriptor.PinDescriptor))
    })
}

fn mediums(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| {
        request.answer_array(&validate::mediums(&descriptor.PinDescriptor))
    })
}

fn guid_or_nothing(request: &mut Request, guid: *const GUID) -> NTSTATUS {
    // SAFETY: the driver's GUID, or null.
    match unsafe { guid.as_ref() } {
        Some(guid) => request.answer(guid),
        // ASSUMED: a pin type without a category does not have the property.
        None => STATUS_NOT_FOUND,
    }
}

fn category(request: &mut Request) -> NTSTATUS {
    with(request, |request, _, descriptor| guid_or_nothing(request, descriptor.PinDescriptor.Category))
}

/// The name is the text that the registry has for the GUID; the rig's registry has none.
fn name(request: &mut Request) -> NTSTATUS {
    with(request, |_, _, _| STATUS_NOT_FOUND)
}
