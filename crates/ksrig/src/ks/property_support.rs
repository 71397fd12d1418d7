//! What properties there are: SETSUPPORT, BASICSUPPORT, RELATIONS, DEFAULTVALUES (R7.14, R7.15).

use ks_sys::{
    GUID, GUID_NULL, KSAUTOMATION_TABLE, KSPROPERTY, KSPROPERTY_DESCRIPTION, KSPROPERTY_MEMBER_FLAG_DEFAULT,
    KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, KSPROPERTY_VALUES, NTSTATUS, STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL, STATUS_NOT_FOUND, STATUS_PROPSET_NOT_FOUND, STATUS_SOME_NOT_MAPPED,
    STATUS_SUCCESS, is_equal_guid,
};

use super::{
    automation::{self, Defaults, Found, Verb},
    call::PROPERTY_SUPPORT,
    property::call_handler,
    property_request::Request,
};

/// SETSUPPORT: the list of sets for GUID_NULL, else whether the set is there.
pub fn sets(
    request: &mut Request,
    set: &GUID,
    table: *const KSAUTOMATION_TABLE,
    defaults: Defaults,
) -> NTSTATUS {
    // SAFETY: the driver's sets.
    let own = automation::sets(table).iter().map(|set| unsafe { *set.Set });
    let all = automation::distinct(own.chain(defaults.iter().map(|set| set.guid)));
    if is_equal_guid(set, &GUID_NULL) {
        let bytes = all.as_ptr().cast::<u8>();
        // SAFETY: the list's bytes.
        return request
            .answer_bytes(unsafe { std::slice::from_raw_parts(bytes, all.len() * size_of::<GUID>()) });
    }
    if all.iter().any(|other| is_equal_guid(other, set)) { STATUS_SUCCESS } else { STATUS_PROPSET_NOT_FOUND }
}

fn values(found: &Found) -> Option<&'static KSPROPERTY_VALUES> {
    match found {
        // SAFETY: the driver's item.
        Found::Driver(_, item) => unsafe { (**item).Values.as_ref() },
        Found::Default(_) => None,
    }
}

/// The member lists of a property, as they stand behind a KSPROPERTY_DESCRIPTION.
fn members(values: Option<&KSPROPERTY_VALUES>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(values) = values else { return bytes };
    for index in 0..values.MembersListCount as usize {
        // SAFETY: the driver's list with that many entries; each has MembersSize bytes in all behind its header.
        unsafe {
            let list = &*values.MembersList.add(index);
            let header = (&raw const list.MembersHeader).cast::<u8>();
            bytes.extend_from_slice(std::slice::from_raw_parts(header, size_of_val(&list.MembersHeader)));
            let length = list.MembersHeader.MembersSize as usize * list.MembersHeader.MembersCount as usize;
            bytes.extend_from_slice(std::slice::from_raw_parts(list.Members.cast::<u8>(), length));
        }
    }
    bytes
}

/// BASICSUPPORT: access flags to a ULONG, the description to a KSPROPERTY_DESCRIPTION, members behind it.
pub fn basic(request: &mut Request, found: &Found) -> NTSTATUS {
    if request.property_length < found.minimum(false).0 {
        return ks_sys::STATUS_INVALID_BUFFER_SIZE;
    }
    if let Found::Driver(set, item) = found {
        // SAFETY: the driver's item.
        let support = unsafe { (**item).SupportHandler };
        if support.is_some() {
            let status = call_handler(request, *set, *item, support, PROPERTY_SUPPORT);
            // R7.16: "seen, but let the calling helper finish it".
            if status != STATUS_SOME_NOT_MAPPED {
                return status;
            }
        }
    }
    let mut access = 0;
    if found.supports(Verb::Get) {
        access |= KSPROPERTY_TYPE_GET;
    }
    if found.supports(Verb::Set) {
        access |= KSPROPERTY_TYPE_SET;
    }
    let values = values(found);
    let members = members(values);
    // SAFETY: all zero is a valid description.
    let mut description = unsafe { std::mem::zeroed::<KSPROPERTY_DESCRIPTION>() };
    let whole = size_of_val(&description) + members.len();
    description.AccessFlags = access;
    description.DescriptionSize = whole as u32;
    if let Some(values) = values {
        description.PropTypeSet = values.PropTypeSet;
        description.MembersListCount = values.MembersListCount;
    }
    match request.data_length {
        0 => {
            request.information = whole;
            STATUS_BUFFER_OVERFLOW
        }
        length if length >= whole && !members.is_empty() => {
            let head = (&raw const description).cast::<u8>();
            // SAFETY: the description's bytes.
            let mut all = unsafe { std::slice::from_raw_parts(head, size_of_val(&description)) }.to_vec();
            all.extend_from_slice(&members);
            request.answer_bytes(&all)
        }
        length if length >= size_of_val(&description) => request.answer(&description),
        length if length >= 4 => request.answer(&access),
        _ => STATUS_BUFFER_TOO_SMALL,
    }
}

/// RELATIONS: the properties that change with this one, as a KSMULTIPLE_ITEM list.
pub fn relations(request: &mut Request, found: &Found) -> NTSTATUS {
    let Found::Driver(_, item) = found else { return STATUS_NOT_FOUND };
    // SAFETY: the driver's item and its table.
    let relations: &[KSPROPERTY] = unsafe {
        let item = &**item;
        if item.RelationsCount == 0 || item.Relations.is_null() {
            return STATUS_NOT_FOUND;
        }
        std::slice::from_raw_parts(item.Relations, item.RelationsCount as usize)
    };
    request.answer_array(relations)
}

/// DEFAULTVALUES: the members that are marked as defaults.
pub fn default_values(request: &mut Request, found: &Found) -> NTSTATUS {
    let Some(values) = values(found) else { return STATUS_NOT_FOUND };
    for index in 0..values.MembersListCount as usize {
        // SAFETY: the driver's list with that many entries.
        let list = unsafe { &*values.MembersList.add(index) };
        if list.MembersHeader.Flags & KSPROPERTY_MEMBER_FLAG_DEFAULT != 0 {
            let length = list.MembersHeader.MembersSize as usize * list.MembersHeader.MembersCount as usize;
            // SAFETY: the members have that length.
            return request
                .answer_bytes(unsafe { std::slice::from_raw_parts(list.Members.cast::<u8>(), length) });
        }
    }
    STATUS_NOT_FOUND
}
