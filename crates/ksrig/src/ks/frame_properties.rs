//! KSPROPSETID_Frame on a filter: one property, which the published table of a live filter has (section 7.4 of the
//! contract) and no page describes.

use std::sync::atomic::Ordering;

use ks_sys::{GUID, NTSTATUS, STATUS_SUCCESS, guid};

use super::{
    automation::{Item, Set},
    property_request::Request,
};

/// The set, which the headers at hand lack.
pub const KSPROPSETID_FRAME: GUID = guid(0xA60D_8368_5324_4893_B020_C431_A50B_CBE3);

/// HOLDING. ASSUMED: a value that is kept; nothing else looks at it.
pub const SET: Set = Set {
    guid: KSPROPSETID_FRAME,
    items: &[Item {
        id: 0,
        min_property: 0x18,
        min_data: 4,
        get: Some(get),
        set: Some(set),
        control: true,
        handle: false,
    }],
};

fn get(request: &mut Request) -> NTSTATUS {
    let value = request.subject.filter().holding.load(Ordering::Relaxed);
    request.answer(&value)
}

fn set(request: &mut Request) -> NTSTATUS {
    request.subject.filter().holding.store(request.value_as::<u32>(), Ordering::Relaxed);
    STATUS_SUCCESS
}
