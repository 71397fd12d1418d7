//! Serializing property sets (R7.14): SERIALIZESET, UNSERIALIZESET, SERIALIZESIZE, and the raw forms.

use ks_sys::{
    GUID, KSAUTOMATION_TABLE, KSPROPERTY, KSPROPERTY_ITEM, KSPROPERTY_SERIAL, KSPROPERTY_SERIALHDR,
    KSPROPERTY_SET, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, NTSTATUS, STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
    STATUS_PENDING, STATUS_PROPSET_NOT_FOUND, STATUS_SUCCESS, is_equal_guid,
};

use super::{
    automation::{self, Found},
    call::{PROPERTY_GET, PROPERTY_SET, PROPERTY_SUPPORT},
    property::call_handler,
    property_request::Request,
};
use crate::nt::bugcheck;

/// `SerializedSize` of a property whose size must be asked for.
const UNKNOWN: u32 = 1;
const HEADER: usize = size_of::<KSPROPERTY_SERIALHDR>();
const SERIAL: usize = size_of::<KSPROPERTY_SERIAL>();

/// The properties of a driver's set that are serialized: those with a `SerializedSize`. AVStream's own sets have none.
fn serialized(
    table: *const KSAUTOMATION_TABLE,
    set: &GUID,
) -> Result<Vec<(*const KSPROPERTY_SET, *const KSPROPERTY_ITEM)>, NTSTATUS> {
    // SAFETY: the driver's set.
    let same = |own: &&KSPROPERTY_SET| is_equal_guid(unsafe { &*own.Set }, set);
    let mut found = Vec::new();
    let mut known = false;
    for own in automation::sets(table).iter().filter(same) {
        known = true;
        let items = automation::items(table, own);
        // SAFETY: the driver's item.
        found.extend(
            items.filter(|&item| unsafe { (*item).SerializedSize } != 0).map(|item| (&raw const *own, item)),
        );
    }
    if known { Ok(found) } else { Err(STATUS_PROPSET_NOT_FOUND) }
}

/// Runs one property's handler on a value of its own.
fn run_one(
    request: &Request,
    (set, item): (*const KSPROPERTY_SET, *const KSPROPERTY_ITEM),
    verb: u32,
    value: &mut [u8],
) -> Result<usize, NTSTATUS> {
    // Aligned memory for the handler, as `Buffers` gives it.
    let mut data = vec![0u64; value.len().div_ceil(8)];
    // SAFETY: the copy has room for the value.
    unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), data.as_mut_ptr().cast::<u8>(), value.len()) };
    // SAFETY: at least a KSPROPERTY; the driver's item.
    let (mut property, handler) = unsafe {
        let mut property: KSPROPERTY = *request.property;
        property.__bindgen_anon_1.__bindgen_anon_1.Id = (*item).PropertyId;
        property.__bindgen_anon_1.__bindgen_anon_1.Flags = verb;
        let get = verb == KSPROPERTY_TYPE_GET;
        let item = &*item;
        let handler = if get {
            item.__bindgen_anon_1.GetPropertyHandler
        } else {
            item.__bindgen_anon_2.SetPropertyHandler
        };
        (property, handler)
    };
    let mut one = Request {
        subject: request.subject,
        irp: request.irp,
        property: &raw mut property,
        property_length: size_of::<KSPROPERTY>(),
        data: data.as_mut_ptr().cast(),
        data_length: value.len(),
        information: 0,
    };
    let kind = if verb == KSPROPERTY_TYPE_GET { PROPERTY_GET } else { PROPERTY_SET };
    let status = call_handler(&mut one, set, item, handler, kind);
    if status == STATUS_PENDING {
        bugcheck::not_emulated("a property handler that returns STATUS_PENDING while its set is serialized");
    }
    // SAFETY: as above.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr().cast::<u8>(), value.as_mut_ptr(), value.len()) };
    if status < 0 && !(status == STATUS_BUFFER_OVERFLOW && value.is_empty()) {
        return Err(status);
    }
    Ok(one.information)
}

/// The serialized size of a property's value: what the item says, or what its handler says.
fn size_of_value(
    request: &Request,
    property: (*const KSPROPERTY_SET, *const KSPROPERTY_ITEM),
) -> Result<usize, NTSTATUS> {
    // SAFETY: the driver's item.
    match unsafe { (*property.1).SerializedSize } {
        UNKNOWN => run_one(request, property, KSPROPERTY_TYPE_GET, &mut []),
        size => Ok(size as usize),
    }
}

fn serial_header(item: *const KSPROPERTY_ITEM, length: usize) -> KSPROPERTY_SERIAL {
    // SAFETY: the driver's item, and its values; all zero is a valid header.
    unsafe {
        let mut serial = std::mem::zeroed::<KSPROPERTY_SERIAL>();
        if let Some(values) = (*item).Values.as_ref() {
            serial.PropTypeSet = values.PropTypeSet;
        }
        serial.Id = (*item).PropertyId;
        serial.PropertyLength = length as u32;
        serial
    }
}

fn push<T: Copy>(bytes: &mut Vec<u8>, value: &T) {
    // SAFETY: a structure of plain values.
    bytes.extend(unsafe {
        std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>())
    });
}

/// SERIALIZESET: a KSPROPERTY_SERIALHDR, then each property's KSPROPERTY_SERIAL and value, on 4 byte boundaries.
pub fn serialize(request: &mut Request, table: *const KSAUTOMATION_TABLE, set: &GUID) -> NTSTATUS {
    let whole = || -> Result<Vec<u8>, NTSTATUS> {
        let properties = serialized(table, set)?;
        let mut bytes = Vec::new();
        push(&mut bytes, &KSPROPERTY_SERIALHDR { PropertySet: *set, Count: properties.len() as u32 });
        for property in properties {
            let mut value = vec![0; size_of_value(request, property)?];
            let length = run_one(request, property, KSPROPERTY_TYPE_GET, &mut value)?;
            value.truncate(length);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            push(&mut bytes, &serial_header(property.1, value.len()));
            bytes.extend(value);
        }
        Ok(bytes)
    };
    match whole() {
        Ok(bytes) => request.answer_bytes(&bytes),
        Err(status) => status,
    }
}

fn read<T: Copy>(bytes: &[u8], at: usize) -> Option<T> {
    let bytes = bytes.get(at..)?.get(..size_of::<T>())?;
    // SAFETY: that many bytes are there; every bit pattern is a value of the serial structures.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// UNSERIALIZESET: sets each property of such a buffer. The whole buffer is looked at before the first is set.
pub fn unserialize(request: &mut Request, table: *const KSAUTOMATION_TABLE, set: &GUID) -> NTSTATUS {
    let known = match serialized(table, set) {
        Ok(known) => known,
        Err(status) => return status,
    };
    let bytes = request.value().to_vec();
    let Some(header) = read::<KSPROPERTY_SERIALHDR>(&bytes, 0) else { return STATUS_INVALID_BUFFER_SIZE };
    let named = header.PropertySet;
    if !is_equal_guid(&named, set) {
        return STATUS_INVALID_PARAMETER;
    }
    let mut values = Vec::new();
    let mut at = HEADER;
    for _ in 0..header.Count {
        at = at.next_multiple_of(4);
        let Some(serial) = read::<KSPROPERTY_SERIAL>(&bytes, at) else { return STATUS_INVALID_BUFFER_SIZE };
        at += SERIAL;
        let end = at.saturating_add(serial.PropertyLength as usize);
        let Some(value) = bytes.get(at..end) else { return STATUS_INVALID_BUFFER_SIZE };
        // SAFETY: the driver's item.
        let property = known.iter().find(|(_, item)| unsafe { (**item).PropertyId } == serial.Id);
        let Some(&property) = property else { return STATUS_NOT_FOUND };
        // SAFETY: as above.
        if value.len() < unsafe { (*property.1).MinData } as usize {
            return STATUS_BUFFER_TOO_SMALL;
        }
        values.push((property, value.to_vec()));
        at = end;
    }
    for (property, mut value) in values {
        if let Err(status) = run_one(request, property, KSPROPERTY_TYPE_SET, &mut value) {
            return status;
        }
    }
    STATUS_SUCCESS
}

/// SERIALIZESIZE: the size of the property's value when its set is serialized, 0 if it is not.
pub fn size(request: &mut Request, found: &Found) -> NTSTATUS {
    let size = match found {
        // SAFETY: the driver's item.
        Found::Driver(set, item) if unsafe { (**item).SerializedSize } != 0 => {
            match size_of_value(request, (*set, *item)) {
                Ok(size) => size as u32,
                Err(status) => return status,
            }
        }
        _ => 0,
    };
    request.answer(&size)
}

/// SERIALIZERAW and UNSERIALIZERAW: the property's support handler, if it has one; if not, the call fails.
pub fn raw(request: &mut Request, found: &Found) -> NTSTATUS {
    match found {
        Found::Driver(set, item) => {
            // SAFETY: the driver's item.
            let support = unsafe { (**item).SupportHandler };
            call_handler(request, *set, *item, support, PROPERTY_SUPPORT)
        }
        Found::Default(_) => STATUS_NOT_FOUND,
    }
}
